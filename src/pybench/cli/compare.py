"""``pybench compare``: which differences are real."""

import argparse
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli import compare_options
from pybench.cli.options import host_needs, seconds, share
from pybench.cli.status import FAILED, INTERRUPTED, NO_VERDICT, OK, UsageError
from pybench.progress import Meter

if TYPE_CHECKING:
    from pybench.comparison.live import Progress
    from pybench.comparison.sessions import Arm
    from pybench.interpreters.requests import Requested
    from pybench.records.run import Run, RunHeader
    from pybench.records.summary import Summary

# Where runs are kept unless -o says where; beside pytest-benchmark's own.
RUNS = Path(".benchmarks") / "runs"

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
        help="3.14, 3.14t, 3.14+gil, a path, name=path; or the folder of a run; or "
        "old.json new.json ...",
    )
    parser.add_argument(
        "--python", metavar="NAME=PATH", action="append", default=[],
        help="one more interpreter, under a name",
    )  # fmt: skip
    parser.add_argument(
        "--with", metavar="PACKAGES", dest="packages", action="append", default=[],
        help="what the suite needs installed, e.g. 'numpy pkg==1.2' or ./pkg; given "
        "once for all sides, or once per side, in their order",
    )  # fmt: skip
    parser.add_argument(
        "--suite", metavar="PATH", type=Path, default=None,
        help="the benchmarks (default: ./benchmarks)",
    )  # fmt: skip
    parser.add_argument(
        "--benchmarks", metavar="SELECTOR", nargs="+", action="extend", default=[],
        help="category/area/operation, each part a glob, or the beginning of that, or "
        "another name that `pybench list` prints; or the path of a suite",
    )  # fmt: skip
    parser.add_argument("-k", dest="keyword", help="rows by word, as pytest's -k")
    parser.add_argument("--quick", action="store_true", help="the rows marked quick")
    parser.add_argument(
        "--margin", type=share,
        help="changes below it count as equal (default 3%%)",
    )  # fmt: skip
    parser.add_argument("--budget", type=seconds, help="stop after: 90s, 10m, 1h")
    parser.add_argument(
        "--pairs", type=int, help="exactly so many pairs, decided once at the end"
    )
    parser.add_argument("--seed", type=int, help="repeat the draws of another run")
    parser.add_argument("-o", dest="output", metavar="DIR", type=Path, help="the run")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in -o"
    )
    parser.add_argument(
        "--fail-on", choices=["slower", "faster", "different"],
        help="exit 1 when a row is, by the margin or more",
    )  # fmt: skip
    parser.add_argument(
        "--strict", action="store_true", help="exit 3 when a row is undecided"
    )
    parser.add_argument(
        "--format", choices=["table", "md", "json"], default="table", help="of stdout"
    )
    parser.add_argument("--all", action="store_true", help="list equivalent rows too")
    parser.add_argument(
        "--max-chars", metavar="N", type=int,
        help="the most characters of --format md (default: what a comment on GitHub "
        "may have)",
    )  # fmt: skip
    parser.set_defaults(command=compare)


def compare(options: argparse.Namespace) -> int:
    """Compare live, or judge what was recorded."""
    host_needs()
    check_length(options)
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


def check_length(options: argparse.Namespace) -> None:
    """Refuse a length that no Markdown fits, while nothing is measured yet."""
    from pybench.report.markdown import LEAST_CHARACTERS, MOST_CHARACTERS

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
    from pybench.records.saved_files import (
        holds_run,
        is_saved,
    )

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
    said = [f"{those[0]} is {kind}" for kind, those in by_kind.items()]
    ways = [f"`pybench compare {shlex.join(those)}`" for those in by_kind.values()]
    return f"{', '.join(said)}: compare each kind on its own, as {', '.join(ways)}"


def is_run(word: str) -> bool:
    """Tell whether a word is the folder of a run."""
    from pybench.records.run import NAME

    return (Path(word) / NAME).is_file() or Path(word).name == NAME


def judge_again(words: Sequence[str], options: argparse.Namespace) -> int:
    """Show runs that were recorded."""
    from pybench.comparison.judging import judge
    from pybench.comparison.summary import summarise
    from pybench.records.documents import DocumentError
    from pybench.records.run import read_run

    compare_options.refuse(options, compare_options.RECORDED)
    status = 0
    for word in words:
        try:
            run = read_run(Path(word))
        except DocumentError as error:
            raise UsageError(str(error)) from None
        if not run.rows:
            raise UsageError(f"{word}: the run ended before a row was measured")
        summary = summarise(run, judge(run))
        status = max(status, face(summary, options))
    return status


