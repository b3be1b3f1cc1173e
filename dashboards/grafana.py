"""Calls to a Grafana's HTTP API: names and uids only, which every Grafana from 9 to 13 serves.

Goes in: documents. Comes out: documents, or None where there is nothing of that name. Every refusal is one line with what to do.
Knows nothing of boards.
"""

from __future__ import annotations

from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from faultline.runtime.console import BAD_USAGE, CommandError

TIMEOUT_S = 15.0
_HINTS = {
    HTTPStatus.UNAUTHORIZED: "the token is wrong or expired: make one for a service account with the role Admin or Editor",
    HTTPStatus.FORBIDDEN: "the token lacks the right: its service account needs the role Editor, and Admin for the data source",
    HTTPStatus.NOT_FOUND: "is the address that of a Grafana, with its path if it has one?",
    HTTPStatus.PRECONDITION_FAILED: "somebody saved the same board meanwhile: push again",
}


class Grafana:
    """A client of one organisation: a service account's token belongs to exactly one."""

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        if not url.startswith(("http://", "https://")):
            raise CommandError(f"--url {url}: not an address", hint="write it as http://host:3000", code=BAD_USAGE)
        if not token.isascii() or any(character.isspace() for character in token) or not token:
            raise CommandError("--token: not a token", hint="it is one word without spaces", code=BAD_USAGE)
        self._url = url.rstrip("/")
        # Redirects are not followed: the token must not go to another host.
        self._http = httpx.Client(timeout=timeout_s, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def organisation(self) -> str:
        """Name of the organisation that the token belongs to."""
        return str(self._get("/api/org", must=True)["name"])

    def folder(self, uid: str) -> dict[str, Any] | None:
        """A folder."""
        return self._get(f"/api/folders/{quote(uid)}") or None

    def make_folder(self, uid: str, title: str) -> None:
        """A new folder."""
        self._send("POST", "/api/folders", {"uid": uid, "title": title})

    def dashboard(self, uid: str) -> tuple[dict[str, Any], str] | None:
        """A board as it is stored, and the folder it is in."""
        found = self._get(f"/api/dashboards/uid/{quote(uid)}")
        return (found["dashboard"], str(found["meta"].get("folderUid", ""))) if found else None

    def save_dashboard(self, board: dict[str, Any], *, folder_uid: str, message: str) -> None:
        """Store a board over what is there."""
        body = {"dashboard": board, "folderUid": folder_uid, "overwrite": True, "message": message}
        self._send("POST", "/api/dashboards/db", body)

    def source(self, uid: str) -> dict[str, Any] | None:
        """A data source."""
        return self._get(f"/api/datasources/uid/{quote(uid)}") or None

    def make_source(self, source: dict[str, Any]) -> None:
        """A new data source."""
        self._send("POST", "/api/datasources", source)

    def change_source(self, source: dict[str, Any]) -> None:
        """Store a data source over the one of its uid."""
        self._send("PUT", f"/api/datasources/uid/{quote(str(source['uid']))}", source)

    def _get(self, path: str, *, must: bool = False) -> dict[str, Any]:
        """Empty when there is nothing of that name, unless there must be."""
        response = self._ask("GET", path, None)
        if response.status_code == HTTPStatus.NOT_FOUND and not must:
            # A Grafana says so in JSON; anything else at this address answers with a page of its own.
            self._read(response, path)
            return {}
        return self._right(response, path)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._right(self._ask(method, path, body), path)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        try:
            return self._http.request(method, self._url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise CommandError(f"{self._url}: cannot be reached: {why}", hint="is Grafana running there?") from None

    def _right(self, response: httpx.Response, path: str) -> dict[str, Any]:
        if response.is_success:
            return self._read(response, path)
        hint = _HINTS.get(HTTPStatus(response.status_code)) if response.status_code in set(HTTPStatus) else None
        try:
            said = str(response.json().get("message", ""))
        except (ValueError, AttributeError):
            said = response.reason_phrase
        raise CommandError(f"{self._url}{path}: refused with {response.status_code}: {said}".rstrip(": "), hint=hint)

    def _read(self, response: httpx.Response, path: str) -> dict[str, Any]:
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise CommandError(f"{self._url}{path}: the answer is not Grafana's", hint=_HINTS[HTTPStatus.NOT_FOUND])
        return document
