#!/usr/bin/env bash
# Compare interpreters, which take turns, or files that were saved before.
#
#   scripts/run_comparison.sh PY [PY...] [OPTIONS]           live, the first is the baseline
#   scripts/run_comparison.sh OLD.json NEW.json [MORE.json]  files, one after the other
#   scripts/run_comparison.sh -h
#
# PY is 3.14, 3.14t, a path or name=path; OPTIONS and exit statuses are those of
# `pybench compare`. It sets up the environment of PYTHON (default: python3) first.

set -euo pipefail

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# As `pybench compare` says it; 1 and 3 would be taken for what was measured.
readonly USAGE=2

case "${1:-}" in
    -h | --help)
        usage
        exit 0
        ;;
    "")
        usage >&2
        exit "$USAGE"
        ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
base=${PYTHON:-python3}
if ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "run_comparison.sh: '$base' is not CPython 3.11 or later:" \
        "say where one is: PYTHON=/path/to/python3 $0 $*" >&2
    exit "$USAGE"
fi
python=$("$base" "$root/scripts/environment.py" --optional host) || exit "$USAGE"
exec "$python" -m pybench compare "$@"