def judge_saved(words: Sequence[str], options: argparse.Namespace) -> int:
    """Show what files say that were saved one after the other."""
    import msgspec
    from rich.console import Console

    from pybench.comparison.process_spread import recall
    from pybench.comparison.saved_comparison import compare_saved, exit_code
    from pybench.records.documents import DocumentError
    from pybench.records.saved_files import read_saved
    from pybench.report import markdown, show

    compare_options.refuse(options, compare_options.SAVED)
    try:
        files = [read_saved(Path(word)) for word in words]
        extreme = recall(files[0].machine, extremes_folder())
        comparison = compare_saved(files, compare_options.margin_of(options), extreme)
    except DocumentError as error:
        raise UsageError(str(error)) from None
    if options.format == "md":
        print(markdown(comparison, most_characters=options.max_chars), end="")
    elif options.format == "json":
        print(msgspec.json.encode(comparison).decode())
    else:
        console = Console(width=None if sys.stdout.isatty() else 100)
        show(comparison, console, everything=options.all)
    return exit_code(comparison, fail_on=options.fail_on, strict=options.strict)


def extremes_folder() -> Path:
    """Return where self-checks leave the extremes of machines."""
    from pybench.interpreters.prepare import cache_folder

    return cache_folder() / "selfcheck"


def live(words: Sequence[str], options: argparse.Namespace) -> int:
    """Measure and decide."""
    from pybench.comparison.live import Comparison
    from pybench.comparison.sessions import ComparisonError, RefusedError
    from pybench.comparison.summary import summarise
    from pybench.comparison.worker import WorkerError
    from pybench.interpreters.find import unlike
    from pybench.records.documents import DocumentError
    from pybench.records.run import RecordWriter, read_run
    from pybench.records.summary import write_summary

    if options.resume and options.output is None:
        raise UsageError("--resume goes on with a run: say which one, -o DIR")
    output = options.output or RUNS / time.strftime("%Y%m%d-%H%M%S")
    if not options.resume and is_run(str(output)):
        raise UsageError(f"{output} has a run already: --resume, or another -o")
    try:
        if options.resume:
            run = read_run(output)
            suite, words_of_pytest = resumed(options, run.header)
        else:
            suite, words_of_pytest = suite_of(options), selecting(options)
            run = new_run(options, suite, words_of_pytest)
        requested = requests(words)
        check_same_sides(run, [one.name for one in requested])
        sides, problems = ready(requested, options)
        notes = [*problems, *unlike([one.interpreter for one in requested])]
        header = None if options.resume else run.header
        failure, interrupted = OK, False
        with Meter() as meter, RecordWriter(output, header) as writer:
            comparison = Comparison(
                sides,
                [str(suite)],
                selecting=words_of_pytest,
                folder=Path.cwd(),
                record=run,
                writer=writer,
                on_progress=shown(meter),
                budget_s=options.budget,
            )
            try:
                comparison.run()
            except KeyboardInterrupt:
                interrupted = True
            except (ComparisonError, WorkerError, OSError, DocumentError) as error:
                meter.close()
                print(f"pybench: error: {error}", file=sys.stderr)
                failure = NO_VERDICT if isinstance(error, RefusedError) else FAILED
    except DocumentError as error:
        if options.resume or not output.exists():
            raise UsageError(str(error)) from None
        print(f"pybench: error: {error}", file=sys.stderr)
        return FAILED
    status = OK
    # What was measured before it failed or was interrupted is shown all the same.
    if run.pairs or not (failure or interrupted):
        from pybench.comparison.judging import judge

        notes += comparison.notes
        summary = summarise(run, judge(run), notes=notes)
        try:
            path = write_summary(summary, output)
            where = f"pybench: the run is in {output}, its summary in {path}"
        except OSError as error:
            why = str(error)  # with the file, which is not always the summary
            if not output.exists():
                why = "the folder was deleted or moved while the run went on"
            where = f"pybench: error: {output}: no summary: {why}"
            failure = FAILED
        status = face(summary, options)
        print(where, file=sys.stderr)
    if interrupted:
        command = ["pybench", "compare", *sys.argv[2:], "-o", str(output), "--resume"]
        print(f"pybench: interrupted; go on: {shlex.join(command)}", file=sys.stderr)
        return INTERRUPTED
    return failure or (max(status, FAILED) if problems else status)


def resumed(
    options: argparse.Namespace, header: "RunHeader"
) -> tuple[Path, Sequence[str]]:
    """Return the suite and the selection of a run, which the options may not change."""
    if options.suite is None and options.benchmarks:
        options.suite = suite_among(options)
    compare_options.same_as_begun(options, header, selecting(options))
    return suite_of(options), header.options


def check_same_sides(run: "Run", names: Sequence[str]) -> None:
    """Refuse to go on with a run under other names than it was begun with."""
    known = [side.name for side in run.sides.values() if side.twin_of is None]
    if known != [*names][: len(known)]:
        raise UsageError(
            f"the run compares {', '.join(known)}, and this asks for "
            f"{', '.join(names)}: name the same ones, or another -o"
        )


def suite_of(options: argparse.Namespace) -> Path:
    """Return the suite: --suite, a path among --benchmarks, or ./benchmarks."""
    suite = options.suite or suite_among(options) or Path("benchmarks")
    if not suite.exists():
        raise UsageError(
            f"no benchmarks at {suite.absolute()}; run this in a checkout, or say "
            "where they are: --suite PATH"
        )
    return suite


