"""The portal with its real store and settings, driven by events instead of audio."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from platform_kit import ANNA, BERT, CARL, DORA, make_site, make_user, with_user

from provisioning.inventory_model import MailboxSettings
from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig.errors import RigError
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.portal.portal import Portal
from rig.mailbox_platform.embedded.portal.portal_access import StoreAccess
from rig.mailbox_platform.embedded.portal.portal_commands import (
    Command,
    HangUp,
    MessageSound,
    Play,
    Record,
    Sound,
    StopRecording,
    Wait,
)
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu, load_portal_menu
from rig.mailbox_platform.embedded.portal.portal_work import PortalWork
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import Kept, MessageStore
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.mailbox_directory import PlatformMailboxDirectory
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService

ERIK = "+493023125105"
"""Owner of a mailbox."""
PIN, CARLS_PIN = "135791", "246802"
SPOKEN = b"\x10\x20" * 8000
"""What the caller says into every recording."""
MENU = load_portal_menu()


def site_of_three() -> Site:
    """Anna, Carl and Erik have mailboxes, Bert and Dora none."""
    return with_user(make_site(), make_user(ERIK, "Erik", MailboxSettings(Secret("864209"))))


def with_mailbox(site: Site, number: str, **settings: object) -> Site:
    """The same site with one mailbox changed."""
    user = site.users[number]
    assert user.mailbox is not None
    return with_user(site, replace(user, mailbox=replace(user.mailbox, **settings)))


class Office:
    """A platform without telephones: directory, settings, store."""

    def __init__(
        self, folder: Path, site: Site | None = None, *, first_list: int = 1, most: int = 100
    ) -> None:
        self.site = site or site_of_three()
        self.store = MessageStore(folder, durable=False)
        self.directory = Directory(self.site)
        self.settings = Settings(self.site)
        self.most = most
        self.service = SelfService(
            self.directory,
            self.settings,
            self.store,
            first_list_number=first_list,
        )
        self.boxes = PlatformMailboxDirectory(
            self.directory, self.settings, PlatformHook(), self.service
        )

    def call(self, caller: str = ANNA, menu: PortalMenu = MENU) -> PortalCall:
        return PortalCall(self, caller, menu)

    def logged_in(self, caller: str = ANNA, pin: str = PIN) -> PortalCall:
        call = self.call(caller).keys(pin + "#")
        assert call.portal.mailbox == caller, call.heard
        call.heard.clear()
        return call

    def leave(self, mailbox: str, caller: str = CARL, *, urgent: bool = False) -> str:
        pcm = b"\x01\x00" * 16000
        return self.store.add(mailbox, caller, pcm, urgent=urgent, at=0.0).message_id

    def counts(self, mailbox: str) -> tuple[int, int]:
        seen = self.store.counts(mailbox)
        return seen.new, seen.saved


class PortalCall:
    """One call; carries out what the session would, but for the audio.

    Attributes:
        heard: sounds in order.
        commands: all commands in order.
    """

    def __init__(self, office: Office, caller: str, menu: PortalMenu) -> None:
        access = StoreAccess(
            office.boxes,
            office.store,
            menu,
            service=office.service,
            policy=DepositPolicy(max_messages=office.most),
            clock=lambda: 0.0,
        )
        self.portal = Portal(menu, access)
        self.heard: list[Sound] = []
        self.commands: list[Command] = []
        self.recording = False
        self._work = PortalWork(office.store, office.service)
        self._recorded = b""
        self._run(self.portal.start(caller))

    def _run(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self.commands.append(command)
            match command:
                case Play(sounds):
                    self.recording = False
                    self.heard += sounds
                case Record():
                    self.recording = True
                case StopRecording():
                    self.record(SPOKEN)
                case Wait() | HangUp():
                    self.recording = False
                case _:
                    self._done(self._work.do(command, self._recorded))

    def _done(self, kept: Kept) -> None:
        """What was done lasts before anything is said, as on a call."""
        with contextlib.suppress(RigError):
            kept.wait()

    def record(self, pcm: bytes) -> PortalCall:
        """The recording that runs ends with this in it."""
        if self.recording:
            self.recording = False
            self._recorded = pcm
            self._run(self.portal.recorded(len(pcm) / 16000))
        return self

    def keys(self, keys: str) -> PortalCall:
        """Press keys; a ``!`` lets everything be played first, a ``~`` waits in vain."""
        for key in keys:
            if key == "!":
                self._run(self.portal.played())
            elif key == "~":
                self._run(self.portal.timeout())
            else:
                self._run(self.portal.digit(key))
        return self

    def hang_up(self) -> None:
        self._run(self.portal.hang_up())

    @property
    def prompts(self) -> list[str]:
        """What was said since the login, messages as ``<message>``."""
        return [one if isinstance(one, str) else f"<{type(one).__name__}>" for one in self.heard]

    @property
    def messages(self) -> list[str]:
        """Identifiers of the messages played, in order."""
        return [one.message_id for one in self.heard if isinstance(one, MessageSound)]


__all__ = [
    "ANNA",
    "BERT",
    "CARL",
    "CARLS_PIN",
    "DORA",
    "ERIK",
    "MENU",
    "PIN",
    "SPOKEN",
    "Office",
    "PortalCall",
    "site_of_three",
    "with_mailbox",
]
