"""E-mail targets: one message an event, by SMTP with STARTTLS, TLS from the start, or in the clear.

A message counts as told once the server took it. When that answer is lost it is sent again under the same Message-ID, so that
mail systems can know it.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from enum import StrEnum
from pathlib import Path

import attrs

from analyzer.notify.syslog_channel import is_address
from analyzer.notify.telling import NotSentError, NotTakenError, Target, Told, secret
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.log import logger
from faultline.runtime.status import Address

TIMEOUT_S = 10.0
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Every character that something on the way may take for the end of a line."""
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]")
_LASTING = 500
"""SMTP codes from here on say that trying again will not help (RFC 5321 section 4.2.1)."""


class Security(StrEnum):
    """How the way to the server is kept."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


def _is_mailbox(_: object, __: object, value: str) -> None:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(value)[1]) or _CONTROLS.search(value):
        raise ValueError(f"expected an address of e-mail, got {value!r}")


def _are_mailboxes(_: object, __: object, values: tuple[str, ...]) -> None:
    if not values:
        raise ValueError("recipients is empty")
    for value in values:
        _is_mailbox(None, None, value)


@attrs.frozen(slots=True, kw_only=True)
class MailTarget(Target):
    """Receivers of e-mail, through one server."""

    address: str = attrs.field(validator=is_address)
    """HOST:PORT of the SMTP server."""
    security: Security = Security.STARTTLS
    """starttls, tls (from the start, port 465) or none."""
    ca: Path | None = None
    """File with the authorities to trust; default: the system's."""
    sender: str = attrs.field(validator=_is_mailbox)
    """From."""
    recipients: tuple[str, ...] = attrs.field(validator=_are_mailboxes)
    """To."""
    user: str | None = None
    """Account at the server; none: no login."""
    password_file: Path | None = None
    """Its first line is the account's password."""

    def __attrs_post_init__(self) -> None:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.user is not None and self.security is Security.NONE:
            raise ValueError("security none would show the password to everybody on the way")


class MailChannel:
    """Through one server; a connection is kept for one message only, as servers close idle ones."""

    def __init__(self, target: MailTarget, *, clock: Clock) -> None:
        self._target = target
        self._address = Address.parse(target.address)
        self._clock = clock
        self._password = secret(target.password_file, f"mail {target.name}: password_file") if target.password_file else None
        self._log = logger("notify")
        self.acknowledges = True

    def send(self, told: Told) -> None:
        """See `Channel`."""
        self._send(mail_message(told, self._target))

    def heartbeat(self, sequence: int) -> None:
        """See `Channel`."""
        message = _message(self._target, f"[Faultline] alive, {sequence} told", self._clock.wall_ns())
        message["X-Faultline-Sequence"] = str(sequence)
        message.set_content(f"Nothing had to be told for {self._target.heartbeat_s} s.\n")
        self._send(message)

    def close(self) -> None:
        """See `Channel`."""

    def _send(self, message: EmailMessage) -> None:
        try:
            server = self._connected()
        except OSError as error:  # what smtplib raises is one
            raise NotSentError(f"{self._address}: {_why(error)}") from error
        try:
            refused = server.send_message(message, self._target.sender, list(self._target.recipients))
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= _LASTING:
                raise NotTakenError(f"{self._address}: {_why(error)}") from error
            raise NotSentError(f"{self._address}: {_why(error)}") from error
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused) as error:
            raise NotSentError(f"{self._address}: {_why(error)}") from error
        finally:
            with contextlib.suppress(OSError):
                server.quit()
            server.close()
        for recipient, why in refused.items():
            self._log.warning("recipient refused", target=self._target.name, recipient=recipient, answer=str(why[1])[:200])

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=str(self._target.ca) if self._target.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        host, port = self._address.host, self._address.port
        if self._target.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        try:
            if self._target.security is Security.STARTTLS:
                server.starttls(context=context)
            if self._target.user is not None and self._password is not None:
                server.login(self._target.user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def mail_message(told: Told, target: MailTarget) -> EmailMessage:
    """What is told, as a message."""
    alarm = told.alarm
    subject = _CONTROLS.sub(" ", alarm.short)
    message = _message(target, f"[Faultline] {subject}", alarm.time_ns)
    name = _NOT_IN_ID.sub("-", f"{target.name}.{told.sequence}.{alarm.incident}.{alarm.revision}")
    message["Message-ID"] = f"<faultline.{name}@{parseaddr(target.sender)[1].rsplit('@', 1)[1]}>"
    message["X-Faultline-Sequence"] = str(told.sequence)
    if told.repeated:
        message["X-Faultline-Repeated"] = "true"
    facts = "\n".join(f"{name}: {_CONTROLS.sub(' ', value)}" for name, value in told.fields.items())
    message.set_content(f"{told.text}\n\n-- \n{facts}\n")
    return message


def _message(target: MailTarget, subject: str, time_ns: int) -> EmailMessage:
    message = EmailMessage()
    message["From"] = target.sender
    message["To"] = ", ".join(target.recipients)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(time_ns // SECOND_NS, tz=UTC))
    message["Auto-Submitted"] = "auto-generated"
    return message


def _why(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return f"{error.smtp_code} {text}"[:200]
    return (error.strerror or str(error))[:200]