def suite_among(options: argparse.Namespace) -> Path | None:
    """Return the path that --benchmarks names instead of rows, and take it out."""
    paths = [word for word in options.benchmarks if Path(word).exists()]
    if len(paths) != 1 or len(options.benchmarks) != 1:
        return None
    options.benchmarks = []
    return Path(paths[0])


def selecting(options: argparse.Namespace) -> list[str]:
    """Return the options of pytest that choose the rows."""
    words = [f"--pybench-select={selector}" for selector in options.benchmarks]
    words += ["--pybench-quick"] * options.quick
    return words + [f"-k={options.keyword}"] * bool(options.keyword)


def requests(words: Sequence[str]) -> "list[Requested]":
    """Find the interpreters; with one, compare it with the Python that runs this."""
    from pybench.interpreters.requests import RequestError, resolve

    if not words:
        raise UsageError("name at least one interpreter: pybench compare 3.13 3.13t")
    if len(words) == 1:
        words = [sys.executable, *words]
    try:
        return resolve(words)
    except RequestError as error:
        raise UsageError(str(error)) from None


def new_run(
    options: argparse.Namespace, suite: Path, words_of_pytest: Sequence[str]
) -> "Run":
    """Begin a record."""
    from pybench import __version__
    from pybench.comparison.judging import plan_of
    from pybench.records.run import Run, RunHeader
    from pybench.statistics.plan import PlanError

    header = RunHeader(
        version=__version__,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=("pybench", *sys.argv[1:]),
        seed=secrets.randbelow(2**31) if options.seed is None else options.seed,
        margin=compare_options.margin_of(options),
        pairs=options.pairs,
        suite=str(suite),
        options=tuple(words_of_pytest),
        packages=tuple(options.packages),
    )
    run = Run(header=header)
    try:
        plan_of(run)
    except PlanError as error:
        raise UsageError(str(error)) from None
    return run


def ready(
    requested: "Sequence[Requested]", options: argparse.Namespace
) -> "tuple[list[Arm], list[str]]":
    """Make an environment of each side; one that fails is left out and named."""
    from pybench.comparison.sessions import Arm
    from pybench.interpreters.prepare import PrepareError, prepare

    each = packages_of(options.packages, len(requested))
    sides, problems = [], []
    environ = environment()
    for one, packages in zip(requested, each, strict=True):
        print(f"pybench: preparing {one.name}", file=sys.stderr, flush=True)
        try:
            made = prepare(one.interpreter, packages=packages, as_it_is=one.by_path)
        except (PrepareError, OSError) as error:  # OSError: of the cache itself
            print(f"pybench: error: {one.name}: {error}", file=sys.stderr)
            problems.append(f"{one.name} could not be prepared")
            continue
        if made.beside:
            lacks = ", ".join(f"{name} {v}" for name, v in made.beside.items())
            print(
                f"pybench: {one.name} lacks what its rows run with; put beside it, "
                f"behind its own packages: {lacks}",
                file=sys.stderr,
            )
        sides.append(
            Arm(
                name=one.name,
                python=made.python,
                environ=environ,
                start=made.start,
                # The same words for all sides ask for no difference.
                asked=made.asked if len(options.packages) > 1 else (),
            )
        )
    if len(sides) < 2:
        raise UsageError("fewer than two interpreters are left to compare")
    return sides, problems


def environment() -> dict[str, str]:
    """Return the environment of the sessions: ours, with bytecode written."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def packages_of(said: Sequence[str], sides: int) -> list[list[str]]:
    """Deal the --with options out to the sides."""
    if len(said) in (0, 1):
        return [split_words(said[0]) if said else []] * sides
    if len(said) == sides:
        return [split_words(words) for words in said]
    raise UsageError(
        f"--with was given {len(said)} times for {sides} interpreters: give it once "
        "for all, or once for each in their order"
    )


def split_words(text: str) -> list[str]:
    """Split the words of --with as a shell does."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--with {text!r}: {error}") from None


def shown(meter: Meter) -> "Callable[[Progress], None]":
    """Return what shows the progress of a comparison on a meter."""

    def tell(progress: "Progress") -> None:
        meter.update(
            progress.stage,
            progress.done,
            progress.whole,
            left_s=progress.left_s,
            # Others may follow: rows that are not settled are looked at again.
            until="left" if progress.left_s is None else "to this look",
            more=f"{progress.settled} of {progress.rows} rows settled"
            if progress.rows
            else "",
            # A side that is tried out is counted as it begins.
            is_begun=progress.left_s is None,
        )

    return tell


def face(summary: "Summary", options: argparse.Namespace) -> int:
    """Show a summary as asked for; return the exit status it means."""
    import msgspec
    from rich.console import Console

    from pybench.comparison.summary import exit_code
    from pybench.report import markdown, show

    if options.format == "md":
        print(markdown(summary, most_characters=options.max_chars), end="")
    elif options.format == "json":
        print(msgspec.json.encode(summary).decode())
    else:
        console = Console(width=None if sys.stdout.isatty() else 100)
        show(summary, console, everything=options.all)
    return exit_code(summary, fail_on=options.fail_on, strict=options.strict)
