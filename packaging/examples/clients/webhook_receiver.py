"""Receives Faultline's webhook calls: checks the signature, drops repeats, tells gaps. Standard library only.

FAULTLINE_SECRET=... python3 webhook_receiver.py PORT prints one line an event. Take it as the beginning of your own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

OLDEST_S = 300
MOST_OCTETS = 1 << 20
SECRET = os.environ.get("FAULTLINE_SECRET", "").encode()


def is_signed(header: str, body: bytes, now_s: float) -> bool:
    """Whether the signature is ours and not older than five minutes."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    seconds, given = parts.get("t", ""), parts.get("v1", "")
    if not seconds.isdecimal() or abs(now_s - int(seconds)) > OLDEST_S:
        return False
    expected = hmac.new(SECRET, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given, expected)


class Receiver(BaseHTTPRequestHandler):
    """One call."""

    last = 0

    def do_POST(self) -> None:
        """204 when taken, 401 when not signed by our secret, 413 when too long."""
        length = int(self.headers.get("Content-Length", "0"))
        if length > MOST_OCTETS:
            self._answer(413)
            return
        body = self.rfile.read(length)
        if not is_signed(self.headers.get("Faultline-Signature", ""), body, time.time()):
            self._answer(401)
            return
        self._take(json.loads(body))
        self._answer(204)

    def _take(self, event: dict[str, object]) -> None:
        sequence = int(str(event["sequence"]))
        if event["kind"] == "heartbeat" or sequence == 0:
            print(f"{event['kind']} {event.get('text', '')}".strip(), flush=True)
            return
        if event["repeated"] and sequence <= Receiver.last:
            return
        if Receiver.last and sequence > Receiver.last + 1:
            print(f"missing {Receiver.last + 1} to {sequence - 1}: replay from {Receiver.last + 1}", flush=True)
        Receiver.last = max(Receiver.last, sequence)
        print(f"{sequence} {event['kind']} {event['text']}", flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Events alone are printed."""


if __name__ == "__main__":
    if not SECRET:
        sys.exit("error: FAULTLINE_SECRET is not set")
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
