"""Answers phones that ask by SIP PnP, at one interface; everybody else hears nothing from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.access_model import mask_tokens
from rig.clock import Clock, now
from rig.pnp.ask import GROUP, PACKAGE, URL_TYPE, PnpAsk, read_ask
from rig.pnp.desk import PnpDecision, PnpDesk
from rig.sip.errors import MessageError
from rig.sip.event import Address, Flow
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.tokens import TokenSource
from rig.sip_transport.notifier import Notifier
from rig.sip_transport.stack import IncomingRequest, PacketTap, SipStack

_MAX_REMEMBERED = 4096
_MAX_OCTETS = 4096

_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class PnpTold:
    """What came of one question, for a log.

    Attributes:
        at: its instant, seconds.
        source: where it came from.
        ask: what was asked.
        handset: whose it is; empty for a stranger.
        url: what was told, with its token masked; empty for silence.
        why: why nothing was told, or a warning.
    """

    at: float
    source: Address
    ask: PnpAsk
    handset: str
    url: str
    why: str

    def __str__(self) -> str:
        """One line for the log."""
        ask = self.ask
        who = self.handset or f"stranger {ask.mac or 'without a MAC'}"
        says = " ".join(word for word in (ask.vendor, ask.model, ask.version) if word)
        told = f"told {self.url}" if self.url else "told nothing"
        return f"PnP: {who} at {self.source[0]} ({says or 'nameless'}) {told}" + (
            f": {self.why}" if self.why else ""
        )


class PnpServer:
    """Hears the group at one interface and answers from there.

    Args:
        desk: decides.
        interface: numeric IPv4 address of ours at the interface.
        group: where phones ask.
        on_told: called with what came of every question; those beyond the limits are counted only.
        tap: sees every packet in and out.
        tokens: source of tags and branches; random by default.
        clock: tells the time.

    Attributes:
        limited: datagrams that were not looked at.
    """

    def __init__(
        self,
        desk: PnpDesk,
        interface: str,
        *,
        group: Address = GROUP,
        on_told: Callable[[PnpTold], None] = lambda _told: None,
        tap: PacketTap | None = None,
        tokens: TokenSource | None = None,
        clock: Clock = now,
    ) -> None:
        self._desk = desk
        self._interface = interface
        self._group = group
        self._on_told = on_told
        self._clock = clock
        self._stack = SipStack(product="phonerig", tap=tap, tokens=tokens, clock=clock)
        self._notifier = Notifier(self._stack, package=PACKAGE)
        self._decided: OrderedDict[_Key, tuple[PnpAsk, PnpDecision]] = OrderedDict()
        self.limited = 0

    @property
    def address(self) -> Address:
        """Where answers come from."""
        return self._stack.address

    def publish(self, desk: PnpDesk) -> None:
        """Let another desk decide from now on; limits and walks go on.

        Args:
            desk: of a later edition of the site.
        """
        desk.succeed(self._desk)
        self._desk = desk
        self._decided.clear()

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the interface has no such address, or the port is held by somebody else.
        """
        await self._stack.listen(self._interface, 0, tcp=False)
        self._stack.incoming_filter = self._only_decided
        self._stack.on_request = self._take
        try:
            self._stack.join(self._group, self._interface, self._admit)
        except BaseException:
            await self._stack.close()
            raise

    async def stop(self) -> None:
        """Listen no more; safe to call twice."""
        await self._notifier.close()
        await self._stack.close()

    def _admit(self, data: bytes, source: Address) -> bool:
        """Whether a datagram of the group is answered; decides when it is a new question."""
        at = self._clock()
        if not self._desk.may_ask(source[0], at):
            self.limited += 1
            return False
        if len(data) > _MAX_OCTETS:
            return False
        try:
            request = parse_message(data)
            if not isinstance(request, Request):
                return False
            key = _key(request)
        except MessageError:
            return False
        if key in self._decided:
            return self._decided[key][1].url is not None
        ask = read_ask(request, source)
        if ask is None:
            return False
        decision = self._desk.decide(ask, source[0], at)
        self._decided[key] = (ask, decision)
        if len(self._decided) > _MAX_REMEMBERED:
            self._decided.popitem(last=False)
        url = mask_tokens(decision.url.reveal()) if decision.url else ""
        self._on_told(PnpTold(at, source, ask, decision.handset, url, decision.why))
        return decision.url is not None

    def _only_decided(self, message: Request | Response, _flow: Flow) -> Request | Response | None:
        """Nobody is served who comes to our own port instead of the group."""
        if isinstance(message, Response) or _known(message, self._decided):
            return message
        return None

    def _take(self, incoming: IncomingRequest) -> None:
        found = self._decided.get(_key(incoming.request))
        url = found[1].url if found else None
        if found is None or url is None:
            return
        body = url.reveal().encode()
        incoming.flow = self._stack.flow_to(found[0].reply_to)
        self._notifier.accept(incoming, expires_s=0, body_of=lambda: body, content_type=URL_TYPE)


def _key(request: Request) -> _Key:
    return (request.call_id, request.from_.tag or "", request.cseq.number)


def _known(request: Request, decided: OrderedDict[_Key, tuple[PnpAsk, PnpDecision]]) -> bool:
    try:
        return request.method == "SUBSCRIBE" and _key(request) in decided
    except MessageError:
        return False
