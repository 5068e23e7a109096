"""What -X importtime prints as a tree, and means of several trees."""

import pytest

from pybench.profiles.importtime import Import, merge, parse, walk
from pybench.records.imports import Module

TEXT = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |     leaf
import time:       200 |        300 |   middle
import time:        50 |         50 |   other
import time:        10 |        360 | top
"""
IMPORTED = {"leaf": 1, "middle": 1, "other": 1, "top": 1}


def test_children_are_those_that_ended_deeper_before() -> None:
    tree = parse(TEXT, IMPORTED)

    leaf = Import(name="leaf", own_us=100, total_us=100)
    other = Import(name="other", own_us=50, total_us=50)
    middle = Import(name="middle", own_us=200, total_us=300, children=(leaf,))
    top = Import(name="top", own_us=10, total_us=360, children=(middle, other))
    assert tree.roots == (top,)
    assert tree.foreign == 0
    assert tree.doubtful == ()


def test_text_around_the_lines_is_passed_over() -> None:
    """Prints without a newline stand before a line on the same one."""
    noisy = TEXT.replace("import time:        50", "no newline import time:        50")
    noisy = f"a warning\n{noisy}import time: cached    | cached     | sys\nTraceback:\n"

    assert parse(noisy, IMPORTED) == parse(TEXT, IMPORTED)


def test_line_of_what_was_not_imported_is_foreign() -> None:
    forged = TEXT.replace(
        "import time:        50",
        "import time:         5 |          5 | nonsense\nimport time:        50",
    )

    tree = parse(forged, IMPORTED)

    assert tree.foreign == 1
    assert tree.roots == parse(TEXT, IMPORTED).roots


@pytest.mark.parametrize("before", ["leaf", "top"], ids=["before", "after"])
def test_second_line_of_a_name_goes_if_it_does_not_add_up(before: str) -> None:
    """Wherever it stands, the one that CPython printed stays."""
    forged = "import time:         5 |       9000 |     leaf\n"
    lines = TEXT.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if line.endswith(f" {before}\n"))

    tree = parse("".join([*lines[:at], forged, *lines[at:]]), IMPORTED)

    assert tree.foreign == 1
    assert tree.roots == parse(TEXT, IMPORTED).roots


def test_numbers_that_do_not_add_up_are_named() -> None:
    """More than rounding up each number explains."""
    assert parse(TEXT.replace("360", "363"), IMPORTED).doubtful == ()
    assert parse(TEXT.replace("360", "364"), IMPORTED).doubtful == ("top",)


@pytest.mark.parametrize(
    ("line", "own_us", "total_us"),
    [
        # The children are the two that took 300 and 50 together.
        ("-40 |     150350 | top", 150_000, 150_350),
        ("-40 |        310 | top", 0, 350),
        ("10 |       -360 | top", 10, 360),
        ("-10 |        -30 | top", 0, 350),
    ],
)
def test_negative_time_does_not_lose_the_module(
    line: str, own_us: int, total_us: int
) -> None:
    """It keeps what the other number and its children leave, and is named."""
    text = TEXT.replace("10 |        360 | top", line)

    tree = parse(text, IMPORTED)

    (top,) = tree.roots
    assert (top.own_us, top.total_us) == (own_us, total_us)
    assert [child.name for child in top.children] == ["middle", "other"]
    assert tree.doubtful == ("top",)
    assert tree.foreign == 0


def test_negative_time_of_a_child_leaves_its_siblings_where_they_are() -> None:
    text = TEXT.replace("200 |        300 |   middle", "-5 |       9000 |   middle")

    (top,) = parse(text, IMPORTED).roots

    middle, other = top.children
    assert (middle.own_us, middle.total_us) == (8900, 9000)
    assert [child.name for child in middle.children] == ["leaf"]
    assert other.total_us == 50


def test_cut_off_tree_keeps_what_ended() -> None:
    """As of a process that ended in the middle of an import."""
    cut = "".join(TEXT.splitlines(keepends=True)[:-1])

    assert [one.name for one in parse(cut).roots] == ["middle", "other"]


def test_nothing_printed_is_an_empty_tree() -> None:
    assert parse("").roots == ()


def test_merge_takes_means_by_place() -> None:
    """A module missing in some processes says in how many it was."""
    other = TEXT.replace("        50 |         50 |   other", "1 | 1 |   else")
    warm = [parse(TEXT).roots, parse(TEXT).roots, parse(other).roots]

    (top,) = merge(warm, [parse(TEXT).roots])

    places = {one.name: (depth, one) for depth, one in walk([top])}
    assert [*places] == ["top", "middle", "leaf", "other", "else"]
    assert places["leaf"][0] == 2
    seen = {name: cost_of(one) for name, (_, one) in places.items()}
    assert seen == {
        "top": (10_000, 3),
        "middle": (200_000, 3),
        "leaf": (100_000, 3),
        "other": (50_000, 2),
        "else": (1_000, 1),
    }
    cold = {name for name, (_, one) in places.items() if one.cold is not None}
    assert cold == {"top", "middle", "leaf", "other"}


def test_merge_joins_second_imports_at_one_place() -> None:
    twice = [*parse(TEXT).roots, *parse(TEXT).roots]

    (top,) = merge([twice], [])

    assert cost_of(top) == (20_000, 1)
    assert [one.name for one in top.children] == ["middle", "other"]


def cost_of(module: Module) -> tuple[float, int]:
    """Return the mean of its own time in nanoseconds, and of how many processes."""
    assert module.warm is not None
    return module.warm.own.mean_ns, module.warm.own.processes
