"""One row of a suite, ``path::test`` as it was typed, in a session of its own.

Any CPython with pytest runs it as a file. pytest is given the row's file alone, and the
row is chosen among what it collects: on its command line a name with ``//``, ``/./``,
``::`` or a bracket would be taken for a path.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class GivenRow:
    """The plugin that leaves one row; of several tests that begin so, none is taken.

    ``problem`` says why there is no such row.
    """

    def __init__(self, node: str) -> None:
        self.file, _, self.test = node.partition("::")
        self.problem = ""
        self._node = node
        self._path = Path(self.file).resolve()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Leave the row, or end the session."""
        import pytest

        tests = {
            item.nodeid.partition("::")[2]: item
            for item in items
            if item.path.resolve() == self._path
        }
        if self.test in tests:
            items[:] = [tests[self.test]]
            return
        rows = {
            t: item for t, item in tests.items() if "benchmark" in item.fixturenames
        }
        begin = (f"{self.test}[", f"{self.test}::")
        chosen = [test for test in rows if test.startswith(begin)]
        if len(chosen) == 1:
            items[:] = [rows[chosen[0]]]
            return
        if chosen:
            names = ", ".join(chosen[:4])
            self.problem = f"{self._node} are {len(chosen)} rows; name one: {names}"
        else:
            known = ", ".join([*rows][:4]) or "none"
            self.problem = (
                f"{self._node}: there is no such row; {self.file} has {known}"
            )
        raise pytest.UsageError(self.problem)


def run_row(
    given: GivenRow, options: Sequence[str] = (), plugins: Sequence[object] = ()
) -> int:
    """Run the row once, and nothing is timed; return pytest's status."""
    import pytest

    words = [given.file, "--benchmark-disable", "-q", "-p", "no:cacheprovider"]
    return int(pytest.main([*words, *options], plugins=[given, *plugins]))


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())  # as ``python -m pytest`` has it
    sys.exit(run_row(GivenRow(sys.argv[1])))
