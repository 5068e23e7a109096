"""Speed-up by number of threads, beside the ideal and a control."""

from __future__ import annotations

from collections.abc import Sequence

from pybench.records.contents import SpeedUp
from pybench.report.charts import vega
from pybench.report.charts.chart import Chart
from pybench.report.charts.looks import MUTED, Look
from pybench.report.row_names import short_names

# Share-nothing rows: what this machine gives when nothing is in the way.
CONTROLS = ("threading_counters_padded", "refcount_private")

_MOST = 24


def scaling_chart(looks: Sequence[Look], gains: Sequence[SpeedUp]) -> Chart:
    """Return one small panel per pattern, controls first, with the ideal line."""
    names = short_names(gain.pattern for gain in gains)
    return Chart(
        view="scaling",
        title="Does it get faster with more threads?",
        description="Speed-up over one thread of the same side; dotted: the ideal. "
        "A control shares nothing: what it lacks, the machine cannot give.",
        spec=_spec(looks, gains, names),
        columns=("pattern", "side", "threads", "speed-up"),
        rows=[
            (names[gain.pattern], gain.arm, str(gain.threads), f"{gain.speed_up:.2f}")
            for gain in gains
            if gain.threads > 1
        ],
    )


def _spec(
    looks: Sequence[Look], gains: Sequence[SpeedUp], names: dict[str, str]
) -> vega.Spec:
    controls = {name for name in names.values() if name.endswith(CONTROLS)}
    drawn = sorted(names.values(), key=lambda name: name not in controls)[:_MOST]
    values = [
        {
            "pattern": names[gain.pattern]
            + " (control)" * (names[gain.pattern] in controls),
            "side": gain.arm,
            "threads": gain.threads,
            "speed_up": gain.speed_up,
            "ideal": gain.threads,
        }
        for gain in gains
        if names[gain.pattern] in drawn
    ]
    most = max(gain.threads for gain in gains)
    ticks = {"values": [*range(1, most + 1)], "format": "d"}
    x = vega.number("threads", "threads", axis=ticks)
    y = vega.number("speed_up", "speed-up", vega.FROM_ZERO)
    hue = vega.look("hue", looks)
    ideal = {"type": "line", "color": MUTED, "strokeDash": [2, 3]}
    gains_of = vega.panel(
        vega.layer(ideal, x=x, y={**y, "field": "ideal"}),
        vega.layer("line", x=x, y=y, color=hue, strokeDash=vega.look("dash", looks)),
        vega.layer(
            {"type": "point", "filled": True, "opacity": 1},
            x=x,
            y=y,
            color=hue,
            shape=vega.look("shape", looks),
            tooltip=vega.tooltip("pattern", "side", "threads", speed_up=".2f"),
        ),
        width=150,
        height=110,
    )
    return vega.chart(
        "Speed-up over one thread by number of threads, pattern by pattern; the dotted "
        "line is the ideal",
        vega.facets(values, vega.nominal("pattern"), gains_of, columns=4),
    )
