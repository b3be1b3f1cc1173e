"""SNMP, webhooks and mail over the wire: a real snmptrapd, a real SMTP server, an HTTP server; refusals, lost answers."""

from __future__ import annotations

import contextlib
import email
import email.message
import hashlib
import hmac
import http.server
import ipaddress
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.policy import default as modern
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.notify.alarms import Alarm, trial_alarm
from analyzer.notify.guarding import ForbiddenError, may_go, resolved
from analyzer.notify.mail import MailChannel, MailTarget, Security, mail_message
from analyzer.notify.outbox import Outbox
from analyzer.notify.snmp_channel import SnmpChannel, SnmpTarget, Version
from analyzer.notify.telling import NotSentError, NotTakenError, Told, told_of
from analyzer.notify.webhook import WebhookChannel, WebhookTarget
from faultline.records.incident import EventKind
from faultline.records.terms import SECOND_NS
from faultline.reports.words import Language
from faultline.runtime.clock import SystemClock
from faultline.runtime.console import CommandError
from faultline.snmp.keys import Digest, Privacy
from tests.analyzer.notify.conftest import certificate, free_port, wait_until

BEGIN_NS = 1_800_000_000 * SECOND_NS
ALARM = Alarm(
    incident="F20270115-0800-1a2b3c",
    revision=2,
    event=EventKind.REVISE,
    time_ns=BEGIN_NS,
    critical=True,
    text="REVISED 故障; access loop 17",
    short="REVISED L17",
    fields={
        "incident": "F20270115-0800-1a2b3c",
        "event": "revise",
        "mode": "down",
        "owner": "access",
        "line": "CN-NB-0017",
        "confidence": "0.930",
        "begin_ns": str(BEGIN_NS),
    },
)
MIB_ROOT = ".1.3.6.1.4.1.32473.1"
OTHER_PAIRS = {
    "old": ("SHA", "AES"),
    "middle": ("SHA-256", "AES-256"),
    "strong": ("SHA-512", "AES-256"),
}
"""Users of the receiver, as net-snmp calls their protocols."""
ENGINE = "80007ed9050102030405060708090a0b0c"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """An open outbox."""
    made = Outbox(tmp_path / "outbox.sqlite")
    made.open()
    yield made
    made.close()


def secret_file(folder: Path, name: str, text: str) -> Path:
    """A file with a secret."""
    path = folder / name
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


