"""GitHub's REST API, as far as one comment needs it."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

# Of the answer to one request; a page of a hundred comments of the greatest length.
ANSWER_BYTES = 64 << 20
PAGE = 100
MOST_PAGES = 100


class ApiError(Exception):
    """A request was refused or got no answer; the text says why and what to do."""

    def __init__(self, text: str, code: int = 0) -> None:
        super().__init__(text)
        self.code = code


class Api:
    """Requests to one server under one token."""

    def __init__(self, base: str, token: str, *, timeout_s: float = 30) -> None:
        if urllib.parse.urlsplit(base).scheme not in ("http", "https"):
            raise ApiError(f"{base}: the address of the API begins with https")
        self._base = base.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    def get(self, path: str, **query: object) -> Any:
        """Return what is at a path."""
        return self._request("GET", path, query, None)

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """Yield the items of a list, which comes in pages."""
        for page in range(1, MOST_PAGES + 1):
            items = self.get(path, **query, per_page=PAGE, page=page)
            if not isinstance(items, list):
                raise ApiError(f"GET {path}: the answer is no list")
            yield from items
            if len(items) < PAGE:
                return

    def post(self, path: str, document: object) -> Any:
        """Make something."""
        return self._request("POST", path, {}, document)

    def patch(self, path: str, document: object) -> Any:
        """Change something."""
        return self._request("PATCH", path, {}, document)

    def _request(
        self, method: str, path: str, query: dict[str, object], document: object
    ) -> Any:
        url = f"{self._base}/{urllib.parse.quote(path)}"
        if query:
            url += f"?{urllib.parse.urlencode(query)}"
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(url, data, method=method)
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("Content-Type", "application/json")
        request.add_header("User-Agent", "pybench")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        # Not sent on: a redirection may lead to another server.
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        where = f"{method} {path}"
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
                content = answer.read(ANSWER_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(_why(where, error), error.code) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ApiError(f"{where}: no answer: {reason}") from None
        if len(content) > ANSWER_BYTES:
            raise ApiError(f"{where}: the answer has more than {ANSWER_BYTES} bytes")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ApiError(f"{where}: the answer is no JSON") from None


def _why(where: str, error: urllib.error.HTTPError) -> str:
    """Say why a request was refused, and the way out."""
    try:
        document = json.loads(error.read(1 << 16))
        message = str(document["message"])[:300]
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        message = str(error.reason)
    text = f"{where}: {error.code}: {message}"
    headers = error.headers
    is_limited = error.code == 429 or (
        error.code == 403
        and (
            headers.get("x-ratelimit-remaining") == "0"
            or headers.get("retry-after") is not None
            or "rate limit" in message.lower()
        )
    )
    if is_limited:
        return f"{text}: the token's requests are used up: run the job again later"
    if error.code == 401:
        return f"{text}: the token is not valid, or has expired"
    # 404 is what a private repository answers instead of 403.
    if error.code in (403, 404) and not where.startswith("GET "):
        needs = headers.get("x-accepted-github-permissions")
        accepted = f" (GitHub accepts {needs})" if needs else ""
        return (
            f"{text}: the token lacks a permission{accepted}: give the job "
            "`permissions: pull-requests: write`"
        )
    return text
