"""``pybench doctor``: whether this machine is fit to measure on."""

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pybench.cli.output import add_json, print_lines, write_record
from pybench.cli.status import NO_VERDICT, OK

if TYPE_CHECKING:
    from pybench.records.doctor import Finding

WIDTH = 100
_INDENT = 20

# What stands before a finding: no meaning by colour alone.
MARKS = {"fine": "ok", "costs": "costs", "unfit": "UNFIT", "unknown": "?"}


def add_doctor(subcommands: Any) -> None:
    """Add ``pybench doctor``."""
    parser = subcommands.add_parser(
        "doctor",
        help="say what this machine's state costs measurements, and what to do",
        description="Look at governor, load, steal, control groups, clock, heat and "
        "the like for a second, and say of each how it is, what it costs and what to "
        "do. Nothing is changed.",
        epilog="Exit status: 0 fit, 2 usage, 3 unfit: less than a CPU idle, much "
        "steal, throttled by a quota or for heat, a quota below one CPU, or short of "
        "memory.",
    )
    add_json(parser, bare=True)
    parser.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Look, say, save."""
    from pybench.profiles.doctor import doctor_report, examine
    from pybench.profiles.machine import read_facts

    facts = read_facts()
    findings = examine(facts)
    report = doctor_report(facts, findings)
    status = OK if report.fit else NO_VERDICT
    saved = write_record(asdict(report), options.json)
    if options.json != "-":
        print_lines(lines(findings))
    return max(status, saved)


def lines(findings: "Sequence[Finding]") -> Iterator[str]:
    """Lay the findings out, the verdict first."""
    yield verdict(findings)
    yield ""
    for finding in findings:
        head = f"{MARKS[finding.state]:<6}{finding.name}"
        now = "unknown: " * (finding.state == "unknown") + finding.now
        yield from wrapped(f"{head:<26}", now)
        if finding.cost:
            yield from wrapped(f"{'':<{_INDENT}}cost: ", finding.cost)
        if finding.advice:
            yield from wrapped(f"{'':<{_INDENT}}do:   ", finding.advice)


def verdict(findings: "Sequence[Finding]") -> str:
    """Put all of it in one line."""
    of = {
        state: [finding.name for finding in findings if finding.state == state]
        for state in MARKS
    }
    if of["unfit"]:
        words = f"unfit: {', '.join(of['unfit'])}"
    else:
        words = f"fit; {len(of['costs'])} of {len(findings)} findings cost something"
    if of["unknown"]:
        words += f"; {len(of['unknown'])} unknown"
    return words


def wrapped(head: str, text: str) -> list[str]:
    """Break a text into lines, all of them as far right as the first."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )
