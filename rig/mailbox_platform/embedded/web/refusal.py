"""What the pages answer when they do not do what was asked."""

from __future__ import annotations

from rig.errors import PhonerigError


class Refusal(PhonerigError):
    """A request that is refused; answered by a page that says why.

    Attributes:
        status: HTTP status.
        reason: key of the text, below ``refused.``.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class SignInFirst(PhonerigError):
    """A page for people who are signed in, asked for by somebody who is not.

    Attributes:
        expired: there was a session once.
    """

    def __init__(self, *, expired: bool) -> None:
        super().__init__("sign in first")
        self.expired = expired
