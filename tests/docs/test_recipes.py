"""The recipes for many machines run, with stand-ins for what is not on this one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pybench.cli import make_parser

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = ROOT / "docs" / "how-to" / "use-many-machines.md"

# Notes what it was called with, and makes the folder that -o names.
PYBENCH = """#!/bin/sh
echo "$*" >> "$CALLS"
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then mkdir -p "$2"; : > "$2/run.jsonl"; fi
  shift
done
"""
# A host is a folder of its name.
SSH = '#!/bin/sh\ncd "$HOSTS/$1" && exec sh -c "$2"\n'
SCP = """#!/bin/sh
shift
from=$(echo "$1" | sed "s,^\\\\([^:]*\\\\):,$HOSTS/\\\\1/,")
to=$(echo "$2" | sed "s,^\\\\([^:]*\\\\):,$HOSTS/\\\\1/,")
exec cp -r "$from" "$to"
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder to run a recipe in, where stand-ins come first on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("pybench", PYBENCH), ("ssh", SSH), ("scp", SCP)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    work = tmp_path / "a folder"
    (work / "runs").mkdir(parents=True)
    (work / "plan.json").write_text("{}")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("HOSTS", str(tmp_path / "hosts"))
    return work


def run(words: list[str], folder: Path, **variables: str) -> None:
    """Run a script, which has to end well."""
    done = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr


def calls(there: Path) -> list[str]:
    """Return what pybench was called with, which its parser has to take."""
    lines = (there.parent / "calls").read_text().splitlines()
    for line in lines:
        make_parser().parse_args(line.split())
    return lines


def steps() -> dict[str, Mapping[str, Any]]:
    """Return the steps of the workflow that run something, by name."""
    yaml = pytest.importorskip("yaml", reason="PyYAML has no wheel for this build")
    workflow = yaml.safe_load((EXAMPLES / "many-machines.yml").read_text())
    return {
        f"{job}: {step['name']}": {**step, "job": workflow["jobs"][job]}
        for job, known in workflow["jobs"].items()
        for step in known["steps"]
        if "run" in step
    }


def test_task_of_slurm_measures_its_shard_and_goes_on_with_it(there: Path) -> None:
    task = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    for _ in range(2):
        run([str(EXAMPLES / "slurm.sh")], there, **task)

    first = "compare --plan plan.json --shard 3/8 -o runs/3"
    assert calls(there) == [first, f"{first} --resume"]
    # What Slurm writes is no run: `merge runs/*` would take it for one.
    assert "--output=runs" not in (EXAMPLES / "slurm.sh").read_text()


def test_slurm_takes_the_script() -> None:
    if shutil.which("sbatch") is None:
        pytest.skip("n/a: sbatch is not on PATH")
    if subprocess.run(["sinfo"], capture_output=True).returncode != 0:
        pytest.skip("n/a: no Slurm controller answers")
    done = subprocess.run(
        ["sbatch", "--test-only", "--array=1-2", str(EXAMPLES / "slurm.sh")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_hosts_over_ssh_measure_a_shard_each(there: Path) -> None:
    hosts = there.parent / "hosts"
    for name in ("lab-1", "lab-2"):
        (hosts / name).mkdir(parents=True)
    (block,) = re.findall(r"```sh\n(# ssh\.sh.*?)```", PAGE.read_text(), re.DOTALL)
    (there / "ssh.sh").write_text(block)
    run(["sh", "ssh.sh"], there)

    assert sorted(calls(there)) == [
        "compare --plan plan.json --shard 1/2 -o shard-1",
        "compare --plan plan.json --shard 2/2 -o shard-2",
        "merge runs/shard-1 runs/shard-2 -o run",
    ]
    assert (hosts / "lab-2" / "plan.json").is_file()


def test_jobs_of_the_workflow_hand_over_what_the_next_one_needs(there: Path) -> None:
    """The matrix is the list that the plan's job leaves."""
    if shutil.which("bash") is None:
        pytest.skip("n/a: there is no bash, which GitHub runs scripts by")
    known = steps()
    output = there / "output"
    bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
    run(
        [*bash, known["plan: Plan"]["run"]], there,
        PYTHONS="3.14 3.14t", SUITE="tests/bench", SHARDS="3",
        GITHUB_OUTPUT=str(output),
    )  # fmt: skip
    assert output.read_text() == "shards=[1,2,3]\n"
    measure = known["shard: Measure"]
    # The runner puts the number and the count in.
    assert measure["job"]["env"]["SHARD"].count("${{") == 2
    for shard in "12":
        variables = {"SHARD": f"{shard}/3", "RUN": f"runs/{shard}"}
        run([*bash, measure["run"]], there, **variables)
    merge = known["merge: Merge"]["run"]
    run([*bash, merge], there, GITHUB_STEP_SUMMARY=str(there / "summary"))

    assert calls(there) == [
        "plan 3.14 3.14t --suite tests/bench --shards 3",
        "compare --plan plan.json --shard 1/3 --budget 2h -o runs/1",
        "compare --plan plan.json --shard 2/3 --budget 2h -o runs/2",
        "merge runs/1 runs/2 -o run --format md",
        "report run -o report.html",
    ]


def test_scripts_have_no_person_s_words_in_them() -> None:
    assert [name for name, step in steps().items() if "${{" in step["run"]] == []
