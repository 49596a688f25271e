"""What the API answers when it will not do something, with words that say why."""

from __future__ import annotations

from rig.errors import PhonerigError
from rig.mailbox_platform.xsi_document import Element, leaf


class ApiFault(PhonerigError):
    """A request that is refused.

    Attributes:
        status: HTTP status.
        text: what is wrong and what would be right; goes to the client.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers or {}


def error_document(fault: ApiFault) -> Element:
    """The error element of Xsi; its code is the HTTP status, not one of BroadWorks."""
    return Element(
        "ErrorInfo",
        children=(
            leaf("summary", fault.text),
            leaf("summaryEnglish", fault.text),
            leaf("errorCode", fault.status),
        ),
    )
