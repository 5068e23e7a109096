"""`pybench.load` shows a run as the other faces do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pybench


def test_loaded_run_has_the_verdicts_of_its_summary(
    recorded: Callable[..., Any], tmp_path: Path
) -> None:
    recorded(folder=tmp_path)

    found = pybench.load(tmp_path)
    bundle = found._repr_mimebundle_()

    assert found.summary is not None
    assert found.summary.verdict in bundle["text/html"]
    assert [r["verdict"] for r in found.records()] == [
        row.verdict for row in found.summary.rows
    ]
    drawn = bundle["application/vnd.vegalite.v5+json"]["data"]["values"]
    assert len(drawn) == sum(row.ratio is not None for row in found.summary.rows)
