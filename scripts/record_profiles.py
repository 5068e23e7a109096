"""Record what the tests of ``pybench profile run`` read; see tests/data/profiles.

    python scripts/record_profiles.py reports INTERPRETER PROGRAM ...
    python -P scripts/record_profiles.py samples EXTENSION

The first runs the programs of known answers, and needs the host's packages. The second
samples the interpreter that runs it, prints JSON, and needs none of them.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "src"))
FOLDER = ROOT / "tests" / "data" / "profiles"
PROGRAMS = ROOT / "tests" / "data" / "programs"
REPEAT = 4
BUDGET_S = 0.05
SAMPLED_S = 0.3


def pruned(value: Any) -> Any:
    """Leave out what a reader fills in by itself, and what no diagnosis reads."""
    if isinstance(value, dict):
        dropped = {"blocks", "functions", "read_stdin", "takes_threads", "begun_ns"}
        kept = {k: pruned(v) for k, v in value.items() if k not in dropped}
        return {k: v for k, v in kept.items() if v not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [pruned(one) for one in value]
    if isinstance(value, float):
        return round(value, 6)
    return value


def record_reports(interpreter: str, programs: list[str]) -> None:
    """Write one file for each program, which is named without its ``.py``."""
    from dataclasses import asdict

    from pybench.interpreters import probe
    from pybench.profiles import experiments
    from pybench.profiles.bottleneck import find
    from pybench.profiles.extensions import extension_of
    from pybench.profiles.targets import parse_target
    from pybench.records import profile_run as under

    experiments.BUDGET_S = BUDGET_S
    steady = {under.GC_OFF, under.TRACED, under.WAITS, under.NATIVE, under.PROBE}
    python = probe(interpreter)
    for name in programs:
        is_script = name == "imports"
        target = parse_target(f"{PROGRAMS / name}.py{'' if is_script else ':run'}")
        more = {under.BARE, under.WHOLE, under.IMPORTS} if is_script else set()
        runs = [*experiments.run_all(
            python, target, repeat=REPEAT, timeout_s=60, only=steady | more,
            extension=extension_of(python, build=True),
        )]  # fmt: skip
        findings = find(target, runs, free_threaded=python.free_threaded)
        build = python.label.rpartition(".")[0] + "t" * python.free_threaded
        path = FOLDER / f"{name}-{build}.jsonl"
        print(path.name, findings.verdict, *findings.problems, flush=True)
        lines = []
        for run in runs:
            report = asdict(run.report)
            if run.condition != under.PLAIN:
                report["first"] = None
            if run.condition not in (under.PLAIN, under.PROBE):
                report["steady"] = None
            for pair in report["pairs"]:
                for part in ("plain", "treated"):
                    pair[part]["batches"] = ()
            document = pruned(asdict(run) | {"report": report})
            document["begun_ns"] = run.begun_ns
            lines.append(json.dumps(document, separators=(",", ":")))
        path.write_text("\n".join(lines) + "\n")


def record_samples(extension: str) -> None:
    """Print the samples of each function of known share, those of a place added up."""
    from pybench.target.programs import sampling

    spec = importlib.util.spec_from_file_location("shares", PROGRAMS / "shares.py")
    assert spec is not None
    assert spec.loader is not None
    shares = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(shares)
    names = sampling.opcode_names()
    recorded: dict[str, Any] = {}
    for name in (
        "summed_generator", "big_numbers", "starred_calls", "checksum",
        "checksum_starred", "checksum_in_threads", "halves",
    ):  # fmt: skip
        call = getattr(shares, name)
        samples = sampling.Samples(extension)
        assert not samples.missing, samples.missing
        samples.enable()
        until = time.thread_time() + SAMPLED_S
        while time.thread_time() < until and len(samples.samples) < 500:
            call()
            samples.disable()
        sites = sampling.open_sites(samples.samples, names)
        codes = sampling.code_objects()
        callees = sampling.callees_of(call, sites, codes)
        samples.settle(call, None)
        seen = sampling.tally(samples.samples, names, callees)
        known = {
            code: index for index, code in enumerate({s.code for s in samples.samples})
        }
        places: dict[Any, int] = {}
        for one in samples.samples:
            if one.opcode >= 0:
                key = (
                    known[one.code],
                    one.offset,
                    names[one.opcode],
                    one.place,
                    one.entering,
                )
                places[key] = places.get(key, 0) + one.ns
        recorded[name] = {
            "native": round(seen.native / seen.told_ns, 6),
            "samples": [[ns, *key] for key, ns in places.items()],
            "callees": [
                [known[code], at, called] for (code, at), called in callees.items()
            ],
        }
    print(json.dumps({f"{sys.version_info[0]}.{sys.version_info[1]}": recorded}))


if __name__ == "__main__":
    if sys.argv[1] == "reports":
        record_reports(sys.argv[2], sys.argv[3:])
    else:
        record_samples(sys.argv[2])
