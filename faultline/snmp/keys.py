"""Users of SNMPv3 and their keys: from passwords to keys, from keys to those of one engine, digests and ciphers with them.

Goes in: names, protocols, passwords, an engine's id. Comes out: keys (RFC 3414 appendix A.2, RFC 7860), digests of messages, text
that is encrypted and decrypted (RFC 3826). Keys that reach across engines, the 3DES and Reeder extensions, are not known here:
AES needs a digest that gives as many octets as its key.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import StrEnum

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

try:  # where cryptography keeps modes that are no longer recommended, by version
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

from faultline.snmp.message import AUTHENTICATED, ENCRYPTED, SecuredMessage

LEAST_PASSWORD = 8
"""Characters (RFC 3414 section 11.2)."""
_STRETCHED_OCTETS = 1 << 20


class Digest(StrEnum):
    """Authentication protocols; the octets of the hash that a message carries are those of RFC 3414 and 7860."""

    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"

    @property
    def octets(self) -> int:
        """Length in a message."""
        return {Digest.SHA1: 12, Digest.SHA224: 16, Digest.SHA256: 24, Digest.SHA384: 32, Digest.SHA512: 48}[self]


class Privacy(StrEnum):
    """Encryption: AES in cipher feedback mode."""

    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"

    @property
    def key_octets(self) -> int:
        """Length of its key."""
        return {Privacy.AES128: 16, Privacy.AES192: 24, Privacy.AES256: 32}[self]


@attrs.frozen(slots=True, kw_only=True)
class User:
    """Who may notify, with keys that are not yet bound to an engine."""

    name: str
    digest: Digest
    digest_key: bytes = attrs.field(repr=False)
    privacy: Privacy | None = None
    privacy_key: bytes | None = attrs.field(default=None, repr=False)

    @property
    def level(self) -> int:
        """Flags of its messages."""
        return AUTHENTICATED | (ENCRYPTED if self.privacy else 0)


def user_of(
    name: str, *, digest: Digest, password: str, privacy: Privacy | None = None, privacy_password: str | None = None
) -> User:
    """A user from passwords (RFC 3414 appendix A.2).

    Raises:
        ValueError: a password is too short, or the digest too short for the cipher.
    """
    if min(len(given) for given in (password, privacy_password or password)) < LEAST_PASSWORD:
        raise ValueError(f"passwords have at least {LEAST_PASSWORD} characters")
    if privacy is not None and hashlib.new(digest.value).digest_size < privacy.key_octets:
        raise ValueError(f"{privacy} needs a digest of {privacy.key_octets} octets or more: take sha256 or sha512")
    return User(
        name=name,
        digest=digest,
        digest_key=_stretched(digest, password),
        privacy=privacy,
        privacy_key=_stretched(digest, privacy_password or password) if privacy else None,
    )


def _stretched(digest: Digest, password: str) -> bytes:
    octets = password.encode()
    repeated = (octets * (_STRETCHED_OCTETS // len(octets) + 1))[:_STRETCHED_OCTETS]
    return hashlib.new(digest.value, repeated).digest()


@attrs.frozen(slots=True, kw_only=True)
class LocalKeys:
    """A user's keys at one engine."""

    user: User
    digest_key: bytes = attrs.field(repr=False)
    privacy_key: bytes | None = attrs.field(repr=False)

    def digest_of(self, octets: bytes, digest_at: int) -> bytes:
        """Over a whole message, with zeros where the digest stands."""
        length = self.user.digest.octets
        blank = octets[:digest_at] + bytes(length) + octets[digest_at + length :]
        return hmac.digest(self.digest_key, blank, self.user.digest.value)[:length]

    def encrypted(self, content: bytes, *, boots: int, time_s: int, salt: bytes) -> bytes:
        """Content of an outgoing message."""
        return self._cipher(boots, time_s, salt).encryptor().update(content)

    def decrypted(self, message: SecuredMessage) -> bytes:
        """Content of a message that came."""
        return self._cipher(message.boots, message.time_s, message.salt).decryptor().update(message.content)

    def _cipher(self, boots: int, time_s: int, salt: bytes) -> Cipher[CFB]:
        if self.user.privacy is None or self.privacy_key is None:
            raise RuntimeError(f"user {self.user.name} does not encrypt")
        vector = boots.to_bytes(4, "big") + time_s.to_bytes(4, "big") + salt
        return Cipher(algorithms.AES(self.privacy_key[: self.user.privacy.key_octets]), CFB(vector))


def localised(user: User, engine_id: bytes) -> LocalKeys:
    """A user's keys at an engine (RFC 3414 appendix A.2)."""

    def local(key: bytes) -> bytes:
        return hashlib.new(user.digest.value, key + engine_id + key).digest()

    return LocalKeys(
        user=user,
        digest_key=local(user.digest_key),
        privacy_key=None if user.privacy_key is None else local(user.privacy_key),
    )
