"""``pybench compare``: which differences are real."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.children import Callgrind, CallgrindError, find_callgrind
from pybench.cli import compare_options, compare_refs, compare_shard
from pybench.cli.options import find_interpreters, find_suite, host_needs
from pybench.cli.output import print_error, print_note
from pybench.cli.status import FAILED, INTERRUPTED, NO_VERDICT, OK, UsageError
from pybench.progress import Meter
from pybench.records.documents import DocumentError

if TYPE_CHECKING:
    from pybench.comparison.live import Comparison, Progress
    from pybench.comparison.sessions import Arm
    from pybench.comparison.side_by_side import Jobs
    from pybench.comparison.suites import Suite
    from pybench.interpreters import Requested
    from pybench.records.run import Run, RunHeader
    from pybench.records.saved_comparison import SavedComparison
    from pybench.records.summary import Summary

# What a word may mean; the values are the words of messages.
INTERPRETER = "an interpreter"
RUN = "a run, which took turns"
SAVED = "a saved file"


def add_compare(subcommands: Any) -> None:
    """Add ``pybench compare``."""
    parser = subcommands.add_parser(
        "compare",
        help="decide which rows differ between interpreters, or between saved runs",
        description="Run a suite on two or more interpreters that take turns, and say "
        "of each row whether it is slower, faster, equivalent or cannot be told. The "
        "first one is the baseline. With folders of runs, judge them again. With files "
        "of pytest-benchmark or pyperf, say what they can, which is less.",
        epilog="Exit status: 0 nothing confirmed, 1 confirmed under --fail-on, "
        "2 usage, 3 no verdicts possible (or undecided rows under --strict), "
        "4 something failed and the rest is saved, 130 interrupted (--resume goes on).",
    )
    parser.add_argument(
        "what",
        metavar="PY",
        nargs="*",
        help="3.14, 3.14t, 3.14+gil, 3.14t+gil (started with the GIL), a path, "
        "name=path; or the folder of a run; or old.json new.json ...",
    )
    compare_options.add_options(parser)
    parser.set_defaults(command=compare, planned=None, selecting=None)


def compare(options: argparse.Namespace) -> int:
    """Compare live, or judge what was recorded."""
    host_needs()
    check_length(options)
    jobs_of(options)  # before an environment is made
    words = [*options.what, *options.python]
    kinds = [kind_of(word) for word in options.what]
    kinds += [INTERPRETER] * len(options.python)
    if len({*kinds}) > 1:
        raise UsageError(mixed(words, kinds))
    if RUN in kinds:
        return judge_again(words, options)
    if SAVED in kinds:
        return judge_saved(words, options)
    return live(words, options)


def jobs_of(options: argparse.Namespace) -> Jobs:
    """Return how many batches run side by side; `UsageError` if they cannot."""
    from pybench.comparison import side_by_side
    from pybench.profiles.topology import read_topology

    if options.jobs in (None, 1):
        return side_by_side.Jobs()
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError(f"--jobs {options.jobs}: this system binds nothing to a CPU")
    machine = read_topology()
    asked = None if options.jobs == compare_options.AUTO else options.jobs
    try:
        return side_by_side.jobs_of(
            asked, machine.cpus, machine.cores, machine.quota_cpus
        )
    except side_by_side.JobsError as error:
        raise UsageError(str(error)) from None


def check_length(options: argparse.Namespace) -> None:
    """Refuse a length that no Markdown fits, while nothing is measured yet."""
    from pybench.report.markdown import LEAST_CHARACTERS, MOST_CHARACTERS

    if options.format == "json" and (options.sort or options.group):
        raise UsageError(
            "--sort and --group are of tables and Markdown; --format json has the "
            "order of the suite: sort it where it is read"
        )
    if options.max_chars is None:
        options.max_chars = MOST_CHARACTERS
    elif options.format != "md":
        raise UsageError(f"--max-chars is of --format md, not of {options.format}")
    elif options.max_chars < LEAST_CHARACTERS:
        raise UsageError(
            f"--max-chars {options.max_chars}: too few for a verdict and a table; "
            f"{LEAST_CHARACTERS} or more"
        )


def kind_of(word: str) -> str:
    """Tell what a word means: `INTERPRETER`, `RUN` or `SAVED`."""
    from pybench.interpreters.requests import is_kind
    from pybench.records.saved_files import holds_run, is_saved

    if is_kind(word):
        return INTERPRETER
    if is_run(word) or holds_run(Path(word)):
        return RUN
    return SAVED if is_saved(Path(word)) else INTERPRETER


def mixed(words: Sequence[str], kinds: Sequence[str]) -> str:
    """Say how words of several kinds are compared instead."""
    by_kind: dict[str, list[str]] = {}
    for word, kind in zip(words, kinds, strict=True):
        by_kind.setdefault(kind, []).append(word)
    meanings = [f"{those[0]} is {kind}" for kind, those in by_kind.items()]
    ways = [f"`pybench compare {shlex.join(those)}`" for those in by_kind.values()]
    return f"{', '.join(meanings)}: compare each kind on its own, as {', '.join(ways)}"


def is_run(word: str) -> bool:
    """Tell whether a word is the folder of a run."""
    from pybench.records.run import NAME

    return (Path(word) / NAME).is_file() or Path(word).name == NAME


def judge_again(words: Sequence[str], options: argparse.Namespace) -> int:
    """Show runs that were recorded."""
    from pybench.comparison.judging import judge
    from pybench.comparison.summary import summarise
    from pybench.records.run_file import read_run

    compare_options.refuse(options, compare_options.RECORDED)
    status = 0
    for word in words:
        run = read_run(Path(word))
        if not run.rows:
            raise UsageError(f"{word}: the run ended before a row was measured")
        check_fail_on(options, run.header.metrics)
        status = max(status, show_result(summarise(run, judge(run)), options))
    return status


def judge_saved(words: Sequence[str], options: argparse.Namespace) -> int:
    """Show what files say that were saved one after the other."""
    from pybench.comparison.process_spread import recall
    from pybench.comparison.saved_comparison import compare_saved
    from pybench.records.run import MARGIN, TIME
    from pybench.records.saved_files import read_saved

    compare_options.refuse(options, compare_options.SAVED)
    check_fail_on(options, (TIME,))
    files = [read_saved(Path(word)) for word in words]
    extreme = recall(files[0].machine, extremes_folder())
    comparison = compare_saved(files, options.margin or MARGIN, extreme)
    return show_result(comparison, options)


def show_result(result: Summary | SavedComparison, options: argparse.Namespace) -> int:
    """Show a result as asked for; return the exit status it means."""
    import msgspec
    from rich.console import Console

    from pybench.comparison.summary import exit_code
    from pybench.report.markdown import markdown
    from pybench.report.terminal import show

    if options.format == "md":
        text = markdown(
            result,
            most_characters=options.max_chars,
            sort=options.sort,
            group=options.group,
        )
        print(text, end="")
    elif options.format == "json":
        print(msgspec.json.encode(result).decode())
    else:
        console = Console(width=None if sys.stdout.isatty() else 100)
        show(
            result,
            console,
            everything=options.all,
            sort=options.sort,
            group=options.group,
            verbose=options.verbose,
        )
    return exit_code(result, fail_on=options.fail_on, strict=options.strict)


def extremes_folder() -> Path:
    """Return where self-checks leave the extremes of machines."""
    from pybench.interpreters.prepare import cache_folder

    return cache_folder() / "selfcheck"


def live(words: Sequence[str], options: argparse.Namespace) -> int:
    """Measure and decide."""
    from pybench.records.run import new_folder

    if any(getattr(options, place) for place, _ in compare_options.TLS.values()):
        raise UsageError(f"{', '.join(compare_options.TLS)} are of --scheduler")
    if options.plan is not None or options.shard is not None:
        compare_shard.take_over(options)
        words = [*options.what, *options.python]
    if options.resume and options.output is None:
        raise UsageError("--resume goes on with a run: say which one, -o DIR")
    output = options.output or new_folder()
    if not options.resume and is_run(str(output)):
        raise UsageError(f"{output} has a run already: --resume, or another -o")
    try:
        header = compare_refs.header_of(output) if options.resume else None
        if header.refs if header else options.refs:
            return live_refs(words, options, output.absolute(), header)
        return live_interpreters(words, options, output)
    except DocumentError as error:
        if options.resume or not output.exists():
            raise
        print_error(error)
        return FAILED


def live_interpreters(
    words: Sequence[str], options: argparse.Namespace, output: Path
) -> int:
    """Compare interpreters."""
    from pybench.interpreters.find import unlike

    if options.suite_from:
        raise UsageError(
            "--suite-from says which --ref has the suite, and none is named"
        )
    run, suite, selecting = begun(options, output)
    requested = requests(words)
    check_same_arms(run, [arm.name for arm in requested])
    arms, problems = ready(requested, suite, options)
    return take_turns(
        arms,
        suite,
        run,
        output,
        options,
        selecting=selecting,
        folder=Path.cwd(),
        budget_s=options.budget,
        problems=problems,
        notes=unlike([arm.interpreter for arm in requested]),
        wants=compare_shard.wants(options),
    )


def live_refs(
    words: Sequence[str],
    options: argparse.Namespace,
    output: Path,
    header: RunHeader | None,
) -> int:
    """Compare versions of a package, on one interpreter after the other."""
    requested = find_interpreters(words or [sys.executable])
    alone = len(requested) == 1
    folders = [output if alone else output / python.name for python in requested]
    runs = [is_run(str(folder)) for folder in folders]
    if any(runs) and not options.resume:
        raise UsageError(f"{output} has a run already: --resume, or another -o")
    if header and not any(runs):
        raise UsageError(f"{output} has no run of {' or '.join(words)}: name the same")
    status, spent_s = OK, 0.0  # by measuring: builds take as long as they take
    with compare_refs.sources_of(options, output, header) as sources:
        for number, (python, folder) in enumerate(zip(requested, folders, strict=True)):
            names = compare_refs.names_of(sources, python, alone=alone)
            with contextlib.chdir(sources.folder):
                text = options.suite or suite_among(options)
                options.suite = sources.suite_text(text)
                run, suite, selecting = begun(options, folder, sources, header)
            check_same_arms(run, names)
            packages = packages_of(options.packages, len(names))
            arms, problems = compare_refs.ready_refs(
                sources, python, names, suite, packages
            )
            if len(arms) < 2:
                status = FAILED
                continue
            left_s = max((options.budget or 0.0) - spent_s, 1.0)
            began = time.monotonic()
            ended = take_turns(
                arms,
                suite,
                run,
                folder,
                options,
                selecting=selecting,
                folder=sources.folder,
                budget_s=left_s / (len(requested) - number) if options.budget else None,
                problems=problems,
                notes=sources.notes,
                again=output,
            )
            spent_s += time.monotonic() - began
            status = max(status, ended)
            if ended == INTERRUPTED:
                break
    return status


def take_turns(
    arms: Sequence[Arm],
    suite: Suite,
    run: Run,
    output: Path,
    options: argparse.Namespace,
    *,
    selecting: Sequence[str],
    folder: Path,
    budget_s: float | None,
    problems: Sequence[str],
    notes: Sequence[str],
    again: Path | None = None,
    wants: Callable[[str], bool] = lambda row: True,
) -> int:
    """Measure, write the run into `output`, show it; return the exit status.

    `folder` is where the sessions run, and `again` what -o is to be to resume.
    """
    from pybench.comparison.live import Comparison
    from pybench.records.run_file import RecordWriter

    header = None if is_run(str(output)) else run.header
    jobs = jobs_of(options)
    with (
        counting(run) as callgrind,
        Meter() as meter,
        RecordWriter(output, header) as writer,
    ):
        comparison = Comparison(
            arms,
            suite,
            selecting=selecting,
            folder=folder,
            record=run,
            writer=writer,
            on_progress=shown(meter),
            budget_s=budget_s,
            wants=wants,
            callgrind=callgrind,
            jobs=jobs,
        )
        failure = measured(comparison, meter)
    status = OK
    # What was measured before it failed or was interrupted is shown all the same.
    if run.pairs or run.counts or not failure:
        notes = [*problems, *notes, *comparison.notes, *compare_refs.notes_of_arms(run)]
        status, is_written = finish(run, output, notes, options)
        if not is_written and failure != INTERRUPTED:
            failure = FAILED
    if failure == INTERRUPTED:
        print_note(f"interrupted; go on: {going_on(sys.argv[2:], again or output)}")
    elif comparison.outlook:
        print_note(f"go on: {going_on(sys.argv[2:], again or output)}")
    return failure or (max(status, FAILED) if problems else status)


def going_on(words: Sequence[str], output: Path) -> str:
    """Return the command that goes on with a run which these words began."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "-o":
            next(rest, None)
        elif not word.startswith("-o") and word != "--resume":
            kept.append(word)
    return shlex.join(["pybench", "compare", *kept, "-o", str(output), "--resume"])


