"""The embedded platform: a hosted telephone system in one process, for handsets to register to.

It puts registrar, routing, mailbox and notifier together and owns their life. The mailbox
answers on a SIP endpoint of its own, so that a diverted call is a real INVITE on the wire.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from provisioning.inventory_site import Site
from rig.clock import Clock, now
from rig.errors import RigError
from rig.mailbox_platform.base import MailboxListener, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.mail.mail_queue import MailRecord
from rig.mailbox_platform.embedded.running import PlatformParts, RunningPlatform
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import Kept, MessageStore
from rig.mailbox_platform.embedded.voicemail.alias_book import AliasBook
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService
from rig.mailbox_platform.embedded.web.settings_server import SettingsServer
from rig.mailbox_platform.embedded.xsi.api_server import ApiServer
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.events import EventTimes
from rig.sip.message_summary import Counts
from rig.sip_transport.stack import PacketTap
from rig.timeline import Address, MailboxSeen

_LOG = logging.getLogger(__name__)


class EmbeddedPlatform:
    """A registrar with mailboxes on loopback or a lab network.

    Args:
        site: users, mailboxes, handsets.
        host: numeric address to listen at.
        port: SIP port for UDP and TCP; 0 for any, which then stays over a restart.
        store_dir: where messages are kept; with a database (``config.database``), only mails
            that are still to be delivered.
        tap: sees every SIP packet of the platform and of its mailbox.
        hook: lets a test make the platform misbehave.
        config: how it behaves.
        clock: tells the time.

    Raises:
        rig.errors.UsageError: the site is contradictory.
    """

    def __init__(
        self,
        site: Site,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        store_dir: Path,
        tap: PacketTap | None = None,
        hook: PlatformHook | None = None,
        config: PlatformConfig | None = None,
        clock: Clock = now,
    ) -> None:
        self.site = site
        self.config = PlatformConfig() if config is None else config
        self._host = host
        self._port = port
        self._voicemail_port = 0
        self._store_dir = store_dir
        self._tap = tap
        self._hook = PlatformHook() if hook is None else hook
        self._clock = clock
        self._directory = Directory(site)
        self._settings = Settings(site)
        self._listeners: list[MailboxListener] = []
        self._running: RunningPlatform | None = None
        self._api_port = self.config.api_port
        self._api: ApiServer | None = None
        self._web_port = self.config.web_port
        self._web: SettingsServer | None = None
        self._warned_of_mail = False

    @property
    def name(self) -> str:
        """Which platform, for reports."""
        return "embedded"

    @property
    def sip_address(self) -> Address:
        """Where handsets send REGISTER.

        Raises:
            RigError: before the first start with port 0.
        """
        if not self._port:
            raise RigError("the platform has no address yet; await start() first")
        return self._host, self._port

    @property
    def voicemail_address(self) -> Address:
        """Where the mailbox's own SIP endpoint listens.

        Raises:
            RigError: before the first start.
        """
        if not self._voicemail_port:
            raise RigError("the mailbox has no address yet; await start() first")
        return self._host, self._voicemail_port

    @property
    def api_address(self) -> Address:
        """Where the HTTP API listens.

        Raises:
            RigError: the platform is stopped, or has no API.
        """
        if self._api is None:
            raise RigError(
                "the platform has no API now; give PlatformConfig(api_port=0) and await start()"
            )
        return self._api.address

    @property
    def web_address(self) -> Address:
        """Where the settings page is.

        Raises:
            RigError: the platform is stopped, or has no settings page.
        """
        if self._web is None:
            raise RigError(
                "the platform has no settings page now; give PlatformConfig(web_port=0) and "
                "await start()"
            )
        return self._web.address

    @property
    def running(self) -> bool:
        """Whether it serves."""
        return self._running is not None

    @property
    def store(self) -> MessageStore:
        """The messages, to look at.

        Raises:
            RigError: the platform is stopped.
        """
        return self._up.store

    @property
    def self_service(self) -> SelfService:
        """PINs, distribution lists and greetings of the mailboxes' owners.

        Raises:
            RigError: the platform is stopped.
        """
        return self._up.self_service

    @property
    def subscriptions(self) -> int:
        """Live message-summary subscriptions; 0 when stopped."""
        return self._running.mwi.subscriptions if self._running is not None else 0

    @property
    def calls(self) -> int:
        """Calls under way; 0 when stopped."""
        return self._running.router.calls if self._running is not None else 0

    @property
    def internal_errors(self) -> int:
        """Exceptions that a request caused inside the platform since the last start."""
        if self._running is None:
            return 0
        api = self._api.internal_errors if self._api is not None else 0
        web = self._web.internal_errors if self._web is not None else 0
        return self._running.internal_errors + api + web

    def contacts(self, number: str) -> list[str]:
        """Contact URIs that a user's handsets have registered, most preferred first."""
        user = self._directory.user(number)
        if user is None or self._running is None:
            return []
        aor = self._directory.aor(user)
        return [b.uri for b in self._running.registrar.bindings(aor, self._clock())]

    async def start(self) -> None:
        """Begin to serve; a platform that runs already stays as it is.

        Raises:
            RigError: a port is taken or the store cannot be used.
        """
        if self._running is not None:
            return
        running = RunningPlatform(
            PlatformParts(
                directory=self._directory,
                settings=self._settings,
                config=self.config,
                hook=self._hook,
                host=self._host,
                port=self._port,
                voicemail_port=self._voicemail_port,
                store_dir=self._store_dir,
                tap=self._tap,
                clock=self._clock,
                listeners=self._listeners,
                set_options=self.set_mailbox_options,
                set_services=self.set_services,
            )
        )
        try:
            await running.start()
            aliases = AliasBook(self._directory, running.store)
            aliases.restore()
            backend = self._backend(running, aliases)
            await self._start_api(backend)
            await self._start_web(backend)
        except BaseException:
            await self._stop_http()
            await running.stop()
            raise
        self._running = running
        self._port = running.address[1]
        self._voicemail_port = running.voicemail_address[1]
        self._warn_of_mail()

    def _backend(self, running: RunningPlatform, aliases: AliasBook) -> Backend:
        return Backend(
            directory=self._directory,
            settings=self._settings,
            self_service=running.self_service,
            aliases=aliases,
            store=running.store,
            set_options=self.set_mailbox_options,
            set_services=self.set_services,
            clock=self._clock,
        )

    async def _start_api(self, backend: Backend) -> None:
        if self._api_port is None:
            return
        beat_s = self.config.api_heartbeat_s
        times = EventTimes(heartbeat_s=beat_s, client_silence_s=4 * beat_s)
        api = ApiServer(backend, self._host, self._api_port, times=times)
        await api.start()
        self._api = api
        self._api_port = api.address[1]

    async def _start_web(self, backend: Backend) -> None:
        if self._web_port is None:
            return
        web = SettingsServer(
            backend,
            self._host,
            self._web_port,
            config=self.config.web,
            mail=self.config.mail is not None,
        )
        await web.start()
        self._web = web
        self._web_port = web.address[1]

    async def _stop_http(self) -> None:
        web, self._web = self._web, None
        if web is not None:
            await web.close()
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    async def stop(self) -> None:
        """Stop serving as a crash would: calls and subscriptions are gone, messages stay."""
        await self._stop_http()
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    async def restart(self) -> None:
        """Stop and start again: same ports, same messages, no registrations."""
        await self.stop()
        await self.start()

    async def counts(self, mailbox: str) -> MailboxSeen:
        """The truth about a mailbox now, with what is on its way to the store.

        Raises:
            RigError: the platform is stopped.
        """
        store = self._up.store
        await store.settled()
        return store.counts(mailbox)

    def default_options(self, mailbox: str) -> MailboxOptions:
        """The options that the inventory gives a mailbox.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        return Settings(self.site).require_options(mailbox)

    def default_services(self, number: str) -> UserServices:
        """The forwarding that the inventory gives a user."""
        return Settings(self.site).services(number)

    def options(self, mailbox: str) -> MailboxOptions:
        """The options of a mailbox as they are set now, by whomever.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        return self._settings.require_options(mailbox)

    def services(self, number: str) -> UserServices:
        """Forwarding and do-not-disturb of a user as they are set now."""
        return self._settings.services(number)

    async def set_mailbox_options(self, mailbox: str, options: MailboxOptions) -> None:
        """Replace a mailbox's options; holds from the next call on.

        Switching MWI tells the phones at once: off sends a closing ``no``.

        Raises:
            rig.errors.UsageError: no such mailbox, an impossible ring count, or something
                that is no mail address.
        """
        with self._unit() as kept:
            former = self._settings.set_options(mailbox, options)
        await kept
        self._warn_of_mail()
        if former.mwi != options.mwi and self._running is not None:
            self._running.mwi.mailbox_changed(mailbox)
        if self._web is not None:
            self._web.settings_changed(mailbox)

    async def set_other_messages(self, mailbox: str, others: dict[str, Counts]) -> None:
        """Say how many faxes, videos or the like wait in a mailbox; its phones are told.

        They stand in the message summary beside the voice messages and outlive a restart.

        Args:
            mailbox: its number.
            others: counts by class (``fax-message``); empty for none.

        Raises:
            rig.errors.UsageError: no such mailbox, or an unknown class or impossible count.
            RigError: the platform is stopped.
        """
        self._settings.require_options(mailbox)
        self._up.set_other_messages(mailbox, others)

    async def set_services(self, number: str, services: UserServices) -> None:
        """Replace a user's forwarding and do-not-disturb.

        Raises:
            rig.errors.UsageError: no such user, or an impossible rule.
        """
        with self._unit() as kept:
            self._settings.set_services(number, services)
        await kept
        if self._running is not None:
            self._running.features.changed(number)

    async def clear_mailbox(self, mailbox: str) -> None:
        """Delete every message, telling subscribers.

        Raises:
            RigError: the platform is stopped.
        """
        self._up.store.clear(mailbox)

    def subscribe(self, listener: MailboxListener) -> None:
        """Call ``listener`` at every change of a mailbox, in the turn that made it."""
        self._listeners.append(listener)

    def mail_records(self, mailbox: str | None = None) -> tuple[MailRecord, ...]:
        """What became of the mails about messages; none when there is no mail server.

        Args:
            mailbox: only this one's; by default all.

        Raises:
            RigError: the platform is stopped.
        """
        mail = self._up.mail
        return () if mail is None else mail.records(mailbox)

    def _warn_of_mail(self) -> None:
        """Say once that mailboxes want mail which nobody will send."""
        silent = self.config.mail is not None or not self.config.warn_without_mail
        if silent or self._warned_of_mail:
            return
        wanting = self._settings.wanting_mail()
        if wanting:
            self._warned_of_mail = True
            _LOG.warning(
                "platform %r has no mail server, so nothing is mailed for %s; messages stay in "
                "the mailbox. Give PlatformConfig(mail=...) or --smtp to send mail.",
                self.name,
                ", ".join(wanting),
            )

    def _unit(self) -> AbstractContextManager[Kept]:
        """Change settings without blocking; a platform that is stopped keeps them later."""
        if self._running is None:
            return nullcontext(Kept.already())
        return self._running.store.together()

    @property
    def _up(self) -> RunningPlatform:
        if self._running is None:
            raise RigError("the platform is stopped; await start() first")
        return self._running
