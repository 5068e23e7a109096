"""The site of a folder of runs: what it says, and what it never does."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("msgspec", reason="n/a: msgspec is not installed here")
pytest.importorskip("scipy", reason="n/a: scipy is not installed here")
pytest.importorskip("jinja2", reason="n/a: jinja2 is not installed here")

from pybench.comparison.contents import read_contents
from pybench.comparison.judging import judge
from pybench.comparison.run_folders import read_site, slug
from pybench.comparison.run_series import series_of
from pybench.comparison.summary import summarise
from pybench.records.contents import Contents
from pybench.records.documents import DocumentError
from pybench.records.run import NAME as RUN_NAME
from pybench.records.run_file import RecordWriter
from pybench.records.summary import Summary, write_summary
from pybench.report import site as package
from pybench.report.charts.looks import HUES, OTHER_HUE
from pybench.report.labels import interval, point
from pybench.report.row_names import operation
from pybench.report.site.pages import site_files
from pybench.report.site.sparkline import HEIGHT, WIDTH, sparkline
from pybench.report.site.writing import SiteError, write_site

if TYPE_CHECKING:
    from pybench.records.run import Run
    from pybench.records.summary import RowSummary

Recorded = Callable[..., "Run"]

HOSTILE = (
    "benchmarks/odd/test_odd.py::test_odd[<script>alert(1)</script>"
    "\"'&amp;{{ 7 * 7 }}\U0001f40d" + "long" * 500 + "]"
)
EFFECTS = {"benchmarks/odd/test_odd.py::test_benchmark_odd_slower": 1.25}


def page(contents: Contents) -> str:
    """Stand for the page of one run."""
    return f"<!doctype html><title>{contents.title}</title>"


def whole(run: Run, folder: Path) -> Path:
    """Write a run as one that is finished; it was recorded with other machines."""
    with RecordWriter(folder, run.header) as writer:
        for side in run.sides.values():
            writer.append(side)
        for row in run.rows.values():
            writer.append(row)
        for pairs in run.pairs.values():
            for pair in pairs.values():
                writer.append(pair)
    write_summary(summarise(run, judge(run)), folder)
    return folder


def moved(run: Run, **changes: Any) -> Run:
    """Return a run as if its sides had other identities."""
    for name, side in run.sides.items():
        run.sides[name] = replace(side, identity=replace(side.identity, **changes))
    return run


def of_folder(folder: Path) -> Summary:
    """Return what a run says by itself."""
    found = read_contents([folder]).summary
    assert found is not None
    return found


class Reader(HTMLParser):
    """Collects the tables, the tags and the headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.captions = 0
        self._cell: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "caption":
            self.captions += 1
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def table(self, first: str) -> list[list[str]]:
        """Return the table whose first heading is this one."""
        return next(table for table in self.tables if table[0][0] == first)


