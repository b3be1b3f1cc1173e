"""Hearing real senders: net-snmp's snmptrap, logger and rsyslogd, through the sockets of a collector that runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import yaml
from typer.testing import CliRunner

from collector.cli import app
from collector.config import read_config
from collector.events.config import EventsConfig, SnmpUser, SyslogConfig, TrapsConfig
from collector.events.service import EventService
from collector.events.tcp import TcpReceiver
from collector.events.udp import UdpReceiver
from collector.service import build
from faultline import inventory
from faultline.records.device_event import DeviceEvent
from faultline.runtime.clock import SystemClock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.snmp.keys import Digest, Privacy
from faultline.store.device_events import DeviceEventBook
from faultline.store.state import StateStore
from tests.analyzer.notify.conftest import wait_until
from tests.collector.events.conftest import INVENTORY, LINK_DOWN

needs_snmptrap = pytest.mark.skipif(
    shutil.which("snmptrap") is None, reason="needs snmptrap (packaging/setup.sh test installs it when root)"
)
needs_logger = pytest.mark.skipif(shutil.which("logger") is None, reason="needs logger of util-linux")
RSYSLOGD = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
LINK_17 = [LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.17", "i", "17", "1.3.6.1.2.1.2.2.1.8.17", "i", "2"]
KEYS = ["-A", "authpassword", "-X", "privpassword"]


@attrs.frozen(kw_only=True)
class Hearing:
    """A running service, and what it kept."""

    service: EventService
    book: DeviceEventBook
    counters: Counters

    def port(self, name: str) -> int:
        """Of a receiver."""
        receiver = self.service.receivers[name]
        assert isinstance(receiver, UdpReceiver | TcpReceiver)
        return receiver.address.port

    def events(self) -> list[DeviceEvent]:
        """What was kept."""
        return self.book.between(0, 1 << 62)

    def dropped(self) -> dict[str, int]:
        """Messages that are no events, by reason."""
        return dict(self.counters.stage("events").snapshot().dropped)


def secret(folder: Path, name: str, text: str) -> Path:
    """A file with a secret."""
    path = folder / name
    path.write_text(text + "\n", encoding="utf-8")
    return path


def make_config(folder: Path) -> EventsConfig:
    """Everything on free ports of the loopback, for two users and one community."""
    password, privacy = secret(folder, "auth", "authpassword"), secret(folder, "priv", "privpassword")
    users = [
        SnmpUser(name="noc", password_file=password, privacy_password_file=privacy),
        SnmpUser(name="old", digest=Digest.SHA1, password_file=password, privacy=Privacy.AES128, privacy_password_file=privacy),
        SnmpUser(name="big", digest=Digest.SHA512, privacy=Privacy.AES256, password_file=password, privacy_password_file=privacy),
    ]
    return EventsConfig(
        traps=TrapsConfig(
            listen="127.0.0.1:0", senders=["127.0.0.1"], communities_file=secret(folder, "communities", "s3cret"), users=users
        ),
        syslog=SyslogConfig(udp="127.0.0.1:0", tcp="127.0.0.1:0", senders=["127.0.0.0/8"]),
    )


@pytest.fixture
def hearing(tmp_path: Path, state: StateStore) -> Iterator[Hearing]:
    """A service that knows the loopback as a device."""
    counters, book = Counters(), DeviceEventBook(state)
    known = inventory.parse(INVENTORY, "inventory")
    service = EventService(make_config(tmp_path), book=book, state=state, inventory=known, clock=SystemClock(), counters=counters)
    service.start()
    yield Hearing(service=service, book=book, counters=counters)
    service.stop()


def snmptrap(port: int, *options: str, version: str = "2c", rest: list[str] | None = None) -> int:
    """net-snmp's own; gives its exit code."""
    command = ["snmptrap", "-v", version, *options, f"127.0.0.1:{port}", "", *(rest or LINK_17)]
    done = subprocess.run(command, capture_output=True, timeout=20, check=False, env={**os.environ, "MIBS": ""})
    return done.returncode


V3_LEVELS: list[tuple[str, list[str]]] = [
    ("noc", ["-a", "SHA-256", "-x", "AES"]),
    ("old", ["-a", "SHA", "-x", "AES"]),
    ("big", ["-a", "SHA-512", "-x", "AES-256"]),
]


@needs_snmptrap
@pytest.mark.parametrize(("user", "protocols"), V3_LEVELS)
def test_traps_of_v3_of_a_real_sender_are_heard(hearing: Hearing, user: str, protocols: list[str]) -> None:
    """Encrypted by net-snmp with the pairs that it has; a wrong password is refused."""
    engine = ["-e", "0x8000000001020304"]
    assert snmptrap(hearing.port("traps"), *engine, "-l", "authPriv", "-u", user, *protocols, *KEYS, version="3") == 0
    wait_until(lambda: len(hearing.events()) == 1)
    (event,) = hearing.events()
    assert (event.name, event.component, event.sender, event.tenant) == ("LINK_DOWN", "loop", "pe", "bank")
    wrong = ["-A", "authpassword", "-X", "privpassword", "-A", "otherpassword"]
    snmptrap(hearing.port("traps"), *engine, "-l", "authPriv", "-u", user, *protocols, *wrong, version="3")
    wait_until(lambda: hearing.dropped() == {"wrong_digest": 1})


