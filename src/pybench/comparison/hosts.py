"""What a run that was joined says of rows that several of its runs measured.

Each host is a block of pairs, be they of one run or of several. Such a row has to show
its change on a second host to be called slower or faster, and all of them have to show
it equivalent; what one host alone measured is judged as in any run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pybench.records.identity import Identity
from pybench.records.row_names import CellKey
from pybench.records.run import Run, Source
from pybench.records.summary import HostRow, HostSummary
from pybench.statistics.decision import (
    EQUIVALENT,
    FASTER,
    INCONCLUSIVE,
    SLOWER,
    Verdict,
    rejected,
    smallest_visible,
)
from pybench.statistics.hosts import (
    Evidence,
    Joined,
    evidence,
    p_of_difference,
    p_of_row,
    p_on_two,
    random_effects,
    together,
)
from pybench.statistics.plan import Plan
from pybench.statistics.ranks import Floats, estimate, interval

# Per row of an arm the numbers of its pairs, by the number of the run they are of.
BySource = Mapping[int, Sequence[float]]

# Rows that a note names.
_NAMED = 5
# Hosts of one CPU model are told to agree where a test does not find otherwise so.
_AGREE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralRuns:
    """A row of an arm that more than one run measured; hosts in the order of runs."""

    key: CellKey
    blocks: Mapping[str, Floats]
    hosts: Mapping[str, Evidence]

    @property
    def p(self) -> float:
        """The p-value of its change, of all hosts."""
        return p_of_row([*self.hosts.values()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of a row of several runs; `why` is what keeps it from a verdict."""

    verdict: Verdict
    why: str
    joined: Joined | None


def several_runs(
    run: Run,
    rows: Mapping[CellKey, BySource],
    margins: Mapping[str, float],
    plan: Plan,
) -> dict[CellKey, SeveralRuns]:
    """Return the rows that more than one run measured, with what each host says."""
    units = [
        (key, run.sources[number].host, np.asarray(values, dtype=float))
        for key, by_source in rows.items()
        if len(by_source) > 1
        for number, values in by_source.items()
    ]
    log_margins = [math.log1p(margins[key.row]) for key, _, _ in units]
    said = evidence([values for _, _, values in units], log_margins, plan)
    known: dict[CellKey, dict[str, list[tuple[Floats, Evidence]]]] = {}
    for (key, host, values), of_run in zip(units, said, strict=True):
        known.setdefault(key, {}).setdefault(host, []).append((values, of_run))
    return {
        key: SeveralRuns(
            key=key,
            blocks={h: np.concatenate([v for v, _ in of]) for h, of in hosts.items()},
            hosts={h: together([e for _, e in of]) for h, of in hosts.items()},
        )
        for key, hosts in known.items()
    }


def verdicts_of_several(
    rows: Mapping[CellKey, SeveralRuns],
    margins: Mapping[str, float],
    plan: Plan,
    others: Mapping[CellKey, float],
) -> dict[CellKey, Decided]:
    """Decide the rows of several runs; `others` are the p-values of all other rows."""
    p = {**others, **{key: row.p for key, row in rows.items()}}
    different = rejected(p, plan.false_discovery_rate) if rows else set()
    # What one more row must not exceed to be found different beside these.
    threshold = plan.false_discovery_rate * (len(different) + 1) / max(1, len(p))
    return {
        key: _verdict(row, key in different, margins[key.row], plan, threshold)
        for key, row in rows.items()
    }


def _verdict(
    row: SeveralRuns, is_different: bool, margin: float, plan: Plan, threshold: float
) -> Decided:
    blocks = [*row.blocks.values()]
    joined: Joined | None = None
    if len(blocks) > 1:
        joined = random_effects(blocks, plan.confidence)
        centre, low, high = joined.centre, joined.low, joined.high
    else:
        around = interval(blocks[0], plan.confidence)
        centre, low, high = estimate(blocks[0]), around.low, around.high
    word, why = _word(row, is_different, centre, plan, threshold)
    visible = sorted(smallest_visible(block, plan, threshold) for block in blocks)
    log_margin = math.log1p(margin)
    return Decided(
        verdict=Verdict(
            word=word,
            pairs=sum(map(len, blocks)),
            ratio=math.exp(centre),
            low=_exp(low),
            high=_exp(high),
            p=row.p,
            margin=margin,
            below_margin=word in (SLOWER, FASTER)
            and -log_margin < low
            and high < log_margin,
            # What two of them would have shown.
            smallest_visible=visible[min(1, len(visible) - 1)],
            pairs_to_settle=None,
            is_given_up=word == INCONCLUSIVE,
        ),
        why=why,
        joined=joined,
    )


