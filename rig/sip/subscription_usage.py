"""What a subscriber knows of one subscription and of each dialog that carries it.

Covers RFC 6665 4.1.2.1 (the SUBSCRIBE), 4.4.1 (dialogs, also by forking).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rig.sip.dialog import Dialog
from rig.sip.header import Headers
from rig.sip.message import Request


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    IDLE = "idle"
    SUBSCRIBING = "subscribing"
    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    """It failed or ended; a new attempt follows."""
    ENDING = "ending"
    ENDED = "ended"
    """Stopped by us, or refused for good; only a start makes a new one."""


@dataclass(slots=True)
class NotifyVerdict:
    """How to answer a NOTIFY.

    Attributes:
        status: status of the answer.
        headers: headers of the answer.
        accepted: it belongs to this subscription and its body counts.
        terminated: it was the last one of its dialog.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    accepted: bool = False
    terminated: bool = False


@dataclass(slots=True)
class Usage:
    """One dialog of the subscription; a forked SUBSCRIBE can make several.

    Attributes:
        dialog: the dialog.
        expires_at: instant at which the notifier's side ends; None while unknown.
        refresh_at: instant of the next refresh; None while one is under way.
        notified: a NOTIFY has come.
        state: of the last NOTIFY.
        fetched: granted for zero seconds: one NOTIFY, then over.
    """

    dialog: Dialog
    expires_at: float | None = None
    refresh_at: float | None = None
    notified: bool = False
    state: str = ""
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class SubscribeForm:
    """What every SUBSCRIBE of one subscription says.

    Attributes:
        target_uri: Request-URI and To: the mailbox to watch.
        aor: ourselves, for From.
        contact: our Contact value.
        event: event package, with parameters if any.
        accept: media types we understand.
        extra: more headers.
    """

    target_uri: str
    aor: str
    contact: str
    event: str
    accept: tuple[str, ...]
    extra: tuple[tuple[str, str], ...]

    @property
    def package(self) -> str:
        """The event package alone, in lower case."""
        return self.event.partition(";")[0].strip().lower()

    def first(self, call_id: str, tag: str, expires_s: int) -> Request:
        """The SUBSCRIBE that begins a subscription.

        Args:
            call_id: new.
            tag: ours, new.
            expires_s: lifetime to ask for, seconds.
        """
        rows = [
            ("From", f"<{self.aor}>;tag={tag}"),
            ("To", f"<{self.target_uri}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 SUBSCRIBE"),
            ("Contact", self.contact),
            *self._common(expires_s),
        ]
        return Request("SUBSCRIBE", self.target_uri, Headers(rows))

    def inside(
        self, dialog: Dialog, expires_s: int, body: bytes = b"", content_type: str = ""
    ) -> Request:
        """A SUBSCRIBE that refreshes or, with 0 seconds, ends one."""
        return dialog.make_request(
            "SUBSCRIBE",
            headers=self._common(expires_s),
            body=body,
            content_type=content_type,
        )

    def _common(self, expires_s: int) -> list[tuple[str, str]]:
        rows = [("Event", self.event), ("Expires", str(expires_s))]
        if self.accept:
            rows.append(("Accept", ", ".join(self.accept)))
        return [*rows, *self.extra]
