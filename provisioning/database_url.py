"""Names a database by URL, and never shows the password in it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from provisioning.errors import UsageError
from provisioning.secret import Secret

_SCHEMES = ("postgresql", "postgres")
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})
# As libpq finds them: whatever is no slash can stand before the first @, "?" and "#" too. A second
# @ belongs to the host for libpq, but was meant as part of the password.
_CREDENTIALS = re.compile(r"(?P<user>[^:@/]*)(?P<password>:[^@/]*(?:@[^@/?#]*)*)?@")
_NO_HOST = frozenset("&=")


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
        scheme, _, rest = text.partition("://")
        found = _CREDENTIALS.match(rest)
        try:
            parts = urlsplit(f"//{rest[found.end() :] if found else rest}", allow_fragments=False)
        except ValueError:
            parts = None
        # A slash in a password ends the host, and an @ in a parameter can begin one: then what
        # was meant as a secret would be shown as a name.
        if (
            parts is None
            or scheme not in _SCHEMES
            or "@" in parts.path
            or not _NO_HOST.isdisjoint(parts.netloc)
        ):
            raise UsageError(
                f"{what}: not a database that can be used; expected "
                f"postgresql://user@host:port/name, or {otherwise}. Correct the URL; in names and "
                "passwords / is %2F, and @ is %40."
            )
        self.has_password = bool(found and found["password"])
        self.has_password |= any(
            name.lower() in _SECRET_PARAMETERS for name, _ in parse_qsl(parts.query)
        )
        query = [
            (name, "***" if name.lower() in _SECRET_PARAMETERS else value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        ]
        user = f"{found['user']}{':***' if found['password'] else ''}@" if found else ""
        after = f"?{urlencode(query, safe='*/', quote_via=quote)}" if query else ""
        self.shown = f"{scheme}://{user}{parts.netloc}{parts.path}{after}"

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.shown!r})"

    def __str__(self) -> str:
        return self.shown


def is_database_url(text: str) -> bool:
    """Whether a text is meant as a URL; a folder has no ``://`` in it."""
    return "://" in text
