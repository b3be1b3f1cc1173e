"""What each customer is told of a piece of work: one text a customer.

Goes in: an `Impact` and the inventory. Comes out: texts, with times in the time zone of the lines they speak of. A customer's
text has his own lines, backups and services in it and nobody else's: components are not named at all, and what people wrote
freely (a reason, a service's name) is left out of the texts of those whom it would tell of another customer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo

import attrs

from analyzer.planning.others import OthersNames
from analyzer.planning.works.affected import Backup, Effect, Hit, Impact, Period
from analyzer.planning.works.words import say
from faultline.inventory import Inventory, Line
from faultline.records.terms import TenantId
from faultline.reports.numbers import moment, zone
from faultline.reports.words import Language


@attrs.frozen(slots=True, kw_only=True)
class Notice:
    """A text for a customer."""

    tenant: TenantId
    customer: str
    text: str


def notices(found: Impact, inventory: Inventory, *, language: Language, reason: str = "") -> list[Notice]:
    """The texts, in the order of the customers' names."""
    names = OthersNames(inventory)
    groups: dict[tuple[TenantId, str], list[Hit]] = {}
    for hit in found.hits:
        groups.setdefault((hit.line.tenant, hit.line.customer), []).append(hit)
    made = []
    for (tenant, customer), hits in groups.items():
        said = "" if not reason or names.are_in(reason, hits[0].line) else reason
        text = _text(hits, found.period, inventory, names, language=language, reason=said)
        made.append(Notice(tenant=tenant, customer=customer, text=text))
    return made


def _text(
    hits: Sequence[Hit], period: Period, inventory: Inventory, names: OthersNames, *, language: Language, reason: str
) -> str:
    told = [say("subject", language), "", say("dear", language, customer=hits[0].line.customer)]
    clocks: dict[str | None, list[Hit]] = {}
    for hit in hits:
        clocks.setdefault(hit.line.time_zone, []).append(hit)
    for name, those in clocks.items():
        told += ["", _when(period, zone(name), language)]
        if reason:
            told.append(say("reason", language, reason=reason))
        told += ["", say("lines", language)]
        for hit in those:
            told += _line(hit, inventory, names, language)
    return "\n".join([*told, "", say("close", language), ""])


def _when(period: Period, tz: tzinfo, language: Language) -> str:
    start = moment(period.start_ns, tz)
    if period.end_ns is None:
        return say("moment", language, start=start)
    return say("window", language, start=start, end=moment(period.end_ns, tz))


def _line(hit: Hit, inventory: Inventory, names: OthersNames, language: Language) -> list[str]:
    line = hit.line
    grade = say("grade", language, grade=line.grade) if line.grade else ""
    what = say(hit.effect.value, language)
    told = [say("line", language, code=line.code, grade=grade, a=line.a_end.name, z=line.z_end.name, what=what)]
    more = [_backup(backup, line, language) for backup in hit.backups]
    if hit.effect is Effect.INTERRUPTED and not hit.backups:
        more.append(say("backup.none", language))
    services = [inventory.components[base].name for base in hit.services]
    services = [name for name in services if not names.are_in(name, line)]
    if services and hit.effect is not Effect.DIVERTED:
        more.append(say("behind", language, names=say("and", language).join(services)))
    return told + [f"  {text}" for text in more]


def _backup(backup: Backup, line: Line, language: Language) -> str:
    if (backup.line.tenant, backup.line.customer) != (line.tenant, line.customer):
        return say("backup.other" if backup.takes_over else "backup.other.down", language)
    if backup.takes_over:
        return say("backup.holds", language, code=backup.line.code)
    return say("backup.shares" if backup.shared else "backup.works", language, code=backup.line.code)


def by_customer(hits: Iterable[Hit]) -> dict[str, list[Hit]]:
    """Hits of each customer, for whoever may see all of them."""
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.line.customer, []).append(hit)
    return found
