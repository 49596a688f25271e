"""A BroadWorks platform, driven through its Xsi interface, as the rig's mailbox platform.

Written from what public clients of the interface show. It has been tested against this
project's own Xsi server only: it has never met a real BroadWorks.

What Xsi has no known path for is refused with an error that says so: automatic login to the
voice portal, PINs, aliases, distribution lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from provisioning.known_names import known_names
from rig.clock import Clock, now
from rig.errors import RigError, UsageError
from rig.mailbox_platform import xsi_fields as fields
from rig.mailbox_platform.base import MailboxListener, MailboxOptions, UserServices
from rig.mailbox_platform.xsi_channel import ChannelTimes, EventChannel
from rig.mailbox_platform.xsi_client import ACTIONS, XsiAccount, XsiClient, XsiRefused, user_path
from rig.mailbox_platform.xsi_document import Element, leaf
from rig.mailbox_platform.xsi_stream import cause_of
from rig.timeline import Address, MailboxSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadWorksConfig:
    """How to reach a BroadWorks.

    Attributes:
        base_url: of Xsi, such as ``https://xsp.example.net``.
        sip_address: where handsets register; Xsi does not tell.
        accounts: user of the interface by number in normal form.
        events: open event channels, so that listeners hear of changes.
        timeout_s: for one request.
        verify_tls: check certificates.
        ca_file: certificates to trust instead of the system's.
        channel_times: patience of the event channels.
    """

    base_url: str
    sip_address: Address
    accounts: Mapping[str, XsiAccount]
    events: bool = True
    timeout_s: float = 10.0
    verify_tls: bool = True
    ca_file: Path | None = None
    channel_times: ChannelTimes = field(default_factory=ChannelTimes)


class BroadWorksPlatform:
    """Mailboxes of a BroadWorks; implements :class:`.base.MailboxPlatform` as far as Xsi goes.

    Args:
        config: where it is, and whose passwords are known.
        clock: tells the time.

    Raises:
        rig.errors.UsageError: the base URL is unusable.
    """

    def __init__(self, config: BroadWorksConfig, *, clock: Clock = now) -> None:
        self._config = config
        self._clock = clock
        self._client = XsiClient(
            config.base_url,
            timeout_s=config.timeout_s,
            verify_tls=config.verify_tls,
            ca_file=config.ca_file,
        )
        self._channels: list[EventChannel] = []
        self._listeners: list[MailboxListener] = []
        self._last: dict[str, MailboxSeen] = {}
        self._started = False

    @property
    def name(self) -> str:
        """Which platform, for reports."""
        return "broadworks"

    @property
    def sip_address(self) -> Address:
        """Where handsets send REGISTER, as configured."""
        return self._config.sip_address

    async def start(self) -> None:
        """Prove every account's password, and open the event channels.

        Raises:
            RigError: the platform does not answer, or refuses an account; says which.
        """
        if self._started:
            return
        try:
            for number, account in self._config.accounts.items():
                try:
                    await self._client.get(account, user_path(account, "services"))
                except XsiRefused as error:
                    raise RigError(f"BroadWorks account of {number}: {error}") from error
                if self._config.events:
                    await self._open_channel(number, account)
        except BaseException:
            await self.stop()
            raise
        self._started = True

    async def _open_channel(self, number: str, account: XsiAccount) -> None:
        channel = EventChannel(
            self._client,
            account,
            number,
            self._told,
            counts=self.counts,
            times=self._config.channel_times,
            clock=self._clock,
        )
        self._channels.append(channel)
        await channel.start(self._config.timeout_s)

    async def stop(self) -> None:
        """Close channels and connections; the platform goes on without us."""
        self._started = False
        while self._channels:
            await self._channels.pop().stop()
        await self._client.close()

    async def counts(self, mailbox: str) -> MailboxSeen:
        """Count the messages of a mailbox by listing them.

        Raises:
            RigError: no answer, or an error.
        """
        infos = await self._messages(mailbox)
        read = [info.child("read") is not None for info in infos]
        urgent = [info.child("urgent") is not None for info in infos]
        return MailboxSeen(
            at=self._clock(),
            mailbox=mailbox,
            new=read.count(False),
            saved=read.count(True),
            urgent_new=sum(u and not r for u, r in zip(urgent, read, strict=True)),
            urgent_saved=sum(u and r for u, r in zip(urgent, read, strict=True)),
        )

    async def options(self, mailbox: str) -> MailboxOptions:
        """Options of a mailbox as the platform has them; automatic login is not told."""
        account = self._account(mailbox)
        service = await self._client.get(account, user_path(account, "services", _SERVICE))
        greetings = await self._client.get(account, user_path(account, "services", *_GREETINGS))
        options = fields.change_options(MailboxOptions(), service, strict=False)
        return fields.change_rings(options, greetings)

    async def set_mailbox_options(self, mailbox: str, options: MailboxOptions) -> None:
        """Write a mailbox's options. ``auto_login`` False leaves the account's setting alone.

        Raises:
            RigError: the platform refuses, or automatic login is asked for.
        """
        if options.auto_login:
            raise RigError(
                f"BroadWorks, mailbox {mailbox}: Xsi has no known path for automatic login to "
                "the voice portal; switch it on in the web portal and set auto_login=False here"
            )
        account = self._account(mailbox)
        await self._put(account, fields.for_put(fields.options_document(options)), _SERVICE)
        rings = Element(fields.GREETINGS, children=(leaf("noAnswerNumberOfRings", options.rings),))
        await self._put(account, rings, *_GREETINGS)

    async def services(self, number: str) -> UserServices:
        """Forwarding and do-not-disturb of a user as the platform has them."""
        account = self._account(number)
        services = UserServices()
        for name in fields.FORWARDS:
            document = await self._client.get(account, user_path(account, "services", name))
            rule = fields.change_forward(
                fields.forward_of(services, name), document, _number, strict=False
            )
            services = fields.with_forward(services, name, rule)
        document = await self._client.get(
            account, user_path(account, "services", fields.DO_NOT_DISTURB)
        )
        dnd = fields.change_do_not_disturb(document, former=False, strict=False)
        return replace(services, do_not_disturb=dnd)

    async def set_services(self, number: str, services: UserServices) -> None:
        """Write a user's forwarding and do-not-disturb.

        A service that the user does not have (404) is passed over when it is to be off.

        Raises:
            RigError: the platform refuses.
        """
        account = self._account(number)
        for name in fields.FORWARDS:
            rule = fields.forward_of(services, name)
            await self._put_service(account, fields.forward_for_put(name, rule), on=rule.active)
        dnd = services.do_not_disturb
        document = fields.for_put(fields.do_not_disturb_document(active=dnd))
        await self._put_service(account, document, on=dnd)

    async def _put_service(self, account: XsiAccount, document: Element, *, on: bool) -> None:
        try:
            await self._put(account, document, document.name)
        except XsiRefused as error:
            if on or error.status != 404:
                raise

    async def clear_mailbox(self, mailbox: str) -> None:
        """Delete every message; the platform tells its subscribers.

        Raises:
            RigError: the platform refuses.
        """
        account = self._account(mailbox)
        for info in await self._messages(mailbox):
            await self._client.send("DELETE", account, _message_path(info))

    def subscribe(self, listener: MailboxListener) -> None:
        """Call ``listener`` at every change that the platform tells.

        Raises:
            RigError: events are switched off in the configuration.
        """
        if not self._config.events:
            raise RigError(
                "BroadWorks: events are switched off, so changes cannot be told; set "
                "BroadWorksConfig(events=True) or ask counts() again and again"
            )
        self._listeners.append(listener)

    def _told(self, seen: MailboxSeen) -> None:
        former = self._last.get(seen.mailbox)
        self._last[seen.mailbox] = seen
        if former is not None and replace(seen, at=former.at) == former:
            return
        seen = replace(seen, cause=cause_of(former, seen))
        for listener in tuple(self._listeners):
            listener(seen)

    async def _messages(self, mailbox: str) -> tuple[Element, ...]:
        account = self._account(mailbox)
        document = await self._client.get(account, user_path(account, "VoiceMessagingMessages"))
        infos = document.child("messageInfoList")
        return infos.all("messageInfo") if infos is not None else ()

    async def _put(self, account: XsiAccount, document: Element, *parts: str) -> None:
        await self._client.send("PUT", account, user_path(account, "services", *parts), document)

    def _account(self, number: str) -> XsiAccount:
        account = self._config.accounts.get(number)
        if account is None:
            known = known_names(number, sorted(self._config.accounts))
            raise UsageError(
                f"BroadWorks: no account for {number!r}; {known}. Add it to the "
                "configuration, by number in normal form."
            )
        return account


_SERVICE = "VoiceMessaging"
_GREETINGS = ("VoiceMessaging", "Greetings")


def _number(text: str) -> str:
    """A number as the platform writes it; it may have a country code set off by a hyphen."""
    return text.replace("-", "") if text.startswith("+") else text


def _message_path(info: Element) -> str:
    """Path of a message: its identifier is a path below Xsi-Actions."""
    identifier = info.value("messageId")
    if not identifier.startswith("/"):
        raise RigError("BroadWorks: a message has no usable messageId; expected a path")
    return ACTIONS + quote(identifier, safe="/@%+")
