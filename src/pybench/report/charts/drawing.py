"""Drawing: an SVG of a specification, and the script that draws it in a browser.

Both come from vl-convert's wheel, which has Vega in it: no Node, no network.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import cache
from typing import Any

from pybench.records.texts import with_printable_texts

# What draws them here and in a page. The specifications keep to what version 5 has,
# which is what notebooks draw.
VERSION = "6.1"
MISSING = (
    "charts need vl-convert-python, which is not installed here: "
    "pip install 'pybench-native[charts]'"
)


def is_here() -> bool:
    """Tell whether charts can be drawn."""
    return importlib.util.find_spec("vl_convert") is not None


def svg_of(spec: Mapping[str, Any]) -> str:
    """Draw a specification; `ImportError` without vl-convert-python."""
    vl_convert = importlib.import_module("vl_convert")
    # An SVG cannot hold control characters: vl-convert would abort the interpreter.
    shown = with_printable_texts(spec)
    return str(vl_convert.vegalite_to_svg(shown, vl_version=VERSION))


@cache
def javascript() -> str:
    """Return the module that leaves Vega's embedding function as `pybenchEmbed`.

    Raises
    ------
    ImportError
        If vl-convert-python is not installed.
    """
    vl_convert = importlib.import_module("vl_convert")
    snippet = "window.pybenchEmbed = vegaEmbed;"
    return str(vl_convert.javascript_bundle(snippet, vl_version=VERSION))
