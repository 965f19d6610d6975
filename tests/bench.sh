#!/bin/sh
# bench.sh SUDO CARGO: builds the programs and the baselines, makes missing root file systems, and measures.
# Standard output has only the table.
set -eu
sudo=$1 cargo=$2
cd "$(dirname "$0")/.."
built=${CARGO_TARGET_DIR:-target}/release
step() { echo "bench: $*" >&2; }

# A static and a dynamic program have the same file name: build the static program first, and rename it.
static() {
    $cargo rustc --locked -q --release -p "$1" --bin "$2" -- -C target-feature=+crt-static
    cp "$built/$2" "$built/$3.new"
    mv "$built/$3.new" "$built/$3"
}

step "compiling"
static polkit-service-agent polkit-service-agent-hook bench-hook-static
static polkit-tests bench-nothing bench-nothing-static
$cargo build --locked -q --release -p polkit-service-agent -p polkit-policy-gen --bins
$cargo build --locked -q --release -p polkit-tests --bin roots --bin bed-init --bin bed-exec \
    --bin bench --bin bench-client --bin bench-least-agent --bin bench-nothing
$sudo "$built/roots" bookworm trixie forky
exec $sudo "$built/bench"
