"""How exact test sessions stamp over a direct veth pair, and what thousands of packets a second cost. Needs root.

The true delay of the pair is below 5 µs, so what T2 - T1 shows beyond it is the error of the two stamps.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from faultline.records.histogram import Histogram
from faultline.records.terms import SECOND_NS
from faultline.runtime.counters import Counters
from probe.active.active_tests import ActiveTests
from probe.active.config import ReflectorConfig, SessionConfig

SENDER, REFLECTOR = f"flb{os.getpid() % 100_000}a", f"flb{os.getpid() % 100_000}z"
ADDRESS = "10.98.0.2"
SETTLE_S = 1.1


def ip(*arguments: str) -> None:
    """Change the network; it must succeed."""
    subprocess.run(["ip", *arguments], check=True)


@contextmanager
def line() -> Iterator[None]:
    """Two namespaces joined by a veth pair, gone afterwards."""
    try:
        for namespace in (SENDER, REFLECTOR):
            ip("netns", "add", namespace)
        ip("link", "add", "va", "netns", SENDER, "type", "veth", "peer", "name", "vz", "netns", REFLECTOR)
        for namespace, interface, address in ((SENDER, "va", "10.98.0.1/24"), (REFLECTOR, "vz", f"{ADDRESS}/24")):
            ip("-n", namespace, "address", "add", address, "dev", interface)
            ip("-n", namespace, "link", "set", interface, "up")
        yield
    finally:
        for namespace in (SENDER, REFLECTOR):
            subprocess.run(["ip", "netns", "delete", namespace], check=False)


def within(namespace: str, *arguments: str) -> subprocess.Popen[str]:
    """This program again, in a namespace."""
    command = ["ip", "netns", "exec", namespace, sys.executable, __file__, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


class Cost:
    """CPU seconds and memory of this process from now on."""

    def __init__(self) -> None:
        self._began_s, self._cpu_s = time.monotonic(), time.process_time()

    def figures(self) -> dict[str, float]:
        """Until now."""
        return {
            "cpu_s": time.process_time() - self._cpu_s,
            "seconds": time.monotonic() - self._began_s,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def reflect() -> None:
    """Reflect until standard input ends."""
    tests = ActiveTests([], ReflectorConfig(listen=["0.0.0.0:862"]), counters=Counters())
    tests.start()
    cost = Cost()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    tests.stop()
    sys.stdout.write(json.dumps(cost.figures()) + "\n")


def send(sessions: int, rate: int, seconds: int) -> None:
    """So many sessions that send `rate` packets/s together."""
    configs = [SessionConfig(id=f"s{number}", target=ADDRESS, interval_s=sessions / rate) for number in range(sessions)]
    tests = ActiveTests(configs, None, counters=(counters := Counters()))
    start_ns = time.time_ns()
    tests.start()
    cost = Cost()
    rows: list[Any] = []
    for end_ns in range(start_ns + 5 * SECOND_NS, start_ns + seconds * SECOND_NS + 1, 5 * SECOND_NS):
        time.sleep(max(0.0, (end_ns - time.time_ns()) / SECOND_NS + SETTLE_S))
        rows += tests.collect(end_ns - 5 * SECOND_NS, end_ns)["session"]
    found: dict[str, Any] = cost.figures()
    tests.stop()
    for name in ("sent", "received", "suspect"):
        found[name] = sum(row[name] for row in rows)
    for name in ("forward_delay", "rtt"):
        merged = Histogram()
        for row in rows:
            merged.merge(Histogram.decode(row[name]))
        found[name] = {label: (merged.quantile(q) or 0) / 1000 for label, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    found["skipped"] = next(shot for shot in counters.snapshots() if shot.name == "sessions").dropped.get("skipped_starved", 0)
    sys.stdout.write(json.dumps(found) + "\n")


def measured(sessions: int, rate: int, seconds: int) -> str:
    """One line of the table."""
    reflector = within(REFLECTOR, "reflect")
    assert reflector.stdout is not None
    reflector.stdout.readline()
    sent, _ = within(SENDER, "send", str(sessions), str(rate), str(seconds)).communicate(timeout=seconds + 60)
    reflected, _ = reflector.communicate(timeout=20)
    sender, other = json.loads(sent), json.loads(reflected)
    packets = max(1, sender["sent"])
    return (
        f"{sessions:>8} {sender['sent'] / seconds:>10,.0f} {sender['sent'] - sender['received']:>6} {sender['skipped']:>8} "
        f"{sender['suspect']:>8} {sender['forward_delay']['p50']:>8.1f} {sender['forward_delay']['p95']:>8.1f} "
        f"{sender['forward_delay']['p99']:>8.1f} {sender['rtt']['p50']:>8.1f} {1e6 * sender['cpu_s'] / packets:>10.0f} "
        f"{sender['cpu_s'] / sender['seconds']:>7.0%} {1e6 * other['cpu_s'] / packets:>10.0f} {sender['megabytes']:>7.0f}\n"
    )


def main() -> None:
    """Print the table."""
    sys.stdout.write(
        "                                             T2-T1, µs                  RTT, µs   sender            reflector\n"
        "sessions  packets/s   lost  skipped  suspect      p50      p95      p99      p50  µs/packet     CPU  µs/packet      MB\n"
    )
    # Ended from outside, the namespaces must go as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with line():
        for sessions, rate, seconds in ((1, 100, 10), (100, 1000, 10), (500, 5000, 10), (1000, 10_000, 20)):
            sys.stdout.write(measured(sessions, rate, seconds))
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["reflect"]:
        reflect()
    elif sys.argv[1:2] == ["send"]:
        send(*(int(text) for text in sys.argv[2:]))
    else:
        main()
