"""The command line.

A subcommand is one function that adds its parser, and one that does the work and
returns the exit status; what it needs is imported when it runs. Nothing else in the
package exits or prints.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pybench import streams
from pybench.cli.bisect import add_bisect
from pybench.cli.compare import add_compare
from pybench.cli.compare_fleet import compare_on_fleet
from pybench.cli.doctor import add_doctor
from pybench.cli.export import add_export
from pybench.cli.fleet import add_fleet
from pybench.cli.history import add_history
from pybench.cli.list import add_list
from pybench.cli.machine import add_machine
from pybench.cli.merge import add_merge
from pybench.cli.options import Parser
from pybench.cli.output import print_error, print_note
from pybench.cli.plan import add_plan
from pybench.cli.profile import add_profile
from pybench.cli.pythons import add_pythons
from pybench.cli.report import add_report
from pybench.cli.run import add_run
from pybench.cli.scaling import add_scaling
from pybench.cli.scenario import add_scenario
from pybench.cli.selfcheck import add_selfcheck
from pybench.cli.sql import add_sql
from pybench.cli.status import FAILED, INTERRUPTED, USAGE, UsageError, for_terminal
from pybench.cli.store import add_store

# Of a name in a message.
_LONGEST = 80


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
        add_plan,
        add_merge,
        add_fleet,
        add_run,
        add_scaling,
        add_scenario,
        add_profile,
        add_report,
        add_export,
        add_store,
        add_history,
        add_sql,
        add_bisect,
        add_doctor,
        add_machine,
        add_list,
        add_pythons,
        add_selfcheck,
    ):
        add(subcommands)
    return parser


def run_command(arguments: Sequence[str] | None) -> int:
    """Run one subcommand; return its status."""
    try:
        Path.cwd()
    except OSError as error:
        print_error(
            f"the current folder cannot be used: {error.strerror}: "
            "change to another one"
        )
        return USAGE
    options = make_parser().parse_args(arguments)
    # What ends a job on a machine of others shall save what it has, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        is_fleet = getattr(options, "scheduler", None) is not None
        command = compare_on_fleet if is_fleet else options.command
        status: int = command(options)
    except UsageError as error:
        print_error(for_terminal(error))
        status = USAGE
    except OSError as error:
        # What is to be expected has a message of its own; this names what is not, such
        # as a name that is too long for a file.
        print_error(of_system(error))
        status = USAGE
    except MemoryError:
        print_error("there is not enough memory; what was saved stays")
        status = FAILED
    except KeyboardInterrupt:
        print_note("interrupted; what was saved stays")
        status = INTERRUPTED
    return status


def of_system(error: OSError) -> str:
    """Say what the system refused, and of which file; a long name is cut."""
    name = "" if error.filename is None else str(error.filename)
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}... ({len(name)} characters)"
    return ": ".join(filter(None, [name, error.strerror or str(error)]))
