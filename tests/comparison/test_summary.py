"""What a summary says: its exit status, and the schema that is published of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")

import msgspec

from pybench.cli import status
from pybench.comparison.summary import exit_code
from pybench.records.outcomes import Reason, ReasonKind
from pybench.records.summary import RowSummary, Summary, schema

PUBLISHED = Path(__file__).parents[2] / "docs" / "summary.schema.json"


def row(
    verdict: str, ratio: float | None = 1.0, kind: ReasonKind | None = None
) -> RowSummary:
    """Return a row of that verdict."""
    beyond = ratio is not None and not 1 / 1.03 < ratio < 1.03
    # The text says nothing: "error:" may stand in any message.
    text = "error: void: lost:"
    reasons = (Reason(kind=kind, culprit="b", text=text),) if kind else ()
    return RowSummary(
        row="f.py::test", category="", group=None, side="b", verdict=verdict,
        is_regression=verdict == "slower" and beyond, is_beyond_margin=beyond,
        reason=text if kind else "", reasons=reasons, ratio=ratio, low=None,
        high=None, margin=0.03,
        below_margin=False, smallest_visible=None, pairs=20, pairs_to_settle=None,
        metric="cpu", oversubscribed=False, baseline_ns=1.0, side_ns=1.0,
    )  # fmt: skip


def summary(*rows: RowSummary, withheld: dict[str, str] | None = None) -> Summary:
    """Return a summary of those rows."""
    return Summary(
        verdict="", regressions=0, counts={}, withheld=withheld or {}, sides=(),
        means=(), rows=rows, noise_floor=None, smallest_visible=None, margin=0.03,
        seed=1, started="", command=(), version="0",
    )  # fmt: skip


SLOWER, FASTER, BARELY = row("slower", 1.2), row("faster", 0.8), row("slower", 1.01)
EQUIVALENT, UNDECIDED = row("equivalent"), row("inconclusive", 1.2)
MISSING = row("none", None, ReasonKind.NOT_AVAILABLE)
LOST = row("none", None, ReasonKind.LOST)
ERROR = row("none", None, ReasonKind.ERROR)
VOID = row("none", None, ReasonKind.GIL_TURNED_ON)
WITHHELD = {"cpu": "an A/A control came out slower"}


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        ([EQUIVALENT, MISSING], {}, status.OK),
        ([SLOWER, FASTER], {}, status.OK),
        ([SLOWER], {"fail_on": "slower"}, status.CONFIRMED),
        ([SLOWER], {"fail_on": "different"}, status.CONFIRMED),
        ([SLOWER], {"fail_on": "faster"}, status.OK),
        ([FASTER], {"fail_on": "faster"}, status.CONFIRMED),
        ([FASTER], {"fail_on": "slower"}, status.OK),
        ([BARELY], {"fail_on": "slower"}, status.OK),
        ([UNDECIDED], {"fail_on": "slower"}, status.OK),
        ([UNDECIDED], {}, status.OK),
        ([UNDECIDED, EQUIVALENT], {"strict": True}, status.NO_VERDICT),
        ([EQUIVALENT, MISSING], {"strict": True}, status.OK),
        ([MISSING], {}, status.NO_VERDICT),
        ([], {}, status.NO_VERDICT),
        ([EQUIVALENT], {"withheld": WITHHELD}, status.NO_VERDICT),
        ([SLOWER, LOST], {"fail_on": "slower"}, status.CONFIRMED),
        ([EQUIVALENT, LOST], {}, status.FAILED),
        ([EQUIVALENT, ERROR], {}, status.FAILED),
        ([EQUIVALENT, VOID], {}, status.FAILED),
    ],
)
def test_exit_status_is_that_of_the_table(
    rows: list[RowSummary], options: dict[str, Any], code: int
) -> None:
    """Inconclusive rows are no failure, and changes below the margin neither."""
    found = summary(*rows, withheld=options.get("withheld"))
    fail_on, strict = options.get("fail_on"), options.get("strict", False)

    assert exit_code(found, fail_on=fail_on, strict=strict) == code


def test_the_schema_is_published() -> None:
    """`python scripts/schema.py` writes it."""
    published = json.loads(PUBLISHED.read_text())
    current = json.loads(json.dumps(schema()))

    assert {name: published[name] for name in current} == current


def test_a_summary_is_what_the_schema_says() -> None:
    """Every field is required or has a default, and reads back the same."""
    one = summary(SLOWER, MISSING)
    document = msgspec.json.decode(msgspec.json.encode(one))
    known = schema()["$defs"]["Summary"]

    assert {*document} == {*known["properties"]}
    assert {*known["required"]} <= {*document}
    assert msgspec.convert(document, Summary) == one