def check_fail_on(options: argparse.Namespace, metrics: Sequence[str]) -> None:
    """Refuse to fail for a metric that the run has not."""
    from pybench.records.run import INSTRUCTIONS, TIME

    metric = INSTRUCTIONS if options.fail_on == "more" else TIME
    if options.fail_on and metric not in metrics:
        raise UsageError(
            f"--fail-on {options.fail_on} is of {metric}, and this compares "
            f"{' and '.join(metrics)}: choose another, or add --metric {metric}"
        )


@contextlib.contextmanager
def counting(run: Run) -> Iterator[Callgrind | None]:
    """Yield what counts instructions, with a folder for its files; None for none.

    Raises `UsageError` if instructions are asked for and nothing can count them.
    """
    from pybench.records.run import INSTRUCTIONS

    if INSTRUCTIONS not in run.header.metrics:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="pybench-") as folder:
        try:
            callgrind = find_callgrind(Path(folder))
        except CallgrindError as error:
            raise UsageError(f"--metric {INSTRUCTIONS}: {error}") from None
        yield callgrind


def begun(
    options: argparse.Namespace,
    output: Path,
    sources: compare_refs.Sources | None = None,
    header: RunHeader | None = None,
) -> tuple[Run, Suite, Sequence[str]]:
    """Return the run, new or to be resumed, its suite and how its rows are selected.

    `header` is that of another interpreter's run which began with this one.
    """
    from pybench.comparison.beginning import new_run
    from pybench.records.run import MARGIN, TIME, Run
    from pybench.records.run_file import read_run
    from pybench.statistics.plan import PlanError

    if options.resume:
        is_begun = header is None or is_run(str(output))
        run = read_run(output) if is_begun or header is None else Run(header=header)
        compare_shard.check_resumed(run, output, options)
        return (run, *resumed(options, run.header))
    suite, selecting = suite_of(options), selection_of(options)
    try:
        run = new_run(
            ("pybench", *sys.argv[1:]),
            suite,
            selecting=selecting,
            packages=options.packages,
            margin=MARGIN if options.margin is None else options.margin,
            pairs=options.pairs,
            seed=options.seed,
            refs=sources.refs if sources else (),
            suite_from=sources.suite_from.name if sources else "",
            metrics=[*dict.fromkeys(options.metrics)] or [TIME],
        )
    except PlanError as error:
        raise UsageError(str(error)) from None
    run.header = compare_shard.header_of(run.header, options)
    check_fail_on(options, run.header.metrics)
    with counting(run):  # known before an environment is made
        return run, suite, selecting


