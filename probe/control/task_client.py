"""The control plane's end on the probe as a component: asks the collector for orders, and hands them to those who run them.

Edge around `standing`. Without a collector everything goes on as it was last ordered, also after a restart. Counter stage
`orders`, in documents (tasks and requests): out are those taken, dropped those refused, by reason, and requests that came before.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from faultline.runtime.counters import Counters
from faultline.runtime.log import QuietBursts, logger
from probe.control.config import ControlConfig
from probe.control.link import TaskLink
from probe.control.orders import OrdersError, Request, Task, read_orders
from probe.control.standing import Refusal, StandingOrders
from probe.export.backoff import Backoff
from probe.export.link import LinkError
from probe.spool.files import Disk, Files
from probe.tasks.accounts import SKIPPED, Accounts, Ended, task_row

_PAUSE_S = 1.0
"""Between two questions, when the last one brought something."""
_NOTHING_NEW_S = 5.0
"""When it brought nothing and was not held: a collector without any task answers at once."""
_HELD_S = 1.0
_JOIN_S = 5.0
_FILE = "tasks.json"


class TaskClient:
    """A component, and the cutter's source of the `task` records of refused requests.

    Args:
        standing: what stands.
        config: how to ask.
        make_link: the way to the collector, made at the start.
        state_dir: where what stands is kept.
        collector: whose versions they are; those of another collector mean nothing.
        order: told all standing tasks at the start and when they change.
        request: told each request, once.
        files: the file system; for tests.
    """

    def __init__(
        self,
        standing: StandingOrders,
        config: ControlConfig,
        make_link: Callable[[], TaskLink],
        *,
        state_dir: Path,
        collector: str,
        order: Callable[[Sequence[Task]], None],
        request: Callable[[Request], None],
        counters: Counters,
        files: Files | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._standing = standing
        self._config = config
        self._make_link = make_link
        self._directory = state_dir
        self._collector = collector
        self._order = order
        self._request = request
        self._counters = counters
        self._stage = counters.stage("orders")
        self._files = files or Disk()
        self._backoff = backoff or Backoff(base_s=1.0, cap_s=60.0, source=random.SystemRandom())
        self._accounts = Accounts()
        self._lock = threading.Lock()
        self._link: TaskLink | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = logger("orders")
        self._quiet = QuietBursts(limit=3)

    def start(self) -> None:
        """Go on with what stood, and begin to ask.

        Raises:
            ConfigError: token or authority cannot be read.
        """
        self._link = self._make_link()
        self._restore()
        self._order(self._standing.tasks)
        self._thread = threading.Thread(target=self._run, args=(self._link,), name="orders", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, without waiting for an answer."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None and self._link is not None:
            self._link.interrupt()
            thread.join(_JOIN_S)

    def collect(self, start_ns: int, end_ns: int) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The accounts of requests that were refused."""
        with self._lock:
            groups = self._accounts.take(end_ns, ())
        return {"task": [task_row(owner, found, start_ns=start_ns, end_ns=end_ns) for owner, found in groups.items()]}

    # ---- asking --------------------------------------------------------------------------------------------------
    def _run(self, link: TaskLink) -> None:
        try:
            while not self._stopping.is_set():
                self._stopping.wait(self._surely(link))
        finally:
            link.close()

    def _surely(self, link: TaskLink) -> float:
        """One question; seconds to wait before the next."""
        try:
            return self._ask(link)
        except (LinkError, OrdersError) as error:
            if not self._stopping.is_set():
                outcome = "malformed" if isinstance(error, OrdersError) else "unreachable"
                self._say(outcome, str(error))
        except Exception:  # noqa: BLE001 - whatever it is, the next answer may be better, and what stands goes on
            self._counters.count("orders_asked", outcome="failure")
            self._log.error("asking for orders failed unexpectedly", exc_info=True)
        return self._backoff.failed()

    def _ask(self, link: TaskLink) -> float:
        after, began_s = self._standing.version, time.monotonic()
        answer = link.ask(after=after, wait_s=self._config.wait_s)
        if answer.status != HTTPStatus.OK:
            self._say("refused", f"status {answer.status}")
            return self._backoff.failed(at_least_s=_NOTHING_NEW_S)
        something = self._take(answer.body, after)
        self._counters.count("orders_asked", outcome="answered")
        self._backoff.succeeded()
        held = time.monotonic() - began_s >= _HELD_S
        return _PAUSE_S if something or held else _NOTHING_NEW_S

    def _take(self, body: bytes, after: int) -> bool:
        """Follow an answer; whether it brought anything new."""
        orders = read_orders(body, after=after)
        change = self._standing.take(orders, now_ns=time.monotonic_ns(), wall_ns=time.time_ns())
        self._stage.take(change.taken)
        if change.tasks_changed or change.requests or change.refused or self._standing.version != after:
            # Before anything is run: a request is never run twice, and a crash costs one run at most.
            self._keep()
        if change.tasks_changed:
            self._order(self._standing.tasks)
            self._log.info("tasks changed", version=self._standing.version, tasks=len(self._standing.tasks))
        for request in change.requests:
            self._request(request)
        for refusal in change.refused:
            self._refuse(refusal)
        self._stage.drop("repeated", change.repeated)
        self._stage.done(change.taken - change.repeated - len(change.refused))
        return change.tasks_changed or bool(change.requests)

    def _refuse(self, refusal: Refusal) -> None:
        self._stage.drop(refusal.reason)
        if refusal.request_id is not None:
            name = refusal.request_id
            with self._lock:
                self._accounts.note(Ended(task=name, request_id=name, due_ns=time.time_ns(), outcome=SKIPPED))
        self._complain("an order is not followed", refusal.reason, refusal.why)

    def _say(self, outcome: str, why: str) -> None:
        self._counters.count("orders_asked", outcome=outcome)
        self._complain("the collector gives no orders; what stands goes on", outcome, why)

    def _complain(self, event: str, key: str, why: str) -> None:
        allowed, held_back = self._quiet.allow(key, time.monotonic_ns())
        if allowed:
            self._log.warning(event, reason=key, why=why[:300], held_back=held_back or None)

    # ---- across restarts -----------------------------------------------------------------------------------------
    def _restore(self) -> None:
        path = self._directory / _FILE
        try:
            document = json.loads(self._files.read(path))
            if document.get("collector") != self._collector:
                document["version"] = 0
            for refusal in self._standing.restore(document):
                self._complain("a task of before is not followed any more", refusal.reason, refusal.why)
        except FileNotFoundError:
            return
        except (OSError, ValueError, AttributeError) as error:
            self._counters.count("orders_not_restored")
            self._log.warning("what stood cannot be read; everything is asked for again", file=str(path), error=str(error))

    def _keep(self) -> None:
        document = {"collector": self._collector, **self._standing.document()}
        path = self._directory / _FILE
        fresh = path.with_suffix(f".{os.getpid()}")
        try:
            self._files.make_directory(self._directory)
            self._files.write(fresh, json.dumps(document, ensure_ascii=False).encode())
            self._files.rename(fresh, path)
            self._files.sync_directory(self._directory)
        except OSError as error:
            self._counters.count("orders_not_kept")
            self._complain("what stands cannot be kept", "disk", error.strerror or str(error))
