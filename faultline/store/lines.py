"""Points as InfluxDB line protocol (1.8) and the names of databases and retention policies. Pure.

Tags have no escape for a backslash, and none for control characters: those and the percent sign travel as `%XX`, and are read
back. Everything else is as a person wrote it.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from faultline.records.points import FieldValue, Point
from faultline.records.terms import CARRIER, Level, TenantId
from faultline.store.schema import FieldKind, Measurement

POLICIES = {Level.TEN_SECONDS: "r10s", Level.MINUTE: "r1m", Level.HOUR: "r1h"}
"""Each level has a retention policy of its own."""
TENANT_TAG = "tenant"
"""Every row says whose it is, also in the carrier's database, which holds every tenant's lines."""
_UNSAFE_IN_TAG = re.compile(r"[\x00-\x1f\x7f%\\]")
_SPECIAL_IN_TAG = re.compile(r"([,= ])")
_UNSAFE_IN_DATABASE = re.compile(rb"[^A-Za-z0-9_.-]")


def database(prefix: str, tenant: TenantId) -> str:
    """Name of a tenant's database; different tenants never share one."""
    safe = _UNSAFE_IN_DATABASE.sub(lambda found: b"~" + found[0].hex().upper().encode(), tenant.encode())
    return prefix + safe.decode()


def databases(prefix: str, spec: Measurement, tenant: TenantId) -> tuple[str, ...]:
    """Where a row of a tenant goes: to its own database and to the carrier's; what is shared or private to one of them only."""
    carrier = database(prefix, CARRIER)
    own = database(prefix, tenant)
    if spec.private:
        return (own,)
    return (carrier,) if spec.shared or own == carrier else (own, carrier)


def line(spec: Measurement, point: Point) -> bytes:
    """One line, without its end. The point fits the measurement (`schema.checked`)."""
    tags = {TENANT_TAG: point.tenant, **point.tags}
    key = ",".join([spec.name, *(f"{name}={tag_text(tags[name])}" for name in sorted(tags))])
    fields = ",".join(f"{name}={field_text(spec.fields[name].kind, value)}" for name, value in sorted(point.fields.items()))
    return f"{key} {fields} {point.time_ns}".encode()


def tag_text(text: str) -> str:
    """A tag's value as it stands in a line."""
    return _SPECIAL_IN_TAG.sub(r"\\\1", stored_tag(text))


def stored_tag(text: str) -> str:
    """A tag's value as InfluxDB keeps it."""
    return _UNSAFE_IN_TAG.sub(lambda found: f"%{ord(found[0]):02X}", text)


def read_tag(stored: str) -> str:
    """The value that `stored_tag` was given."""
    return unquote(stored)


def field_text(kind: FieldKind, value: FieldValue) -> str:
    """A field's value as it stands in a line."""
    if kind is FieldKind.STRING:
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return f"{value}i" if kind is FieldKind.INTEGER else repr(float(value))


def identifier(name: str) -> str:
    """A name in InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """A text in InfluxQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
