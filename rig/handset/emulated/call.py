"""A call on an emulated handset: signalling and, only while the call lasts, audio."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from rig.clock import now
from rig.errors import ProtocolError, RigError
from rig.handset.emulated.call_log import LoggedCall
from rig.media.stream import AudioStream, PacketTap
from rig.sip.sdp import SessionDescription, make_answer, make_offer
from rig.sip_transport.call import Call, CallState, place_call
from rig.sip_transport.stack import IncomingRequest, SipStack

if TYPE_CHECKING:
    from rig.handset.emulated.account import EmulatedAccount
    from rig.handset.emulated.incoming_rule import Decision

_CODECS = ("PCMA", "PCMU")
_SDP = "application/sdp"


class EmulatedCall:
    """One call, incoming or outgoing; its audio port exists from the offer or answer on.

    Attributes:
        account: index of the account.
        outgoing: placed here.
        started_at: when it began, seconds of :mod:`rig.clock`.
        was_established: whether both sides ever talked.
        on_ended: called once, when it is over.
    """

    def __init__(
        self,
        name: str,
        host: str,
        account: int,
        *,
        outgoing: bool,
        tap: PacketTap | None = None,
        diversion_header: bool = True,
    ) -> None:
        """Prepare without signalling.

        Args:
            name: of the handset, for messages.
            host: numeric local address for audio.
            account: index of the account.
            outgoing: placed here.
            tap: told of every RTP packet.
            diversion_header: whether a 302 says who diverted and why.
        """
        self._name = name
        self._host = host
        self._tap = tap
        self._diversion_header = diversion_header
        self._audio: AudioStream | None = None
        self._heard: tuple[str, ...] = ()
        self._call: Call | None = None
        self._aor = ""
        self._domain = ""
        self._over = False
        self.account = account
        self.outgoing = outgoing
        self.started_at = now()
        self.was_established = False
        self.on_ended: Callable[[EmulatedCall], None] | None = None

    # -- state ----------------------------------------------------------------------------

    @property
    def call(self) -> Call:
        """The signalling.

        Raises:
            RigError: there is none yet.
        """
        if self._call is None:
            raise RigError(f"{self._name}: the call has not begun")
        return self._call

    @property
    def established(self) -> bool:
        """Whether both sides talk."""
        return not self._over and self.call.state is CallState.ESTABLISHED

    @property
    def ringing(self) -> bool:
        """Whether it waits for an answer."""
        return not self._over and self.call.state in {CallState.CALLING, CallState.RINGING}

    @property
    def final_status(self) -> int | None:
        """SIP status that ended or established it; None while it rings."""
        return self.call.final_status

    @property
    def remote_uri(self) -> str:
        """Who is at the other end."""
        return str(self.call.remote_uri)

    @property
    def audio(self) -> AudioStream:
        """The audio.

        Raises:
            RigError: there is none, before the answer or after the end.
        """
        if self._audio is None:
            raise RigError(f"{self._name}: the call has no audio now; it is not established")
        return self._audio

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        return self._audio.heard if self._audio is not None else self._heard

    def logged(self) -> LoggedCall:
        """Its line in the call log."""
        return LoggedCall(
            self.started_at,
            self.account,
            self.remote_uri,
            self.outgoing,
            self.was_established,
            self.final_status,
        )

    # -- outgoing -------------------------------------------------------------------------

    async def place(self, account: EmulatedAccount, stack: SipStack, request_uri: str) -> None:
        """Send the INVITE.

        Args:
            account: whose call it is.
            stack: the handset's SIP endpoint.
            request_uri: who is called.

        Raises:
            RigError: it could not be sent.
        """
        audio = self._open_audio()
        offer = make_offer(self._host, audio.local_port, session_id=_session_id(), codecs=_CODECS)
        intent = account.intent
        self._aor, self._domain = intent.aor, intent.domain
        try:
            call = await place_call(
                stack,
                account.flow,
                request_uri=request_uri,
                from_=_name_addr(intent.display_name, intent.aor),
                contact=account.contact,
                sdp=offer.to_bytes(),
                credentials=(intent.auth_user, intent.password),
            )
        except RigError:
            self._end()
            raise
        self._follow(call)

    # -- incoming -------------------------------------------------------------------------

    def take(self, incoming: IncomingRequest, account: EmulatedAccount) -> None:
        """Take an INVITE; nothing is answered yet."""
        self._aor = account.intent.aor
        self._domain = account.intent.domain
        self._follow(Call.incoming(incoming, contact=account.contact))

    def ring(self) -> None:
        """Say that it rings."""
        self.call.ring()

    async def answer(self) -> None:
        """Answer it.

        Raises:
            RigError: the caller's offer has no audio that we speak; it has been refused.
        """
        audio = self._open_audio()
        offered = self.call.remote_sdp
        try:
            if offered:
                description = make_answer(
                    SessionDescription.parse(offered),
                    self._host,
                    audio.local_port,
                    session_id=_session_id(),
                    codecs=_CODECS,
                )
            else:
                description = make_offer(
                    self._host, audio.local_port, session_id=_session_id(), codecs=_CODECS
                )
        except ProtocolError as error:
            self.call.reject(488)
            raise RigError(f"{self._name}: call refused: {error}") from None
        self.call.accept(description.to_bytes())
        if not offered:
            await self.call.wait_ack()
            self._state_changed()

    def reject(self, status: int) -> None:
        """Refuse it."""
        self.call.reject(status)

    def divert(self, decision: Decision) -> None:
        """Send the caller elsewhere by 302.

        Args:
            decision: holds target and reason.

        Source: RFC 3261 section 21.3.3; RFC 5806 section 4.
        """
        target = decision.target.replace("#", "%23")
        headers = [("Contact", f"<sip:{target}@{self._domain}>")]
        if self._diversion_header:
            headers.append(("Diversion", f"<{self._aor}>;reason={decision.reason};counter=1"))
        self.call.reject(decision.status, headers=headers)

    # -- talking --------------------------------------------------------------------------

    async def wait_established(self, timeout_s: float) -> None:
        """Wait for the answer.

        Raises:
            RigError: not answered in time, or refused; the message holds the status.
        """
        try:
            await self.call.wait_answered(timeout_s)
        except RigError as error:
            raise RigError(
                f"{self._name}: no answer from {self.remote_uri} (status {self.final_status}): "
                f"{error}"
            ) from None

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until the call is over.

        Raises:
            RigError: it is not over in time.
        """
        await self.call.wait_ended(timeout_s)

    async def send_digits(self, digits: str) -> None:
        """Send digits by RFC 4733, in real time."""
        await self.audio.send_digits(digits)

    async def speak(self, duration_s: float) -> None:
        """Send speech-like audio, in real time."""
        await self.audio.speak(duration_s)

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Wait until a prompt is recognised; each hearing satisfies one wait.

        Raises:
            RigError: not heard in time; the message lists what was heard.
        """
        return await self.audio.wait_prompt(prompt, timeout_s)

    async def transfer(self, number: str, timeout_s: float) -> int:
        """Ask the platform to connect the other party with somebody else.

        Args:
            number: whom.
            timeout_s: longest wait for the outcome, seconds.

        Returns:
            The last SIP status that was reported; 0 for none.

        Source: RFC 3515 section 2.4; RFC 5589 section 6 (the transfer is blind, and the
        transferor stays until it is told the outcome).
        """
        statuses: list[int] = []
        decided = asyncio.Event()

        def inside(incoming: IncomingRequest) -> None:
            if incoming.request.method != "NOTIFY":
                self.call.answer_by_default(incoming)
                return
            incoming.respond(200)
            words = incoming.request.body.split(maxsplit=2)
            if len(words) > 1 and words[1].isdigit():
                statuses.append(int(words[1]))
            if statuses and statuses[-1] >= 200:
                decided.set()

        self.call.on_request = inside
        target = number.replace("#", "%23")
        rows = [("Refer-To", f"<sip:{target}@{self._domain}>"), ("Referred-By", f"<{self._aor}>")]
        answer = await self.call.send_request("REFER", headers=rows).final(timeout_s)
        if answer.is_success:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(decided.wait(), timeout_s)
        return statuses[-1] if statuses else answer.status

    async def hang_up(self) -> None:
        """End the call; nothing happens if it is over."""
        if not self._over:
            await self.call.hang_up()

    def drop(self) -> None:
        """Forget the call without a word, as a power failure does."""
        self.on_ended = None
        self._end()

    # -- inside ---------------------------------------------------------------------------

    def _follow(self, call: Call) -> None:
        self._call = call
        call.on_state = self._state_changed
        self._state_changed()

    def _state_changed(self, *_: object) -> None:
        call = self.call
        if call.state is CallState.ESTABLISHED:
            self.was_established = True
        if call.state is CallState.ENDED:
            self._end()
        elif self._audio is not None and call.remote_sdp:
            self._connect_audio(self._audio, call.remote_sdp)

    def _connect_audio(self, stream: AudioStream, sdp: bytes) -> None:
        try:
            remote = SessionDescription.parse(sdp).audio
        except ProtocolError:
            return
        if remote is None or not remote.port:
            return
        payload = next((p for p in remote.payload_types if p in {0, 8}), None)
        if payload is not None:
            stream.set_remote(
                (remote.address, remote.port), payload, event_payload_type=remote.dtmf_payload
            )

    def _open_audio(self) -> AudioStream:
        if self._audio is None:
            self._audio = AudioStream(self._host, tap=self._tap)
        return self._audio

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        if self._audio is not None:
            self._heard = self._audio.heard
            self._audio.close()
            self._audio = None
        if self.on_ended is not None:
            self.on_ended(self)


def _session_id() -> int:
    return int(now() * 1000)


def _name_addr(display_name: str, uri: str) -> str:
    quoted = display_name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{uri}>' if quoted else f"<{uri}>"