def _exp(value: float) -> float:
    # An interval over two hosts that differ by much can have any end.
    return math.exp(value) if abs(value) < 60 else math.exp(math.copysign(60, value))


def _word(
    row: SeveralRuns, is_different: bool, centre: float, plan: Plan, threshold: float
) -> tuple[str, str]:
    """Return the word of a row, and what keeps it from one."""
    slower = {host: of.slower for host, of in row.hosts.items()}
    faster = {host: of.faster for host, of in row.hosts.items()}
    up = [host for host, p in slower.items() if 2 * p <= threshold]
    down = [host for host, p in faster.items() if 2 * p <= threshold]
    if up and down:
        return INCONCLUSIVE, f"slower on {_named(up)}, and faster on {_named(down)}"
    if is_different:
        is_up = p_on_two([*slower.values()]) < p_on_two([*faster.values()])
        if (centre > 0) == is_up:
            return (SLOWER if is_up else FASTER), ""
        return INCONCLUSIVE, "the hosts that show a change are outweighed by others"
    whole = sum(plan.equivalence_alphas)
    if all(max(of.below, of.above) <= whole for of in row.hosts.values()):
        return EQUIVALENT, ""
    if len(row.hosts) > 1 and len(up) + len(down) == 1:
        what = "slower" if up else "faster"
        others = [host for host in row.hosts if host not in (*up, *down)]
        alone = f"{what} on {_named([*up, *down])} alone"
        return INCONCLUSIVE, f"{alone}, and not shown on {_named(others)}"
    return INCONCLUSIVE, ""


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def host_rows(
    run: Run, by_source: BySource, verdict: Verdict | None, confidence: float
) -> tuple[HostRow, ...]:
    """Return what each host says of a row, and which runs of it measured it."""
    numbers: dict[str, list[int]] = {}
    for number in by_source:
        numbers.setdefault(run.sources[number].host, []).append(number)
    rows = []
    for host, of_host in numbers.items():
        if len(by_source) == 1 and verdict is not None:
            pairs = verdict.pairs
            ratio, low, high = verdict.ratio, verdict.low, verdict.high
        else:
            values = np.concatenate([by_source[number] for number in of_host])
            pairs, around = len(values), interval(values, confidence)
            ratio = math.exp(estimate(values))
            low, high = math.exp(around.low), math.exp(around.high)
        rows.append(
            HostRow(
                host=host,
                runs=tuple(run.sources[number].name for number in of_host),
                ratio=ratio,
                low=low or None,
                high=high if math.isfinite(high) else None,
                pairs=pairs,
            )
        )
    return tuple(rows)


def host_summaries(run: Run) -> tuple[HostSummary, ...]:
    """Return the hosts of a run that was joined, each with its runs."""
    by_host: dict[str, list[Source]] = {}
    for source in run.sources:
        by_host.setdefault(source.host, []).append(source)
    return tuple(
        HostSummary(
            name=host,
            cpu_model=identity.cpu_model,
            usable_cpus=identity.usable_cpus,
            system=f"{identity.machine} {identity.system}",
            runs=tuple(source.name for source in sources),
        )
        for host, sources in by_host.items()
        for identity in [_identity(run, sources[0])]
    )


def _identity(run: Run, source: Source) -> Identity:
    return source.sides[run.baseline.name].identity


