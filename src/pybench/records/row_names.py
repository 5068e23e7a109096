"""The name of a row, taken apart once: pytest's node id, and who of a comparison."""

from __future__ import annotations

import functools
from typing import NamedTuple


class CellKey(NamedTuple):
    """One row of one arm."""

    arm: str
    row: str


class RowName(NamedTuple):
    """A node id, such as ``memory/test_churn.py::TestList::test_append[n=10]``.

    `path` is the file and `test` what follows it, classes and parameters included.
    `category` is the folder of the file and `area` the file without ``test_``: both as
    our suite has them. `operation` is the function, with `parameters`, "" for none,
    behind it in brackets.
    """

    path: str
    test: str
    category: str
    area: str
    operation: str
    parameters: str

    @property
    def without_parameters(self) -> str:
        """The node id of the test that the row is one case of."""
        return f"{self.path}::{self.test.partition('[')[0]}" if self.test else self.path


# A summary takes the name of a row apart a hundred times.
@functools.lru_cache(20_000)
def row_name(node_id: str) -> RowName:
    """Take a node id apart."""
    path, _, test = node_id.partition("::")
    # Parameters may have colons of their own.
    head, _, parameters = test.partition("[")
    folders, _, file = path.rpartition("/")
    return RowName(
        path=path,
        test=test,
        category=folders.rpartition("/")[2],
        area=file.removesuffix(".py").removeprefix("test_"),
        operation=head.rpartition("::")[2],
        parameters=parameters.removesuffix("]"),
    )
