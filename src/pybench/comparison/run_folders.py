"""The runs of a folder, each read by itself: one that is broken stops no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from pybench.comparison.contents import read_contents
from pybench.comparison.run_series import series_of
from pybench.records.contents import Contents
from pybench.records.documents import DocumentError, read_document
from pybench.records.history import NAME as ENTRY_NAME
from pybench.records.history import Entry
from pybench.records.identity import Identity
from pybench.records.run import NAME as RUN_NAME
from pybench.records.run import Run
from pybench.records.site import Machine, Problem, Site, SiteRun
from pybench.records.summary import NAME as SUMMARY_NAME

# How far below the given folder a run may lie.
DEPTH = 3

# Of a page's file name, without what keeps it unique.
_LONGEST_SLUG = 60

_NOT_FINISHED = (
    f"not finished: it has no {SUMMARY_NAME} yet, so it is still being measured or was "
    "stopped; the verdicts are those of the pairs so far"
)
_TORN = "not finished: the last record is cut off, and left out"


def read_site(folder: Path, render: Callable[[Contents], str]) -> Site:
    """Read the runs of a folder, at most `DEPTH` levels down, and draw their pages.

    `render` returns the page of one run. It is called as soon as that is read, so that
    the samples of one run at a time are in memory.

    Raises
    ------
    DocumentError
        If there is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise DocumentError(f"{folder}: no such folder: give one that holds runs")
    runs: list[SiteRun] = []
    problems: list[Problem] = []
    for path in _folders(folder, DEPTH, problems, folder):
        name = _name(path, folder)
        try:
            runs.append(_site_run(name, path, render))
            continue
        except DocumentError as error:
            reason = str(error)
        except (ArithmeticError, LookupError, OSError, TypeError, ValueError) as error:
            reason = f"its record contradicts itself: {error!r}"
        # A site may be published: the way to the folder is not in it.
        problems.append(Problem(name=name, reason=reason.replace(f"{folder}/", "")))
    if not runs and not problems:
        raise DocumentError(
            f"{folder}: no run in it or in its folders, {DEPTH} levels down: give the "
            "folder that holds what `pybench compare -o` wrote"
        )
    runs.sort(key=lambda run: (run.moment, run.name), reverse=True)
    return Site(
        title=folder.absolute().name or str(folder),
        runs=tuple(runs),
        series=tuple(series_of(runs)),
        problems=tuple(problems),
    )


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


def _site_run(name: str, path: Path, render: Callable[[Contents], str]) -> SiteRun:
    has_record = (path / RUN_NAME).is_file()
    contents = read_contents([path if has_record else path / SUMMARY_NAME])
    if contents.summary is None:
        raise DocumentError(f"{path}: no comparison")
    run = contents.run
    unfinished = _TORN if run is not None and run.torn else ""
    if not (path / SUMMARY_NAME).is_file():
        unfinished = _NOT_FINISHED
    return SiteRun(
        name=name,
        slug=slug(name),
        summary=contents.summary,
        machine=machine_of_run(run) if run else _stored_machine(path),
        unfinished=unfinished,
        page=render(contents),
    )


def _stored_machine(path: Path) -> Machine | None:
    """Return the machine of a run whose record a store no longer has."""
    if not (path / ENTRY_NAME).is_file():
        return None
    return read_document(path / ENTRY_NAME, Entry).machine


def machine_of_run(run: Run) -> Machine | None:
    """Return the machine of a run, None of one that unlike machines measured."""
    baseline = run.baseline
    sides = [source.sides[baseline.name] for source in run.sources] or [baseline]
    machines = {machine_of(side.identity) for side in sides}
    return machines.pop() if len(machines) == 1 else None


def machine_of(identity: Identity) -> Machine:
    """Return the machine of an identity."""
    return Machine(
        cpu_model=identity.cpu_model,
        affinity=identity.affinity,
        quota=identity.quota,
        architecture=identity.machine,
        system=identity.system,
    )


def _name(path: Path, root: Path) -> str:
    return root.absolute().name if path == root else path.relative_to(root).as_posix()
