"""What a runner gives to a step, and a local server that answers as GitHub's API."""

import json
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

# The scripts are started by path, so they import each other by plain names.
sys.path.append(str(Path(__file__).parents[3] / "scripts" / "action"))


@dataclass
class GitHub:
    """What the server knows, what it was asked, and what it refuses."""

    address: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    # By method: the status, the message and the headers of a refusal.
    refuses: dict[str, tuple[int, str, dict[str, str]]] = field(default_factory=dict)
    raw: bytes | None = None  # an answer that is no API's

    def answer(self, method: str, path: str, document: Any) -> tuple[int, Any]:
        """Return the status and the document of one request."""
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        match method, url.path.strip("/").split("/"):
            case "GET", ["repos", _, _, "pulls"]:
                return 200, _paged(self.pulls, query)
            case "GET", ["repos", _, _, "pulls", number]:
                found = [p for p in self.pulls if p["number"] == int(number)]
                return (200, found[0]) if found else (404, {"message": "Not Found"})
            case "GET", ["repos", _, _, "issues", _, "comments"]:
                return 200, _paged(self.comments, query)
            case "POST", ["repos", _, _, "issues", _, "comments"]:
                if len(document["body"]) > 65_536:
                    return 422, {"message": "Body is too long"}
                self.comments.append(made(len(self.comments) + 1, document["body"]))
                return 201, self.comments[-1]
            case "PATCH", ["repos", _, _, "issues", "comments", identity]:
                found = [c for c in self.comments if c["id"] == int(identity)]
                found[0]["body"] = document["body"]
                return 200, found[0]
        return 404, {"message": "Not Found"}


def _paged(items: list[dict[str, Any]], query: dict[str, str]) -> list[Any]:
    size, page = int(query["per_page"]), int(query["page"])
    return items[size * (page - 1) : size * page]


def made(
    identity: int, body: str, author: str = "github-actions[bot]"
) -> dict[str, Any]:
    """Return a comment as GitHub describes it."""
    address = f"https://example.invalid/comments/{identity}"
    return {
        "id": identity,
        "body": body,
        "user": {"login": author},
        "html_url": address,
    }


@pytest.fixture
def github() -> Iterator[GitHub]:
    """Serve on a free port of this machine."""
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            document = json.loads(self.rfile.read(length)) if length else None
            state.asked.append((self.command, self.path))
            state.tokens.add(self.headers.get("Authorization"))
            headers: dict[str, str] = {}
            if self.command in state.refuses:
                status, message, headers = state.refuses[self.command]
                answer: Any = {"message": message}
            else:
                status, answer = state.answer(self.command, self.path, document)
            content = json.dumps(answer).encode() if state.raw is None else state.raw
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@dataclass
class Runner:
    """The files that a runner gives to a step."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def started_by(self, kind: str, event: Any) -> None:
        """Set what started the workflow."""
        path = self.folder / "event.json"
        path.write_text(event if isinstance(event, str) else json.dumps(event))
        self.monkeypatch.setenv("GITHUB_EVENT_NAME", kind)
        self.monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))

    def outputs(self) -> dict[str, str]:
        """Return the outputs that were set, as the runner reads them."""
        lines = (self.folder / "output").read_text().splitlines()
        found = {}
        while lines:
            name, _, end = lines.pop(0).partition("<<")
            stop = lines.index(end)
            found[name] = "\n".join(lines[:stop])
            del lines[: stop + 1]
        return found

    def summary(self) -> str:
        """Return the job's summary."""
        return (self.folder / "summary").read_text()


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Surround a step as a runner does."""
    folder = tmp_path / "runner"
    folder.mkdir()
    for name in ("output", "summary"):
        (folder / name).touch()
    for name, value in {
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_REPOSITORY": "owner/package",
        "GITHUB_SERVER_URL": "https://example.invalid",
        "GITHUB_RUN_ID": "77",
        "GITHUB_TOKEN": "secret",
        "RUNNER_TEMP": str(tmp_path / "temporary"),
        "INPUT_PYTHONS": "3.14",
        "INPUT_NAME": "pybench",
    }.items():
        monkeypatch.setenv(name, value)
    return Runner(folder, monkeypatch)
