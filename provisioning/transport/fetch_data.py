"""A record of the fetch log as plain data: one shape for JSON lines and for the stored log."""

from __future__ import annotations

from provisioning.transport.fetch_log import FetchRecord


def fetch_data(record: FetchRecord) -> dict[str, object]:
    """Write a record down, without the instant, which stands beside it.

    Args:
        record: as the log gives it out: what is secret is masked by now.

    Returns:
        What JSON can hold.
    """
    identity = record.identity
    return {
        "transport": record.transport,
        "client": "{}:{}".format(*record.client),
        "path": record.path,
        "handset": record.handset,
        "status": record.status,
        "octets": record.octets,
        "duration_s": record.duration_s,
        "user_agent": record.user_agent,
        "identity": {
            "handset": identity.handset,
            "certainty": identity.certainty.name.lower(),
            "models": identity.models,
            "mac": identity.mac.colons if identity.mac else "",
            "firmware": identity.firmware,
            "evidence": identity.evidence,
        },
    }