def measured(comparison: Comparison, meter: Meter) -> int:
    """Measure; return `OK`, or the status of what ended it."""
    from pybench.comparison.sessions import ComparisonError, RefusedError
    from pybench.comparison.worker import WorkerError

    try:
        comparison.run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ComparisonError, WorkerError, OSError, DocumentError) as error:
        meter.close()
        print_error(error)
        return NO_VERDICT if isinstance(error, RefusedError) else FAILED
    return OK


def finish(
    run: Run, output: Path, notes: Sequence[str], options: argparse.Namespace
) -> tuple[int, bool]:
    """Judge, write the summary and show it.

    Returns
    -------
    (int, bool)
        The exit status, and whether the summary could be written.
    """
    from pybench.comparison.judging import judge
    from pybench.comparison.summary import summarise
    from pybench.records.summary import write_summary

    summary = summarise(run, judge(run), notes=notes)
    is_written = True
    try:
        path = write_summary(summary, output)
        where = f"pybench: the run is in {output}, its summary in {path}"
    except OSError as error:
        is_written = False
        why = str(error)  # with the file, which is not always the summary
        if not output.exists():
            why = "the folder was deleted or moved while the run went on"
        where = f"pybench: error: {output}: no summary: {why}"
    if run.header.shard:
        status = compare_shard.told(summary, run)
    else:
        status = show_result(summary, options)
    print(where, file=sys.stderr)
    return status, is_written


