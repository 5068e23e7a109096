"""What a row says of itself that cannot be: a reason for that row, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from pybench.records.messages import (
    COUNTS,
    MessageError,
    read_ended,
    read_facts,
    read_numbers,
    read_rounds,
    read_sample,
)
from pybench.records.outcomes import ERROR, MEASURED, SKIPPED
from pybench.records.samples import Sample
from pybench.records.texts import encodable

pytestmark = pytest.mark.once

NO_COUNTS: list[object] = [0, -1, 0.5, None, "x", [1], True, float("nan"), 2**60, {}]


@pytest.mark.parametrize("name", ["operations", "threads"])
@pytest.mark.parametrize("value", NO_COUNTS, ids=repr)
def test_a_count_that_is_none_is_an_error_of_its_row(name: str, value: object) -> None:
    how = read_ended({"outcome": MEASURED, "reason": "", "facts": {name: value}})

    assert how.outcome == ERROR
    assert how.reason.startswith(f"extra_info['{name}'] is {value!r}, and must be")
    assert how.counts == COUNTS


def test_a_row_that_has_failed_keeps_its_own_reason() -> None:
    how = read_ended({"outcome": SKIPPED, "reason": "why", "facts": {"threads": 0}})

    assert (how.outcome, how.reason) == (SKIPPED, "why")


@pytest.mark.parametrize("facts", [{}, None, {"operations": 7, "threads": 2}])
def test_counts_are_taken_as_they_are_said(facts: dict[str, int] | None) -> None:
    how = read_ended({"outcome": MEASURED, "reason": "", "facts": facts})

    assert how.outcome == MEASURED
    assert how.counts == COUNTS | (facts or {})


def test_a_reason_can_be_written_whatever_it_was() -> None:
    how = read_ended({"outcome": ERROR, "reason": "half: \ud800", "facts": {}})

    assert how.reason == "half: \\ud800"
    assert encodable(None) == "None"


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        ({"margin": 7}, "its margin is 7,"),
        ({"margin": True}, "its margin is True,"),
        ({"margin": "3%"}, "its margin is '3%',"),
        ({"margin": float("nan")}, "its margin is nan,"),
        ({"group": "half: \udc80"}, r"its group is 'half: \udc80', which UTF-8"),
        ({"group": ["a"]}, "its group is ['a'], which"),
        ({"group": "x", "refused": "the marker is none"}, "the marker is none"),
        (["no", "object"], "its facts are ['no', 'object'], which"),
    ],
)
def test_a_row_that_was_collected_with_what_cannot_be_is_refused(
    facts: object, refused: str
) -> None:
    found = read_facts(facts)

    assert found.refused.startswith(refused)
    assert found.margin is None
    assert found.group in (None, "x")


def test_facts_are_taken_as_they_are_said() -> None:
    found = read_facts(
        {"alternate": True, "margin": 0.1, "group": "ä", "file": "/a/test_b.py"}
    )

    assert (found.alternate, found.margin, found.group) == (True, 0.1, "ä")
    assert (found.file, found.refused) == ("/a/test_b.py", "")


@pytest.mark.parametrize("said", [None, [], {}, {"count": 0}, {"count": 1.5}])
def test_numbers_are_counts(said: Any) -> None:
    with pytest.raises(MessageError, match="instead of the counts"):
        read_numbers(said)


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"wall_ns": 1},
        {"wall_ns": 1, "cpu_ns": "2", "waited_ns": 0},
        {"wall_ns": 1, "cpu_ns": 2**70, "waited_ns": 0},
        {"wall_ns": 1, "cpu_ns": 2, "waited_ns": 0, "blocked": 0.5},
    ],
)
def test_a_sample_is_whole_nanoseconds(said: Any) -> None:
    with pytest.raises(MessageError, match="sample"):
        read_sample(said)


def test_samples_and_rounds_are_read() -> None:
    said = {"wall_ns": 3, "cpu_ns": 2, "waited_ns": 0, "blocked": None}

    assert read_sample(said) == Sample(wall_ns=3, cpu_ns=2, waited_ns=0)
    assert [read_rounds({"rounds": n}) for n in (None, 1, 40)] == [None, 1, 40]
    assert read_rounds({}) is None
    with pytest.raises(MessageError, match="instead of its rounds"):
        read_rounds({"rounds": 0})
