#!/bin/sh
# demo.sh SUDO CARGO: compiles the programs while the root file system is being made, then runs the demonstration.
# Installs packages and creates target/; changes nothing else.
set -eu
sudo=$1 cargo=$2
cd "$(dirname "$0")/.."
built=${CARGO_TARGET_DIR:-target}/debug
step() { echo "demo: $*" >&2; }

step "compiling the maker of root filesystems"
$cargo build --locked -q -p polkit-tests --bin roots
step "making a Debian 13 in $built/../beds, and compiling the rest meanwhile"
$sudo "$built/roots" trixie &
roots=$!
$cargo build --locked -q --workspace
wait "$roots" || { step "the root filesystem could not be made"; exit 1; }
exec $sudo "$built/demo"
