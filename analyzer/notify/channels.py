"""From targets of the configuration to channels: the one place that knows every kind.

Secrets are read here, from files that nobody else may need to read.
"""

from __future__ import annotations

from analyzer.notify.mail import MailChannel, MailTarget
from analyzer.notify.outbox import Outbox
from analyzer.notify.snmp_channel import SnmpChannel, SnmpTarget
from analyzer.notify.syslog_channel import SyslogChannel, SyslogTarget
from analyzer.notify.telling import Channel, Target
from analyzer.notify.webhook import WebhookChannel, WebhookTarget
from faultline.runtime.clock import Clock


def channel_of(target: Target, *, outbox: Outbox, clock: Clock, hostname: str, beside: bool = False) -> Channel:
    """The channel of a target, not yet connected. The outbox is open when it sends, and need not be before.

    With `beside` the service may be running, and goes on telling the target.

    Raises:
        CommandError: a secret cannot be read.
    """
    if isinstance(target, SyslogTarget):
        return SyslogChannel(target, hostname=hostname, clock=clock)
    if isinstance(target, SnmpTarget):
        return SnmpChannel(target, outbox=outbox, clock=clock, beside=beside)
    if isinstance(target, WebhookTarget):
        return WebhookChannel(target, clock=clock)
    if isinstance(target, MailTarget):
        return MailChannel(target, clock=clock)
    raise TypeError(type(target).__name__)
