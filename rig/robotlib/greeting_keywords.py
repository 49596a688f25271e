"""Keywords about greetings: the repository of announcements, and which one callers hear."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from robot.api.deco import keyword

from rig.assertion import InconclusiveError, ProductFailure
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_book import Announcement, GreetingBook
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.media.prompt import personal_greeting, prompt_pcm
from rig.media.wav import to_wav
from rig.robotlib.component import Component
from rig.robotlib.refusal import refusals

Change = Callable[[GreetingBook], Coroutine[Any, Any, None]]


class GreetingKeywords(Component):
    """An announcement sounds so that a program knows which one it is."""

    @keyword(tags=["greeting"])
    def add_announcement(self, name: str, owner: str = "") -> None:
        """Adds an announcement: the administrator's, or with ``owner`` that role's own.

        | `Add Announcement` | Holidays |              |
        | `Add Announcement` | Mine     | owner=callee |
        """
        mailbox = self.trial.watched_mailbox(owner) if owner else ""
        wav = to_wav(prompt_pcm(personal_greeting(name)))

        async def add(book: GreetingBook) -> None:
            book.add(name, wav, mailbox=mailbox)

        self._change(add)

    @keyword(tags=["greeting"])
    def get_announcements(self, role: str) -> list[str]:
        """Returns the names among which a role can choose."""
        mailbox = self.trial.watched_mailbox(role)

        async def names() -> list[str]:
            found = self.bench.platform.self_service.greetings.announcements(mailbox)
            return [one.name for one in found]

        return self.session.run(names())

    @keyword(tags=["greeting"])
    def put_announcement(self, role: str, place: GreetingSlot, name: str) -> None:
        """Puts an announcement into a place for greetings; callers hear the former one still.

        Places: busy, unavailable, alternate_1, alternate_2, alternate_3.
        """
        mailbox = self.trial.watched_mailbox(role)

        async def put(book: GreetingBook) -> None:
            found = [one for one in book.announcements(mailbox) if one.name == name]
            book.assign(mailbox, place, found[0] if found else Announcement(name))

        self._change(put)

    @keyword(tags=["greeting"])
    def use_greeting(self, role: str, place: GreetingSlot) -> None:
        """Lets callers hear what a place holds, from now on; the other kind stays."""
        mailbox = self.trial.watched_mailbox(role)

        async def use(book: GreetingBook) -> None:
            book.choose(mailbox, place)

        self._change(use)
        self._standard_at_the_end(mailbox, place.kind)

    @keyword(tags=["greeting"])
    def use_standard_greeting(self, role: str, place: GreetingSlot) -> None:
        """Lets callers hear the standard greeting of the place's kind again."""
        mailbox = self.trial.watched_mailbox(role)

        async def use(book: GreetingBook) -> None:
            book.choose_standard(mailbox, place.kind)

        self._change(use)

    @keyword(tags=["greeting", "verdict"])
    def announcement_should_be_heard(self, name: str) -> None:
        """Asserts that the caller of the last call heard this announcement, from the audio."""
        case = self.session.run(self.trial.diversion_case())
        if not case.media_seen:
            raise InconclusiveError("no audio towards the caller was captured")
        if personal_greeting(name) not in case.greetings:
            raise ProductFailure(
                f"expected announcement {name!r} ({personal_greeting(name)}), "
                f"heard {', '.join(case.greetings) or 'nothing known'}"
            )

    def _standard_at_the_end(self, mailbox: str, kind: GreetingKind) -> None:
        async def standard() -> None:
            self.bench.platform.self_service.greetings.choose_standard(mailbox, kind)

        self.session.at_the_end(standard)

    def _change(self, change: Change) -> None:
        book = self.bench.platform.self_service.greetings
        with refusals():
            self.session.run(change(book))
