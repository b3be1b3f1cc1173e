"""The intake of exports as a component: its sockets, the thread that decodes, and the file that remembers templates."""

from __future__ import annotations

import threading
from pathlib import Path

from collector.exporters.config import ExportersConfig
from collector.exporters.connections import ConnectionIntake, tls_context
from collector.exporters.intake import ExportIntake
from collector.exporters.receiving import DatagramQueue, UdpIntake
from collector.intake.authority import TlsFiles
from faultline.records.terms import SECOND_NS
from faultline.runtime.clock import Clock
from faultline.runtime.console import CommandError
from faultline.runtime.counters import Counters
from faultline.runtime.log import logger
from faultline.runtime.status import Address
from faultline.store.disk import Disk

TURN_S = 0.1
"""How often what was received is decoded: many datagrams at once cost much less than one after the other."""
SAVE_NS = 60 * SECOND_NS
STUCK_NS = 60 * SECOND_NS
STATE_FILE = "exporters.state"


class ExporterService:
    """Start and stop; between them it takes exports in.

    Args:
        config: what the operator wants.
        intake: what decodes.
        tls: the collector's certificate.
        folder: where the memory of templates is kept.
        disk: how it is written.
        clock: the collector's.
        counters: the collector's.
    """

    def __init__(
        self,
        config: ExportersConfig,
        *,
        intake: ExportIntake,
        tls: TlsFiles,
        folder: Path,
        disk: Disk,
        clock: Clock,
        counters: Counters,
    ) -> None:
        self._intake = intake
        self._file = folder / STATE_FILE
        self._disk = disk
        self._clock = clock
        self._counters = counters
        self._queue = DatagramQueue(max_octets=config.queue_octets, stage=counters.stage("datagrams"))
        udp = [
            UdpIntake(
                Address.parse(listen),
                sockets=config.sockets,
                receive_octets=config.receive_octets,
                queue=self._queue,
                clock=clock,
                counters=counters,
            )
            for listen in config.listen
        ]
        self._tls = tls_context(tls, clients=config.tls_clients) if config.listen_tls else None
        self._certificate = tls
        room = threading.BoundedSemaphore(config.max_connections)
        spoken = [(listen, None) for listen in config.listen_tcp] + [(listen, self._tls) for listen in config.listen_tls]
        connections = [
            ConnectionIntake(
                Address.parse(listen),
                allows=intake.allows,
                room=room,
                queue=self._queue,
                clock=clock,
                counters=counters,
                tls=context,
            )
            for listen, context in spoken
        ]
        self._listeners: list[UdpIntake | ConnectionIntake] = [*udp, *connections]
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._turned_ns = clock.monotonic_ns()
        self._saved_ns = clock.monotonic_ns()
        self._failed: str | None = None
        self._log = logger("exporters")

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, once started: over UDP, then TCP, then TLS."""
        return [part.address for part in self._listeners]

    def reload(self) -> None:
        """Show a new certificate from the next connection on."""
        if self._tls is not None:
            self._tls.load_cert_chain(self._certificate.certificate, self._certificate.key)

    def start(self) -> None:
        """Remember, listen, decode.

        Raises:
            CommandError: an address cannot be listened on.
        """
        self._remember()
        self._turned_ns = self._clock.monotonic_ns()
        self._thread = threading.Thread(target=self._run, name="exporters", daemon=True)
        self._thread.start()
        try:
            for part in self._listeners:
                part.start()
        except OSError as error:
            self.stop()
            raise CommandError(
                f"collector.exporters: cannot listen: {error.strerror}", hint="is another collector of flows running there?"
            ) from None
        self._log.info("listening to exporters", at=[str(address) for address in self.addresses])

    def stop(self) -> None:
        """Decode what was received, make it durable, remember the templates."""
        for part in self._listeners:
            part.stop()
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.join()
        self._turn()
        self._intake.flush(now_ns=self._clock.wall_ns(), monotonic_ns=self._clock.monotonic_ns())
        self._save()

    def problems(self) -> list[str]:
        """Why exports are not taken in; empty while they are."""
        found = [problem for problem in (self._failed, self._intake.problem) if problem]
        stuck = self._thread is not None and self._clock.monotonic_ns() - self._turned_ns > STUCK_NS
        return [*found, "exporters: nothing was decoded for a minute"] if stuck else found

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
                self._failed = None
            except Exception as error:  # noqa: BLE001 - what one datagram did must not end the intake of all others
                if self._failed is None:
                    self._log.error("decoding failed", exc_info=True)
                self._failed = f"exporters: {type(error).__name__}: {error}"
                self._counters.count("exporters_failures")
            self._turned_ns = self._clock.monotonic_ns()
            if self._turned_ns - self._saved_ns >= SAVE_NS:
                self._saved_ns = self._turned_ns
                self._save()
            self._stopping.wait(TURN_S)

    def _turn(self) -> None:
        self._counters.gauge("exporters_queue_octets", self._queue.octets)
        datagrams = self._queue.take()
        self._intake.turn(datagrams, now_ns=self._clock.wall_ns(), monotonic_ns=self._clock.monotonic_ns())

    def _save(self) -> None:
        try:
            self._disk.write_whole(self._file, self._intake.state())
        except OSError as error:
            self._counters.count("exporters_state_not_saved")
            self._log.warning("templates cannot be remembered", file=str(self._file), why=error.strerror)

    def _remember(self) -> None:
        """A file that cannot be read costs a wait for the next templates, and nothing else."""
        try:
            known = self._intake.restore(self._disk.read(self._file), now_ns=self._clock.wall_ns())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._log.warning("templates of before are lost", file=str(self._file), why=str(error))
            return
        self._log.info("templates remembered", exporters=known)
