"""What tests of the probe share: a disk that dies at any step, spools on it, and a small collector over real TLS."""

from __future__ import annotations

import datetime as dt
import errno
import ipaddress
import json
import random
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import attrs
import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faultline.native import decode_batch, zstd_decompress
from faultline.records.terms import SECOND_NS, ProbeId, Stream
from faultline.runtime.clock import VirtualClock
from faultline.runtime.counters import Counters
from probe.spool.batch import Header, read_header
from probe.spool.config import SpoolConfig
from probe.spool.spool import Spool

START_NS = 1_800_000_000 * SECOND_NS


class PowerCut(BaseException):
    """The machine died here; nothing after this step happened."""


@attrs.define(eq=False)
class _File:
    now: bytes = b""
    durable: bytes | None = None
    """Content that survives; None: never synced, so any prefix may be there."""


class CrashingDisk:
    """A file system in memory with the promises of `probe.spool.files.Files` and not one more.

    After `crash`, unsynced changes of names survive each by chance (as nothing orders them), unsynced content by any prefix.
    """

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self._now: dict[Path, dict[str, _File]] = {}
        self._durable: dict[Path, dict[str, _File]] = {}
        self.steps = 0
        self.die_at: int | None = None
        self.capacity: int | None = None
        self.failing: Callable[[str, Path], int | None] = lambda _, __: None

    # ---- what the spool asks for
    def make_directory(self, path: Path) -> None:
        self._step("make_directory", path)
        # A directory's own name counts as durable at once: the spool syncs the parents it needs, and losing all of a new
        # incarnation is the pointer's business, tested by the names inside.
        self._now.setdefault(path, {})
        self._durable.setdefault(path, {})

    def write(self, path: Path, octets: bytes) -> None:
        self._step("write", path)
        file = _File()
        self._now[path.parent][path.name] = file
        room = len(octets) if self.capacity is None else max(0, self.capacity - self._used())
        file.now = octets[:room]
        if room < len(octets):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._step("sync", path)
        file.durable = octets

    def read(self, path: Path) -> bytes:
        try:
            return self._now[path.parent][path.name].now
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path)) from None

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename", source)
        if source in self._now:  # a directory
            for tree in (self._now, self._durable):
                for path in [path for path in tree if path == source or source in path.parents]:
                    tree[target / path.relative_to(source)] = tree.pop(path)
            return
        try:
            file = self._now[source.parent].pop(source.name)
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source)) from None
        self._now[target.parent][target.name] = file

    def remove(self, path: Path) -> None:
        self._step("remove", path)
        self._now.get(path.parent, {}).pop(path.name, None)

    def sync_directory(self, path: Path) -> None:
        self._step("sync_directory", path)
        self._durable[path] = dict(self._now.get(path, {}))

    def names(self, path: Path) -> list[str]:
        below = {child.name for child in self._now if child.parent == path}
        return sorted({*self._now.get(path, {}), *below})

    def remove_directory(self, path: Path) -> None:
        self._step("remove_directory", path)
        for tree in (self._now, self._durable):
            for child in [child for child in tree if child == path or path in child.parents]:
                del tree[child]

    # ---- what the test does to it
    def draw_incarnation(self) -> int:
        """Repeatable random numbers."""
        return self._chance.getrandbits(63) | 1

    def crash(self) -> None:
        """Power off and on again."""
        after: dict[Path, dict[str, _File]] = {}
        for path, now in self._now.items():
            durable = self._durable.get(path, {})
            kept: dict[str, _File] = {}
            for name in sorted({*now, *durable}):
                candidates = [tree[name] for tree in (now, durable) if name in tree] + [None] * (
                    name not in now or name not in durable
                )
                chosen = self._chance.choice(candidates) if now.get(name) is not durable.get(name) else durable.get(name)
                if chosen is not None:
                    kept[name] = chosen
            after[path] = kept
        for names in after.values():
            for file in names.values():
                file.now = file.durable if file.durable is not None else file.now[: self._chance.randint(0, len(file.now))]
                file.durable = file.now
        self._now = after
        self._durable = {path: dict(names) for path, names in after.items()}
        self.die_at = None

    def damage(self, path: Path) -> None:
        """Flip one bit in the middle of a file."""
        file = self._now[path.parent][path.name]
        at = len(file.now) // 2
        file.now = file.durable = file.now[:at] + bytes([file.now[at] ^ 0x10]) + file.now[at + 1 :]

    def lose(self, path: Path) -> None:
        """Take a file away."""
        del self._now[path.parent][path.name]
        self._durable[path.parent].pop(path.name, None)

    def files(self, pattern: str) -> list[Path]:
        """Paths of files whose path matches."""
        return sorted(path / name for path, names in self._now.items() for name in names if (path / name).match(pattern))

    def _used(self) -> int:
        return sum(len(file.now) for names in self._now.values() for file in names.values())

    def _step(self, call: str, path: Path) -> None:
        self.steps += 1
        if self.die_at is not None and self.steps >= self.die_at:
            raise PowerCut
        number = self.failing(call, path)
        if number is not None:
            raise OSError(number, f"told to fail at {call}")


