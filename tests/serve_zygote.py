"""Makes children that are ``phonerig serve``, without the seconds that a start of Python takes.

Reads one JSON order a line: ``words`` of the command line and ``out``, a file for everything that
the child says. The child stops itself first, so that a tracer can be put on it. Answers with its
process id, and with its exit status when it has ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys

# What the command would import when it is run; a child has it from the beginning.
import provisioning.inventory
import provisioning.render
import provisioning.site_gate
import provisioning.transport.fetch_place
import provisioning.transport.fetch_store_sqlite
import provisioning.transport.reload
import provisioning.transport.serve  # noqa: F401 - read before the fork, so that no child has to
from rig.cli import main
from rig.commands.common import profiles
from rig.commands.serve_run import Running  # noqa: F401 - likewise


def child(order: dict[str, object]) -> None:
    """Be the program, until it ends or is killed."""
    out = os.open(str(order["out"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.kill(os.getpid(), signal.SIGSTOP)
    sys.argv = ["phonerig", *map(str, order["words"])]  # type: ignore[call-overload]  # from JSON
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    finally:
        os._exit(code)


PROFILES = list(profiles().values())  # read from 790 files, and kept
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        child(json.loads(line))
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