# ---- SNMP
class Snmptrapd:
    """A real receiver on loopback that prints what it understood."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self.out = folder / "traps.log"
        (folder / "state").mkdir()
        (folder / "snmptrapd.conf").write_text(
            "disableAuthorization no\nauthCommunity log alarms\nauthUser log faultline\n"
            "format2 %V|%v|\\n\n"
            "createUser faultline SHA-256 authpassword AES privpassword\n"
            f"createUser -e 0x{ENGINE} faultline SHA-256 authpassword AES privpassword\n"
            + "".join(
                f"createUser {name} {digest} authpassword {cipher} privpassword\nauthUser log {name}\n"
                for name, (digest, cipher) in OTHER_PAIRS.items()
            ),
            encoding="utf-8",
        )
        environment = {**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "state"), "SNMPCONFPATH": str(folder), "MIBS": ""}
        options = ["-f", "-n", "-On", "-C", "-c", str(folder / "snmptrapd.conf"), "-Lf", str(self.out)]
        self._process = subprocess.Popen(
            [str(shutil.which("snmptrapd")), *options, f"udp:127.0.0.1:{self.port}"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: "NET-SNMP version" in self.text())

    def text(self) -> str:
        return self.out.read_text(encoding="utf-8", errors="replace") if self.out.exists() else ""

    def told(self) -> list[str]:
        """Notifications, one each."""
        return [line for line in self.text().splitlines() if ".1.3.6.1.6.3.1.1.4.1.0 = OID:" in line]

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def snmptrapd(tmp_path: Path) -> Iterator[Snmptrapd]:
    """A running snmptrapd, or a skip with the reason."""
    os.environ["PATH"] = os.environ.get("PATH", "") + ("" if "/usr/sbin" in os.environ.get("PATH", "") else ":/usr/sbin")
    if shutil.which("snmptrapd") is None:
        pytest.skip("needs snmptrapd (packaging/setup.sh test installs it when root)")
    made = Snmptrapd(tmp_path)
    yield made
    made.stop()


def snmp_target(folder: Path, port: int, version: Version, **changes: Any) -> SnmpTarget:
    """A receiver of informs, of either version."""
    target = SnmpTarget(
        name="nms",
        address=f"127.0.0.1:{port}",
        version=version,
        community_file=secret_file(folder, "community", "alarms"),
        user="faultline",
        password_file=secret_file(folder, "password", "authpassword"),
        privacy_password_file=secret_file(folder, "privacy", "privpassword"),
        digest=Digest.SHA256,
        privacy=Privacy.AES128,
    )
    return attrs.evolve(target, **changes)


def to_tell(target: Any, sequence: int = 7, *, repeated: bool = False) -> Told:
    """The alarm, as something of the outbox."""
    return told_of(target, ALARM, sequence=sequence, repeated=repeated)


@pytest.mark.parametrize("version", list(Version))
@pytest.mark.parametrize("inform", [True, False])
def test_a_real_snmptrapd_understands_every_variable(
    snmptrapd: Snmptrapd, outbox: Outbox, tmp_path: Path, version: Version, *, inform: bool
) -> None:
    """Informs and traps of v2c and of v3 with SHA-256 and AES-128: sequence, mark, incident, severity, text and time arrive."""
    target = snmp_target(tmp_path, snmptrapd.port, version, inform=inform)
    outbox.put_fact("snmp_engine nms", json.dumps({"id": ENGINE, "boots": 4}))
    channel = SnmpChannel(target, outbox=outbox, clock=SystemClock())
    channel.send(to_tell(target))
    channel.send(to_tell(target, 8, repeated=True))
    channel.heartbeat(8)
    wait_until(lambda: len(snmptrapd.told()) == 3)
    channel.close()
    first, second, alive = snmptrapd.told()
    for part in (
        f".1.3.6.1.6.3.1.1.4.1.0 = OID: {MIB_ROOT}.0.2",
        f"{MIB_ROOT}.1.1.1.0 = Gauge32: 7",
        f"{MIB_ROOT}.1.1.2.0 = INTEGER: 2",
        f'{MIB_ROOT}.1.1.3.0 = STRING: "F20270115-0800-1a2b3c"',
        f"{MIB_ROOT}.1.1.5.0 = INTEGER: 3",
        f'{MIB_ROOT}.1.1.9.0 = STRING: "CN-NB-0017"',
        f"{MIB_ROOT}.1.1.11.0 = Gauge32: 930",
        f"{MIB_ROOT}.1.1.12.0 = Hex-STRING: 07 EB 01 0F 08 00 00 00 2B 00 00",
    ):
        assert part in first
    assert f"{MIB_ROOT}.1.1.1.0 = Gauge32: 8" in second
    assert f"{MIB_ROOT}.1.1.2.0 = INTEGER: 1" in second
    assert f"OID: {MIB_ROOT}.0.5" in alive


@pytest.mark.parametrize(
    "user",
    [
        {"user": "old", "digest": Digest.SHA1, "privacy": Privacy.AES128},
        {"user": "middle", "digest": Digest.SHA256, "privacy": Privacy.AES256},
        {"user": "strong", "digest": Digest.SHA512, "privacy": Privacy.AES256},
    ],
    ids=lambda user: user["user"],
)
def test_the_other_pairs_of_digest_and_cipher_are_taken(
    snmptrapd: Snmptrapd, outbox: Outbox, tmp_path: Path, user: dict[str, Any]
) -> None:
    """The receiver verifies and decrypts what is told under each, and we its answer."""
    target = snmp_target(tmp_path, snmptrapd.port, Version.V3, **user)
    channel = SnmpChannel(target, outbox=outbox, clock=SystemClock())
    with contextlib.closing(channel):
        channel.send(to_tell(target))
    wait_until(lambda: len(snmptrapd.told()) == 1)


def test_a_trial_beside_the_service_does_not_silence_it(snmptrapd: Snmptrapd, outbox: Outbox, tmp_path: Path) -> None:
    """A trap of the command speaks for the engine's running start: what the service sends afterwards is still taken."""
    target = snmp_target(tmp_path, snmptrapd.port, Version.V3, inform=False)
    outbox.put_fact("snmp_engine nms", json.dumps({"id": ENGINE, "boots": 4}))
    service = SnmpChannel(target, outbox=outbox, clock=SystemClock())
    beside = SnmpChannel(target, outbox=outbox, clock=SystemClock(), beside=True)
    service.send(to_tell(target, 1))
    beside.send(told_of(target, trial_alarm(Language.EN, "noc-1", BEGIN_NS), sequence=0))
    service.send(to_tell(target, 2))
    wait_until(lambda: len(snmptrapd.told()) == 3)
    assert f"OID: {MIB_ROOT}.0.4" in snmptrapd.told()[1]
    service.close()
    beside.close()


