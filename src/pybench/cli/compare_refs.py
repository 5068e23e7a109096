"""``pybench compare --ref``: versions of a package, each in an environment of its own.

With several interpreters every one of them compares the refs among themselves, in a
run of its own: a verdict has one baseline, and that of a ref is another ref on the same
interpreter.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pybench.cli.output import print_error, print_note
from pybench.cli.status import UsageError
from pybench.records.messages import BUILT
from pybench.records.refs import newest

if TYPE_CHECKING:
    from pybench.comparison.sessions import Arm
    from pybench.comparison.suites import Suite
    from pybench.interpreters import Requested
    from pybench.interpreters.git import Repository
    from pybench.interpreters.refs import Builds
    from pybench.records.refs import GitRef
    from pybench.records.run import Run, RunHeader


# What a side's build says besides: the day on which its extension was compiled.
_COMPILED = "compiled on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The refs of a comparison, and a checkout of the one that its suite comes from.

    `folder` is the current folder in that checkout.
    """

    builds: Builds
    refs: tuple[GitRef, ...]
    suite_from: GitRef
    folder: Path
    notes: tuple[str, ...]

    def suite_text(self, text: str | None) -> str | None:
        """Return how the suite is named in the checkout, where it must be."""
        repository = self.builds.repository
        if text is not None and Path(text).is_absolute():
            top = os.path.realpath(repository.top)
            path = os.path.realpath(text)
            if not path.startswith(f"{top}{os.sep}"):
                return text  # of no ref
            text = os.path.relpath(path, Path(top, repository.here))
        wanted = "benchmarks" if text is None else text
        places = {wanted, wanted.partition(":")[2]} - {""}
        is_path = text is None or any(
            os.sep in place or Path(place).exists() for place in places
        )
        if is_path and not any((self.folder / place).exists() for place in places):
            ref = self.suite_from
            raise UsageError(
                f"{ref.name} ({ref.short}) has no {wanted}, and the suite is taken "
                "from it: say which ref has it, --suite-from REF, or where it is, "
                "--suite PATH"
            )
        return text


def header_of(output: Path) -> RunHeader | None:
    """Return how a run was begun, or one of several interpreters; None for none."""
    from pybench.records.run import NAME
    from pybench.records.run_file import read_run

    for folder in (output, *sorted(output.glob("*"))):
        if (folder / NAME).is_file():
            return read_run(folder).header
    return None


@contextlib.contextmanager
def sources_of(
    options: argparse.Namespace, output: Path, header: RunHeader | None
) -> Iterator[Sources]:
    """Find out what the refs mean, or meant when the run began; check one out."""
    from pybench.interpreters.git import find_repository, notes_of
    from pybench.interpreters.refs import builds_for

    words: list[str] = options.refs
    if header is None and len(words) < 2:
        raise UsageError(
            f"--ref {' '.join(words)}: one ref alone is compared with nothing: name "
            "two, as in --ref main --ref HEAD; WORKTREE is the tree as it is"
        )
    repository = find_repository(Path.cwd())
    refs, notes = _refs(repository, words, output, header)
    suite_from = _suite_from(options.suite_from, refs, header)
    notes += notes_of(repository, refs)
    notes.append(f"the suite is that of {suite_from.name} ({suite_from.short})")
    for note in notes:
        print_note(note)
    find_links = [folder.absolute() for folder in options.find_links]
    with (
        builds_for(repository, output, find_links=find_links) as builds,
        builds.suite_checkout(suite_from) as folder,
    ):
        yield Sources(
            builds=builds,
            refs=tuple(refs),
            suite_from=suite_from,
            folder=folder,
            notes=tuple(notes),
        )


