"""The YAML of the action and of the examples, as GitHub reads it."""

import re
import socket
from pathlib import Path
from typing import Any

import inputs
import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[3]
ACTIONS = [ROOT / "action.yml", ROOT / ".github" / "actions" / "comment" / "action.yml"]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yml"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
USES = re.compile(r"uses: (\S+)")


def parsed(path: Path) -> Any:
    """Return a parsed file."""
    yaml = pytest.importorskip("yaml", reason="PyYAML has no wheel for this build")
    return yaml.safe_load(path.read_text())


def run_steps(path: Path) -> list[str]:
    """Return the scripts of an action."""
    return [step["run"] for step in parsed(path)["runs"]["steps"] if "run" in step]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", ACTIONS),
        ("vendor.github-workflows", [*EXAMPLES, *WORKFLOWS]),
    ],
)
def test_files_follow_the_schema(
    schema: str, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schemas come with the checker: nothing is fetched."""
    checker = pytest.importorskip("check_jsonschema.cli")
    testing = pytest.importorskip("click.testing")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the checker asked the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    words = ["--builtin-schema", schema, *map(str, files)]
    done = testing.CliRunner().invoke(checker.main, words)

    assert len(files) >= 2
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("path", ACTIONS, ids=str)
def test_no_script_has_a_person_s_words_in_it(path: Path) -> None:
    scripts = run_steps(path)

    assert scripts
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("path", ACTIONS, ids=str)
def test_scripts_that_are_named_exist(path: Path) -> None:
    named = [
        name
        for script in run_steps(path)
        for name in re.findall(r"\$GITHUB_ACTION_PATH/([\w./]+\.py)", script)
    ]

    assert named
    assert [n for n in named if not (path.parent / n).resolve().is_file()] == []


def test_actions_are_pinned_as_in_the_workflows() -> None:
    """By the same commits; the examples name ours by a place holder."""
    known = {use for path in WORKFLOWS for use in USES.findall(path.read_text())}
    used = {
        use
        for path in [*ACTIONS, *EXAMPLES]
        for use in USES.findall(path.read_text())
        if not use.startswith("OWNER/pybench")
    }

    assert used
    assert used - known == set()


def test_each_input_reaches_the_first_step() -> None:
    action = parsed(ACTIONS[0])
    first = action["runs"]["steps"][0]
    wanted = {
        f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}"
        for name in action["inputs"]
    }

    assert first["env"] == wanted


def test_defaults_are_accepted() -> None:
    given = {
        f"INPUT_{name.upper().replace('-', '_')}": value["default"]
        for name, value in parsed(ACTIONS[0])["inputs"].items()
    }

    read = inputs.read_inputs(given)
    assert read.fail_on == "slower"
    assert read.head == "HEAD"


def test_token_is_given_to_the_comment_alone() -> None:
    """The steps before it run code of the pull request."""
    steps = parsed(ACTIONS[0])["runs"]["steps"]

    with_token = [step["name"] for step in steps if "github.token" in str(step)]
    assert with_token == ["Comment on the pull request"]


def test_examples_have_the_least_rights() -> None:
    """The one that runs code of a pull request writes nothing; the other runs none."""
    compares, comments = (
        parsed(ROOT / "docs" / "examples" / name)
        for name in ("pull-request.yml", "comment.yml")
    )

    assert compares["permissions"] == comments["permissions"] == {}
    assert compares["jobs"]["compare"]["permissions"] == {"contents": "read"}
    job = comments["jobs"]["comment"]
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in job["steps"]] == [
        "OWNER/pybench/.github/actions/comment"
    ]
    # PyYAML reads the key `on` as the truth value.
    assert comments[True]["workflow_run"]["workflows"] == [compares["name"]]
    assert list(compares[True]) == ["pull_request"]


def test_page_shows_the_step_of_the_example_and_each_input() -> None:
    page = (ROOT / "docs" / "how-to" / "gate-a-pull-request.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    table = "".join(line for line in page.splitlines() if line.startswith("| `"))

    assert block in (ROOT / "docs" / "examples" / "pull-request.yml").read_text()
    assert [
        name for name in parsed(ACTIONS[0])["inputs"] if f"`{name}`" not in table
    ] == []
