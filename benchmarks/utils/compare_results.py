"""Compare saved results: `pybench compare` under the name that older scripts know.

    python benchmarks/utils/compare_results.py r311.json r312.json r313.json

The first file is the baseline. Files of pytest-benchmark and of pyperf, and all options
and exit statuses, are those of `pybench compare`.
"""

import sys

USAGE = 2

if __name__ == "__main__":
    try:
        from pybench.cli import main
    except ImportError as error:
        sys.stderr.write(
            f"compare_results.py: pybench is not installed for {sys.executable} "
            f"({error}): in the checkout say `{sys.executable} -m pip install -e "
            "'.[compare]'`, or run `make setup` and use the Python it prints\n"
        )
        sys.exit(USAGE)
    main(["compare", *sys.argv[1:]])
