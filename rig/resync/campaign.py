"""Asks many handsets to fetch again, a few at a time, and waits until each has given proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioning.intent import AccountIntent
from provisioning.profile_files import Resync
from rig.errors import RigError
from rig.handset.vendor.control import PhoneControl, PhoneError
from rig.resync.bindings import PATIENCE_S, Binding, bindings_of, is_new
from rig.resync.notify import event_for, resync_request
from rig.resync.proof import Proof, Result, Seen, Wanted, prove
from rig.resync.sightings import Sightings
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.uri import Uri
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.stack import RequestTimedOut, SipStack, TransportFailed

SETTLE_S = 3.0
"""A handset that will restart after its fetch has left the registrar by then."""
_LOOK_S = 0.25
_BINDINGS_S = 1.0
_SIP_PORT = 5060


@dataclass(frozen=True, slots=True)
class Ask:
    """One handset that is to be asked.

    Attributes:
        handset: its name.
        model: of the handset.
        account: by which it is found and asked.
        resync: from its profile.
        wanted: what it shall do.
        registrar: where the account registers.
        former: the account that it had before, by which it may still be registered; None for none.
    """

    handset: str
    model: str
    account: AccountIntent
    resync: Resync
    wanted: Wanted
    registrar: Flow
    former: AccountIntent | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How handsets are asked.

    Attributes:
        reboot: they shall restart in any case.
        other: which of the events that other sources name; 0 for the profile's own.
        through_registrar: the NOTIFY goes to the registrar, which passes it on, as handsets want
            it that obey nobody else.
        at_once: how many at a time, so that the server is not stormed.
        limit_s: seconds that a handset has.
        settle_s: seconds after its last fetch until its registration counts.
    """

    reboot: bool = False
    other: int = 0
    through_registrar: bool = False
    at_once: int = 20
    limit_s: float = 120.0
    settle_s: float = SETTLE_S


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one handset.

    Attributes:
        handset: its name.
        model: of the handset.
        event: that was sent, or the request to its own interface; empty for none.
        status: of its answer; None for none, or where its interface said no.
        proof: whether it applied, and why not.
        took_s: seconds from the question until the end.
    """

    handset: str
    model: str
    event: str
    status: int | None
    proof: Proof
    took_s: float


@dataclass(frozen=True, slots=True)
class _Said:
    """What a handset answered.

    Attributes:
        status: of SIP or HTTP; None for none.
        refusal: what its interface said instead of a yes.
        by: what it was asked by.
    """

    status: int | None
    refusal: str = ""
    by: str = "the NOTIFY"

    @property
    def no(self) -> bool:
        """Whether it will not do it."""
        return bool(self.refusal) or (self.status is not None and self.status >= 300)


def _nothing(answer: Answer) -> None:
    del answer


class Campaign:
    """Asks handsets, and waits for proof.

    Args:
        stack: our SIP endpoint.
        sightings: what is seen meanwhile.
        manner: how to ask.
        served: for each file whether the server gives it out as it is rendered.
        phones: interfaces of real phones, by handset: those in it are asked by it, not by SIP.
        refresh: called before sightings are looked at, to fill them.
        told: called with every answer.
    """

    def __init__(
        self,
        stack: SipStack,
        sightings: Sightings,
        manner: Manner,
        *,
        served: Mapping[str, bool] | None = None,
        phones: Mapping[str, PhoneControl] | None = None,
        refresh: Callable[[], None] = lambda: None,
        told: Callable[[Answer], None] = _nothing,
    ) -> None:
        self._stack = stack
        self._sightings = sightings
        self._manner = manner
        self._served = served or {}
        self._phones = phones or {}
        self._refresh = refresh
        self._told = told

    async def run(self, asks: Sequence[Ask]) -> list[Answer]:
        """Ask every handset.

        Returns:
            The answers, in the order of the questions.

        Raises:
            RigError: the registrar cannot be asked; nobody was told anything if it is the first.
        """
        turns = asyncio.Semaphore(self._manner.at_once)

        async def one(ask: Ask) -> Answer:
            async with turns:
                answer = await self._ask(ask)
                self._told(answer)
                return answer

        tasks = [asyncio.ensure_future(one(ask)) for ask in asks]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _ask(self, ask: Ask) -> Answer:
        before = await bindings_of(self._stack, ask.registrar, ask.account)
        asked_at = self._stack.now
        phone = self._phones.get(ask.handset)
        if phone is not None:
            return await self._ask_phone(ask, phone, before, asked_at)
        event = event_for(ask.resync, reboot=self._manner.reboot, other=self._manner.other)
        bound = before
        if bound:
            ask = replace(ask, former=None)
        elif ask.former is not None:
            bound = await bindings_of(self._stack, ask.registrar, ask.former)
        if not bound:
            return Answer(
                ask.handset, ask.model, "", None, prove(ask.wanted, Seen(asked=False)), 0
            )
        statuses = await asyncio.gather(
            *(self._notify(ask, target, event) for target in self._targets(ask, bound))
        )
        answered = [status for status in statuses if status is not None]
        status = min(answered) if answered else None
        proof = await self._wait(ask, before, _Said(status), asked_at)
        return Answer(ask.handset, ask.model, event, status, proof, self._stack.now - asked_at)

    async def _ask_phone(
        self, ask: Ask, phone: PhoneControl, before: Sequence[Binding], asked_at: float
    ) -> Answer:
        """Ask by the phone's own interface, which it needs no registration for."""
        word = "reboot" if self._manner.reboot else "resync"
        said = _Said(200, by="the request")
        try:
            await (phone.reboot() if self._manner.reboot else phone.resync())
        except PhoneError as error:
            said = _Said(None, str(error), "the request")
        proof = await self._wait(ask, before, said, asked_at)
        event = f"{phone.vendor}: {word}"
        took_s = self._stack.now - asked_at
        return Answer(ask.handset, ask.model, event, said.status, proof, took_s)

    def _targets(self, ask: Ask, bindings: Sequence[Binding]) -> list[str]:
        if self._manner.through_registrar:
            asked = ask.account if ask.former is None else ask.former
            return [asked.aor]
        return [binding.uri for binding in bindings]

    async def _notify(self, ask: Ask, target: str, event: str) -> int | None:
        """Send one NOTIFY; the status of its final answer, None for none."""
        flow = ask.registrar
        asked = ask.account if ask.former is None else ask.former
        if not self._manner.through_registrar:
            try:
                uri = Uri.parse(target)
            except MessageError:
                return None
            transport = "TCP" if uri.param("transport") == "tcp" else "UDP"
            flow = self._stack.flow_to((uri.host, uri.port or _SIP_PORT), transport)
        request = resync_request(
            target, event, ask.resync, self._stack.address, reboot=self._manner.reboot
        )
        try:
            response = await request_with_auth(
                self._stack,
                request,
                flow,
                username=asked.auth_user,
                password=asked.password,
                timeout_s=PATIENCE_S,
            )
        except (RequestTimedOut, TransportFailed):
            return None
        return response.status

    async def _wait(
        self, ask: Ask, before: Sequence[Binding], said: _Said, asked_at: float
    ) -> Proof:
        """Look until the proof is whole, or time is over."""
        deadline = asked_at + self._manner.limit_s
        looked_at, bound, anew = asked_at, True, False
        while True:
            self._refresh()
            now = self._stack.now
            fetches = self._sightings.fetches_of(ask.handset, asked_at)
            last = max((fetch.at for fetch in fetches or ()), default=asked_at)
            settled = now - last >= self._manner.settle_s
            if (settled and now - looked_at >= _BINDINGS_S) or now >= deadline:
                try:
                    after = await bindings_of(self._stack, ask.registrar, ask.account)
                except RigError:
                    after = ()
                looked_at = self._stack.now
                bound, anew = bool(after), anew or is_new(before, after)
            seen_anew = self._sightings.registered_since(ask.handset, asked_at)
            seen = Seen(
                asked=True,
                status=said.status,
                refusal=said.refusal,
                by=said.by,
                fetches=fetches,
                served=self._served,
                bound=bound if looked_at > asked_at else None,
                registered=bool(seen_anew) or anew if looked_at > asked_at else seen_anew,
                subscribed=self._sightings.subscribed_since(ask.handset, asked_at),
            )
            proof = prove(ask.wanted, seen)
            refused = said.no and not fetches
            old = bool(fetches) and any(
                self._served.get(name) is False for name in ask.wanted.files
            )
            certain = proof.result is Result.APPLIED or refused or old
            if now >= deadline or (certain and settled):
                return proof
            await asyncio.sleep(_LOOK_S)
