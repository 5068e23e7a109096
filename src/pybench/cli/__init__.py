"""The command line.

A subcommand is one function that adds its parser, and one that does the work and
returns the exit status; what it needs is imported when it runs. Nothing else in the
package exits or prints.
"""

import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from pybench import streams
from pybench.cli.checking import add_selfcheck
from pybench.cli.comparing import add_compare
from pybench.cli.doctor import add_doctor
from pybench.cli.exporting import add_export
from pybench.cli.finding import add_pythons
from pybench.cli.listing import add_list
from pybench.cli.parsing import Parser
from pybench.cli.profiling import add_profile
from pybench.cli.reporting import add_report
from pybench.cli.running import add_run
from pybench.cli.scenarios import add_scenario
from pybench.cli.status import INTERRUPTED, USAGE, UsageError, for_terminal


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one subcommand and exit with its status."""
    streams.prepare()
    try:
        status = run_command(arguments)
    finally:
        streams.finish()
    sys.exit(status)


def make_parser() -> Parser:
    """Return the parser of all subcommands."""
    parser = Parser(
        prog="pybench", description="Tell which differences between Pythons are real."
    )
    subcommands = parser.add_subparsers(title="commands", required=True)
    for add in (
        add_compare,
        add_run,
        add_scenario,
        add_profile,
        add_report,
        add_export,
        add_doctor,
        add_list,
        add_pythons,
        add_selfcheck,
    ):
        add(subcommands)
    return parser


def run_command(arguments: Sequence[str] | None) -> int:
    """Run one subcommand; return its status."""
    options = make_parser().parse_args(arguments)
    # What ends a job on a machine of others shall save what it has, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status: int = options.command(options)
    except UsageError as error:
        print(f"pybench: error: {for_terminal(error)}", file=sys.stderr)
        status = USAGE
    except KeyboardInterrupt:
        print("pybench: interrupted; what was saved stays", file=sys.stderr)
        status = INTERRUPTED
    return status
