"""A real rsyslogd on loopback, for tests of alarms."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def free_port(kind: socket.SocketKind) -> int:
    """A port nobody listens on."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Poll until it holds; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def certificate(folder: Path) -> tuple[Path, Path]:
    """Files with a certificate for 127.0.0.1 that is its own authority, and with its key."""
    authority, key_file = folder / "authority.pem", folder / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return authority, key_file


class Rsyslogd:
    """A real rsyslogd on loopback that writes what it understood to a file."""

    def __init__(self, folder: Path, *, with_tls: bool = False) -> None:
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.tls = free_port(socket.SOCK_STREAM) if with_tls else 0
        self.authority, key = certificate(folder) if with_tls else (folder, folder)
        self._folder = folder
        self.out = folder / "out.log"
        (folder / "work").mkdir(exist_ok=True)
        fields = "%pri%|%timestamp:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%"
        files = (
            f' defaultNetstreamDriverCAFile="{self.authority}" defaultNetstreamDriverCertFile="{self.authority}"'
            f' defaultNetstreamDriverKeyFile="{key}"'
            if with_tls
            else ""
        )
        (folder / "rsyslog.conf").write_text(
            f'global(workDirectory="{folder}/work" maxMessageSize="16k"{files})\n'
            'module(load="imudp")\nmodule(load="imtcp")\n'
            f'template(name="all" type="string" string="{fields}\\n")\n'
            f'ruleset(name="in") {{ action(type="omfile" file="{self.out}" template="all") }}\n'
            f'input(type="imudp" address="127.0.0.1" port="{self.udp}" ruleset="in")\n'
            f'input(type="imtcp" address="127.0.0.1" port="{self.tcp}" ruleset="in")\n'
            + (
                f'input(type="imtcp" address="127.0.0.1" port="{self.tls}" ruleset="in"'
                ' streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")\n'
                if with_tls
                else ""
            ),
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(shutil.which("rsyslogd")), "-n", "-f", f"{self._folder}/rsyslog.conf", "-i", f"{self._folder}/pid"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.tcp)) == 0

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def lines(self) -> list[str]:
        return self.out.read_text(encoding="utf-8").splitlines() if self.out.exists() else []


@pytest.fixture
def rsyslogd(tmp_path: Path) -> Iterator[Rsyslogd]:
    """A running rsyslogd, or a skip with the reason."""
    if shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        pytest.skip("needs rsyslogd (packaging/setup.sh test installs it when root)")
    os.environ["PATH"] = os.environ.get("PATH", "") + ("" if "/usr/sbin" in os.environ.get("PATH", "") else ":/usr/sbin")
    made = Rsyslogd(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def rsyslogd_tls(tmp_path: Path) -> Iterator[Rsyslogd]:
    """One that takes TLS, too."""
    if not list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")) or not shutil.which("rsyslogd", path="/usr/sbin:/usr/bin"):
        pytest.skip("needs rsyslogd with GnuTLS (packaging/setup.sh test installs it when root)")
    os.environ["PATH"] = os.environ.get("PATH", "") + ("" if "/usr/sbin" in os.environ.get("PATH", "") else ":/usr/sbin")
    made = Rsyslogd(tmp_path, with_tls=True)
    made.start()
    yield made
    made.stop()
