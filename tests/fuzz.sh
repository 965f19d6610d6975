#!/bin/sh
# Replays the seeds of every fuzz target, then mutates them for some seconds each, with libFuzzer and a stable compiler.
# usage: tests/fuzz.sh SUDO CARGO [SECONDS|build]; `build` compiles only.
set -eu
sudo=$1 cargo=$2 seconds=${3:-10}
cd "$(dirname "$0")/.."
# A debug build, as for all tests.
engine=${CARGO_TARGET_DIR:-target}/debug/polkit-policy-gen-js
built=$(pwd)/target/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# The flags of cargo-fuzz, without a sanitizer: a sanitizer needs a nightly compiler.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
# With --target the flags do not apply to build scripts.
RUSTFLAGS=$flags CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 \
	$cargo build --manifest-path tests/fuzz/Cargo.toml --locked --target "$host" --target-dir "$built"
[ "$seconds" != build ] || exit 0
programs=$built/$host/debug
targets=$(sed -n 's/^name = "\([a-z_]*\)"$/\1/p' tests/fuzz/Cargo.toml)
# The evaluator starts the engine from its own folder. The engine can end during a request.
if [ -e "$engine" ]; then cp "$engine" "$programs"; else targets=$(echo "$targets" | grep -v '^evaluator$'); fi
trap '' PIPE
for target in $targets; do
	[ -n "$(ls "tests/fuzz/seeds/$target" 2>/dev/null)" ] || { echo "tests/fuzz/seeds/$target has no seeds" >&2; exit 1; }
	mkdir -p "$built/corpus/$target" "$built/artifacts"
done
# Two at a time; xargs ends with an error if one of them does.
# shellcheck disable=SC2016
echo "$targets" | $sudo xargs -P 2 -I TARGET sh -c '
	programs=$1 built=$2 seconds=$3 target=$4
	if timeout $((seconds + 290)) "$programs/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=4096 \
		-artifact_prefix="$built/artifacts/$target-" "$built/corpus/$target" "tests/fuzz/seeds/$target" \
		>"$built/$target.log" 2>&1
	then grep -o "^Done .*" "$built/$target.log" | sed "s/^/$target: /"
	else tail -n 60 "$built/$target.log"; echo "$target failed"; exit 1; fi' \
	sh "$programs" "$built" "$seconds" TARGET
rm -rf /dev/shm/agent-toml-* /dev/shm/logind-files-* /dev/shm/systemd-files-*
