"""Files that a Grafana reads when it starts: data source, boards, alert rules, contact point.

Comes out: documents by file name. Addresses and secrets are variables of Grafana's environment (`FAULTLINE_...`), never text in
a file. Alert rules watch the product itself and the verdicts; alarms of faults with their facts are the analyzer's own.
"""

# ruff: noqa: RUF001 - Chinese punctuation is Chinese

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from dashboards.influxql import TEN_SECONDS_POLICY, Query, rows_of
from dashboards.words import Language, Text
from faultline.records.terms import CARRIER, TenantId
from faultline.store.config import InfluxConfig
from faultline.store.lines import database

SOURCE_UID = "faultline"
FOLDER_UID = "faultline"
FOLDER_TITLE = "Faultline"
CONTACT_POINT = "faultline-operations"
_FOR_TOLERANCE_S = 600
"""How far back a rule looks; a step of the analyzer is 10 s, a probe may be a few intervals late."""


@attrs.frozen(slots=True, kw_only=True)
class Rule:
    """One alert rule: a query by group, and the value above which it fires."""

    uid: str
    title: Text
    summary: Text
    query: Query
    above: float
    for_s: int
    severity: str
    silence_fires: bool = False
    """Whether no data is an alarm of its own."""


def _rules() -> tuple[Rule, ...]:
    health = rows_of("segment_health", policy=TEN_SECONDS_POLICY)
    probe = rows_of("probe_health", policy=TEN_SECONDS_POLICY)
    stages = rows_of("collector_health", policy=TEN_SECONDS_POLICY)
    return (
        Rule(
            uid="faultline-line-at-fault",
            title=Text("A line is at fault", "线路故障"),
            summary=Text("Line {{ $labels.line }} has a component at fault.", "线路 {{ $labels.line }} 存在故障部件。"),
            query=Query(source=health, select=(health.max("state"),), by=("line",), every="10s"),
            above=2,
            for_s=30,
            severity="major",
        ),
        Rule(
            uid="faultline-analyzer-silent",
            title=Text("The analyzer judges nothing", "分析器无输出"),
            summary=Text("No line was judged in the last ten minutes.", "最近十分钟没有线路被判定。"),
            query=Query(source=health, select=((health.count("state") * 0).named("silence"),), every="1m"),
            above=0,
            for_s=60,
            severity="critical",
            silence_fires=True,
        ),
        Rule(
            uid="faultline-probes-silent",
            title=Text("No probe reports", "探针无上报"),
            summary=Text("No probe has reported in the last ten minutes.", "最近十分钟没有探针上报。"),
            query=Query(source=probe, select=((probe.count("clock_bad") * 0).named("silence"),), every="1m"),
            above=0,
            for_s=60,
            severity="critical",
            silence_fires=True,
        ),
        Rule(
            uid="faultline-capture-loss",
            title=Text("A probe's capture loses packets", "探针采集丢包"),
            summary=Text(
                "Probe {{ $labels.probe }} drops more than 0.1 % of what it captures: its figures about loss are worth less.",
                "探针 {{ $labels.probe }} 采集丢失超过 0.1 %，其丢包指标可信度下降。",
            ),
            query=Query(
                source=probe,
                select=(probe.ratio("capture_dropped", "capture_received").named("loss"),),
                by=("probe",),
                every="1m",
            ),
            above=0.001,
            for_s=120,
            severity="minor",
        ),
        Rule(
            uid="faultline-clock-bad",
            title=Text("A probe's clock is wrong", "探针时钟错误"),
            summary=Text(
                "The clock of probe {{ $labels.probe }} cannot be trusted: its one-way delays are worth nothing.",
                "探针 {{ $labels.probe }} 的时钟不可信，其单向时延不可用。",
            ),
            query=Query(source=probe, select=(probe.max("clock_bad").named("clock"),), by=("probe",), every="1m"),
            above=0,
            for_s=120,
            severity="minor",
        ),
        Rule(
            uid="faultline-collector-drops",
            title=Text("The collector drops items", "采集器丢弃数据"),
            summary=Text(
                "Stage {{ $labels.stage }} of the collector drops items; /metrics has the reasons.",
                "采集器的 {{ $labels.stage }} 级正在丢弃数据，原因见 /metrics。",
            ),
            query=Query(source=stages, select=(stages.sum("dropped").named("dropped"),), by=("stage",), every="1m"),
            above=0,
            for_s=60,
            severity="minor",
        ),
    )


