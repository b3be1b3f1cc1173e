"""Running services as `faultline up` and `faultline doctor` meet them: found by their configuration, asked over HTTP.

Each has /healthz and /stages; the collector's are behind its own authority. Nothing here changes anything.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import httpx

from analyzer.config import AnalyzerConfig
from appliance.settings import Part, Settings, reachable
from collector.config import CollectorConfig
from faultline.runtime.status import Address
from probe.config import ProbeConfig

_TIMEOUT_S = 3.0


@attrs.frozen(slots=True, kw_only=True)
class Service:
    """One service of an installation."""

    part: Part
    name: str
    """What to call it where several are looked at."""
    url: str | None
    """Where it serves its status; None: nowhere, by configuration."""
    authority: Path | None = None

    def ask(self, path: str) -> Mapping[str, Any] | None:
        """A JSON document; None when it does not answer with one."""
        if self.url is None:
            return None
        try:
            with httpx.Client(verify=self._trust(), timeout=_TIMEOUT_S, trust_env=False) as client:
                found = client.get(self.url + path).json()
        except (httpx.HTTPError, OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def problems(self) -> Sequence[str] | None:
        """Why it cannot work: none when it can, or when it serves no status; None: it does not answer."""
        if self.url is None:
            return []
        health = self.ask("/healthz")
        return None if health is None else [str(problem) for problem in health.get("problems", ())]

    def _trust(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=str(self.authority)) if self.authority is not None else True


def services_of(settings: Settings) -> list[Service]:
    """Of one machine's installation, in the order they start."""
    found = [collector_service(settings.collector), analyzer_service(settings.analyzer)]
    return found if settings.probe is None else [*found, probe_service(settings.probe)]


def collector_service(config: CollectorConfig) -> Service:
    """A collector by its configuration."""
    address = reachable(Address.parse(config.listen))
    return Service(
        part=Part.COLLECTOR, name="collector", url=f"https://{address}", authority=config.data / "tls" / "authority.pem"
    )


def analyzer_service(config: AnalyzerConfig) -> Service:
    """An analyzer by its configuration."""
    return Service(part=Part.ANALYZER, name="analyzer", url=f"http://{reachable(Address.parse(config.listen))}")


def probe_service(config: ProbeConfig) -> Service:
    """A probe by its configuration."""
    listen = config.status.listen
    url = None if listen is None else f"http://{reachable(Address.parse(listen))}"
    return Service(part=Part.PROBE, name=f"probe {config.probe}", url=url)
