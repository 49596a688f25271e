"""A record of the fetch log as plain data: one shape for JSON lines and for the stored log."""

from __future__ import annotations

from provisioning.transport.fetch_log import FetchRecord, printable


def fetch_data(record: FetchRecord) -> dict[str, object]:
    """Write a record down, without the instant, which stands beside it.

    Args:
        record: as the log gives it out: what is secret is masked by now.

    Returns:
        What JSON can hold, also where it is passed on as UTF-8.
    """
    identity = record.identity
    return {
        "transport": record.transport,
        "client": "{}:{}".format(*record.client),
        "path": storable(record.path),
        "handset": record.handset,
        "status": record.status,
        "octets": record.octets,
        "duration_s": record.duration_s,
        "user_agent": storable(record.user_agent),
        "identity": {
            "handset": identity.handset,
            "certainty": identity.certainty.name.lower(),
            "models": identity.models,
            "mac": identity.mac.colons if identity.mac else "",
            "firmware": storable(identity.firmware),
            "evidence": identity.evidence,
        },
    }


def storable(text: str) -> str:
    """What a client sent, as text that every reader and database takes.

    Args:
        text: with NUL or lone surrogates, which stand for octets that are not UTF-8, it is
            written as :func:`~provisioning.transport.fetch_log.printable` does.
    """
    if "\0" in text or not _encodes(text):
        return printable(text)
    return text


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
