"""``pybench selfcheck``: how often the verdicts are right on this machine."""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybench.cli import compare_options
from pybench.cli.compare import extremes_folder, jobs_of, requests, shown, suite_of
from pybench.cli.options import as_it_is, host_needs, share
from pybench.cli.output import print_error
from pybench.cli.status import FAILED, OK, UsageError
from pybench.progress import Meter
from pybench.records.documents import DocumentError
from pybench.records.run import MARGIN

if TYPE_CHECKING:
    from pybench.comparison.selfcheck.live import MeasuredSuite

FOLDER = Path(".benchmarks") / "selfcheck"


def add_selfcheck(subcommands: Any) -> None:
    """Add ``pybench selfcheck``."""
    parser = subcommands.add_parser(
        "selfcheck",
        help="compare an interpreter with itself, and find injected changes",
        description="Measure how often the verdicts of this tool are right on this "
        "machine. It takes long, and none of it is part of the tests.",
    )
    kinds = parser.add_subparsers(title="checks", required=True)
    live = kinds.add_parser(
        "live",
        help="whole suites of an interpreter against itself",
        description="Measure suites of rows drawn from the benchmarks, both sides the "
        "same file, some of them with an injected change. Suites that are in -o "
        "already are read, not measured again.",
    )
    live.add_argument("python", metavar="PY", help="as for pybench compare")
    live.add_argument("--suite", metavar="SUITE", help="the benchmarks")
    live.add_argument("--suites", type=int, default=5, help="how many (default 5)")
    live.add_argument("--rows", type=int, default=240, help="of each (default 240)")
    live.add_argument(
        "--planted", type=int, default=0,
        help="rows that compute 21/20 on one side (default none)",
    )  # fmt: skip
    live.add_argument(
        "--planted-others", type=int, default=0,
        help="rows of threads or that wait, by twice the margin of their class",
    )  # fmt: skip
    live.add_argument("--margin", type=share, default=MARGIN)
    live.add_argument("--pairs", type=int, help="exactly so many, as for a replay")
    live.add_argument("--seed", type=int, default=1, help="draws the rows")
    live.add_argument("-o", dest="output", metavar="DIR", type=Path, default=FOLDER)
    compare_options.add_options(live, ["--jobs"])
    live.set_defaults(command=check_live)
    replay = kinds.add_parser(
        "replay",
        help="thousands of suites drawn from recorded pairs",
        description="Draw suites from the pairs of an interpreter with itself, with "
        "random signs, and judge each by the tool's own analysis: false verdicts, "
        "power, coverage, power against time.",
    )
    replay.add_argument("runs", metavar="RUN", nargs="+", help="folders of such runs")
    replay.add_argument("--suites", type=int, default=1000)
    replay.add_argument("--rows", type=int, default=250)
    replay.add_argument("--seed", type=int, default=1)
    replay.set_defaults(command=check_replay)
    others = kinds.add_parser(
        "others",
        help="what other tools say of an interpreter against itself",
        description="Measure eight functions at four sizes twice on one interpreter, "
        "by pyperf, by pytest-benchmark and by pybench, and count what each calls "
        "different.",
    )
    others.add_argument("python", metavar="PY", help="as for pybench compare")
    others.add_argument("--seed", type=int, default=1)
    others.add_argument(
        "-o", dest="output", metavar="DIR", type=Path, default=FOLDER / "others"
    )
    others.set_defaults(command=check_others)


def check_live(options: argparse.Namespace) -> int:
    """Measure suites, then say what all of them gave."""
    host_needs()
    from pybench.comparison.beginning import session_environ
    from pybench.comparison.selfcheck import live
    from pybench.comparison.selfcheck.tally import pooled
    from pybench.comparison.sessions import Arm, ComparisonError

    options.benchmarks = []
    jobs = jobs_of(options)
    suite = suite_of(options)
    python, environ = prepared(options.python), session_environ()
    arms = [Arm(name=name, python=python, environ=environ) for name in "AB"]
    suites = []
    try:
        with Meter() as meter:
            known = live.calibrate_suite(arms[0], suite, options.output, shown(meter))
        for number in range(1, options.suites + 1):
            folder = options.output / f"suite-{number}"
            if not (folder / live.NAME).is_file():
                rows = live.draw_rows(known, options.rows, options.seed + number)
                with Meter() as meter:
                    live.measure_suite(
                        arms,
                        live.suite_of_rows(known, suite, rows),
                        folder,
                        seed=options.seed + number,
                        margin=options.margin,
                        pairs=options.pairs,
                        injected=(options.planted, options.planted_others),
                        jobs=jobs,
                        on_progress=shown(meter),
                    )
            suites.append(live.read_suite(folder))
            print(live.line_of(number, suites[-1]), flush=True)
            print(remembered(folder, suites[-1]), flush=True)
    except (ComparisonError, DocumentError, OSError) as error:
        print_error(error)
        return FAILED
    for kind, tally in pooled(suite.tallies for suite in suites).items():
        print(f"{kind}:", *tally.lines(), sep="\n")
    false = sum(any(t.false for t in suite.tallies.values()) for suite in suites)
    print(f"suites with a false verdict: {false} of {len(suites)}")
    return OK


def remembered(folder: Path, suite: MeasuredSuite) -> str:
    """Keep how far apart processes of one interpreter lay; return what is said."""
    from pybench.comparison.process_spread import extreme_of, remember
    from pybench.records.run_file import read_run

    extreme = extreme_of(read_run(folder), suite.truth.planted)
    if extreme is None:
        return "  no row has two processes that nothing was injected into"
    path = remember(extreme, extremes_folder())
    return (
        f"  two processes of one row differed by {extreme.ratio:.3g} at most "
        f"({extreme.row}); kept in {path}"
    )


def prepared(word: str, packages: Sequence[str] = ()) -> Path:
    """Return the Python of an environment of an interpreter."""
    from pybench.interpreters.prepare import prepare

    requested = requests([word, word])[0]
    return prepare(as_it_is(requested.interpreter), packages=packages).python


def check_replay(options: argparse.Namespace) -> int:
    """Replay records."""
    host_needs()
    from pybench.comparison.selfcheck.replay import replay

    for line in replay(options.runs, options.suites, options.rows, options.seed):
        print(line, flush=True)
    return OK


def check_others(options: argparse.Namespace) -> int:
    """Ask the other tools, then this one, by a script of the checkout."""
    host_needs()
    from pybench.comparison.beginning import session_environ
    from pybench.records.run import NAME

    script = Path(__file__).parents[3] / "scripts" / "other_tools.py"
    if not script.is_file():
        raise UsageError("selfcheck others needs a checkout of pybench, for its script")
    folder = options.output.absolute()
    if (folder / "pybench" / NAME).exists():
        raise UsageError(f"{folder} has such a check already: another -o")
    python = prepared(options.python, ["pyperf"])
    main = runpy.run_path(str(script))["main"]
    return int(main(python, folder, session_environ(), options.seed))
