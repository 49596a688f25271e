"""Diversion and History-Info of each INVITE, and whether they tell the same story.

Covers RFC 5806 3 and 4, RFC 7044 5 and 10, RFC 4458 2, RFC 7544.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar

from rig.errors import ProtocolError
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.diversion_cause import DIVERSION_REASONS, agree
from rig.sip.grammar import TOKEN
from rig.sip.history_info import HistoryEntry, lint_history, parse_history
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.view import SipView, uri_of, who

PRIVACY_WORDS = frozenset({"full", "name", "uri", "off"})
SCREEN_WORDS = frozenset({"yes", "no"})
BOTH_TRUE: dict[str, tuple[int, ...]] = {
    "do-not-disturb": (480, 486),
    "unavailable": (404, 480),
    "out-of-service": (503,),
    "away": (480,),
}
"""Causes that the table of RFC 7544 does not pair with a reason, though both tell the truth."""

_HISTORY = {
    "RFC 7044 5": "hist-syntax",
    "RFC 7044 10.1": "hist-target",
    "RFC 7044 10.3": "hist-index",
    "RFC 7044 10.4": "hist-reference",
    "RFC 4458 2": "hist-cause",
}


class Diversions(Oracle):
    """What a call says of its way."""

    cares: ClassVar = {"message": frozenset({"INVITE"}), "request": frozenset({"INVITE"})}

    def message(self, view: SipView) -> None:
        """Responses carry the headers too (181, 302)."""
        if view.status and view.method == "INVITE":
            self._judge_diversion(view)
            self._judge_history(view, "")

    def request(self, view: SipView, exchange: Exchange) -> None:
        """An INVITE leaves."""
        del exchange
        if view.method != "INVITE":
            return
        entries = self._judge_diversion(view)
        history = self._judge_history(view, "" if view.to_tag else view.request.uri)
        if entries and not view.to_tag:
            self._judge_parties(view, entries)
        if entries and history:
            self._judge_agreement(view, entries, history)
        told = any(entry.uri.param("cause") for entry in history)
        if told and not view.to_tag and "Diversion" not in view.message.headers:
            self._say(view, "div-absent")

    # -- Diversion -------------------------------------------------------------------------

    def _judge_diversion(self, view: SipView) -> list[DiversionEntry]:
        if "Diversion" not in view.message.headers:
            return []
        try:
            entries = parse_diversions(view.message.headers)
        except ProtocolError as error:
            self._say(view, "div-malformed", error=error)
            return []
        if not entries:
            self._say(view, "div-malformed", error="no entry in the header")
        for place, (entry, text) in enumerate(
            zip(entries, view.message.headers.get_list("Diversion"), strict=True), start=1
        ):
            self._judge_entry(view, place, entry, text)
        for newer, older in pairwise(entries):
            if _user(newer.name_addr.uri) == _user(older.name_addr.uri) and (
                newer.reason == older.reason
            ):
                self._say(view, "div-doubled", got=_user(newer.name_addr.uri))
        return entries

    def _judge_entry(self, view: SipView, place: int, entry: DiversionEntry, text: str) -> None:
        written = _params(text)
        if not entry.reason:
            self._say(view, "div-no-reason", place=place)
        elif entry.reason not in DIVERSION_REASONS:
            self._say(view, "div-reason-unknown", place=place, got=entry.reason)
        elif written.get("reason", "").startswith('"'):
            self._say(view, "div-reason-quoted", place=place, got=entry.reason)
        for name, number in (("counter", entry.counter), ("limit", entry.limit)):
            if name in written and (number is None or number < 1):
                self._say(view, "div-counter", place=place, name=name, got=written[name])
        if entry.limit is not None and (entry.counter or 1) > entry.limit:
            self._say(view, "div-limit", place=place, got=entry.counter or 1, limit=entry.limit)
        for name, value, known in (
            ("privacy", entry.privacy, PRIVACY_WORDS),
            ("screen", entry.screen, SCREEN_WORDS),
        ):
            if name in written and value not in known:
                self._say(
                    view,
                    "div-word",
                    severity=Severity.NOTE if value and TOKEN.fullmatch(value) else None,
                    place=place,
                    name=name,
                    got=value,
                    want=", ".join(sorted(known)),
                )

    def _judge_parties(self, view: SipView, entries: list[DiversionEntry]) -> None:
        parties = [_user(entry.name_addr.uri) for entry in entries]
        try:
            target = _user(uri_of(view.request.uri))
        except ProtocolError:
            target = ""
        caller = _user(view.message.from_.uri)
        if len(entries) == 1 and parties[0] and parties[0] == target:
            self._say(view, "div-party-target", got=parties[0])
        called = _user(view.message.to.uri)
        if caller and parties == [caller] and called != caller:  # some call themselves
            self._say(view, "div-party-caller", got=caller)

    # -- History-Info ----------------------------------------------------------------------

    def _judge_history(self, view: SipView, uri: str) -> list[HistoryEntry]:
        headers = view.message.headers
        if "History-Info" not in headers:
            return []
        for finding in lint_history(headers, uri):
            oracle = _HISTORY.get(finding.clause, "hist-syntax")
            severity = None
            if oracle == "hist-target" and not _same_domain(headers.get_list("History-Info"), uri):
                severity = Severity.NOTE  # the address of a phone is not always its name
            self._say(view, oracle, severity=severity, error=finding.text)
        try:
            return parse_history(headers)
        except ProtocolError:
            return []  # named above

    # -- both ------------------------------------------------------------------------------

    def _judge_agreement(
        self, view: SipView, entries: list[DiversionEntry], history: list[HistoryEntry]
    ) -> None:
        causes = [entry for entry in history if entry.uri.param("cause") is not None]
        if not causes:
            return
        at_odds = False
        parents = {entry.index: entry for entry in history}
        for place, (entry, step) in enumerate(
            zip(entries, reversed(causes), strict=False), start=1
        ):
            reason = entry.reason or "unknown"
            if step.cause is not None and not agree(reason, step.cause):
                both = step.cause in BOTH_TRUE.get(reason, ())
                at_odds = at_odds or not both
                self._say(
                    view,
                    "agree-cause",
                    severity=Severity.NOTE if both else None,
                    place=place,
                    reason=reason,
                    cause=step.cause,
                )
            parent = parents.get(step.mp or step.rc or step.index[:-1])
            if parent is None:
                continue
            told, known = _user(entry.name_addr.uri), _user(parent.uri)
            if told and known and not _same_party(told, known):
                # A user part and a number may be two names of one account; no capture tells.
                undecided = _is_number(told) != _is_number(known)
                at_odds = at_odds or not undecided
                self._say(
                    view,
                    "agree-party",
                    severity=Severity.NOTE if undecided else None,
                    place=place,
                    diversion=told,
                    history=known,
                )
        if len(entries) > len(causes):
            # Hops before the agreeing ones may come from a system that writes Diversion alone.
            self._say(
                view,
                "agree-count",
                severity=None if at_odds else Severity.NOTE,
                diversions=len(entries),
                causes=len(causes),
            )

    def _say(
        self, view: SipView, oracle: str, *, severity: Severity | None = None, **values: Any
    ) -> None:
        self.scene.report(
            oracle,
            [view.number],
            f"{view.call_id} {' '.join(str(v) for v in values.values())}",
            severity=severity,
            who=who(view),
            **values,
        )


def _user(uri: Uri) -> str:
    return uri.number or uri.user_unescaped


def _same_party(told: str, known: str) -> bool:
    """Whether two spellings may mean one party: an extension is the end of its number."""
    if "anonymous" in {told, known}:
        return True
    shorter, longer = sorted((told, known), key=len)
    return told == known or (
        shorter.isdecimal() and longer.removeprefix("+").isdecimal() and longer.endswith(shorter)
    )


def _is_number(user: str) -> bool:
    return user.removeprefix("+").isdecimal()


def _params(text: str) -> dict[str, str]:
    return {name.lower(): value or "" for name, value in NameAddr.parse(text).params}


def _same_domain(entries: list[str], uri: str) -> bool:
    try:
        last, target = NameAddr.parse(entries[-1]).uri, Uri.parse(uri)
    except (ProtocolError, IndexError):
        return True
    return last.host.lower() == target.host.lower()