def resumed(
    options: argparse.Namespace, header: RunHeader
) -> tuple[Suite, Sequence[str]]:
    """Return the suite and the selection of a run, which the options may not change."""
    if options.suite is None and options.benchmarks:
        options.suite = suite_among(options)
    compare_options.same_as_begun(options, header, selection_of(options))
    return suite_of(options), header.options


def check_same_arms(run: Run, names: Sequence[str]) -> None:
    """Refuse to go on with a run under other names than it was begun with."""
    known = [side.name for side in run.sides.values() if side.twin_of is None]
    if known != [*names][: len(known)]:
        raise UsageError(
            f"the run compares {', '.join(known)}, and this asks for "
            f"{', '.join(names)}: name the same ones, or another -o"
        )


def suite_of(options: argparse.Namespace) -> Suite:
    """Return the suite: --suite, a path among --benchmarks, or the default."""
    return find_suite(options.suite or suite_among(options))


def suite_among(options: argparse.Namespace) -> str | None:
    """Return the path that --benchmarks names instead of rows, and take it out."""
    paths: list[str] = [word for word in options.benchmarks if Path(word).exists()]
    if len(paths) != 1 or len(options.benchmarks) != 1:
        return None
    options.benchmarks = []
    return paths[0]


def selection_of(options: argparse.Namespace) -> list[str]:
    """Return the options of pytest that choose the rows."""
    from pybench.comparison.beginning import selection

    if options.selecting is not None:
        return [*options.selecting]
    return selection(options.benchmarks, quick=options.quick, keyword=options.keyword)


