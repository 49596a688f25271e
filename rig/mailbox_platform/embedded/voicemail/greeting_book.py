"""Keeps the announcements of a site and of its users, and which greeting each has chosen.

The repository holds audio: that of the administrator, which everybody may use, and each
user's own. It is in the store, so an announcement is replaced as a whole or not at all, and
no name that anybody chose is ever the name of a file. A place for a greeting
(:class:`.greeting_choice.GreetingSlot`) names one of them. A greeting recorded by phone becomes
an announcement of the user's own and is chosen.

Source: mailbox guide, "Begrüßungen aufzeichnen und hinzufügen": "Die verfügbaren Begrüßungen
sind die, die Ihr Administrator aufgezeichnet oder hinzugefügt hat. Oder auch die Begrüßungen,
die Sie über das Ansagen-Depot hinzugefügt haben."
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rig.errors import RigError, UsageError
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingChoice, GreetingSlot
from rig.media.wav import from_wav, to_wav

_LOG = logging.getLogger(__name__)
_SETTING = "greetings"
MOST_ANNOUNCEMENTS = 100
"""Announcements of one owner; the guide names no limit, a disk has one."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,38}[A-Za-z0-9_-])?")


@dataclass(frozen=True, slots=True, order=True)
class Announcement:
    """One audio file of the repository.

    Attributes:
        name: 1 to 40 letters, digits, blanks, ``_`` and ``-``.
        mailbox: whose own it is; empty for the administrator's.
    """

    name: str
    mailbox: str = ""


class AnnouncementError(UsageError):
    """An announcement that cannot be added or removed; says why."""


