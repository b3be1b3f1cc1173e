"""How a service of an installation runs: as its own command, ended when the one who started it is gone, deaf to Ctrl-C.

    python -m appliance.child PARENT_PID collector run -c FILE

Ctrl-C reaches the whole foreground group at once; the services are stopped in their order by whoever started them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then be the command."""
    parent = int(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it was gone before we had asked to be told
        sys.exit(1)
    sys.argv = ["faultline", *sys.argv[2:]]
    from appliance.cli import main as command  # noqa: PLC0415 - nothing is imported before the tie holds

    command()


if __name__ == "__main__":
    main()
