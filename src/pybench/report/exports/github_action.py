"""The custom format of github-action-benchmark, which draws a line per row.

Its values are ratios, not times: a hosted machine is another one every time, and a
ratio of two interpreters that took turns on it is what can be compared.
"""

from __future__ import annotations

import json

from pybench.records.run import TIME
from pybench.records.summary import NO_VERDICT, Summary
from pybench.report.exports import ExportError
from pybench.report.labels import count_words


def github_action_json(summary: Summary) -> tuple[str, dict[str, str]]:
    """Return a summary for ``tool: customSmallerIsBetter``, and why rows are not in it.

    A line of a row without a verdict would look like a measurement. Instructions have a
    line of their own. Without any verdict there is an `ExportError`.
    """
    entries: list[dict[str, object]] = []
    left_out: dict[str, str] = {}
    baseline = summary.sides[0].name
    for row in summary.rows:
        count = row.instructions
        if count is not None and count.verdict != NO_VERDICT:
            entries.append(
                {
                    "name": f"{row.row} ({row.side}), instructions",
                    "unit": f"instructions / {baseline}",
                    "value": count.ratio,
                    "extra": count_words(count),
                    "range": f"[{count.low:.5f}, {count.high:.5f}]",
                }
            )
        if TIME not in summary.metrics:
            if count is not None and count.verdict == NO_VERDICT:
                left_out[f"{row.row} on {row.side}"] = count.reason
            continue
        if row.ratio is None or row.verdict == NO_VERDICT:
            withheld = summary.withheld.get(row.metric, "no verdict")
            left_out[f"{row.row} on {row.side}"] = row.reason or withheld
            continue
        entry = {
            "name": f"{row.row} ({row.side})",
            "unit": f"time / {baseline}",
            "value": row.ratio,
            "extra": f"{row.verdict}, {row.pairs} pairs",
        }
        if row.low is not None and row.high is not None:
            entry["range"] = f"[{row.low:.3f}, {row.high:.3f}]"
        entries.append(entry)
    if not entries:
        raise ExportError("no row has a verdict: there is nothing to draw")
    return json.dumps(entries, indent=1, allow_nan=False) + "\n", left_out
