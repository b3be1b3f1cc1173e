"""The analyzer as anybody meets it: its JSON interface and its pages over HTTP.

Goes in: its address. Comes out: what it says. The driver learns of a verdict in no other way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from appliance.demo.network import BRANCHES
from appliance.demo.world import Answers, WorldError

_TIMEOUT_S = 10.0
_UNHEALTHY = {"fault", "suspicion"}
_SHEET = re.compile(r"<link\b[^>]*\brel=\"?stylesheet\"?[^>]*>")
_OTHER_LINKS = re.compile(r"<link\b[^>]*\brel=\"?icon\"?[^>]*>|<meta\b[^>]*http-equiv=\"?refresh\"?[^>]*>")


class Page:
    """One analyzer."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def answers_at_all(self) -> bool:
        """Whether it is up and able to work."""
        try:
            return self._client.get("/healthz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def answers(self) -> Answers:
        """What it says now."""
        lines = self._json("/api/v1/lines")["lines"]
        windows = self._json("/api/v1/windows")["windows"]
        return Answers(
            final_ns=tuple(int(window["end_ns"]) for window in windows),
            suspected=any(line["state"] in _UNHEALTHY for line in lines),
            learning=any("learning_until_ns" in line for line in lines),
            incidents=tuple(self._json("/api/v1/incidents")["incidents"]),
        )

    def evidence(self, incident: str) -> Mapping[str, Any] | None:
        """What an incident's verdict was made from."""
        found: Mapping[str, Any] | None = self._json(f"/api/v1/incidents/{incident}").get("evidence")
        return found

    def save(self, incident: str | None, path: Path) -> None:
        """Write a page that needs no server."""
        if incident is not None:
            text = self._text(f"/reports/{incident}")
        else:
            sheet = self._text("/static/faultline.css")
            page = _OTHER_LINKS.sub("", self._text(f"/lines/{BRANCHES[0].line}"))
            text = _SHEET.sub(lambda _: f"<style>{sheet}</style>", page)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _json(self, path: str) -> dict[str, Any]:
        document: dict[str, Any] = self._get(path).json()
        return document

    def _text(self, path: str) -> str:
        return self._get(path).text

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._client.get(path).raise_for_status()
        except httpx.HTTPError as error:
            raise WorldError(f"the analyzer does not answer {path}: {error}") from None
