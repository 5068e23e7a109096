"""Which kind of target a word names for ``pybench scaling``."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybench.profiles.scaling_targets import scaling_target
from pybench.records.scaling import Kind

FILES = {
    "test_rows.py": "",
    "bm_sums.py": "import pyperf\nrunner = pyperf.Runner()\n",
    "script.py": "",
}


@pytest.mark.parametrize(
    ("word", "kind", "name", "last"),
    [
        ("module:function", Kind.FUNCTION, "module:function", None),
        ("script.py:function", Kind.FUNCTION, "script.py:function", None),
        ("script.py", Kind.SCRIPT, "script.py", None),
        ("test_rows.py", Kind.ROWS, "", "test_rows.py"),
        ("test_rows.py::test_a[1]", Kind.ROWS, "test_a[1]", "test_rows.py"),
        (".", Kind.ROWS, "", "."),
        ("bm_sums.py", Kind.ROWS, "", "bm_sums.py"),
        ("scaling/language/call*", Kind.ROWS, "", "--pybench-select=scaling/lang"),
        (None, Kind.ROWS, "", ""),
    ],
)
def test_a_word_names_one_kind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    word: str | None,
    kind: Kind,
    name: str,
    last: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    for file, text in FILES.items():
        Path(file).write_text(text)

    target = scaling_target(word)

    assert (target.kind, target.name) == (kind, name)
    assert (target.suite is None) == (last is None)
    assert [*target.options, ""][-2 if last else -1].startswith(last or "")


def test_with_a_suite_a_word_selects_among_its_rows(tmp_path: Path) -> None:
    target = scaling_target("category", str(tmp_path))

    assert target.options == (str(tmp_path), "--pybench-select=category")
