"""Which file of the extension an interpreter's children load."""

import sys
from pathlib import Path

import pytest

from pybench.interpreters import probe
from pybench.interpreters.prepare import Environment
from pybench.profiles import extensions

pytestmark = pytest.mark.once


def test_extension_that_was_left_out_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Environment(python=Path("env/python"), made=True, lacks="no C compiler")
    monkeypatch.setattr(extensions, "_asked", lambda _: (None, ".so"))
    monkeypatch.setattr(extensions, "source_folder", lambda: None)
    monkeypatch.setattr(extensions, "prepare", lambda _: made)

    with pytest.raises(extensions.ExtensionMissingError, match="no C compiler"):
        extensions.extension_of(probe(sys.executable), build=True)
