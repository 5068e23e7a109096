"""Write docs/summary.schema.json, the JSON Schema of a run's summary.json.

    python scripts/schema.py [--check]

Exit status 1 under --check if the file in the tree is another.
"""

import argparse
import json
import sys
from pathlib import Path

from pybench.records.summary import schema

PATH = Path(__file__).resolve().parent.parent / "docs" / "summary.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def text() -> str:
    """Return what the file has to be."""
    document = {"$schema": DIALECT, "title": "summary.json of pybench", **schema()}
    return json.dumps(document, indent=1) + "\n"


def main() -> int:
    """Write it, or compare it."""
    parser = argparse.ArgumentParser(description="Write the schema of summary.json.")
    parser.add_argument("--check", action="store_true", help="compare instead")
    if not parser.parse_args().check:
        PATH.write_text(text())
        print(f"schema: {PATH.relative_to(PATH.parents[1])} written")
        return 0
    if PATH.is_file() and PATH.read_text() == text():
        return 0
    print("schema: docs/summary.schema.json is old: python scripts/schema.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
