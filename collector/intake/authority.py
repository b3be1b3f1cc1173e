"""The collector's own certificate authority and server certificate, made at the first start and renewed when due.

<folder>/authority.pem   what probes are given; ten years
<folder>/authority.key   readable by the collector's user only, like all keys here
<folder>/server.pem      the server certificate; one year, renewed in its last third, or when the names change
<folder>/server.key
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from faultline.runtime.console import CommandError
from faultline.runtime.log import logger

AUTHORITY_LIFE = dt.timedelta(days=3650)
SERVER_LIFE = dt.timedelta(days=365)
RENEW_BEFORE = SERVER_LIFE / 3
_SKEW = dt.timedelta(hours=1)
"""Certificates begin a little in the past: a probe's clock may be behind."""


@attrs.frozen(slots=True, kw_only=True)
class TlsFiles:
    """Paths of what a TLS server loads and what its clients trust."""

    certificate: Path
    key: Path
    authority: Path


class Authority:
    """The files in a folder."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._names = tuple(dict.fromkeys(names))
        self.files = TlsFiles(certificate=folder / "server.pem", key=folder / "server.key", authority=folder / "authority.pem")
        self._folder = folder
        self._log = logger("tls")

    def ensure(self, now: dt.datetime) -> bool:
        """Make what is missing or due; True when the server certificate is new.

        Raises:
            CommandError: the folder cannot be used, or a file in it is not what it should be.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.files.authority.exists():
                self._make_authority(now)
            if not self._is_due(now):
                return False
            self._make_server(now)
        except OSError as error:
            raise CommandError(
                f"{self._folder}: {error.strerror or error}", hint="collector.data must be a folder this user can write to"
            ) from None
        except ValueError as error:
            raise CommandError(
                f"{self._folder}: {error}",
                hint="restore the folder from a backup; or remove it and give the new authority.pem to every probe",
            ) from None
        self._log.info("server certificate made", names=",".join(self._names))
        return True

    def _is_due(self, now: dt.datetime) -> bool:
        if not self.files.certificate.exists() or not self.files.key.exists():
            return True
        there = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        names = there.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return now >= there.not_valid_after_utc - RENEW_BEFORE or list(names) != [_name(name) for name in self._names]

    def _make_authority(self, now: dt.datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Faultline collector authority {now:%Y-%m-%d}")])
        certificate = (
            _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        # The key first: a crash in between makes both anew, as the certificate is what is looked for.
        _write(self._folder / "authority.key", _pem(key))
        _write(self.files.authority, certificate.public_bytes(serialization.Encoding.PEM))

    def _make_server(self, now: dt.datetime) -> None:
        authority = x509.load_pem_x509_certificate(self.files.authority.read_bytes())
        signer = serialization.load_pem_private_key((self._folder / "authority.key").read_bytes(), password=None)
        if not isinstance(signer, ec.EllipticCurvePrivateKey):
            raise ValueError("authority.key is not the key this program made")  # noqa: TRY004 - a file's content, not a type
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Faultline collector")])
        certificate = (
            _builder(subject, authority.subject, key.public_key(), now, SERVER_LIFE)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in self._names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
            .sign(signer, hashes.SHA256())
        )
        # A crash in between leaves a pair that does not fit: the certificate goes first, so that it is seen to be missing.
        self.files.certificate.unlink(missing_ok=True)
        _write(self.files.key, _pem(key))
        _write(self.files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - _SKEW).not_valid_after(now + life)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(path: Path, octets: bytes) -> None:
    """Whole or not at all, for this user only."""
    temporary = path.with_name(path.name + ".part")
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(number, octets)
        os.fsync(number)
    finally:
        os.close(number)
    temporary.replace(path)
