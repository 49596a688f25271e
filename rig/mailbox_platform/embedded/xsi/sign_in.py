"""Who is asking: HTTP Basic with the user's SIP password, and a brake for guessing.

Source: RFC 7617 (Basic), RFC 6585 section 4 (429).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.faults import ApiFault

MOST_FAILURES = 10
"""Wrong passwords in a row that one address may send for one name."""

FORGET_S = 60.0
_MOST_REMEMBERED = 2000
_MOST_HEADER_CHARS = 2048
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="phonerig", charset="UTF-8"'}


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float


class SignIn:
    """Checks credentials.

    Args:
        backend: knows the users.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._nobodys = secrets.token_urlsafe(24)

    def user(self, authorization: str, client: str) -> User:
        """The user whose credentials a request carries.

        Args:
            authorization: value of the header; empty when there is none.
            client: address of the client.

        Raises:
            ApiFault: 401 without right credentials, 429 after too many wrong ones. An unknown
                user and a wrong password get the same answer, after the same work.
        """
        name, password = _basic(authorization)
        key = (client, name.lower())
        self._brake(key)
        user = self._backend.find_user(name)
        wanted = user.password.reveal() if user is not None else self._nobodys
        right = hmac.compare_digest(blurred(wanted), blurred(password))
        if user is None or not right:
            self._note(key)
            raise ApiFault(401, "Wrong user id or password.", _CHALLENGE)
        self._failures.pop(key, None)
        return user

    def _brake(self, key: tuple[str, str]) -> None:
        failures = self._failures.get(key)
        if failures is None:
            return
        left_s = failures.last_at + FORGET_S - self._backend.clock()
        if left_s <= 0:
            del self._failures[key]
        elif failures.count >= MOST_FAILURES:
            raise ApiFault(
                429,
                f"{failures.count} wrong passwords in a row; try again later.",
                {"Retry-After": str(int(left_s) + 1)},
            )

    def _note(self, key: tuple[str, str]) -> None:
        failures = self._failures.setdefault(key, _Failures(0, 0.0))
        failures.count += 1
        failures.last_at = self._backend.clock()
        self._failures.move_to_end(key)
        while len(self._failures) > _MOST_REMEMBERED:
            self._failures.popitem(last=False)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic" or len(authorization) > _MOST_HEADER_CHARS:
        raise ApiFault(401, "Send HTTP Basic credentials: user id and password.", _CHALLENGE)
    try:
        text = base64.b64decode(token.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise ApiFault(401, "The Basic credentials cannot be read.", _CHALLENGE) from None
    name, colon, password = text.partition(":")
    if not colon:
        raise ApiFault(401, "The Basic credentials have no colon.", _CHALLENGE)
    return name, password


def blurred(password: str) -> bytes:
    """A value of one length, so that comparing does not tell how long the password is."""
    return hmac.digest(b"phonerig", password.encode("utf-8", "replace"), "sha256")
