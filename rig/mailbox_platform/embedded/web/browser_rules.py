"""Which requests a browser may make on behalf of a page of ours, and what it may do with it.

Source: RFC 9110 section 7.4 (Host), Fetch (Origin, Sec-Fetch-Site), CSP Level 3, RFC 6265bis
(SameSite).
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""On every answer."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?")


def host_allowed(host: str, names: tuple[str, ...]) -> bool:
    """Whether a browser may call us by this value of ``Host``.

    Args:
        host: the header; empty when there is none.
        names: further names that are ours.

    Returns:
        True for numeric addresses and ``localhost``, which no stranger can make resolve to us,
        and for ``names``.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].strip("[]")
    if name.lower().rstrip(".") in {"localhost", *(one.lower() for one in names)}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def from_own_page(host: str, origin: str | None, fetch_site: str | None) -> bool:
    """Whether a form was sent by a page of ours, as far as the browser tells.

    Args:
        host: ``Host`` of the request.
        origin: ``Origin``; None when there is none.
        fetch_site: ``Sec-Fetch-Site``; None when there is none.

    Returns:
        True also when the browser tells nothing: the token in the form decides then.
    """
    if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
        return False
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()