RULES = _rules()


def source_document(tenant: TenantId, *, prefix: str, url: str) -> dict[str, Any]:
    """The data source of one tenant: its own database and no other.

    `dbName` stands in `jsonData` as well: some Grafanas read only that, and a 9.x blanks the other at its first start.
    """
    name = database(prefix, tenant)
    return {
        "name": "Faultline",
        "uid": SOURCE_UID,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "database": name,
        "isDefault": True,
        "jsonData": {"dbName": name, "httpMethod": "GET", "timeInterval": "10s", "version": "InfluxQL"},
    }


def documents() -> Mapping[str, Mapping[str, Any]]:
    """Every provisioning file, by its path below the provisioning folder."""
    carrier = source_document(CARRIER, prefix=InfluxConfig().database_prefix, url="$FAULTLINE_INFLUX_URL")
    source = {
        **carrier,
        "orgId": 1,
        "editable": False,
        "user": "$FAULTLINE_INFLUX_USER",
        "secureJsonData": {"password": "$FAULTLINE_INFLUX_PASSWORD"},
    }
    return {
        "datasources/faultline.yaml": {"apiVersion": 1, "datasources": [source]},
        "dashboards/faultline.yaml": {"apiVersion": 1, "providers": [_provider()]},
        "alerting/rules.yaml": {"apiVersion": 1, "groups": [_group(Language.EN)]},
        "alerting/contact-points.yaml": {"apiVersion": 1, "contactPoints": [_contact()]},
        "alerting/policies.yaml": {"apiVersion": 1, "policies": [_policy()]},
    }


def _provider() -> dict[str, Any]:
    return {
        "name": "faultline",
        "orgId": 1,
        "folder": FOLDER_TITLE,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": "/etc/grafana/dashboards/faultline"},
    }


def _contact() -> dict[str, Any]:
    receiver = {
        "uid": CONTACT_POINT,
        "type": "email",
        "settings": {"addresses": "$FAULTLINE_ALERT_MAIL", "singleEmail": True},
        "disableResolveMessage": False,
    }
    return {"orgId": 1, "name": CONTACT_POINT, "receivers": [receiver]}


def _policy() -> dict[str, Any]:
    return {
        "orgId": 1,
        "receiver": CONTACT_POINT,
        "group_by": ["grafana_folder", "alertname"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "4h",
    }


def _group(language: Language) -> dict[str, Any]:
    rules = [_rule(rule, language) for rule in RULES]
    return {"orgId": 1, "name": "faultline", "folder": FOLDER_TITLE, "interval": "30s", "rules": rules}


def _rule(rule: Rule, language: Language) -> dict[str, Any]:
    asked = {
        "refId": "A",
        "datasourceUid": SOURCE_UID,
        "relativeTimeRange": {"from": _FOR_TOLERANCE_S, "to": 0},
        "model": {
            "refId": "A",
            "rawQuery": True,
            "query": rule.query.text,
            "resultFormat": "time_series",
            "intervalMs": 10_000,
            "maxDataPoints": 1000,
        },
    }
    newest = {"refId": "B", "type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "dropNN"}}
    above = {
        "refId": "C",
        "type": "threshold",
        "expression": "B",
        "conditions": [{"evaluator": {"type": "gt", "params": [rule.above]}}],
    }
    return {
        "uid": rule.uid,
        "title": rule.title.say(language),
        "condition": "C",
        "data": [asked, _expression(newest), _expression(above)],
        "noDataState": "Alerting" if rule.silence_fires else "OK",
        "execErrState": "Error",
        "for": f"{rule.for_s}s",
        "annotations": {"summary": rule.summary.say(language), "summary_zh": rule.summary.say(Language.ZH)},
        "labels": {"severity": rule.severity, "product": "faultline"},
        "isPaused": False,
    }


def _expression(model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": model["refId"],
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": _FOR_TOLERANCE_S, "to": 0},
        "model": model,
    }
