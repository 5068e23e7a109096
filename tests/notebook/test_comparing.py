"""`pybench.compare` of callables, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("rich", reason="n/a: rich is not installed here")

import pybench
from pybench.notebook.callables import UNREPLICATED, CallableComparison
from pybench.statistics.decision import VERDICTS


def test_one_process_gives_a_ratio_and_no_verdict() -> None:
    found = pybench.compare(dict, list, rounds=3)

    assert isinstance(found, CallableComparison)
    assert found.word == UNREPLICATED
    assert len(found.ratios) == 3
    assert sorted(found.ratios)[1] == found.ratio
    assert (found.low, found.high, found.pairs) == (None, None, 0)
    assert "one process is one process" in found._repr_html_()


def test_pairs_of_processes_are_decided_by_the_verdicts() -> None:
    found = pybench.compare(dict, list, isolated=True, pairs=2)

    assert isinstance(found, CallableComparison)
    assert found.word.partition(" (")[0] in VERDICTS
    assert found.pairs == len(found.ratios) == 2


@pytest.mark.parametrize(
    ("sides", "options", "error", "says"),
    [
        ((len, "3.14"), {}, TypeError, "compare callables with each other"),
        ((3, 4), {}, TypeError, "3 is no interpreter, path or callable"),
        ((dict, list), {"pairs": 3}, TypeError, "pairs of processes need isolated"),
        ((dict, list), {"margin": 2}, ValueError, "margin must lie between 0 and 1"),
        (("3.13", "3.14"), {"rounds": 3}, TypeError, "rounds: no option"),
    ],
)
def test_bad_input_is_named(
    sides: tuple[Any, Any], options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        pybench.compare(*sides, **options)
