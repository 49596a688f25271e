"""Opens a stored fetch log by its place: a file, or the URL of a database."""

from __future__ import annotations

from pathlib import Path

from provisioning.database_url import DatabaseUrl, is_database_url
from provisioning.errors import UsageError
from provisioning.text_source import read_input_file
from provisioning.transport.fetch_store import FetchStore
from provisioning.transport.fetch_store_sqlite import SqliteFetches

_MAX_URL_BYTES = 4096
FILE_PREFIX = "file:"
"""Before the path of a file in which the place stands, as service managers hand out secrets."""


def open_fetches(place: str, *, read_only: bool = False) -> FetchStore:
    """Open a stored log.

    Args:
        place: path of an SQLite file, ``postgresql://...``, or ``file:PATH`` of a file with that.
        read_only: nothing is written, and it must be there.

    Raises:
        UsageError: the place is none.
        FetchStoreFailure: it cannot be used.
    """
    place = _resolved(place)
    if not place:
        raise UsageError("fetch log: got an empty place; expected a file or postgresql://...")
    if not is_database_url(place):
        return SqliteFetches(Path(place), read_only=read_only)
    from provisioning.transport.fetch_store_postgres import (  # noqa: PLC0415 - needs an extra
        PostgresFetches,
    )

    return PostgresFetches(DatabaseUrl(place, "fetch log", "a file"))


def shows_password(place: str) -> bool:
    """Whether a place holds a password, which would stand in a list of processes."""
    return is_database_url(place) and DatabaseUrl(place, "fetch log", "a file").has_password


def is_shared(place: str) -> bool:
    """Whether servers of several hosts can have one log there.

    Args:
        place: as for :func:`open_fetches`.
    """
    return is_database_url(_resolved(place))


def _resolved(place: str) -> str:
    if not place.startswith(FILE_PREFIX):
        return place
    data = read_input_file(Path(place.removeprefix(FILE_PREFIX)), max_bytes=_MAX_URL_BYTES)
    return data.decode("utf-8", "replace").strip()