def _refs(
    repository: Repository,
    words: Sequence[str],
    output: Path,
    header: RunHeader | None,
) -> tuple[list[GitRef], list[str]]:
    """Return the refs, and what has become of them since the run began."""
    from pybench.interpreters.git import RefError, is_tree, read_refs

    if header is None:
        return read_refs(repository, words, without=[output]), []
    notes = []
    for ref in header.refs:
        try:
            (now,) = read_refs(repository, [ref.asked], without=[output])
        except RefError:
            continue  # its commit may be there all the same
        if now.content == ref.content:
            continue
        if is_tree(ref):
            raise UsageError(
                f"{ref.name} is no longer what it was when this run began "
                f"({ref.short}; now {now.short}): begin another run with -o"
            )
        notes.append(
            f"{ref.asked} is at {now.short} now; this run goes on with {ref.short}, "
            "where it was when it began"
        )
    return [*header.refs], notes


def _suite_from(
    asked: str | None, refs: Sequence[GitRef], header: RunHeader | None
) -> GitRef:
    """Return the ref that the suite is taken from."""
    wanted = header.suite_from if header else asked
    if wanted is None:
        return newest(refs)
    for ref in refs:
        if wanted in (ref.name, ref.asked):
            return ref
    names = ", ".join(ref.asked for ref in refs)
    raise UsageError(f"--suite-from {wanted}: none of the refs that are named: {names}")


def names_of(sources: Sources, requested: Requested, *, alone: bool) -> list[str]:
    """Return the names of the arms of an interpreter."""
    before = "" if alone else f"{requested.name} "
    return [f"{before}{ref.name}" for ref in sources.refs]


def ready_refs(
    sources: Sources,
    requested: Requested,
    names: Sequence[str],
    suite: Suite,
    packages: Sequence[Sequence[str]],
) -> tuple[list[Arm], list[str]]:
    """Build each ref for an interpreter; one that fails is left out and named."""
    from pybench.comparison.beginning import prepare_arm
    from pybench.interpreters.git import RefError
    from pybench.interpreters.prepare import PrepareError
    from pybench.interpreters.refs import take_away

    builds = sources.builds
    modules: set[str] = set()
    prepared: list[tuple[Arm, Path]] = []
    problems = []
    differ = len({tuple(words) for words in packages}) > 1
    for name, ref, words in zip(names, sources.refs, packages, strict=True):
        print_note(f"preparing {name}: {ref.asked} at {ref.short}")
        try:
            built = builds.build(ref, requested.interpreter)
            arm, made = prepare_arm(
                replace(requested, name=name),
                [str(built.wheel), *words],
                suite,
                differs=True,
                say=print_note,
                find_links=builds.find_links,
            )
        except (RefError, PrepareError, OSError) as error:
            # That of a build names the ref and the interpreter.
            print_error(error if isinstance(error, RefError) else f"{name}: {error}")
            problems.append(f"{name} could not be prepared")
            continue
        if made.lacks:
            print_note(f"{name}: native rows are n/a: {made.lacks}")
        modules |= built.modules
        asked = arm.asked if differ else (built.package,)
        day = {_COMPILED: built.compiled} if built.compiled else {}
        build = {**builds.settings, **day}
        arm = replace(arm, asked=asked, ref=ref, build=build)
        prepared.append((arm, made.folder))
    own = take_away(
        builds.package_in(sources.folder),
        sorted(modules),
        [sources.folder / path for path in suite.paths],
    )
    arms = []
    for arm, folder in prepared:
        watched = json.dumps({"modules": own, "folder": str(folder)})
        arms.append(replace(arm, environ={**arm.environ, BUILT: watched}))
    return arms, problems


def notes_of_arms(run: Run) -> list[str]:
    """Say which package no row of a comparison of refs has imported; how old arms are.

    A build takes what is the newest then of what it requires and does not pin.
    """
    arms = [side for side in run.sides.values() if side.ref]
    notes = [
        f"no row has imported {', '.join(side.asked)} in {side.name}, so the refs make "
        "no difference but in processes that rows start"
        for side in arms
        if not {*side.asked} & {*side.packages}
    ]
    days = {side.build.get(_COMPILED, "") for side in arms}
    if len(days - {""}) > 1:
        each = ", ".join(
            f"{arm.name} on {arm.build[_COMPILED]}"
            for arm in arms
            if _COMPILED in arm.build
        )
        notes.append(
            f"compiled on different days, {each}: what the builds require and do not "
            "pin, such as Cython, may differ"
        )
    return notes
