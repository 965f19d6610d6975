#!/bin/sh
# all.sh SUDO CARGO: every check and test that CI runs, with the time of each step. The root file systems are made while the programs
# are compiled. Tests in beds mostly wait, so clippy, the documentation, the dependencies and the fuzz targets run beside them, with the
# lowest priority.
# With ALLOW_SKIPS=1 tests that cannot run here are skipped; without it, each of them is an error.
set -eu
sudo=$1 cargo=$2
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
# A test in a bed waits more than it computes.
threads=6
# The first build keeps nothing for the next one: this saves time and space.
[ -d "$target/debug" ] || export CARGO_INCREMENTAL=0
began=$(date +%s)
last=$began
step() {
    now=$(date +%s)
    echo "test: $((now - began)) s (+$((now - last)) s): $*" >&2
    last=$now
}
# finish PID LOG WHAT: waits for a background job, and shows its log if it failed.
finish() {
    wait "$1" && return
    cat "$2" >&2
    echo "test: $3 failed; its log is in $2" >&2
    return 1
}
# What needs no bed. `make fuzz` runs with the usual priority: its targets have time limits.
checks() {
    step "clippy" &&
        nice -n 19 $cargo clippy --workspace --all-targets --locked -- -D warnings &&
        step "documentation" &&
        RUSTDOCFLAGS='-D warnings' nice -n 19 $cargo doc --workspace --no-deps --document-private-items --locked &&
        step "dependencies" &&
        nice -n 19 make --no-print-directory deny &&
        step "compiling the fuzz targets" &&
        nice -n 19 ./tests/fuzz.sh "$sudo" "$cargo" build &&
        step "done"
}
# A background job does not outlive this script.
roots='' checks=''
trap 'for job in $roots $checks; do kill "$job" 2>/dev/null || :; done' EXIT
# dash runs the trap of EXIT only if it exits, and not if a signal ends it.
trap 'exit 130' INT
trap 'exit 143' TERM

step "checking the format"
$cargo fmt --all --check
step "compiling what makes root file systems"
$cargo build --workspace --bin roots --locked
step "making the root file systems in the background: $target/roots.log"
$sudo "$target/debug/roots" >"$target/roots.log" 2>&1 &
roots=$!
step "compiling programs and tests"
$cargo build --workspace --all-targets --locked
step "clippy, documentation, dependencies and fuzz targets in the background: $target/checks.log"
checks >"$target/checks.log" 2>&1 &
checks=$!
step "waiting for the root file systems"
finish "$roots" "$target/roots.log" "making a root file system" || [ "${ALLOW_SKIPS:-}" = 1 ] || exit 1
roots=''
sed -n '/NOT RUN/p' "$target/roots.log"
step "tests"
$sudo "$target/debug/skips" --clear
$sudo env "PATH=$PATH" "RUST_TEST_THREADS=$threads" $cargo test --workspace --locked --no-fail-fast
step "waiting for the checks"
finish "$checks" "$target/checks.log" "clippy, the documentation, the dependencies or compiling the fuzz targets"
checks=''
step "fuzz targets"
make --no-print-directory fuzz
step "done"
$sudo "$target/debug/skips"
