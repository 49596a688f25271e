"""Where ``phonerig serve`` keeps its fetches, and that no password gets into a process list."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from provisioning.errors import UsageError
from rig.commands.common import DEMO

NONE = "none"
_FILE = "fetches.sqlite"


def log_place(wanted: str | None, site: str) -> str:
    """Decide where fetches are kept.

    Args:
        wanted: as asked for; None for the usual place.
        site: as on the command line.

    Returns:
        A file, a URL, or ``file:PATH``; empty for nowhere.

    Raises:
        UsageError: a password stands on the command line.
    """
    if wanted is None:
        return str(_folder(site) / _FILE)
    refuse_password_in_argv(wanted)
    return "" if wanted == NONE else wanted


def refuse_password_in_argv(place: str) -> None:
    """Refuse a place whose password everybody on this host could read.

    Raises:
        UsageError: it is one.
    """
    from provisioning.transport.fetch_place import shows_password

    if shows_password(place) and any(place in word for word in sys.argv):
        raise UsageError(
            "fetch log: a password in the URL stands in the list of processes. Put the URL into "
            "PHONERIG_FETCH_LOG, or into a file and say file:PATH, or the password into ~/.pgpass."
        )


def _folder(site: str) -> Path:
    """The service manager's for this service, else the site's own, else the user's."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    if site != DEMO:
        path = Path(site)
        return path if path.is_dir() else path.parent
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "phonerig"