@pytest.fixture(scope="module")
def two_runs(recorded: Recorded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record two runs of the same arms on one machine, a week apart, in two depths."""
    folder = tmp_path_factory.mktemp("two") / "runs"
    whole(recorded(), folder / "first")
    later = recorded(started="2026-11-27T12:00:00Z", pairs=12)
    whole(later, folder / "weekly" / "second")
    return folder


@pytest.fixture
def runs(two_runs: Path, tmp_path: Path) -> Path:
    """Return a copy of them, which a test may change."""
    return shutil.copytree(two_runs, tmp_path / "runs")


def said(row: RowSummary) -> str:
    return " ".join(part for part in (point(row), interval(row)) if part)


def test_the_index_has_the_numbers_of_the_summaries(runs: Path) -> None:
    site = read_site(runs, page)
    files = site_files(site)
    reader = Reader(files["index.html"])
    first, second = of_folder(runs / "first"), of_folder(runs / "weekly" / "second")

    assert [run.name for run in site.runs] == ["weekly/second", "first"]
    assert second.verdict in files["index.html"]
    counts = second.counts["3.14t"]
    assert reader.table("side")[1][1:] == [
        str(counts.get(word, 0))
        for word in ("slower", "faster", "equivalent", "inconclusive", "none")
    ]
    assert [(line[0], line[1], line[4]) for line in reader.table("run")[1:]] == [
        ("weekly/second", "2026-11-27 12:00", second.verdict),
        ("first", "2026-11-20 12:00", first.verdict),
    ]
    shown = {
        line[0]: line[2:]
        for table in reader.tables
        if table[0][0] == "benchmark"
        for line in table[1:]
    }
    before = {row.row: row for row in first.rows}
    assert shown == {
        operation(row.row): [said(before[row.row]), said(row)] for row in second.rows
    }


def test_the_history_has_every_row_of_every_run(runs: Path) -> None:
    text = site_files(read_site(runs, page))["history.csv"]
    lines = [*csv.DictReader(io.StringIO(text))]

    expected = [
        (name, row)
        for name in ("first", "weekly/second")
        for row in of_folder(runs / name).rows
    ]
    assert len(lines) == len(expected)
    for line, (name, row) in zip(lines, expected, strict=True):
        assert line["run"] == name
        assert (line["side"], line["row"], line["verdict"]) == (
            row.side,
            row.row,
            row.verdict,
        )
        for field in ("ratio", "low", "high"):
            value = getattr(row, field)
            assert line[field] == ("" if value is None else repr(value))
        assert line["pairs"] == str(row.pairs)
        assert line["machine"].startswith("a processor, 2 CPUs")


def test_every_run_has_its_page_and_every_link_its_file(runs: Path) -> None:
    files = site_files(read_site(runs, page))
    reader = Reader(files["index.html"])

    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    for link in links:
        assert link is not None
        assert link.removeprefix("#") in ids if link[0] == "#" else link in files
    assert sum(name.startswith("runs/") for name in files) == 2


def test_the_index_can_be_read_by_everyone(runs: Path) -> None:
    text = site_files(read_site(runs, page))["index.html"]
    reader = Reader(text)
    tags = dict(reversed(reader.tags))

    assert tags["html"]["lang"] == "en"
    policy = [a for t, a in reader.tags if t == "meta" and "http-equiv" in a]
    assert policy[0]["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert reader.captions == len(reader.tables)
    assert all(a.get("scope") for tag, a in reader.tags if tag == "th")
    assert "script" not in tags
    assert "//" not in text
    assert not [a for _, a in reader.tags if "style" in a]
    drawn = [a for tag, a in reader.tags if tag == "svg"]
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in drawn)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_are_told_apart_in_every_theme() -> None:
    """Text by 4.5 from what is behind it, marks by 3."""
    style = Path(package.__file__).with_name("index.css").read_text()
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]

    assert len(themes) == 3
    for theme in themes:
        for text in ("ink", "soft", "link", "warn"):
            for behind in ("paper", "head"):
                assert contrast(theme[text], theme[behind]) >= 4.5, (text, behind)
        for hue in (*HUES.values(), OTHER_HUE):
            for behind in ("paper", "band"):
                assert contrast(hue, theme[behind]) >= 3, hue


def test_a_series_is_of_one_machine(recorded: Recorded, tmp_path: Path) -> None:
    places: list[dict[str, Any]] = [
        {}, {"cpu_model": "another"}, {"affinity": 4}, {"system": "Darwin"}, {},
    ]  # fmt: skip
    for number, place in enumerate(places):
        run = recorded(EFFECTS, started=f"2026-11-{number + 10}T12:00:00Z", pairs=8)
        whole(moved(run, **place), tmp_path / f"run{number}")

    site = read_site(tmp_path, page)

    found = {tuple(run.name for run in one.runs) for one in site.series}
    assert found == {("run0", "run4"), ("run1",), ("run2",), ("run3",)}
    machines = Reader(site_files(site)["index.html"]).table("processor")
    assert [line[3] for line in machines[1:]] == ["run4, run0", "run3", "run2", "run1"]


def test_a_series_is_of_the_same_sides(recorded: Recorded, tmp_path: Path) -> None:
    sides: list[dict[str, bool]] = [
        {"3.14t": True}, {"3.14": False}, {"3.14t": False},
        {"3.14t": True, "3.15t": True},
    ]  # fmt: skip
    for number, contenders in enumerate(sides):
        run = recorded(
            EFFECTS,
            contenders=contenders,
            started=f"2026-11-{number + 10}T12:00:00Z",
            pairs=8,
        )
        whole(run, tmp_path / f"run{number}")
    optimised = moved(recorded(EFFECTS, pairs=8), build_flags=("PGO", "LTO"))
    whole(optimised, tmp_path / "optimised")

    site = read_site(tmp_path, page)

    found = [
        (one.side.name, one.side.free_threaded, tuple(run.name for run in one.runs))
        for one in site.series
    ]
    assert sorted(found) == [
        ("3.14", False, ("run1",)),
        ("3.14t", False, ("run2",)),
        ("3.14t", True, ("optimised",)),
        ("3.14t", True, ("run0", "run3")),
        ("3.15t", True, ("run3",)),
    ]


def test_runs_of_unknown_machines_stand_alone(
    recorded: Recorded, tmp_path: Path
) -> None:
    """A summary does not say where it was measured."""
    run = recorded(EFFECTS, pairs=8)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_summary(summarise(run, judge(run)), tmp_path / name)

    site = read_site(tmp_path, page)

    assert [len(one.runs) for one in site.series] == [1, 1]
    assert "a summary alone does not say it" in site_files(site)["index.html"]


def test_a_run_that_cannot_be_read_stops_no_other(
    recorded: Recorded, tmp_path: Path
) -> None:
    good = whole(recorded(EFFECTS, pairs=8), tmp_path / "good")
    record = (good / RUN_NAME).read_bytes().splitlines(keepends=True)
    summary = json.loads((good / "summary.json").read_text())
    row = summary["rows"][0]

    def other(**changes: Any) -> tuple[str, bytes]:
        return "summary.json", json.dumps({**summary, **changes}).encode()

    bad: dict[str, tuple[str, bytes]] = {
        "blank": (RUN_NAME, b""),
        "foreign": (RUN_NAME, b'{"tool": "another"}\n'),
        "header": (RUN_NAME, record[0]),
        "middle": (RUN_NAME, b"".join([*record[:3], b'{"record": "pa\n', *record[3:]])),
        "newer": ("summary.json", b'{"pybench": "summary", "schema": 99}'),
        "other": ("summary.json", b"[1, 2]"),
        "sideless": other(sides=[]),
        "stray": other(rows=[{**row, "side": "nobody"}]),
        "words": other(rows=[{**row, "verdict": "better"}]),
    }  # fmt: skip
    for name, (file, data) in bad.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_bytes(data)
    (tmp_path / "nothing here").mkdir()

    site = read_site(tmp_path, page)

    assert [run.name for run in site.runs] == ["good"]
    assert [problem.name for problem in site.problems] == sorted(bad)
    reasons = {problem.name: problem.reason for problem in site.problems}
    assert "empty" in reasons["blank"]
    assert "not the record of a run" in reasons["foreign"]
    assert "before a row was measured" in reasons["header"]
    assert "line 4" in reasons["middle"]
    assert "schema 99" in reasons["newer"]
    assert "'nobody'" in reasons["stray"]
    assert "'better'" in reasons["words"]
    text = site_files(site)["index.html"]
    table = Reader(text).table("folder")
    assert table[1:] == [[one.name, one.reason] for one in site.problems]
    assert str(tmp_path) not in text


def test_a_run_that_is_still_being_written_is_said_to_be(
    recorded: Recorded, tmp_path: Path
) -> None:
    recorded(EFFECTS, pairs=8, folder=tmp_path / "going")
    torn = whole(recorded(EFFECTS, pairs=8), tmp_path / "torn")
    with (torn / RUN_NAME).open("ab") as file:
        file.write(b'{"record": "pair", "row": "be')
    whole(recorded(EFFECTS, pairs=8), tmp_path / "whole")

    site = read_site(tmp_path, page)

    reasons = {run.name: run.unfinished for run in site.runs}
    assert "still being measured" in reasons["going"]
    assert "cut off" in reasons["torn"]
    assert reasons["whole"] == ""
    lines = Reader(site_files(site)["index.html"]).table("run")
    assert {line[0] for line in lines if "not finished" in line[4]} == {"going", "torn"}


@pytest.mark.parametrize("name", ["no such folder", "empty", "only"])
def test_a_folder_without_runs_is_refused(
    recorded: Recorded, tmp_path: Path, name: str
) -> None:
    """Also one whose runs lie too deep, or in a hidden folder."""
    (tmp_path / "empty").mkdir()
    for inner in ("a/b/c/d", ".hidden"):
        recorded(EFFECTS, pairs=2, folder=tmp_path / "only" / inner)

    with pytest.raises(DocumentError, match=re.escape(str(tmp_path / name))):
        read_site(tmp_path / name, page)


def test_the_folder_of_one_run_is_a_site_too(
    recorded: Recorded, tmp_path: Path
) -> None:
    whole(recorded(EFFECTS, pairs=8), tmp_path / "run")

    site = read_site(tmp_path / "run", page)

    assert [run.name for run in site.runs] == ["run"]
    assert "runs/run.html" in site_files(site)


def test_nothing_but_problems_is_a_page_of_problems(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / RUN_NAME).touch()

    text = site_files(read_site(tmp_path, page))["index.html"]

    assert "No run in this folder can be read" in text


def test_hostile_names_stay_text(recorded: Recorded, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> \"'&\n\U0001f40d"
    run = recorded(
        {HOSTILE: 1.25, **EFFECTS},
        contenders={'"><script>alert(2)</script>': True},
        started="<b>soon</b>",
        pairs=8,
    )
    whole(moved(run, cpu_model="</table><script>"), tmp_path / name)
    whole(recorded(EFFECTS, pairs=8), tmp_path / os.fsdecode(b"caf\xe9"))
    (tmp_path / "<i>bad").mkdir()
    (tmp_path / "<i>bad" / RUN_NAME).write_text("<u>")

    files = site_files(read_site(tmp_path, page))
    write_site(files, tmp_path / "site")

    text = files["index.html"]
    found = {tag for tag, _ in Reader(text).tags}
    assert found & {"script", "img", "b", "i", "u"} == set()
    assert "alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    assert len(max(text.splitlines(), key=len)) < 20_000
    assert "longlonglong" * 50 not in text
    lines = [*csv.DictReader(io.StringIO(files["history.csv"]))]
    assert HOSTILE in {line["row"] for line in lines}


def test_names_of_pages_are_safe_and_never_shared() -> None:
    names = [
        "a",
        "A",
        "a/b",
        "a b",
        "a-b",
        "../../etc",
        "\U0001f40d",
        "é",
        "x" * 500,
        ".",
    ]

    slugs = [slug(name) for name in names]

    assert len({one.lower() for one in slugs}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one) for one in slugs)
    assert max(map(len, slugs)) < 100
    assert slug("2026-11-20") == "2026-11-20"


def test_a_line_stays_within_its_picture(runs: Path) -> None:
    row = of_folder(runs / "first").rows[0]
    odd = [
        replace(row, ratio=ratio, low=low, high=high)
        for ratio, low, high in [
            (1.25, 1.2, 1.3),
            (1e300, None, None),
            (1e-300, 1e-308, 1.0),
            (float("inf"), 1.0, float("inf")),
            (float("nan"), None, None),
            (0.0, None, None),
            (None, None, None),
        ]
    ]

    drawn = sparkline([*odd, None], gil_enabled=False)

    assert drawn is not None
    assert drawn.marks.count("z") == 3
    places = re.findall(r"[ML]([\d.-]+) ([\d.-]+)", drawn.line)
    assert len(places) == 3
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in places)
    ends = [float(y) for y in re.findall(r" ([\d.-]+)V", drawn.whiskers)]
    ends += [float(y) for y in re.findall(r"V([\d.-]+)", drawn.whiskers)]
    assert all(0 <= end <= HEIGHT for end in ends)
    assert sparkline([None, odd[-1]], gil_enabled=True) is None


def test_numbers_that_are_none_are_shown(runs: Path) -> None:
    """A time of zero gives a ratio that is no number."""
    site = read_site(runs, page)
    run = site.runs[0]
    rows = tuple(
        replace(row, ratio=value, low=None, high=None)
        for row, value in zip(
            run.summary.rows,
            [float("nan"), float("inf"), 0.0, None, None],
            strict=True,
        )
    )
    odd = replace(run, summary=replace(run.summary, rows=rows))

    changed = replace(site, runs=(odd,), series=tuple(series_of((odd,))))
    text = site_files(changed)["index.html"]

    assert "nan" in text
    assert "inf" in text


def test_a_long_history_is_cut_and_said_to_be(runs: Path) -> None:
    site = read_site(runs, page)
    many = tuple(
        replace(site.runs[0], name=f"run{number:03}", slug=f"run{number:03}")
        for number in range(99, -1, -1)
    )

    files = site_files(replace(site, runs=many, series=tuple(series_of(many))))

    table = Reader(files["index.html"]).table("benchmark")
    assert len(table[0]) == 2 + 8
    assert "; 100 runs" in files["index.html"]
    assert files["history.csv"].count("\n") == 1 + 100 * len(many[0].summary.rows)


def test_a_site_is_written_and_written_again(runs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "public" / "site"
    files = site_files(read_site(runs, page))

    write_site(files, folder)
    write_site({**files, "index.html": "newer"}, folder)

    written = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert set(written) == {*files, "site.json"}
    assert written["index.html"].read_text() == "newer"
    assert stat.S_IMODE(written["index.html"].stat().st_mode) == 0o644


@pytest.mark.parametrize("theirs", ["index.html", "runs/first.html", "site.json"])
def test_a_site_is_written_over_nothing_else(
    runs: Path, tmp_path: Path, theirs: str
) -> None:
    folder = tmp_path / "site"
    (folder / theirs).parent.mkdir(parents=True)
    (folder / theirs).write_text("mine")

    with pytest.raises(SiteError, match=re.escape(str(folder / theirs))):
        write_site(site_files(read_site(runs, page)), folder)

    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / theirs]
    assert (folder / theirs).read_text() == "mine"


@pytest.mark.parametrize("in_the_way", ["site", "site/runs", "site/index.html/x"])
def test_a_site_that_cannot_be_written_says_where(
    runs: Path, tmp_path: Path, in_the_way: str
) -> None:
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")

    with pytest.raises(SiteError, match=re.escape(str(tmp_path / "site"))):
        write_site(site_files(read_site(runs, page)), tmp_path / "site")

    left = [one for one in (tmp_path / "site").rglob("*") if one.name.startswith("tmp")]
    assert left == []
    assert path.read_text() == "mine"


def test_a_full_disk_leaves_what_was_there(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site"
    files = site_files(read_site(runs, page))
    write_site(files, folder)

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SiteError, match="No space left on device"):
        write_site({**files, "index.html": "newer"}, folder)

    assert (folder / "index.html").read_text() == files["index.html"]
    assert [path for path in folder.rglob("tmp*") if path.is_file()] == []
