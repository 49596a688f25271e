"""Watches digest authentication from outside, without any password.

Covers RFC 3261 22, RFC 7616 3.3 and 3.4, RFC 8760 2. Findings never hold nonces, responses or
secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from provisioning.digest_credentials import (
    Challenge,
    Credentials,
    canonical_algorithm,
    choose_challenge,
)
from rig.errors import ProtocolError
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.oracles.oracle import METHODS, Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Reminders, Shelf
from rig.verdict.oracles.view import SipView, uri_of, who

LOOP = 3
ANSWERED_S = 4.0
"""A phone with credentials answers a challenge at once; a lost packet is repeated by then."""
"""So many challenges in a row, each answered, are a loop."""

FORGOTTEN_S = 2 * 3600.0
"""So long after the last word of a talk nobody expects its answer."""

_ROWS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
_ASKERS = ("Authorization", "Proxy-Authorization")
_WITHOUT = frozenset({"ACK", "CANCEL"})


@dataclass(slots=True)
class _Talk:
    """Challenges and credentials of one Call-ID and method.

    Attributes:
        row: credentials header that the last challenge asks for.
        challenges: of the last 401 or 407.
        number: its packet.
        at: its instant.
        cseq: of the request that was challenged.
        answered: credentials have been sent since.
        refused: challenges in a row that answered credentials, not stale.
        numbers: their packets.
        nonce: of the credentials that were refused, to tell stale ones.
        user: user name of the credentials that were refused.
    """

    row: str = ""
    challenges: list[Challenge] = field(default_factory=list)
    number: int = 0
    at: float = 0.0
    cseq: int = 0
    answered: bool = True
    refused: int = 0
    numbers: list[int] = field(default_factory=list)
    stale_doubt: int = 0
    given_up_told: bool = False


@dataclass(slots=True)
class _Count:
    """Highest count used with a nonce by one client, and where."""

    nc: int
    number: int
    cnonce: str


class DigestUse(Oracle):
    """Challenges and answers of each Call-ID and method."""

    cares: ClassVar = {"request": METHODS - _WITHOUT}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._talks: Shelf[tuple[str, str], _Talk] = Shelf(idle_s=FORGOTTEN_S, clock=scene)
        self._counts: Shelf[tuple[str, str, str], _Count] = Shelf()
        self._bare: Shelf[tuple[str, str], int] = Shelf(5000, idle_s=FORGOTTEN_S, clock=scene)
        self._offered: Shelf[str, int] = Shelf()
        self._realms: Shelf[tuple[str, str], tuple[str, int]] = Shelf()
        self._waiting: Reminders[tuple[str, str]] = Reminders()

    # -- challenges ------------------------------------------------------------------------

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """A challenge, or the end of a talk."""
        del exchange
        key = (view.call_id, view.method)
        talk = self._talks.get(key)
        if view.status not in _ROWS:
            if talk is not None and view.status < 300:
                self._success(talk, view)
            if talk is not None and view.status not in {423, 481, 491}:
                self._talks.pop(key)
            return
        asks, row = _ROWS[view.status]
        challenges = _challenges(view, asks)
        if not challenges:
            if asks not in view.message.headers:
                self.scene.report(
                    "digest-no-challenge",
                    [view.number],
                    f"{view.method} {view.source[0]}",
                    status=view.status,
                    header=asks,
                )
            return
        if talk is None:
            talk = self._talks.put(key, _Talk())
        self._judge_repeat(view, request, talk, challenges, row)
        self._judge_realm(view, challenges)
        for challenge in challenges:
            self._offered.put(challenge.nonce, view.number)
        talk.row, talk.challenges, talk.cseq = row, challenges, request.cseq
        talk.number, talk.at, talk.answered = view.number, view.at, False
        self._waiting.at(view.at + GIVE_UP_S, key)

    def _judge_repeat(
        self, view: SipView, request: SipView, talk: _Talk, challenges: list[Challenge], row: str
    ) -> None:
        sent = _credentials(request, row)
        if sent is None or any(c.stale for c in challenges):
            talk.refused, talk.numbers, talk.stale_doubt = 0, [], 0
            return
        if talk.challenges and sent.nonce in {c.nonce for c in talk.challenges}:
            talk.refused += 1
            talk.numbers.append(view.number)
            del talk.numbers[:-LOOP]
            self.scene.report(
                "digest-refused",
                [view.number, request.number],
                f"{who(view, by='from')} {view.method}",
                who=who(view, by="from"),
                user=sent.username,
                method=view.method,
            )
        else:
            # An old nonce of an earlier talk: if the next attempt succeeds, it was but stale.
            talk.stale_doubt = view.number
        if talk.refused >= LOOP:
            self.scene.report(
                "digest-loop",
                talk.numbers[::-1],
                f"{who(view, by='from')} {view.method}",
                who=who(view, by="from"),
                method=view.method,
                count=talk.refused,
            )

    def _judge_realm(self, view: SipView, challenges: list[Challenge]) -> None:
        key = (f"{view.source[0]}:{view.source[1]}", view.message.from_.uri.aor)
        realm = challenges[0].realm
        before = self._realms.get(key)
        if before is not None and before[0] != realm:
            self.scene.report(
                "digest-realm-changed",
                [view.number, before[1]],
                key[1],
                who=who(view, by="from"),
                got=realm,
                before=before[0],
            )
        self._realms.put(key, (realm, view.number))

    def _success(self, talk: _Talk, view: SipView) -> None:
        if not talk.answered:
            self.scene.report(
                "digest-not-needed",
                [view.number, talk.number],
                f"{who(view, by='from')} {view.method}",
                who=who(view, by="from"),
                method=view.method,
            )
        if talk.stale_doubt:
            self.scene.report(
                "digest-stale-missing",
                [talk.stale_doubt, view.number],
                f"{who(view, by='from')} {view.method}",
                who=who(view, by="from"),
                method=view.method,
            )

    # -- credentials -----------------------------------------------------------------------

    def request(self, view: SipView, exchange: Exchange) -> None:
        """Credentials, with or without a challenge before them."""
        del exchange
        if view.method in _WITHOUT:
            return
        talk = self._talks.get((view.call_id, view.method))
        for row in _ASKERS:
            if row in view.message.headers:
                sent = _credentials(view, row)
                if sent is not None:
                    self._judge_count(view, sent)
                    self._judge_uri(view, sent)
                    self._judge_origin(view, sent)
                else:
                    name = who(view, by="from")
                    self.scene.report(
                        "digest-unreadable", [view.number], name, who=name, header=row
                    )
        if not any(row in view.message.headers for row in _ASKERS):
            self._bare.put((view.call_id, view.method), view.number)
        if talk is None or talk.answered or talk.row not in view.message.headers:
            return
        sent = _credentials(view, talk.row)
        if sent is None:
            return
        talk.answered = True
        self._judge_answer(view, sent, talk)

    def _judge_answer(self, view: SipView, sent: Credentials, talk: _Talk) -> None:
        scene, packets = self.scene, [view.number, talk.number]
        name = who(view, by="from")
        subject = f"{name} {view.method}"
        if view.cseq <= talk.cseq:
            scene.report("digest-cseq", packets, subject, who=name, got=view.cseq)
        # Requests in between are missing, and with them perhaps the challenge that is answered.
        lacks = (Lack.WHOLE,) if view.cseq > talk.cseq + 1 else ()
        offers = [c for c in talk.challenges if c.realm == sent.realm]
        if not offers:
            scene.report(
                "digest-realm",
                packets,
                subject,
                lacks=lacks,
                who=name,
                got=sent.realm,
                want=talk.challenges[0].realm,
            )
            return
        if sent.nonce not in {c.nonce for c in offers}:
            scene.report("digest-old-nonce", packets, subject, who=name, lacks=lacks)
            return
        chosen = canonical_algorithm(sent.algorithm)
        fitting = [c for c in offers if canonical_algorithm(c.algorithm) == chosen]
        if fitting and sent.nonce not in {c.nonce for c in fitting}:
            scene.report("digest-old-nonce", packets, subject, who=name, lacks=lacks)
            return
        if not fitting:
            scene.report(
                "digest-algorithm",
                packets,
                subject,
                who=name,
                got=sent.algorithm or "MD5",
                want=", ".join(c.algorithm or "MD5" for c in offers),
            )
            return
        first = choose_challenge(str(c) for c in offers)
        if first is not None and canonical_algorithm(first.algorithm) != chosen:
            scene.report(
                "digest-weaker",
                packets,
                subject,
                who=name,
                got=sent.algorithm or "MD5",
                want=first.algorithm or "MD5",
            )
        self._judge_quality(packets, subject, name, sent, fitting[0])

    def _judge_quality(
        self, packets: list[int], subject: str, name: str, sent: Credentials, offer: Challenge
    ) -> None:
        if sent.qop and sent.qop not in offer.qop:
            self.scene.report(
                "digest-qop",
                packets,
                subject,
                who=name,
                got=sent.qop,
                want=", ".join(offer.qop) or "none",
            )
        elif offer.qop and not sent.qop:
            self.scene.report("digest-no-qop", packets, subject, who=name)
        if offer.opaque is not None and sent.opaque != offer.opaque:
            self.scene.report("digest-opaque", packets, subject, who=name)

    def _judge_origin(self, view: SipView, sent: Credentials) -> None:
        """The first use of a nonce that nobody was seen to give out."""
        first = not sent.qop or sent.nc == "00000001"
        bare = self._bare.get((view.call_id, view.method))
        if first and bare is not None and sent.nonce not in self._offered:
            name = who(view, by="from")
            self.scene.hole(view.at)
            self.scene.report(
                "digest-unoffered", [view.number, bare], f"{name} {view.method}", who=name
            )
        self._offered.put(sent.nonce, view.number)

    def _judge_count(self, view: SipView, sent: Credentials) -> None:
        if not sent.qop:
            return
        name = who(view, by="from")
        try:
            nc = int(sent.nc, 16)
        except ValueError:
            nc = 0
        if nc < 1:
            self.scene.report("digest-nc-bad", [view.number], name, who=name)
            return
        key = (sent.nonce, sent.username, view.source[0])
        before = self._counts.get(key)
        if before is not None and nc <= before.nc:
            self.scene.report(
                "digest-nc",
                [view.number, before.number],
                name,
                who=name,
                got=nc,
                before=before.nc,
                severity=Severity.NOTE if sent.cnonce != before.cnonce else None,
            )
        if before is None or nc > before.nc:
            self._counts.put(key, _Count(nc, view.number, sent.cnonce))

    def _judge_uri(self, view: SipView, sent: Credentials) -> None:
        try:
            named, asked = uri_of(sent.uri), uri_of(view.request.uri)
        except ProtocolError:
            same = sent.uri == view.request.uri
        else:
            same = named.aor == asked.aor or named.address_host == asked.address_host
        if not same:
            name = who(view, by="from")
            self.scene.report(
                "digest-uri", [view.number], name, who=name, got=sent.uri, want=view.request.uri
            )

    # -- time ------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """A challenge that nobody answers."""
        self._tell_given_up(now, GIVE_UP_S)

    def end(self, now: float) -> None:
        """The same, after the time that a phone needs for it."""
        self._tell_given_up(now, ANSWERED_S)

    def _tell_given_up(self, now: float, after_s: float) -> None:
        due = now + GIVE_UP_S - after_s
        for _, key in self._waiting.due(due):
            talk = self._talks.get(key)
            if talk is None or talk.answered or talk.given_up_told:
                continue
            if now - talk.at < after_s:
                continue
            talk.given_up_told = True
            self.scene.report(
                "digest-given-up", [talk.number], f"{key[0]} {key[1]}", at=talk.at, method=key[1]
            )


def _challenges(view: SipView, row: str) -> list[Challenge]:
    found = []
    for value in view.message.headers.get_all(row):
        try:
            found.append(Challenge.parse(value))
        except ProtocolError:
            continue  # another scheme
    return found


def _credentials(view: SipView, row: str) -> Credentials | None:
    value = view.message.headers.get(row)
    if value is None:
        return None
    return view.message.headers.cached(f"{row}.credentials", lambda: _parsed(value))


def _parsed(value: str) -> Credentials | None:
    try:
        return Credentials.parse(value)
    except ProtocolError:
        return None