def requests(words: Sequence[str]) -> list[Requested]:
    """Find the interpreters; with one, compare it with the Python that runs this."""
    if not words:
        raise UsageError("name at least one interpreter: pybench compare 3.13 3.13t")
    return find_interpreters([sys.executable, *words] if len(words) == 1 else words)


def ready(
    requested: Sequence[Requested], suite: Suite, options: argparse.Namespace
) -> tuple[list[Arm], list[str]]:
    """Make an environment of each arm; one that fails is left out and named."""
    from pybench.comparison.beginning import prepare_arm
    from pybench.interpreters.prepare import PrepareError

    each = packages_of(options.packages, len(requested))
    arms, problems = [], []
    for wanted, packages in zip(requested, each, strict=True):
        print_note(f"preparing {wanted.name}")
        try:
            # The same words for all arms ask for no difference.
            arm, made = prepare_arm(
                wanted,
                packages,
                suite,
                differs=len(options.packages) > 1,
                say=print_note,
                find_links=[folder.absolute() for folder in options.find_links],
            )
        except (PrepareError, OSError) as error:  # OSError: of the cache itself
            print_error(f"{wanted.name}: {error}")
            problems.append(f"{wanted.name} could not be prepared")
            continue
        if made.lacks:
            print_note(f"{wanted.name}: native rows are n/a: {made.lacks}")
        if made.beside:
            lacks = ", ".join(f"{name} {v}" for name, v in made.beside.items())
            print_note(
                f"{wanted.name} lacks what its rows run with; put beside it, "
                f"behind its own packages: {lacks}"
            )
        arms.append(arm)
    if len(arms) < 2:
        raise UsageError("fewer than two interpreters are left to compare")
    return arms, problems


def packages_of(given: Sequence[str], arms: int) -> list[list[str]]:
    """Deal the --with options out to the arms."""
    if len(given) in (0, 1):
        return [split_words(given[0]) if given else []] * arms
    if len(given) == arms:
        return [split_words(words) for words in given]
    raise UsageError(
        f"--with was given {len(given)} times for {arms} interpreters: give it once "
        "for all, or once for each in their order"
    )


def split_words(text: str) -> list[str]:
    """Split the words of --with as a shell does."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--with {text!r}: {error}") from None


def standing(progress: Progress) -> str:
    """Say how many rows are settled, what is measured, what a budget will leave."""
    if not progress.rows:
        return ""
    parts = [progress.measured, f"{progress.settled} of {progress.rows} rows settled"]
    if progress.undecided is not None:
        parts.append(f"the budget will leave about {progress.undecided} undecided")
    return ", ".join(filter(None, parts))


def shown(meter: Meter) -> Callable[[Progress], None]:
    """Return what shows the progress of a comparison on a meter."""
    return lambda progress: meter.update(
        progress.stage,
        progress.done,
        progress.whole,
        left_s=progress.left_s,
        more=standing(progress),
        # An arm that is calibrated is counted as it begins.
        is_begun=progress.left_s is None,
    )
