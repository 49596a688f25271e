"""Answers the calls that reach the mailbox: deposits of diverted callers, and the portal.

A SIP endpoint of its own on the platform: the router sends a diverted call here with the
mailbox in the Request-URI, Diversion or History-Info (:mod:`.deposit_target`); a call without
any of these is a call to the portal.

The owner of the stack sets ``stack.on_request = server.handle``. Who owns which mailbox is
asked of a :class:`MailboxDirectory`; changes of mailboxes are told by the store
(:meth:`..store.store.MessageStore.subscribe`) as soon as they last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from rig.clock import Clock, now
from rig.errors import ProtocolError, RigError
from rig.mailbox_platform.embedded.calls.announcement import announcement_of
from rig.mailbox_platform.embedded.portal.portal import Portal
from rig.mailbox_platform.embedded.portal.portal_access import MailboxDirectory, StoreAccess
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu, load_portal_menu
from rig.mailbox_platform.embedded.portal.portal_session import PortalSession
from rig.mailbox_platform.embedded.portal.portal_work import PortalWork
from rig.mailbox_platform.embedded.store.store import Kept, MessageStore, StoredMessage
from rig.mailbox_platform.embedded.voicemail.deposit import (
    CallerKeys,
    Deposit,
    DepositEnd,
    DepositPlace,
)
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.deposit_target import (
    DepositTarget,
    OwnerRule,
    caller_name_of,
    caller_of,
    deposit_target,
    proven_caller_of,
)
from rig.mailbox_platform.embedded.voicemail.media_answer import (
    LONGEST_DIGIT_BODY,
    MediaAnswer,
    info_digit,
)
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService
from rig.mailbox_platform.embedded.voicemail.voicemail_transfer import CallTransfer
from rig.media.spoken import TONES
from rig.media.stream import AudioStream, PacketTap
from rig.sip.message import Request
from rig.sip.sdp import SessionDescription
from rig.sip_transport.call import Call, CallState
from rig.sip_transport.stack import IncomingRequest, SipStack

__all__ = ["MailboxDirectory", "OwnerRule", "VoicemailServer"]

_LOG = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Session:
    """One call that was answered."""

    call: Call
    stream: AudioStream
    media: MediaAnswer
    finish: Callable[[], object]
    transfer: CallTransfer | None = None
    leading: asyncio.Task[None] | None = None


class VoicemailServer:
    """The mailbox as a SIP endpoint.

    Args:
        stack: where calls come in; its owner gives them to :meth:`handle`.
        store: messages.
        directory: who owns which mailbox.
        host: numeric address for RTP.
        tap: told of every RTP packet.
        menu: keys and times of the portal; the one that comes with the package by default.
        policy: what counts as a message.
        owner_rule: whose mailbox it is when several parties diverted.
        on_deposit: called with every message that was left.
        on_locked: called with a mailbox that wrong PINs have locked.
        place_for: where the message of a call goes, by mailbox and name of the caller; the
            store by default.
        service: what owners can set by phone; None for nothing.
        choose_box: may choose another mailbox than that of the call, given the INVITE.
        clock: tells how long a mailbox has been locked.
        max_calls: calls at the same time; more are refused with 486.
        language: of prompts and greetings, see :mod:`rig.media.spoken`.
    """

    def __init__(  # noqa: PLR0913 - one place where the mailbox is put together
        self,
        stack: SipStack,
        store: MessageStore,
        directory: MailboxDirectory,
        *,
        host: str = "127.0.0.1",
        tap: PacketTap | None = None,
        menu: PortalMenu | None = None,
        policy: DepositPolicy | None = None,
        owner_rule: OwnerRule = OwnerRule.MOST_RECENT,
        on_deposit: Callable[[StoredMessage], None] | None = None,
        on_locked: Callable[[str], None] | None = None,
        place_for: Callable[[str, str], DepositPlace] | None = None,
        service: SelfService | None = None,
        choose_box: Callable[[Request, str], str] | None = None,
        clock: Clock = now,
        max_calls: int = 100,
        language: str = TONES,
    ) -> None:
        self._stack = stack
        self._store = store
        self._directory = directory
        self._host = host
        self._tap = tap
        self._menu = load_portal_menu() if menu is None else menu
        self._policy = DepositPolicy() if policy is None else policy
        self._owner_rule = owner_rule
        self._on_deposit = on_deposit
        self._on_locked = on_locked
        self._place_for = place_for
        self._service = service
        self._choose_box = choose_box
        self._clock = clock
        self._max_calls = max_calls
        self._language = language
        self._sessions: set[_Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def calls(self) -> int:
        """Calls under way."""
        return len(self._sessions)

    def handle(self, incoming: IncomingRequest) -> None:
        """Take a request outside of any dialog; everything but INVITE is refused.

        Args:
            incoming: from the platform's router, which is believed who is calling.
        """
        request = incoming.request
        if request.to.tag is not None:
            incoming.respond(481)
            return
        if request.method != "INVITE":
            incoming.respond(405, headers=[("Allow", "ACK, BYE, CANCEL, INVITE, OPTIONS")])
            return
        if len(self._sessions) >= self._max_calls:
            incoming.respond(486, "Mailbox Busy")
            return
        try:
            prompts = announcement_of(request.uri)
            target = None
            if not prompts:
                target = self._target(request)
            self._answer(incoming, target, prompts)
        except ProtocolError as error:
            _LOG.info("call to the mailbox refused: %s", error)
            incoming.respond(getattr(error, "status_hint", None) or 400)
        except RigError:
            _LOG.exception("call to the mailbox cannot be served")
            incoming.respond(503)

    def _target(self, request: Request) -> DepositTarget | None:
        """Whose mailbox a call is for; None for the portal."""
        target = deposit_target(request, self._directory.mailbox_of, rule=self._owner_rule)
        if target is None or self._choose_box is None:
            return target
        return replace(target, mailbox=self._choose_box(request, target.mailbox))

    async def close(self) -> None:
        """End every call as a crash would, but keep what callers have said so far."""
        for session in tuple(self._sessions):
            session.call.on_state = None
            self._end(session)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._store.settled()

    def _answer(
        self,
        incoming: IncomingRequest,
        target: DepositTarget | None,
        prompts: tuple[str, ...] = (),
    ) -> None:
        if target is not None:
            options = self._directory.options(target.mailbox) if target.mailbox else None
            if options is None:
                incoming.respond(404, "No Such Mailbox")
                return
            if not options.active:
                incoming.respond(480, "Mailbox Switched Off")
                return
        offer = SessionDescription.parse(incoming.request.body)
        stream = AudioStream(self._host, tap=self._tap, detect=False, language=self._language)
        try:
            media = MediaAnswer(stream)
            answer = media.answer(offer)
            call = Call.incoming(incoming)
        except ProtocolError:
            stream.close()
            raise
        session = _Session(call, stream, media, finish=int)
        self._sessions.add(session)
        call.on_state = partial(self._state_changed, session)
        call.on_request = partial(self._inside, session)
        call.accept(answer)
        if not call.established:
            self._end(session)
        elif prompts:
            session.leading = self._spawn(self._announce(session, prompts))
        elif target is None:
            self._serve_portal(session)
        else:
            self._serve_deposit(session, target)

    def _serve_portal(self, session: _Session, mailbox: str = "") -> None:
        """Begin the portal's dialogue.

        Args:
            session: the call.
            mailbox: that the caller heard the greeting of; empty for a call to the portal.
        """
        access = StoreAccess(
            self._directory,
            self._store,
            self._menu,
            service=self._service,
            policy=self._policy,
            clock=self._clock,
        )
        session.transfer = CallTransfer(session.call)
        portal = PortalSession(
            Portal(self._menu, access, language=self._language),
            session.stream,
            PortalWork(self._store, self._service, self._place, self._wrong_pin),
            hang_up=partial(self._hang_up, session.call),
            connect=session.transfer.to,
            silence_s=self._policy.silence_s,
        )
        session.finish = portal.finish
        if mailbox:
            portal.start_for(mailbox)
            return
        caller = proven_caller_of(session.call.request)
        portal.start(self._directory.caller_number(caller) if caller else "")

    def _wrong_pin(self, mailbox: str) -> None:
        """Tell of the wrong PIN that locks a mailbox, and of no other."""
        count = self._store.login_failures(mailbox).count
        if self._on_locked is not None and count == self._menu.lock_after:
            self._on_locked(mailbox)

    def _place(self, mailbox: str, caller_name: str = "") -> DepositPlace:
        """Where a message for a mailbox goes."""
        if self._place_for is None:
            return self._store
        return self._place_for(mailbox, caller_name)

    def _serve_deposit(self, session: _Session, target: DepositTarget) -> None:
        caller = caller_of(session.call.request)
        deposit = Deposit(
            session.stream,
            self._place(target.mailbox, caller_name_of(session.call.request)),
            mailbox=target.mailbox,
            caller=self._directory.caller_number(caller) if caller else "",
            greeting=self._directory.greeting(target.mailbox, target.greeting),
            policy=self._policy,
            on_message=self._on_deposit,
            keys=self._caller_keys(session, target.mailbox),
        )
        session.finish = deposit.finish
        session.leading = self._spawn(self._lead_deposit(deposit, session, target.mailbox))

    def _caller_keys(self, session: _Session, mailbox: str) -> CallerKeys:
        number = "" if self._service is None else self._service.transfer_number(mailbox)
        session.transfer = CallTransfer(session.call) if number else None
        return CallerKeys(
            actions=self._menu.deposit,
            transfer=partial(session.transfer.to, number, mailbox) if session.transfer else None,
            mark_urgent=self._mark_urgent,
            urgent_s=self._menu.urgent_s,
        )

    def _mark_urgent(self, message_id: str) -> Kept:
        with self._store.together() as kept:
            self._store.mark_urgent(message_id)
        return kept

    async def _lead_deposit(self, deposit: Deposit, session: _Session, mailbox: str) -> None:
        try:
            await deposit.run()
        except RigError:
            _LOG.exception("deposit failed")
        if deposit.end is DepositEnd.LOGIN:
            self._serve_portal(session, mailbox)
        else:
            self._hang_up(session.call)

    async def _announce(self, session: _Session, prompts: tuple[str, ...]) -> None:
        """Say something and hang up."""
        for prompt in prompts:
            await session.stream.play(prompt)
        self._hang_up(session.call)

    def _hang_up(self, call: Call) -> None:
        self._spawn(call.hang_up())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _state_changed(self, session: _Session, state: CallState) -> None:
        if state is CallState.ENDED:
            self._end(session)

    def _end(self, session: _Session) -> None:
        """Close the books of a call in the turn that ended it: the lamp waits for nothing else."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        try:
            session.finish()
        finally:
            if session.leading is not None:
                session.leading.cancel()
            session.stream.close()

    def _inside(self, session: _Session, incoming: IncomingRequest) -> None:
        """A request inside the dialog: digits by INFO, hold and resume."""
        request = incoming.request
        if request.method == "INFO":
            if len(request.body) > LONGEST_DIGIT_BODY:
                incoming.respond(413)
                return
            digit = info_digit(request.content_type, request.body)
            if digit:
                session.stream.take_digit(digit)
        elif request.method == "NOTIFY" and session.transfer is not None:
            session.transfer.notified(incoming)
            return
        elif request.method in {"INVITE", "UPDATE"} and request.body:
            try:
                offer = SessionDescription.parse(request.body)
                session.call.local_sdp = session.media.answer(offer)
            except ProtocolError as error:
                incoming.respond(getattr(error, "status_hint", None) or 488)
                return
        session.call.answer_by_default(incoming)
