"""Everything of the embedded platform that lives from one start to the next stop.

Takes requests in, has them proven at the door, and gives them to registrar, router or
notifier. A second start makes a second one of these, so nothing can survive by accident.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from provisioning.inventory_model import User
from provisioning.secret import Secret
from rig.clock import Clock
from rig.mailbox_platform.base import MailboxListener, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.access import PACKAGES, Door, Refusal
from rig.mailbox_platform.embedded.calls.feature_event import PACKAGE as FEATURE_PACKAGE
from rig.mailbox_platform.embedded.calls.feature_notifier import FeatureNotifier
from rig.mailbox_platform.embedded.calls.router import Router
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory, UserTarget
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.mail.mail_service import MailService, release_redirects
from rig.mailbox_platform.embedded.mwi.mwi import PACKAGE, MwiService
from rig.mailbox_platform.embedded.mwi.mwi_summary import (
    SummaryWriter,
    check_others,
    lamp_changes,
    others_from_text,
    others_to_text,
)
from rig.mailbox_platform.embedded.portal.portal_menu import load_portal_menu
from rig.mailbox_platform.embedded.registrar import Registrar
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.retention import Retention
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.mailbox_directory import PlatformMailboxDirectory
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService
from rig.mailbox_platform.embedded.voicemail.voicemail import VoicemailServer
from rig.sip.digest import DigestJudge, DigestVerifier
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts
from rig.sip.tokens import SeededTokens, TokenSource
from rig.sip_transport.notifier import Notifier
from rig.sip_transport.stack import IncomingRequest, PacketTap, SipStack
from rig.timeline import Address, MailboxSeen

METHODS = frozenset(
    {"ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "OPTIONS", "REGISTER", "SUBSCRIBE",
     "UPDATE"}
)  # fmt: skip
_OTHERS = "other_messages"
ALLOW_ROW = ("Allow", ", ".join(sorted(METHODS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformParts:
    """What a platform is started with.

    Attributes:
        directory: whose number is whose.
        settings: what users have switched on; outlives a restart.
        config: limits and switches.
        hook: may alter behaviour.
        host: address to listen at.
        port: SIP port, or 0.
        voicemail_port: the mailbox's SIP port, or 0.
        store_dir: where messages are kept.
        tap: sees every SIP packet, or None.
        clock: tells the time.
        listeners: told of every change, as the handsets are.
        set_options: replaces the options of a mailbox, as everybody else does.
        set_services: replaces the services of a user, as everybody else does.
    """

    directory: Directory
    settings: Settings
    config: PlatformConfig
    hook: PlatformHook
    host: str
    port: int
    voicemail_port: int
    store_dir: Path
    tap: PacketTap | None
    clock: Clock
    listeners: list[MailboxListener]
    set_options: Callable[[str, MailboxOptions], Awaitable[None]]
    set_services: Callable[[str, UserServices], Awaitable[None]]


class RunningPlatform:
    """A platform between start and stop.

    Args:
        parts: what it is made of.

    Attributes:
        stack: the endpoint that handsets speak to.
        store: the messages.
        registrar: who is where.
        mwi: who is told what.
        router: the calls.
        features: tells phones of their users' services.
        self_service: what owners of mailboxes set themselves.
        mail: mails about messages; None when the platform has no mail server.
    """

    stack: SipStack
    store: MessageStore
    registrar: Registrar
    mwi: MwiService
    router: Router
    features: FeatureNotifier
    self_service: SelfService

    def __init__(self, parts: PlatformParts) -> None:
        self._parts = parts
        self._door: Door
        self._voicemail: VoicemailServer
        timers = parts.config.sip_timers
        self._voicemail_stack = SipStack(
            product="phonerig-mailbox",
            tap=parts.tap,
            clock=parts.clock,
            timers=timers,
            tokens=_tokens(parts.config, "mailbox"),
        )
        self._opened: list[Callable[[], Awaitable[None]]] = []
        self._cancel_reasons: dict[str, str] = {}
        self._others: dict[str, dict[str, Counts]] = {}
        self.stack = SipStack(
            product="phonerig-platform",
            tap=parts.tap,
            clock=parts.clock,
            timers=timers,
            tokens=_tokens(parts.config, "platform"),
        )
        self.registrar = Registrar(parts.config)
        self.mail: MailService | None = None

    @property
    def address(self) -> Address:
        """Where handsets send REGISTER."""
        return self.stack.address

    @property
    def voicemail_address(self) -> Address:
        """Where the mailbox's own endpoint listens."""
        return self._voicemail_stack.address

    @property
    def internal_errors(self) -> int:
        """Exceptions that requests caused."""
        return self.stack.internal_errors + self._voicemail_stack.internal_errors

    async def start(self) -> None:
        """Open the store, then the mailbox's endpoint, then our own.

        Raises:
            RigError: a port is taken or the store cannot be used.
        """
        parts = self._parts
        directory, config, hook = parts.directory, parts.config, parts.hook
        place = parts.store_dir if config.database is None else config.database
        self.store = MessageStore(place, clock=parts.clock, durable=config.durable_store)
        self._opened.append(self._close_store)
        parts.settings.keep_in(self.store)
        self._open_mail()
        await self._start_voicemail()
        self.stack.methods = METHODS | {"REFER"}  # inside of calls alone
        self.stack.extensions = frozenset({"path"})
        hook.send = self.stack.send_octets
        if type(hook).incoming is not PlatformHook.incoming:
            self.stack.incoming_filter = hook.incoming
        self.stack.outgoing_filter = self._outgoing
        if type(hook).outgoing is PlatformHook.outgoing:
            self.stack.filter_only(frozenset({"CANCEL"}))
        self.stack.on_connection_lost = self._connection_lost
        await self.stack.listen(parts.host, parts.port)
        self._opened.append(self.stack.close)
        realm = config.realm or directory.domain
        judge = DigestJudge(
            realm,
            self._password_of,
            lambda: secrets.token_hex(16),
            algorithms=config.algorithms,
            nonce_lifetime_s=config.nonce_lifetime_s,
        )
        self._door = Door(directory, config, DigestVerifier(judge), lambda: self.stack.behind_s)
        self.stack.gate = self._door.turn_away
        self.mwi = MwiService(
            stack=self.stack,
            notifier=Notifier(
                self.stack,
                limit_per_aor=config.max_subscriptions,
                min_expires_s=config.subscribe_min_expires_s,
                min_interval_s=config.mwi_min_interval_s,
                pressing=lamp_changes,
            ),
            directory=directory,
            registrar=self.registrar,
            config=config,
            hook=hook,
            writer=SummaryWriter(
                config, self.store.counts, parts.settings.mwi_enabled, self.other_messages
            ),
        )
        self._opened.append(self.mwi.close)
        context = RoutingContext(
            stack=self.stack,
            directory=directory,
            registrar=self.registrar,
            settings=parts.settings,
            config=config,
            hook=hook,
            seconds_per_ring=config.seconds_per_ring or directory.site.seconds_per_ring,
            voicemail=self.voicemail_address,
            # The message counts from the BYE: the mailbox must not wait behind other calls' audio.
            on_bye=self._voicemail_stack.drain,
            clock=parts.clock,
            cancel_reasons=self._cancel_reasons,
            set_options=parts.set_options,
            set_services=parts.set_services,
            clear_mwi=self.mwi.put_out,
        )
        self.router = Router(context, self._door)
        self.features = FeatureNotifier(
            Notifier(
                self.stack,
                package=FEATURE_PACKAGE,
                limit_per_aor=config.max_subscriptions,
                min_expires_s=config.subscribe_min_expires_s,
            ),
            context,
        )
        self._opened.append(self.features.close)
        self._opened.append(self.router.close)
        self.store.subscribe(self._mailbox_changed)
        self.store.announce(directory.mailboxes())
        if self.mail is not None:
            self.mail.start(directory.mailboxes())
            self._opened.append(self.mail.stop_delivery)
        if config.retention_days:
            retention = Retention(
                self.store,
                parts.clock,
                days=config.retention_days,
                every_s=config.retention_check_s,
            )
            retention.start()
            self._opened.append(retention.stop)
        self.stack.on_request = self._received

    def other_messages(self, mailbox: str) -> dict[str, Counts]:
        """Counts of other classes than voice that were set for a mailbox."""
        found = self._others.get(mailbox)
        if found is None:
            found = others_from_text(self.store.setting(mailbox, _OTHERS))
            self._others[mailbox] = found
        return found

    def set_other_messages(self, mailbox: str, others: dict[str, Counts]) -> None:
        """Set the counts of other classes than voice, over a restart too; phones are told.

        Raises:
            rig.errors.UsageError: a class or count that no summary can carry.
        """
        check_others(others)
        self._others[mailbox] = dict(others)
        self.store.set_setting(mailbox, _OTHERS, others_to_text(others) if others else None)
        self.mwi.mailbox_changed(mailbox)

    def _open_mail(self) -> None:
        parts = self._parts
        if parts.config.mail is None:
            release_redirects(parts.store_dir, self.store, parts.clock)
            return
        self.mail = MailService(
            site=parts.directory.site,
            settings=parts.settings,
            store=self.store,
            folder=parts.store_dir,
            config=parts.config.mail,
            clock=parts.clock,
            durable=parts.config.durable_store,
        )
        self._opened.append(self.mail.close)

    async def _start_voicemail(self) -> None:
        parts = self._parts
        stack = self._voicemail_stack
        menu = parts.config.portal_menu or load_portal_menu()
        self.self_service = SelfService(
            parts.directory,
            parts.settings,
            self.store,
            first_list_number=menu.first_list_number,
            pin_policy=parts.config.pin_policy,
            clock=parts.clock,
        )
        await stack.listen(parts.host, parts.voicemail_port)
        self._opened.append(stack.close)
        self._voicemail = VoicemailServer(
            stack,
            self.store,
            PlatformMailboxDirectory(
                parts.directory,
                parts.settings,
                parts.hook,
                self.self_service,
                identify_by_alias=parts.config.identify_by_alias,
            ),
            host=parts.host,
            clock=parts.clock,
            max_calls=parts.config.max_calls,
            language=parts.config.prompt_language,
            policy=parts.config.deposit,
            menu=menu,
            choose_box=parts.hook.deposit_box,
            service=self.self_service,
            place_for=self.mail.place_for if self.mail is not None else None,
            on_locked=self.mail.tell_locked if self.mail is not None else None,
        )
        stack.on_request = self._to_voicemail
        self._opened.append(self._voicemail.close)

    def _to_voicemail(self, incoming: IncomingRequest) -> None:
        """Let calls through that we routed: the mailbox believes who is said to be calling."""
        if incoming.flow.remote == self.stack.address:
            self._voicemail.handle(incoming)
        else:
            incoming.respond(403)

    async def stop(self) -> None:
        """Close everything that was opened, the last first."""
        while self._opened:
            await self._opened.pop()()

    async def _close_store(self) -> None:
        self._parts.settings.let_go()
        self.store.close()

    def _password_of(self, username: str) -> Secret | None:
        user = self._parts.directory.by_auth_user(username)
        return user.password if user is not None else None

    def _mailbox_changed(self, change: MailboxSeen) -> None:
        if change.cause != "start":
            self.mwi.mailbox_changed(change.mailbox)
        for listener in tuple(self._parts.listeners):
            listener(change)

    def _connection_lost(self, remote: Address) -> None:
        self.registrar.forget_flow(Flow("TCP", self.stack.address, remote))

    def _outgoing(
        self, message: Request | Response, flow: Flow
    ) -> Request | Response | bytes | None:
        if isinstance(message, Request) and message.method == "CANCEL":
            reason = self._cancel_reasons.get(message.call_id)
            if reason is not None:
                message.headers.set("Reason", reason)
        return self._parts.hook.outgoing(message, flow)

    # -- requests -----------------------------------------------------------------------

    def _received(self, incoming: IncomingRequest) -> None:
        """Take a request that belongs to no dialog we know."""
        request = incoming.request
        if request.to.tag is not None and request.method != "SUBSCRIBE":
            incoming.respond(481)
        elif request.method == "REGISTER":
            self._register(incoming)
        elif request.method == "INVITE":
            self.router.handle_invite(incoming)
        elif request.method == "SUBSCRIBE":
            self._subscribe(incoming)
        elif request.method != "OPTIONS":  # the stack itself answers OPTIONS
            incoming.respond(481 if request.method == "BYE" else 405, headers=[ALLOW_ROW])

    def _admit(self, incoming: IncomingRequest) -> User | None:
        """Prove who sends a request; None when it has been answered already."""
        admitted = self._door.admit(incoming.request, incoming.flow, self._parts.clock())
        if isinstance(admitted, User):
            return admitted
        if isinstance(admitted, Refusal):
            incoming.respond(admitted.status, admitted.reason, headers=admitted.headers)
        else:
            incoming.respond(403)
        return None

    def _register(self, incoming: IncomingRequest) -> None:
        user = self._admit(incoming)
        if user is None:
            return
        directory = self._parts.directory
        wanted = directory.resolve(incoming.request.to.uri.user_unescaped or "")
        if not isinstance(wanted, UserTarget) or wanted.user.number != user.number:
            incoming.respond(403, "Not Your Address")
            return
        answer = self.registrar.register(
            incoming.request, directory.aor(user), incoming.flow, self._parts.clock()
        )
        incoming.respond(answer.status, answer.reason, headers=answer.headers)
        if answer.status == 200:
            self.mwi.registered(user, answer.bound)

    def _subscribe(self, incoming: IncomingRequest) -> None:
        event = incoming.request.event
        package = "" if event is None else event[0].lower()
        if package not in PACKAGES:
            incoming.respond(489, headers=[("Allow-Events", ", ".join(PACKAGES))])
            return
        user = self._admit(incoming)
        if user is None:
            return
        if package == PACKAGE:
            self.mwi.handle_subscribe(incoming, user)
        else:
            self.features.handle_subscribe(incoming, user)


def _tokens(config: PlatformConfig, name: str) -> TokenSource | None:
    """Repeatable tokens where the configuration wants them; None for random ones."""
    return SeededTokens(f"{config.token_seed}/{name}") if config.token_seed else None
