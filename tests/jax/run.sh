#!/usr/bin/env bash
# run.sh PYTHON PROGRAM.py ARGS: a program of this folder, or exit code 77 (skipped) where there is no such Python.
set -euo pipefail
if ! [ -x "$1" ]; then
  echo "skipped: $1 is missing; ./run jax makes it"
  exit 77
fi
python=$1 program=$2
shift 2
export PYTHONDONTWRITEBYTECODE=1
exec "$python" "$(dirname "${BASH_SOURCE[0]}")/$program" "$@"
