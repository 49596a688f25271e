"""Names a database by URL, and never shows the password in it."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from provisioning.errors import UsageError
from provisioning.secret import Secret

_SCHEMES = ("postgresql", "postgres")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})


class DatabaseUrl:
    """A PostgreSQL database, as libpq writes it: ``postgresql://user:password@host/name``.

    Args:
        text: the URL.
        what: is kept there, for the error.
        otherwise: what could be given instead of a URL.

    Attributes:
        secret: the whole URL.
        shown: the URL with ``***`` for the password; also what ``str`` gives.
        has_password: whether one stands in it.

    Raises:
        UsageError: it is no URL of a PostgreSQL database.

    Source: PostgreSQL manual, 34.1.1.2 "Connection URIs".
    """

    def __init__(self, text: str, what: str = "store", otherwise: str = "a folder") -> None:
        self.secret = Secret(text)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in _SCHEMES:
            raise UsageError(
                f"{what}: not a database that can be used; expected "
                f"postgresql://user@host:port/name, or {otherwise}. Correct the URL."
            )
        before, at, host = parts.netloc.rpartition("@")
        user, colon, _ = before.partition(":")
        self.has_password = bool(colon)
        self.has_password |= any(
            name.lower() in _SECRET_PARAMETERS for name, _ in parse_qsl(parts.query)
        )
        query = [
            (name, "***" if name.lower() in _SECRET_PARAMETERS else value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        netloc = f"{user}{':***' if colon else ''}{at}{host}"
        after = f"?{urlencode(query, safe='*/', quote_via=quote)}" if query else ""
        self.shown = f"{parts.scheme}://{netloc}{parts.path}{after}"

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.shown!r})"

    def __str__(self) -> str:
        return self.shown


def is_database_url(text: str) -> bool:
    """Whether a text is meant as a URL; a folder has no ``://`` in it."""
    return "://" in text
