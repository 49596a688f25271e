"""Bodies: the message summary in full, session descriptions as far as they can be read.

Covers RFC 3842 3.4, 3.5 and 5.2, RFC 8866 5, RFC 3261 20.15.
"""

from __future__ import annotations

from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.message_summary import MEDIA_TYPE, lint_summary
from rig.sip.sdp import SessionDescription
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.view import SipView, content_type_of, event_of, subscription_state_of, who

SDP_TYPE = "application/sdp"


class Bodies(Oracle):
    """What stands below the empty line."""

    cares: ClassVar = {"request": frozenset({"NOTIFY"})}

    def message(self, view: SipView) -> None:
        """Session descriptions come in answers too."""
        message = view.message
        if not message.body and "Content-Type" not in message.headers:
            return
        kind = content_type_of(message)
        if kind != SDP_TYPE:
            if view.message.body.startswith(b"v=0") and not kind.startswith("multipart/"):
                wrong = f"its Content-Type is {kind or 'missing'}"
                self.scene.report("sdp-broken", [view.number], view.call_id, error=wrong)
            return
        if not view.message.body:
            self.scene.report("sdp-broken", [view.number], view.call_id, error="the body is empty")
            return
        try:
            description = self.scene.descriptions.of(view.message.body)
        except ProtocolError as error:
            self.scene.report("sdp-broken", [view.number], view.call_id, error=error)
            return
        kinds = [kind for kind, _ in description.lines]
        missing = [kind for kind in "vost" if kind not in kinds]
        if missing or kinds[:1] != ["v"]:
            wrong = (
                f"lines missing: {' '.join(missing)}" if missing else "v= is not the first line"
            )
            self.scene.report("sdp-broken", [view.number], view.call_id, error=wrong)
        elif description.sections and not _has_address(description):
            self.scene.report("sdp-broken", [view.number], view.call_id, error="no c= line")

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A NOTIFY tells how many messages wait."""
        del exchange
        if view.method != "NOTIFY" or event_of(view.message)[0] != "message-summary":
            return
        message, name = view.message, who(view)
        if not message.body:
            self._judge_empty(view, name)
            return
        kind = content_type_of(message)
        if kind != MEDIA_TYPE:
            parts = kind.startswith("multipart/")
            self.scene.report(
                "summary-type",
                [view.number],
                f"{name} {kind}",
                who=name,
                got=kind or "no Content-Type",
                severity=Severity.NOTE if parts else None,
            )
            if parts or b"essage" not in message.body[:200]:
                return  # something else altogether, of which the lines say nothing
        for finding in lint_summary(message.body):
            private = finding.kind == "private-line"
            kind = "unknown-line" if private else finding.kind
            oracle = f"summary-{kind}" if kind else "summary-line"
            self.scene.report(
                oracle,
                [view.number],
                f"{view.call_id} {finding.text}"
                if finding.kind == "flag-counts"
                else finding.text,
                who=name,
                error=finding.text,
                # It says of itself that it is nobody else's business.
                severity=Severity.NOTE if private else None,
            )

    def _judge_empty(self, view: SipView, name: str) -> None:
        try:
            state = subscription_state_of(view.request).state
        except ProtocolError:
            state = "active"
        sub = self.scene.subscriptions.find(view.call_id, view.to_tag)
        first = sub is not None and sub.begun and sub.notified_at is None
        # A dialog of which nothing was seen before: this may well be its first.
        unknown = sub is None and bool(view.to_tag)
        if state == "active":
            self.scene.report(
                "summary-empty",
                [view.number],
                f"{view.call_id} {first or unknown}",
                who=name,
                lacks=(Lack.START,) if unknown else (),
                severity=Severity.NOTE if first else None,
            )


def _has_address(description: SessionDescription) -> bool:
    if any(kind == "c" for kind, _ in description.lines):
        return True
    return all(any(kind == "c" for kind, _ in s.lines) for s in description.sections)
