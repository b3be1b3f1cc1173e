"""A small collector over real TLS 1.3, with a certificate made for the test."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faultline.native import decode_batch, zstd_decompress
from probe.spool.batch import read_header

TOKEN = "a-token-that-must-not-be-logged"


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for an address; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "collector under test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "authority.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


@attrs.define(eq=False)
class Seen:
    """What the collector was sent, and what it will do with the next requests."""

    url: str
    authority: Path
    batches: dict[tuple[int, str, int], bytes] = attrs.field(factory=dict)
    requests: list[tuple[int, str, int]] = attrs.field(factory=list)
    headers: list[dict[str, str]] = attrs.field(factory=list)
    moods: list[Callable[[Any], bool]] = attrs.field(factory=list)
    """Each is called once with the request handler, before the batch is looked at; True: it has answered."""
    gaps: set[tuple[int, str, int]] = attrs.field(factory=set)

    def take(self, identity: tuple[int, str, int], octets: bytes) -> None:
        """Keep a batch and what its gap records say."""
        self.batches.setdefault(identity, octets)
        batch = decode_batch(octets)
        for row in pa.table(batch.table("gap")).to_pylist() if "gap" in batch.kinds() else []:
            first, last = row["gap_first_seq"], row["gap_last_seq"]
            self.gaps.update((identity[0], row["stream"], seq) for seq in range(first, last + 1))

    def contiguous(self, incarnation: int, stream: str) -> int:
        """Highest sequence up to which nothing is missing."""
        seq = 0
        while (incarnation, stream, seq + 1) in self.batches or (incarnation, stream, seq + 1) in self.gaps:
            seq += 1
        return seq


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Seen]:
    """A collector on a free port of the loopback."""
    pem, private = make_certificate(tmp_path, "127.0.0.1")
    seen = Seen(url="", authority=pem)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            octets = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "zstd":
                octets = zstd_decompress(octets, 1 << 26)
            header = read_header(octets)
            identity = (header.incarnation, str(header.stream), header.seq)
            seen.requests.append(identity)
            seen.headers.append({key.lower(): value for key, value in self.headers.items()})
            self.take = lambda: seen.take(identity, octets)
            if seen.moods and seen.moods.pop(0)(self):
                return
            self.take()
            contiguous = seen.contiguous(header.incarnation, header.stream)
            self.answer(200, {"stream": header.stream, "incarnation": header.incarnation, "contiguous": contiguous})

        def answer(self, status: int, document: dict[str, Any], **headers: str) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The test speaks."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Clients that do not trust us hang up."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pem, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    seen.url = f"https://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield seen
    server.shutdown()
    server.server_close()
    thread.join()