def notes_of_hosts(run: Run, rows: Mapping[CellKey, SeveralRuns]) -> list[str]:
    """Say which hosts there were, in what they are unlike, and what that changed."""
    if not run.sources:
        return []
    hosts = host_summaries(run)
    notes = [
        f"host {host.name}: {host.cpu_model}, {host.usable_cpus} usable CPUs, "
        f"{host.system}; {_named(host.runs)}"
        for host in hosts[: 2 * _NAMED]
    ]
    if len(hosts) > len(notes):
        notes.append(f"{len(hosts) - len(notes)} more hosts (--format json)")
    notes += _unlike(run)
    notes += _missing_shards(run)
    several = {key.row for key, row in rows.items() if len(row.hosts) > 1}
    if several:
        notes.append(
            f"{len(several)} of {len(run.rows)} rows were measured on several hosts: "
            "such a row has to show a change on a second one to be called; its ratio "
            "is the mean over hosts by a random-effects model"
        )
    return [*notes, *_differing(run, rows, hosts)]


def _unlike(run: Run) -> Iterator[str]:
    """Say in what hosts are not alike beside their CPUs."""
    facts: dict[str, dict[str, list[str]]] = {}
    for source in run.sources:
        for side in source.sides.values():
            if side.twin_of is None:
                built = side.identity.extension
                compiler = f"{built.compiler} {built.flags}" if built else "none"
                of_side = {f"native kernels of {side.name}": compiler}
                of_side |= {
                    f"{package} of {side.name}": version
                    for package, version in side.packages.items()
                }
                for what, value in of_side.items():
                    where = facts.setdefault(what, {}).setdefault(value, [])
                    if source.host not in where:
                        where.append(source.host)
    unlike = [
        f"{what}: " + ", ".join(f"{v} on {_named(on)}" for v, on in values.items())
        for what, values in facts.items()
        if len(values) > 1
    ]
    if unlike:
        yield f"hosts are unlike: {'; '.join(unlike[:_NAMED])}" + (
            f"; {len(unlike) - _NAMED} more" if len(unlike) > _NAMED else ""
        )


def _missing_shards(run: Run) -> Iterator[str]:
    for missing, whole in missing_shards(run):
        are = "shard is" if len(missing) == 1 else "shards are"
        yield (
            f"{len(missing)} {are} missing, with the rows that no other run has: "
            f"{', '.join(map(str, missing))} of {whole}"
        )


def missing_shards(run: Run) -> Iterator[tuple[list[int], int]]:
    """Yield of each plan the shards that are not there, and how many it has."""
    plans: dict[tuple[str, int], set[int]] = {}
    for source in run.sources:
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", source.header.shard)
        if match:
            number, shards = map(int, match.groups())
            plans.setdefault((source.header.plan, shards), set()).add(number)
    for (_, shards), numbers in plans.items():
        if missing := sorted({*range(1, shards + 1)} - numbers):
            yield missing, shards


def _differing(
    run: Run, rows: Mapping[CellKey, SeveralRuns], hosts: Sequence[HostSummary]
) -> Iterator[str]:
    """Name the rows whose change depends on the host, and whether by its CPU."""
    models = {host.name: host.cpu_model for host in hosts}
    several = {key: row for key, row in rows.items() if len(row.blocks) > 1}
    p = {key: p_of_difference([*row.blocks.values()]) for key, row in several.items()}
    differing = rejected(p, 0.01) if p else set()
    said: dict[str, list[str]] = {}
    for key, row in several.items():
        if key not in differing:
            continue
        by_model: dict[str, list[Floats]] = {}
        for host, block in row.blocks.items():
            by_model.setdefault(models[host], []).append(block)
        agree = all(p_of_difference(of) > _AGREE for of in by_model.values())
        if len(by_model) > 1 and agree:
            groups = {f"{m} ({len(of)} hosts)": of for m, of in by_model.items()}
            what = "by CPU model"
            if all(len(of) == 1 for of in by_model.values()):
                what = "by host, each of which has another CPU model"
        else:
            groups = {host: [block] for host, block in row.blocks.items()}
            what = "by host"
        ratios = ", ".join(
            f"{math.exp(float(np.mean([estimate(b) for b in of]))):.3f} on {name}"
            for name, of in groups.items()
        )
        said.setdefault(what, []).append(f"{key.row} ({key.arm}): {ratios}")
    for what, texts in said.items():
        more = f"; {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
        yield f"{len(texts)} changes differ {what}: {'; '.join(texts[:_NAMED])}{more}"