@needs_snmptrap
@pytest.mark.parametrize(("user", "protocols"), V3_LEVELS)
def test_informs_of_v3_of_a_real_sender_are_answered(hearing: Hearing, user: str, protocols: list[str]) -> None:
    """It asks for our engine, sends, and understands our encrypted answer; without one it would end with an error."""
    level = ["-Ci", "-r", "0", "-t", "10", "-l", "authPriv", "-u", user, *protocols, *KEYS]
    assert snmptrap(hearing.port("traps"), *level, version="3") == 0
    wait_until(lambda: len(hearing.events()) == 1)
    assert hearing.dropped() == {"discovery": 1}


@needs_snmptrap
def test_traps_and_informs_of_v2c_of_a_real_sender(hearing: Hearing) -> None:
    """With the community they are heard, and informs answered; with another one nobody answers."""
    port = hearing.port("traps")
    assert snmptrap(port, "-c", "s3cret") == 0
    wait_until(lambda: len(hearing.events()) == 1)
    up = ["1.3.6.1.6.3.1.1.5.4", *LINK_17[1:]]
    assert snmptrap(port, "-c", "s3cret", "-Ci", "-r", "0", "-t", "10", rest=up) == 0
    wait_until(lambda: len(hearing.events()) == 2)
    assert [state.event.raised for state in hearing.book.states()] == [False]
    assert snmptrap(port, "-c", "public", "-Ci", "-r", "0", "-t", "1") != 0
    assert hearing.dropped() == {"unknown_community": 1}


@needs_logger
@pytest.mark.parametrize(
    "options", [["--udp", "--rfc3164"], ["--udp", "--rfc5424"], ["--tcp", "--rfc5424", "--octet-count"], ["--tcp"]]
)
def test_logger_is_heard(hearing: Hearing, options: list[str]) -> None:
    """Both formats over both transports, counted and in lines."""
    port = hearing.port("syslog-udp" if "--udp" in options else "syslog-tcp")
    words = "%LINK-3-UPDOWN: Interface GigabitEthernet0/0/1, changed state to down"
    subprocess.run(["logger", "--server", "127.0.0.1", "--port", str(port), *options, words], check=True, timeout=20)
    wait_until(lambda: len(hearing.events()) == 1)
    (event,) = hearing.events()
    assert (event.component, event.place, event.source) == ("loop", "GigabitEthernet0/0/1", "syslog")
    assert event.told_ns is not None


@pytest.mark.skipif(RSYSLOGD is None, reason="needs rsyslogd (packaging/setup.sh test installs it when root)")
def test_what_a_rsyslogd_forwards_is_heard(hearing: Hearing, tmp_path: Path) -> None:
    """Over UDP in the old format, over TCP counted in the new one: each message once, and the repeat is known as one."""
    source, folder = tmp_path / "source", tmp_path / "rsyslog"
    folder.mkdir()
    udp = (
        f'action(type="omfwd" target="127.0.0.1" port="{hearing.port("syslog-udp")}" protocol="udp"'
        ' template="RSYSLOG_TraditionalForwardFormat")'
    )
    tcp = (
        f'action(type="omfwd" target="127.0.0.1" port="{hearing.port("syslog-tcp")}" protocol="tcp"'
        ' TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")'
    )
    (folder / "rsyslog.conf").write_text(
        f'global(workDirectory="{folder}")\nmodule(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" socket="{source}" createPath="on")\n{udp}\n{tcp}\n',
        encoding="utf-8",
    )
    process = subprocess.Popen(
        [str(RSYSLOGD), "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/pid"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(source.exists)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(source))
            sender.send(b"<187>router: %BGP-5-ADJCHANGE: neighbor 172.16.0.2 Down BGP Notification sent")
        wait_until(lambda: sum(hearing.dropped().values()) + len(hearing.events()) >= 2)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    events = [event for event in hearing.events() if event.name == "BGP_DOWN"]
    assert [(event.component, event.raised) for event in events] == [("loop", True)]
    assert hearing.dropped()["repeated"] == 1


def test_a_connection_that_sends_junk_is_cut_and_others_go_on(hearing: Hearing) -> None:
    """Counted; the next connection is read as ever."""
    port = hearing.port("syslog-tcp")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as junk:
        junk.sendall(b"99999999 ")
        assert junk.recv(1) == b""
    assert hearing.counters.value("events_connections_cut") == 1
    with socket.create_connection(("127.0.0.1", port), timeout=5) as good:
        good.sendall(b"<189>x %PEM-3-PEMFAIL: power\n<189>x %PEM-6-")
        good.sendall(b"PEMOK: power")
    wait_until(lambda: [event.raised for event in hearing.events()] == [True, False])


def test_a_defect_that_a_message_brings_to_light_ends_nothing(hearing: Hearing, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted and logged; the next message is heard."""

    def defect(*_: object) -> None:
        raise ZeroDivisionError

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", hearing.port("syslog-udp")))
        with monkeypatch.context() as broken:
            broken.setattr("collector.events.doors.parsed", defect)
            sender.send(b"<189>x %PEM-3-PEMFAIL: power")
            wait_until(lambda: hearing.counters.value("events_failures") == 1)
        sender.send(b"<189>x %PEM-3-PEMFAIL: power")
        wait_until(lambda: len(hearing.events()) == 1)


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, state: StateStore) -> None:
    """Named by the configuration's key, with what to do; and what was started before is stopped again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = make_config(tmp_path)
        config = attrs.evolve(config, syslog=attrs.evolve(config.syslog, tcp=f"127.0.0.1:{taken.getsockname()[1]}"))
        service = EventService(
            config, book=DeviceEventBook(state), state=state, inventory=None, clock=SystemClock(), counters=Counters()
        )
        with pytest.raises(CommandError, match=r"collector\.events\.syslog\.tcp: cannot listen") as told:
            service.start()
    assert told.value.hint


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [("auth", "short", "8 characters"), ("auth", "", "empty"), ("communities", "", "empty"), ("auth", None, "No such file")],
)
def test_secrets_that_cannot_be_used_are_told_at_the_start(
    tmp_path: Path, state: StateStore, name: str, text: str | None, wrong: str
) -> None:
    """By the key of the configuration, without the secret."""
    config = make_config(tmp_path)
    path = tmp_path / name
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=wrong) as told:
        EventService(config, book=DeviceEventBook(state), state=state, inventory=None, clock=SystemClock(), counters=Counters())
    assert told.value.message.startswith("collector.events.traps.")


