"""How each arm is drawn in every chart, in inks that follow the theme of the page.

Hue is the Python version, shape and dash are the state of the GIL, so that nothing
rests on colour alone. Inks are CSS variables: a page that turns dark redraws nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A fallback each, for an SVG that stands alone on paper or in a README.
INK = "var(--fg, #1b1d21)"
MUTED = "var(--muted, #595d66)"
LINE = "var(--line, #dddcd8)"

# At least 3 to 1 against both backgrounds of the page, as a test holds.
HUES = {
    "3.11": "#3a7bd5",
    "3.12": "#12877f",
    "3.13": "#5d8a1f",
    "3.14": "#c4611a",
    "3.15": "#b0509c",
}
OTHER_HUE = "#7a7f8a"
# Of what has no version, such as RSS beside USS.
PLAIN_HUE = HUES["3.11"]

_SHAPES_ON = ("circle", "square", "diamond")
_SHAPES_OFF = ("triangle-up", "triangle-down", "cross")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one arm is drawn everywhere."""

    name: str
    hue: str
    shape: str
    dash: Sequence[int]


def hue_of(interpreter: str) -> str:
    """Return the colour of the first version that is in these words."""
    version = re.search(r"\d+\.\d+", interpreter)
    return HUES.get(version.group() if version else "", OTHER_HUE)


def looks_of(arms: Iterable[tuple[str, str, bool]]) -> tuple[Look, ...]:
    """Return a look for each (name, interpreter in words, whether its GIL is on).

    Two arms of one version and GIL state have one hue and differ in shape.
    """
    seen: Counter[tuple[str, bool]] = Counter()
    looks = []
    for name, interpreter, is_on in arms:
        hue = hue_of(interpreter)
        shapes = _SHAPES_ON if is_on else _SHAPES_OFF
        shape = shapes[seen[hue, is_on] % len(shapes)]
        dash = [1, 0] if is_on else [5, 3]
        looks.append(Look(name=name, hue=hue, shape=shape, dash=dash))
        seen[hue, is_on] += 1
    return tuple(looks)
