#!/usr/bin/env bash
# run.sh ADZE FILECHECK CASE.adze: runs the RUN lines of a case. The rules are in tests/filecheck.cmake.
tool=$1 filecheck=$2 case=$3

adze() { "$tool" "$@"; }
FileCheck() { "$filecheck" --allow-unused-prefixes=false "$@"; }
exits() {
  local wanted=$1 got=0
  shift
  "$@" 2>&1 || got=$?
  [ "$got" -eq "$wanted" ] || { echo "exit code $got instead of $wanted: $*" >&2; return 1; }
}

for variable in $(compgen -v ADZE_); do unset "$variable"; done
export ADZE_CACHE_DIR=off
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

script=$(sed -n 's|^ *// RUN: ||p' "$case")
[ -n "$script" ] || { echo "$case: no RUN line" >&2; exit 1; }
script=${script//%s/"'$case'"}
script=${script//%t/"'$scratch'"}
set -e -o pipefail
eval "$script"