CONFIG = """
data: data
inventory: inventory.yaml
store: {data: store, durable: false}
listen: 127.0.0.1:0
events:
  traps: {listen: "127.0.0.1:0", senders: [127.0.0.1], communities_file: communities}
  syslog: {udp: "127.0.0.1:0", senders: [127.0.0.1]}
"""


def listed(config: Path, *options: str) -> str:
    """What the command prints."""
    return CliRunner().invoke(app, ["events", "list", "-c", str(config), *options], catch_exceptions=False).stdout


def test_the_collector_hears_and_its_command_lists(tmp_path: Path) -> None:
    """The whole service from its file: heard, stored, shown as a table and as JSON; what stands, and what nobody declared."""
    config = tmp_path / "collector.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "communities").write_text("s3cret\n", encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(yaml.safe_dump(INVENTORY), encoding="utf-8")
    service, _ = build(read_config(config))
    service.start()
    try:
        part = next(part for name, part in service._components if name == "events")
        assert isinstance(part, EventService)
        receiver = part.receivers["syslog-udp"]
        assert isinstance(receiver, UdpReceiver)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for words in ("GigabitEthernet0/0/1, changed state to down", "Gi9, changed state to [red]down"):
                sender.sendto(f"<189>x %LINK-3-UPDOWN: Interface {words}".encode(), ("127.0.0.1", receiver.address.port))
            sender.sendto(b"<189>x %LINK-3-UPDOWN: Interface Gi9, changed state to up", ("127.0.0.1", receiver.address.port))
    finally:
        service.stop()
    told = [json.loads(line) for line in listed(config, "--json").splitlines()]
    assert [(event["event"], event["raised"], event.get("component")) for event in told] == [
        ("LINK_DOWN", True, "loop"),
        ("LINK_DOWN", False, None),
    ]
    assert "loop" in listed(config)
    tried = CliRunner().invoke(app, ["events", "try", "-c", str(config), "--from", "pe", "x %PEM-3-PEMFAIL: power"])
    assert (json.loads(tried.stdout)["event"], json.loads(tried.stdout)["component"]) == ("POWER", "pe")
    for device, why in (("pe9", "pe9 is no device"), ("pe", "`interfaces` lack")):
        elsewhere = CliRunner().invoke(
            app, ["events", "try", "-c", str(config), "--from", device, "x %LINK-3-UPDOWN: Interface Gi9, changed state to down"]
        )
        assert "component" not in json.loads(elsewhere.stdout)
        assert why in elsewhere.stderr
    for nothing in ("hello", "<999>x"):
        refused = CliRunner().invoke(app, ["events", "try", "-c", str(config), nothing])
        assert isinstance(refused.exception, CommandError)
    assert len(listed(config, "--json").splitlines()) == 2
    assert [json.loads(line)["place"] for line in listed(config, "--json", "--unmapped").splitlines()] == ["Gi9"]
    assert [json.loads(line)["place"] for line in listed(config, "--json", "--standing").splitlines()] == ["GigabitEthernet0/0/1"]
