#!/usr/bin/env bash
# The proof on a GPU, on the machine that has one: builds Adze there (without LLVM where that is missing), runs the whole
# test suite with the tests that take a device on the GPU too, the op table under compute-sanitizer where that is installed,
# and the benchmark workloads. What they take, beside the least that they can take, comes out as a table in Markdown.
#
#   bench/gpu.sh [--device cuda:N] [--seconds S] [--report FILE] [WORKLOAD...]
#
# The table is printed, and written to FILE (build/gpu.md by default). Exit code: 0 when everything is good, 1 when a test, a
# check or a workload fails, 3 when there is no GPU to run on. (--device cuda-host goes through the same steps without one.)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

device=cuda:0 seconds=1 report=build/gpu.md workloads=()
while [ $# -gt 0 ]; do
  case $1 in --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;; esac
  case $1 in
    --device | --seconds | --report)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit ;;
    -*) echo "unknown option $1; see bench/gpu.sh --help" >&2; exit 2 ;;
    *) workloads+=("$1"); shift ;;
  esac
done
[ ${#workloads[@]} -gt 0 ] || workloads=(W1 W2 W4 W6)

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
no_gpu() { say "No GPU to run on: $*"; exit 3; }

# Before minutes of building: is there one at all?
[ "$device" != cuda ] || device=cuda:0
case $device in
  cuda:*) compgen -G '/dev/nvidia[0-9]*' >/dev/null || [ -e /dev/dxg ] || no_gpu "this machine has no /dev/nvidia0" ;;
esac

preset=release
if ! compgen -G '/usr/lib/llvm-19/lib/cmake/llvm/LLVMConfig.cmake' >/dev/null && ! command -v llvm-config-19 >/dev/null; then
  preset=no-llvm
  say "LLVM 19 is not installed: building without it, the interpreter stands in for the CPU"
fi
build=build/$preset
say "Building $build"
cmake --preset "$preset" >&2
cmake --build --preset "$preset" -j "$(nproc)" >&2

problem=$("$build/tools/adze" devices | sed -n "s/^$device *not usable: //p")
[ -z "$problem" ] || no_gpu "$problem"
"$build/tools/adze" devices | grep -qE "^$device( |\$)" || no_gpu "there is no $device; \`adze devices\` lists what there is"

failed=()
say "Testing on $device"
ADZE_TEST_DEVICE=$device ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$(nproc)" >&2 || failed+=("the tests")

if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck; do
    say "The op table under compute-sanitizer ($tool)"
    ADZE_TEST_DEVICE=$device ADZE_CACHE_DIR=off compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$build/tests/test_runtime" --gtest_filter='*OnDevice*' >&2 || failed+=("compute-sanitizer $tool")
  done
else
  say "compute-sanitizer is not installed: left out"
fi

# What one launch, one byte and one operation cost at least, for the table's floors (vendor's figures, f32 without tensor
# cores; a launch is one node of a graph).
name=$(nvidia-smi --query-gpu=name --format=csv,noheader --id="${device#cuda:}" 2>/dev/null || echo unknown)
case $name in
  *H200*) machine=(--launch-us 1.3 --gigabytes 4800 --gigaflops 66900) ;;
  *H100*PCIe*) machine=(--launch-us 1.3 --gigabytes 2000 --gigaflops 51200) ;;
  *H100*) machine=(--launch-us 1.3 --gigabytes 3350 --gigaflops 66900) ;;
  *A100*80GB*) machine=(--launch-us 1.5 --gigabytes 2039 --gigaflops 19500) ;;
  *A100*) machine=(--launch-us 1.5 --gigabytes 1555 --gigaflops 19500) ;;
  *) machine=() ;;  # unknown: no floors
esac
say "Workloads on $device ($name)"
mkdir -p "$(dirname "$report")"
ADZE_CACHE_DIR=off "$build/bench/workloads" --device "$device" --seconds "$seconds" --markdown "${machine[@]}" "${workloads[@]}" \
  | tee "$report" || failed+=("the workloads")

if [ ${#failed[@]} -gt 0 ]; then
  say "Failed: $(printf '%s; ' "${failed[@]}")"
  exit 1
fi
say "All good; the table is in $report"
