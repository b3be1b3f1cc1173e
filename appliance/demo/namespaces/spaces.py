"""Network namespaces without names: each is held by a sleeping process and ends with it.

Goes in: labels. Comes out: how to run a command inside. A namespace with a name outlives a crash of whoever made it; one that
is only held by a process does not, and the holders are told by the kernel when we die (PR_SET_PDEATHSIG). Without root the
first holder opens a user namespace that owns all the others, so packets are as real as with root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from appliance.demo.world import WorldError

_TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "ethtool": "ethtool",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
_READY_S = 5.0
_COMMAND_S = 20.0
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""In front of a command: the kernel ends it when this process dies, however that happens."""
_HOLD = (*ENDS_WITH_US, "sleep", "infinity")


def why_not() -> str | None:
    """Why namespaces cannot be had here, in words; None when they can."""
    missing = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if missing:
        return f"needs {', '.join(missing)}"
    attempt = ("unshare", "-n", "true") if os.geteuid() == 0 else ("unshare", "-Urn", "true")
    tried = subprocess.run(attempt, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    if tried.returncode != 0:
        what = "network namespaces" if os.geteuid() == 0 else "user namespaces"
        return f"{what} are refused here ({tried.stderr.strip() or tried.returncode})"
    return None


class Spaces:
    """A set of namespaces. Start and stop once."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._labels = tuple(labels)
        self._rootless = os.geteuid() != 0
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> Mapping[str, int]:
        """Label → process that holds the namespace."""
        return {label: holder.pid for label, holder in self._holders.items()}

    def start(self) -> None:
        """Make them, with loopback up.

        Raises:
            WorldError: the kernel refuses.
        """
        first, *others = self._labels
        # Popen from this thread only: the signal at our death is bound to the thread that started the child.
        self._hold(first, ("unshare", "-Urn" if self._rootless else "-n", *_HOLD))
        if self._rootless:
            self._await(first)
        for label in others:
            outer = self._into(first, user_only=True) if self._rootless else ()
            self._hold(label, (*outer, "unshare", "-n", *_HOLD))
        for label in self._labels:
            self._await(label)

    def _hold(self, label: str, command: Sequence[str]) -> None:
        self._holders[label] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def _await(self, label: str) -> None:
        holder = self._holders[label]
        deadline_s = time.monotonic() + _READY_S
        while True:
            if holder.poll() is not None:
                said = holder.stderr.read().decode(errors="replace").strip() if holder.stderr else ""
                raise WorldError(f"no namespace for {label}: {said or f'exit {holder.returncode}'}")
            # The last of the chain of programs is `sleep`: by then the namespace is made and the signal is set.
            if _comm(holder.pid) == "sleep":
                return
            if time.monotonic() > deadline_s:
                raise WorldError(f"no namespace for {label} within {_READY_S:g} s")
            time.sleep(0.002)

    def _into(self, label: str, *, user_only: bool = False) -> tuple[str, ...]:
        pid = str(self._holders[label].pid)
        user = ("-U", "--preserve-credentials") if self._rootless else ()
        return ("nsenter", "-t", pid, *user, *(() if user_only else ("-n",)), "--")

    def inside(self, label: str, command: Sequence[str]) -> list[str]:
        """The command as it is run inside; it ends when this process does. Every step replaces the former: one process id."""
        return [*self._into(label), *ENDS_WITH_US, "--", *command]

    def run(self, label: str, command: Sequence[str], *, stdin: str = "") -> str:
        """Run a short command inside, and give what it printed.

        Raises:
            WorldError: it failed; the message holds its complaint.
        """
        done = subprocess.run(
            [*self._into(label), *command],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        if done.returncode != 0:
            complaint = " ".join(done.stderr.split()) or f"exit {done.returncode}"
            raise WorldError(f"{command[0]} in {label}: {complaint}")
        return done.stdout

    def run_all(self, scripts: Mapping[str, Sequence[tuple[Sequence[str], str]]]) -> None:
        """Run commands with their inputs, those of one namespace in order, the namespaces side by side.

        Raises:
            WorldError: the first that failed.
        """
        with ThreadPoolExecutor(max_workers=4) as pool:
            waiting = [pool.submit(self._run_in_order, label, commands) for label, commands in scripts.items()]
            for future in waiting:
                future.result()

    def _run_in_order(self, label: str, commands: Sequence[tuple[Sequence[str], str]]) -> None:
        for command, stdin in commands:
            self.run(label, command, stdin=stdin)

    def stop(self) -> None:
        """End the holders; the kernel removes the namespaces and every link in them. Idempotent."""
        for holder in self._holders.values():
            holder.kill()
        for holder in self._holders.values():
            holder.wait(_COMMAND_S)
            if holder.stderr:
                holder.stderr.close()
        self._holders.clear()


def _comm(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