def split(octets: bytes) -> list[bytes]:
    """The IPFIX messages in some octets, without the sequence number that sealing writes into each."""
    parts = []
    while octets:
        length = int.from_bytes(octets[2:4])
        parts.append(octets[:8] + octets[12:length])
        octets = octets[length:]
    return parts


@attrs.define(kw_only=True)
class Bench:
    """A disk, a clock, and the spool on them."""

    disk: CrashingDisk
    clock: VirtualClock
    config: SpoolConfig
    counters: Counters
    spool: Spool

    def restart(self) -> Spool:
        """A new process on the same disk."""
        self.counters = Counters()
        self.spool = Spool(
            Path("/spool"),
            ProbeId("branch-17"),
            clock=self.clock,
            counters=self.counters,
            config=self.config,
            files=self.disk,
            draw_incarnation=self.disk.draw_incarnation,
        )
        self.spool.open()
        return self.spool

    def append(self, stream: Stream = Stream.FLOWS, octets: bytes = b"") -> int | None:
        """One batch of messages with one record each; time passes."""
        self.clock.advance(SECOND_NS)
        now_ns = self.clock.wall_ns()
        return self.spool.append(stream, octets, records=len(split(octets)), first_ns=now_ns, last_ns=now_ns, watermark_ns=now_ns)

    def shelf(self, stream: Stream) -> Path:
        """The directory of a stream."""
        return Path("/spool") / f"{self.spool.incarnation:016x}" / stream

    def balanced(self) -> bool:
        """Whether the stage balances and holds what is there."""
        shot = self.counters.stage("spool").snapshot()
        return shot.balanced and shot.held == sum(depth.batches for depth in self.spool.depth().values())


def new_bench(disk: CrashingDisk, config: SpoolConfig | None = None) -> Bench:
    """A bench with an open, new spool."""
    clock = VirtualClock(wall_ns=START_NS)
    counters = Counters()
    settings = config or SpoolConfig()
    spool = Spool(
        Path("/spool"),
        ProbeId("branch-17"),
        clock=clock,
        counters=counters,
        config=settings,
        files=disk,
        draw_incarnation=disk.draw_incarnation,
    )
    spool.open()
    return Bench(disk=disk, clock=clock, config=settings, counters=counters, spool=spool)


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """Make a bench with an open, new spool."""

    def make(*, seed: int = 0, config: SpoolConfig | None = None) -> Bench:
        return new_bench(CrashingDisk(seed), config)

    return make


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
    conflicts: list[tuple[int, str, int]] = attrs.field(factory=list)
    """Identities that came with two contents."""
    on_batch: Callable[[Header], Any] = lambda _: None
    orders: Callable[[dict[str, str], dict[str, str]], tuple[int, dict[str, Any]]] = lambda _, __: (
        404,
        {"error": "no tasks here"},
    )
    """Answers GET /v1/tasks: given the question's parameters and headers, status and document."""

    def take(self, identity: tuple[int, str, int], octets: bytes) -> None:
        """Keep a batch and what its gap records say."""
        if self.batches.setdefault(identity, octets) != octets:
            self.conflicts.append(identity)
        self.on_batch(read_header(octets))
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

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path == "/v1/tasks":
                headers = {key.lower(): value for key, value in self.headers.items()}
                self.answer(*seen.orders(dict(parse_qsl(asked.query)), headers))
                return
            self.answer(200, {"status": "able", "problems": []})

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
