"""Keeps the fetch log beyond the process: one interface, whatever keeps it.

A stored fetch is the record as the log gave it out, so what is secret in a path is masked by now.
It is known by the server that noted it and a number of its own; written twice it is there once, so
a writer may repeat what nobody knows the end of.

Must not know files or databases; see :mod:`provisioning.transport.fetch_store_sqlite` and
:mod:`provisioning.transport.fetch_store_postgres`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol

from provisioning.errors import RigError
from provisioning.transport.fetch_data import fetch_data, storable
from provisioning.transport.fetch_log import FetchRecord

SCHEMA_VERSION = 1
PAGE = 1000


class FetchStoreFailure(RigError):
    """The store cannot be used now; says where, why, and what to do."""


@dataclass(frozen=True, slots=True)
class StoredFetch:
    """One row.

    Attributes:
        server: which process noted it: unique for each run of a server.
        number: of this record among those of its server, from 1.
        at: instant of the request, seconds since the epoch.
        transport: ``tftp``, ``http`` or ``https``.
        host: numeric address of the client.
        path: as requested; tokens and passwords masked.
        handset: whose file it was.
        status: as in :class:`~provisioning.transport.fetch_log.FetchRecord`.
        octets: of content.
        data: the whole record as JSON; see :func:`~provisioning.transport.fetch_data.fetch_data`.
    """

    server: str
    number: int
    at: float
    transport: str
    host: str
    path: str
    handset: str
    status: int
    octets: int
    data: str

    @classmethod
    def of(cls, record: FetchRecord, server: str, number: int) -> StoredFetch:
        """Write a record down.

        Args:
            record: as the log gives it out.
            server: which process notes it.
            number: of the record among those of its server.
        """
        return cls(
            server,
            number,
            record.at,
            record.transport,
            record.client[0],
            storable(record.path),
            record.handset,
            record.status,
            record.octets,
            json.dumps(fetch_data(record)),
        )

    @property
    def line(self) -> str:
        """The same line that ``phonerig serve --json`` prints."""
        data = {"at": self.at, "event": "fetch", **json.loads(self.data), "server": self.server}
        return json.dumps(data)

    @property
    def row(self) -> tuple[str | int | float, ...]:
        """Its values, in the order of the attributes."""
        return astuple(self)


class FetchStore(Protocol):
    """What keeps fetches; used by one thread at a time."""

    @property
    def place(self) -> str:
        """Where it is, without any password."""
        ...

    def write(self, fetches: Sequence[StoredFetch]) -> None:
        """Keep fetches, all or none; those that are there already stay as they are.

        Raises:
            FetchStoreFailure: nothing was kept, or nobody knows.
        """
        ...

    def read(self) -> Iterator[StoredFetch]:
        """Everything that was there when reading began, by instant.

        Raises:
            FetchStoreFailure: it cannot be read.
        """
        ...

    def forget_before(self, at: float) -> int:
        """Drop what is older than an instant; how many they were.

        Raises:
            FetchStoreFailure: nothing was dropped, or nobody knows.
        """
        ...

    def close(self) -> None:
        """End; safe to call twice."""
        ...