def test_a_wrong_password_and_a_silent_receiver_are_named(snmptrapd: Snmptrapd, outbox: Outbox, tmp_path: Path) -> None:
    """The receiver's report says which; a receiver that is not there is not waited for."""
    wrong = snmp_target(tmp_path, snmptrapd.port, Version.V3, password_file=secret_file(tmp_path, "other", "otherpassword"))
    channel = SnmpChannel(wrong, outbox=outbox, clock=SystemClock())
    with contextlib.closing(channel), pytest.raises(NotSentError, match="wrong_digest"):
        channel.send(to_tell(wrong))
    nobody = snmp_target(tmp_path, free_port(socket.SOCK_DGRAM), Version.V2C)
    channel = SnmpChannel(nobody, outbox=outbox, clock=SystemClock())
    with contextlib.closing(channel), pytest.raises(OSError, match="refused"):
        channel.send(to_tell(nobody))


class LossyManager:
    """Passes datagrams on to a receiver, and loses the first answer of every `lose`."""

    def __init__(self, port: int, *, lose: int) -> None:
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port = self._front.getsockname()[1]
        self._back = ("127.0.0.1", port)
        self._lose = lose
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            datagram, sender = self._front.recvfrom(65_507)
            if not datagram:
                return
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
                back.settimeout(10)
                back.sendto(datagram, self._back)
                answer = back.recv(65_507)
            self._lose -= 1
            if self._lose < 0:
                self._front.sendto(answer, sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._front.close()


def test_an_inform_whose_answer_was_lost_is_sent_again_under_its_number(
    snmptrapd: Snmptrapd, outbox: Outbox, tmp_path: Path
) -> None:
    """The receiver has it more than once, with one sequence: so it can know."""
    way = LossyManager(snmptrapd.port, lose=1)
    target = snmp_target(tmp_path, way.port, Version.V2C)
    channel = SnmpChannel(target, outbox=outbox, clock=SystemClock(), answer_s=1.0)
    channel.send(to_tell(target))
    channel.close()
    way.close()
    wait_until(lambda: len(snmptrapd.told()) >= 2)
    assert all(f"{MIB_ROOT}.1.1.1.0 = Gauge32: 7" in line for line in snmptrapd.told())


# ---- webhooks
class Receiver(http.server.ThreadingHTTPServer):
    """Keeps calls, answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Calls)
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.location: str | None = None


class _Calls(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        """Not in tests."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An HTTP server on loopback."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def webhook_target(folder: Path, receiver: Receiver, **changes: Any) -> WebhookTarget:
    """That server, its network allowed."""
    target = WebhookTarget(
        name="tickets",
        url=f"http://127.0.0.1:{receiver.server_address[1]}/in?x=1",
        secret_file=secret_file(folder, "secret", "shared"),
        allow=("127.0.0.0/8",),
    )
    return attrs.evolve(target, **changes)


@contextlib.contextmanager
def webhook(target: WebhookTarget) -> Iterator[WebhookChannel]:
    """Its channel, closed at the end."""
    channel = WebhookChannel(target, clock=SystemClock())
    yield channel
    channel.close()


def test_a_call_is_signed_and_can_be_known_again(receiver: Receiver, tmp_path: Path) -> None:
    """The signature covers time and body; the same event has the same key; the body holds sequence, mark and alarm."""
    target = webhook_target(tmp_path, receiver)
    with webhook(target) as channel:
        channel.send(to_tell(target))
        channel.send(to_tell(target, repeated=True))
        channel.heartbeat(7)
    (headers, body), (again, second), (_, alive) = receiver.calls
    seconds, _, given = headers["Faultline-Signature"].removeprefix("t=").partition(",v1=")
    assert given == hmac.new(b"shared", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Idempotency-Key"] == again["Idempotency-Key"]
    document = json.loads(body)
    assert (document["sequence"], document["repeated"], document["kind"]) == (7, False, "revise")
    assert document["alarm"]["fields"]["line"] == "CN-NB-0017"
    assert json.loads(second)["repeated"] is True
    assert (json.loads(alive)["kind"], json.loads(alive)["sequence"]) == ("heartbeat", 7)


@pytest.mark.parametrize(
    ("status", "error"), [(422, NotTakenError), (401, NotSentError), (429, NotSentError), (302, NotSentError)]
)
def test_an_answer_that_is_not_good_is_a_refusal_or_tried_again(
    receiver: Receiver, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    """What is wrong with the message itself is put aside in the end; a redirect is not followed, wherever it leads."""
    receiver.status, receiver.location = status, "http://127.0.0.1:1/inside"
    target = webhook_target(tmp_path, receiver)
    with webhook(target) as channel, pytest.raises(error, match=str(status)):
        channel.send(to_tell(target))
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_of_the_receiver_leaves_open_whether_it_has_the_call(receiver: Receiver, tmp_path: Path, status: int) -> None:
    """It may have failed after it took it, or a gateway gave up waiting for it: what comes again is marked."""
    receiver.status = status
    target = webhook_target(tmp_path, receiver)
    with webhook(target) as channel, pytest.raises(OSError, match=str(status)) as caught:
        channel.send(to_tell(target))
    assert not isinstance(caught.value, NotSentError)


def test_a_call_over_tls_is_for_the_name_that_was_asked_for(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver's certificate must be of a known authority and for the host of the address, not for where that leads."""
    authority, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    target = webhook_target(tmp_path, receiver, url=f"https://127.0.0.1:{receiver.server_address[1]}/in", ca=authority)
    with webhook(target) as channel:
        channel.send(to_tell(target))
    assert len(receiver.calls) == 1
    with webhook(attrs.evolve(target, ca=None)) as channel, pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
        channel.send(to_tell(target))
    monkeypatch.setattr("analyzer.notify.webhook.resolved", lambda *_: "127.0.0.1")
    elsewhere = attrs.evolve(target, url=f"https://receiver.example:{receiver.server_address[1]}/in")
    with webhook(elsewhere) as channel, pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
        channel.send(to_tell(elsewhere))
    assert len(receiver.calls) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "0.0.0.0"]
)
def test_calls_do_not_go_into_our_own_networks(receiver: Receiver, tmp_path: Path, host: str) -> None:
    """Unless the configuration names the network: by address, by name, by IPv4 inside IPv6."""
    target = webhook_target(tmp_path, receiver, allow=(), url=f"http://{host}:{receiver.server_address[1]}/")
    with webhook(target) as channel, pytest.raises(NotSentError, match="may not go to"):
        channel.send(to_tell(target))
    assert receiver.calls == []


@given(inside=st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_no_clothing_of_an_inner_address_makes_it_public(inside: ipaddress.IPv4Address) -> None:
    """Mapped, translated and tunnelled addresses are judged by what they reach."""
    number = int(inside)
    for prefix, shift in ((0xFFFF << 32, 0), (0x0064FF9B << 96, 0), (0x2002 << 112, 80)):
        assert not may_go(ipaddress.IPv6Address(prefix | number << shift), [])
    assert may_go(inside, [ipaddress.ip_network("0.0.0.0/0")])
    assert may_go(ipaddress.ip_address("9.9.9.9"), [])


def test_a_name_that_leads_inside_is_refused() -> None:
    """Resolving is where the check is, so that the call goes to what was checked."""
    with pytest.raises(ForbiddenError):
        resolved("localhost", 80, [])
    assert resolved("127.0.0.1", 80, [ipaddress.ip_network("127.0.0.1/32")]) == "127.0.0.1"


# ---- mail
class Mailbox:
    """What an SMTP server took; answers as it is told to."""

    def __init__(self) -> None:
        self.taken: list[email.message.EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=modern)
            assert isinstance(message, email.message.EmailMessage)
            self.taken.append(message)
        return self.answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A real SMTP server on loopback, and its port."""
    controllers = pytest.importorskip("aiosmtpd.controller")
    box = Mailbox()
    controller = controllers.Controller(box, hostname="127.0.0.1", port=free_port(socket.SOCK_STREAM))
    controller.start()
    yield box, controller.port
    controller.stop()


def mail_target(port: int, **changes: Any) -> MailTarget:
    """That server, without TLS."""
    target = MailTarget(
        name="duty",
        address=f"127.0.0.1:{port}",
        security=Security.NONE,
        sender="Faultline <faultline@noc.example>",
        recipients=("duty@noc.example", "ops@noc.example"),
    )
    return attrs.evolve(target, **changes)


def test_a_mail_says_everything_and_can_be_known_again(mailbox: tuple[Mailbox, int]) -> None:
    """Subject in 70 characters, the text, the facts, the sequence; a repeat is marked and has the same Message-ID."""
    box, port = mailbox
    target = mail_target(port)
    channel = MailChannel(target, clock=SystemClock())
    channel.send(to_tell(target))
    channel.send(to_tell(target, repeated=True))
    first, again = box.taken
    assert first["Subject"] == "[Faultline] REVISED L17"
    assert first["To"] == "duty@noc.example, ops@noc.example"
    assert (first["X-Faultline-Sequence"], first["X-Faultline-Repeated"], again["X-Faultline-Repeated"]) == ("7", None, "true")
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Message-ID"].endswith("@noc.example>")
    content = first.get_content()
    assert "REVISED 故障; access loop 17" in content
    assert "line: CN-NB-0017" in content


def test_a_mail_server_that_refuses_is_told_apart_from_one_that_is_busy(mailbox: tuple[Mailbox, int]) -> None:
    """5xx to the message: it is put aside in the end; 4xx and no server at all: it is tried again, unmarked."""
    box, port = mailbox
    target = mail_target(port)
    channel = MailChannel(target, clock=SystemClock())
    box.answer = "554 no such words"
    with pytest.raises(NotTakenError, match="554 no such words"):
        channel.send(to_tell(target))
    box.answer = "451 later"
    with pytest.raises(NotSentError, match="451"):
        channel.send(to_tell(target))
    nobody = mail_target(free_port(socket.SOCK_STREAM))
    with pytest.raises(NotSentError, match="refused"):
        MailChannel(nobody, clock=SystemClock()).send(to_tell(nobody))
    asks_tls = mail_target(port, security=Security.STARTTLS)
    with pytest.raises(NotSentError, match="STARTTLS"):
        MailChannel(asks_tls, clock=SystemClock()).send(to_tell(asks_tls))


@given(words=st.text(max_size=200))
def test_words_cannot_add_headers(words: str) -> None:
    """Whatever a customer is called, there is one subject, and the message has the headers we gave it."""
    target = mail_target(25)
    alarm = attrs.evolve(ALARM, short=words, fields={"customer": words})
    message = mail_message(told_of(target, alarm, sequence=1), target)
    names = ["From", "To", "Subject", "Date", "Auto-Submitted", "Message-ID", "X-Faultline-Sequence"]
    assert [name for name in message.keys() if name in names] == names  # noqa: SIM118 - headers may repeat
    assert b"\nBcc" not in message.as_bytes()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: MailTarget(name="a", address="h:25", sender="x", recipients=("a@b",)), "expected an address of e-mail"),
        (lambda: MailTarget(name="a", address="h:25", sender="a@b", recipients=()), "recipients is empty"),
        (lambda: MailTarget(name="a", address="h:25", sender="a@b", recipients=("a@b",), user="u"), "belong together"),
        (lambda: WebhookTarget(name="a", url="ftp://h/", secret_file=Path("s")), "expected https"),
        (lambda: WebhookTarget(name="a", url="https://u:p@h/", secret_file=Path("s")), "holds a password"),
        (lambda: SnmpTarget(name="a", address="h:162"), "needs user and password_file"),
        (lambda: SnmpTarget(name="a", address="h:162", version=Version.V2C), "needs a community_file"),
    ],
)
def test_a_target_that_cannot_work_is_refused_at_start(make: Any, problem: str) -> None:
    """With what is wrong, before anything is sent."""
    with pytest.raises(ValueError, match=problem):
        make()


def test_a_secret_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    """Which target, which file, and why; never the secret."""
    target = WebhookTarget(name="tickets", url="https://h/", secret_file=tmp_path / "none")
    with pytest.raises(CommandError, match=r"webhooks tickets: secret_file: .*none: No such file"):
        WebhookChannel(target, clock=SystemClock())


def test_the_sample_receiver_takes_what_is_signed_and_drops_repeats(tmp_path: Path) -> None:
    """The client beside the interface, run as it stands: a gap is told, a repeat is dropped, another secret is refused."""
    port = free_port(socket.SOCK_STREAM)
    script = Path(__file__).parents[3] / "packaging" / "examples" / "clients" / "webhook_receiver.py"
    process = subprocess.Popen(
        [sys.executable, str(script), str(port)],
        env={**os.environ, "FAULTLINE_SECRET": "shared"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: listens(port))
        target = WebhookTarget(
            name="tickets",
            url=f"http://127.0.0.1:{port}/",
            secret_file=secret_file(tmp_path, "secret", "shared"),
            allow=("127.0.0.0/8",),
        )
        with webhook(target) as channel:
            channel.send(to_tell(target, 7))
            channel.send(to_tell(target, 7, repeated=True))
            channel.send(to_tell(target, 9))
            channel.heartbeat(9)
        stranger = attrs.evolve(target, secret_file=secret_file(tmp_path, "other", "guessed"))
        with webhook(stranger) as channel, pytest.raises(NotSentError, match="401"):
            channel.send(to_tell(stranger, 10))
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=10)
    assert printed.splitlines() == [
        "7 revise REVISED 故障; access loop 17",
        "missing 8 to 8: replay from 8",
        "9 revise REVISED 故障; access loop 17",
        "heartbeat",
    ]
