"""The runs of a folder, each read by itself: one that is broken stops no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pybench.records.identity import Identity
from pybench.records.run import NAME as RUN_NAME
from pybench.records.summary import NAME as SUMMARY_NAME
from pybench.records.summary import Summary
from pybench.report.contents import Contents, ContentsError, read_contents
from pybench.report.labels import SIGNS

# How far below the given folder a run may lie.
DEPTH = 3

# Of a page's file name, without what keeps it unique.
_LONGEST_SLUG = 60

_NOT_FINISHED = (
    f"not finished: it has no {SUMMARY_NAME} yet, so it is still being measured or was "
    "stopped; the verdicts are those of the pairs so far"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where a run was measured: what has to be equal for runs to be comparable."""

    cpu_model: str
    affinity: int
    quota: float | None
    architecture: str
    system: str

    @property
    def words(self) -> str:
        """The machine in one line."""
        quota = "" if self.quota is None else f", quota {self.quota:g}"
        return (
            f"{self.cpu_model}, {self.affinity} CPUs{quota}, {self.architecture} "
            f"{self.system}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRun:
    """One run, without its samples: of many runs they would fill the memory.

    Parameters
    ----------
    name : str
        Its folder, relative to that of all runs.
    slug : str
        The name of its page's file, without the suffix.
    summary : Summary
        What it says.
    machine : Machine or None
        None of a summary alone, which does not say it.
    unfinished : str
        Why it is not whole; empty for one that is.
    page : str
        HTML of its page.
    """

    name: str
    slug: str
    summary: Summary
    machine: Machine | None
    unfinished: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A run that cannot be read, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """All that was found in a folder; the runs newest first."""

    title: str
    runs: tuple[SiteRun, ...]
    problems: tuple[Problem, ...]


def read_site(folder: Path, render: Callable[[Contents], str]) -> Site:
    """Read the runs of a folder and draw the page of each.

    A page is drawn as soon as its run is read, so that the samples of one run at a time
    are in memory.

    Parameters
    ----------
    folder : Path
        Holds the folders of runs, at most `DEPTH` levels down, or is one itself.
    render : callable
        Returns the page of one run.

    Raises
    ------
    ContentsError
        If there is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise ContentsError(f"{folder}: no such folder: give one that holds runs")
    runs: list[SiteRun] = []
    problems: list[Problem] = []
    for path in _folders(folder, DEPTH, problems, folder):
        name = _name(path, folder)
        try:
            contents = _contents(path)
        except ContentsError as error:
            problems.append(Problem(name=name, reason=_local(str(error), folder)))
            continue
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
            reason = f"its record contradicts itself: {error!r}"
            problems.append(Problem(name=name, reason=_local(reason, folder)))
            continue
        runs.append(_site_run(name, contents, path, render))
    if not runs and not problems:
        raise ContentsError(
            f"{folder}: no run in it or in its folders, {DEPTH} levels down: give the "
            "folder that holds what `pybench compare -o` wrote"
        )
    runs.sort(key=lambda run: (moment(run.summary.started), run.name), reverse=True)
    return Site(
        title=folder.absolute().name or str(folder),
        runs=tuple(runs),
        problems=tuple(problems),
    )


def moment(started: str) -> datetime:
    """Return when a run began; the first of all times where that is not readable."""
    try:
        found = datetime.fromisoformat(started)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def slug(name: str) -> str:
    """Return a name of a file that is safe everywhere, and the same every time.

    What had to be changed ends in a digest of the whole name, so that two names, or two
    that a file system takes for one, never share a page.
    """
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_SLUG]
    if safe == name:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{safe}-{digest}" if safe else digest


def _folders(
    folder: Path, levels: int, problems: list[Problem], root: Path
) -> Iterator[Path]:
    """Yield the folders of runs; what lies within a run belongs to it."""
    if any((folder / name).is_file() for name in (RUN_NAME, SUMMARY_NAME)):
        yield folder
        return
    if not levels:
        return
    try:
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        reason = error.strerror or str(error)
        problems.append(Problem(name=_name(folder, root), reason=reason))
        return
    for path in inner:
        if not path.name.startswith("."):
            yield from _folders(path, levels - 1, problems, root)


def _contents(path: Path) -> Contents:
    has_record = (path / RUN_NAME).is_file()
    contents = read_contents([path if has_record else path / SUMMARY_NAME])
    summary = contents.summary
    if summary is None or not summary.sides:
        raise ContentsError(f"{path}: no comparison: it has no sides")
    sides = {side.name for side in summary.sides[1:]}
    odd = [row for row in summary.rows if row.verdict not in SIGNS]
    if odd:
        raise ContentsError(f"{path}: {odd[0].verdict!r} is no verdict")
    odd = [row for row in summary.rows if row.side not in sides]
    if odd:
        raise ContentsError(f"{path}: a row of {odd[0].side!r}, which is no side of it")
    return contents


def _site_run(
    name: str, contents: Contents, path: Path, render: Callable[[Contents], str]
) -> SiteRun:
    assert contents.summary is not None
    run = contents.run
    unfinished = "" if (path / SUMMARY_NAME).is_file() else _NOT_FINISHED
    if not unfinished and run is not None and run.torn:
        unfinished = "not finished: the last record is cut off, and left out"
    return SiteRun(
        name=name,
        slug=slug(name),
        summary=contents.summary,
        machine=None if run is None else _machine(run.baseline.identity),
        unfinished=unfinished,
        page=render(contents),
    )


def _machine(identity: Identity) -> Machine:
    return Machine(
        cpu_model=identity.cpu_model,
        affinity=identity.affinity,
        quota=identity.quota,
        architecture=identity.machine,
        system=identity.system,
    )


def _name(path: Path, root: Path) -> str:
    return root.absolute().name if path == root else path.relative_to(root).as_posix()


def _local(reason: str, root: Path) -> str:
    """Take the way to the folder out of a reason: a site may be published."""
    return reason.replace(f"{root}/", "")