class GreetingBook:
    """Announcements and choices.

    Args:
        store: where everything is kept.
    """

    def __init__(self, store: MessageStore) -> None:
        self._store = store

    def announcements(self, mailbox: str) -> tuple[Announcement, ...]:
        """What a user can choose from: the administrator's announcements and the user's own."""
        found = [
            Announcement(name, owner)
            for owner in ("", mailbox)
            for name in self._store.announcements(owner)
        ]
        return tuple(sorted(found))

    @staticmethod
    def fit_name(name: str) -> bool:
        """Whether an announcement can be called so."""
        return _NAME.fullmatch(name) is not None

    def add(self, name: str, wav: bytes, *, mailbox: str = "") -> Announcement:
        """Add an announcement, or replace it.

        Args:
            name: what it is called.
            wav: the file's content; 8 kHz mono.
            mailbox: whose own it becomes; empty for the administrator's.

        Raises:
            rig.errors.UsageError: an impossible name, or audio that cannot be played.
            RigError: it cannot be written.
        """
        if not self.fit_name(name):
            raise AnnouncementError(
                f"announcement {name!r}: impossible name; expected 1 to 40 letters, digits, "
                "blanks, _ and -, beginning with a letter or digit. Choose another."
            )
        pcm = from_wav(wav, name=f"announcement {name!r}")
        there = self._store.announcements(mailbox)
        if name not in there and len(there) >= MOST_ANNOUNCEMENTS:
            raise AnnouncementError(
                f"announcement {name!r}: there are {MOST_ANNOUNCEMENTS} already; remove one first."
            )
        self._store.put_announcement(mailbox, name, pcm)
        return Announcement(name, mailbox)

    def content(self, announcement: Announcement) -> bytes:
        """The WAV file of an announcement.

        Raises:
            RigError: it is not there.
        """
        return to_wav(self._store.announcement(announcement.mailbox, announcement.name))

    def remove(self, announcement: Announcement, mailboxes: Iterable[str]) -> None:
        """Remove an announcement that no greeting uses.

        Args:
            announcement: which.
            mailboxes: all that could use it.

        Raises:
            AnnouncementError: it is a greeting of one of them.
            RigError: it is not there, or cannot be removed.
        """
        held = [announcement.name, announcement.mailbox]
        for mailbox in mailboxes:
            if held in self._kept(mailbox)["slots"].values():
                raise AnnouncementError(
                    f"announcement {announcement.name!r} is a greeting of {mailbox}; choose "
                    "another greeting there first."
                )
        if announcement.name not in self._store.announcements(announcement.mailbox):
            raise RigError(f"announcement {announcement.name!r}: there is none to remove")
        self._store.remove_announcement(announcement.mailbox, announcement.name)

    def assigned(self, mailbox: str, slot: GreetingSlot) -> Announcement | None:
        """Which announcement stands in a place for a greeting; None for none."""
        held = self._kept(mailbox)["slots"].get(slot.value)
        return None if held is None else Announcement(held[0], held[1])

    def assign(self, mailbox: str, slot: GreetingSlot, announcement: Announcement) -> None:
        """Put an announcement into a place for a greeting; which greeting is heard stays.

        Raises:
            rig.errors.UsageError: it is not one that the user can choose.
        """
        if announcement not in self.announcements(mailbox):
            raise UsageError(
                f"mailbox {mailbox}: no announcement {announcement.name!r} to choose; expected "
                "one of the administrator's or of the user's own. Add it first."
            )
        kept = self._kept(mailbox)
        kept["slots"][slot.value] = [announcement.name, announcement.mailbox]
        self._keep(mailbox, kept)

    def record(self, mailbox: str, slot: GreetingSlot, pcm: bytes) -> None:
        """Keep what the owner spoke as a greeting, and choose it: all of it or nothing.

        Raises:
            RigError: it cannot be written; the former greeting stays.
        """
        with self._store.whole():
            spoken = self.add(f"{slot.value}-by-phone", to_wav(pcm), mailbox=mailbox)
            self.assign(mailbox, slot, spoken)
            self.choose(mailbox, slot)

    def has(self, mailbox: str, slot: GreetingSlot) -> bool:
        """Whether a place holds a greeting."""
        held = self.assigned(mailbox, slot)
        return held is not None and held.name in self._store.announcements(held.mailbox)

    def choice(self, mailbox: str) -> GreetingChoice:
        """What the owner has chosen."""
        kept = self._kept(mailbox)
        return GreetingChoice(
            busy=GreetingSlot(kept["busy"]) if kept["busy"] else None,
            unavailable=GreetingSlot(kept["unavailable"]) if kept["unavailable"] else None,
        )

    def choose(self, mailbox: str, slot: GreetingSlot) -> None:
        """Let callers of the slot's kind hear it from now on.

        Raises:
            rig.errors.UsageError: the place is empty.
        """
        if not self.has(mailbox, slot):
            raise UsageError(
                f"mailbox {mailbox}: greeting {slot.value!r} is empty; expected a recording. "
                "Record it or assign an announcement first."
            )
        self._keep_choice(mailbox, self.choice(mailbox).with_slot(slot))

    def choose_standard(self, mailbox: str, kind: GreetingKind) -> None:
        """Let callers hear the standard greeting again; what is recorded stays."""
        self._keep_choice(mailbox, self.choice(mailbox).with_standard(kind))

    def chosen(self, mailbox: str, kind: GreetingKind) -> bytes | None:
        """PCM of the greeting that a caller hears; None for the standard one.

        A greeting that cannot be read gives way to the standard one: never silence.
        """
        slot = self.choice(mailbox).of(kind)
        if slot is None:
            return None
        try:
            return self.audio(mailbox, slot) or None
        except (RigError, UsageError):
            _LOG.exception("mailbox %s: the standard greeting is played instead", mailbox)
            return None

    def audio(self, mailbox: str, slot: GreetingSlot) -> bytes:
        """PCM of a greeting.

        Raises:
            RigError: there is none, or its file is gone.
            rig.errors.UsageError: the file holds something else.
        """
        held = self.assigned(mailbox, slot)
        if held is None:
            raise RigError(f"mailbox {mailbox}: no greeting {slot.value!r}; record it first")
        try:
            return self._store.announcement(held.mailbox, held.name)
        except RigError as error:
            raise RigError(
                f"mailbox {mailbox}: greeting {slot.value!r}: {error}; record it again"
            ) from error

    def _kept(self, mailbox: str) -> dict[str, Any]:
        text = self._store.setting(mailbox, _SETTING)
        empty: dict[str, Any] = {"busy": "", "unavailable": "", "slots": {}}
        return empty if text is None else {**empty, **json.loads(text)}

    def _keep_choice(self, mailbox: str, choice: GreetingChoice) -> None:
        kept = self._kept(mailbox)
        kept["busy"] = choice.busy.value if choice.busy is not None else ""
        kept["unavailable"] = choice.unavailable.value if choice.unavailable is not None else ""
        self._keep(mailbox, kept)

    def _keep(self, mailbox: str, kept: dict[str, Any]) -> None:
        self._store.set_setting(mailbox, _SETTING, json.dumps(kept))
