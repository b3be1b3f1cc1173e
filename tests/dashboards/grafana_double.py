"""A small HTTP server that answers as the Grafana HTTP API is documented to: the recorded contract of `push`.

Source: grafana.com/docs/grafana/latest/developers/http_api (org, folder, dashboard, data source). It keeps what it is sent, adds
what Grafana adds (numbers, versions, `secureJsonFields`), refuses a wrong token, and never gives a secret back. It is not a
Grafana: whether the boards look right it cannot say.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "glsa_right"


class Contract:
    """What it keeps, and what it was asked."""

    def __init__(self) -> None:
        self.organisation = "Main Org."
        self.folders: dict[str, dict[str, Any]] = {}
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.folder_of: dict[str, str] = {}
        self.sources: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.forbids_writing = False
        self.is_no_grafana = False

    @property
    def written(self) -> list[tuple[str, str]]:
        """Requests that would change something."""
        return [(method, path) for method, path in self.asked if method != "GET"]

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any] | str]:
        """Status and document."""
        self.asked.append((method, path))
        return self._refusal(method, token) or self._served(method, path, body)

    def _refusal(self, method: str, token: str) -> tuple[int, dict[str, Any] | str] | None:
        if self.is_no_grafana:
            return 404, "<html>nothing here</html>"
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if method != "GET" and self.forbids_writing:
            return 403, {"message": "You'll need additional permissions to perform this action."}
        return None

    def _served(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        kind, _, name = path.removeprefix("/api/").partition("/")
        match kind:
            case "org":
                return 200, {"id": 1, "name": self.organisation}
            case "folders":
                return self._folders(method, name, body)
            case "dashboards":
                return self._dashboards(method, name, body)
            case "datasources":
                return self._sources(method, name.removeprefix("uid/"), body)
        return 404, {"message": "Not found"}

    def _folders(self, method: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "POST":
            if body["uid"] in self.folders:
                return 412, {"message": "a folder with the same uid already exists"}
            self.folders[body["uid"]] = {**body, "id": len(self.folders) + 1, "version": 1}
            return 200, self.folders[body["uid"]]
        found = self.folders.get(name)
        return (200, found) if found else (404, {"message": "folder not found", "status": "not-found"})

    def _dashboards(self, method: str, name: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "POST":
            board, folder = body["dashboard"], body["folderUid"]
            if folder not in self.folders:
                return 400, {"message": "folder not found"}
            before = self.dashboards.get(board["uid"])
            if before and not body["overwrite"]:
                return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
            version = before["version"] + 1 if before else 1
            self.dashboards[board["uid"]] = {**board, "id": len(self.dashboards) + 1, "version": version}
            self.folder_of[board["uid"]] = folder
            return 200, {"uid": board["uid"], "version": version, "status": "success"}
        found = self.dashboards.get(name.removeprefix("uid/"))
        if not found:
            return 404, {"message": "Dashboard not found"}
        return 200, {"dashboard": found, "meta": {"folderUid": self.folder_of[found["uid"]], "slug": "x"}}

    def _sources(self, method: str, uid: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method in {"POST", "PUT"}:
            kept = {key: value for key, value in body.items() if key != "secureJsonData"}
            secrets = dict.fromkeys(body.get("secureJsonData", {}), True)
            self.sources[body["uid"]] = {**kept, "id": 1, "readOnly": False, "secureJsonFields": secrets}
            return 200, {"message": "Datasource updated"}
        found = self.sources.get(uid)
        return (200, found) if found else (404, {"message": "Data source not found"})


@contextmanager
def serving(contract: Contract) -> Iterator[str]:
    """Its address on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            status, document = contract.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            octets = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
