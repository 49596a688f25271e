"""One request of somebody who is signed in: who, whose settings, in which words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from provisioning.inventory_model import User
from provisioning.phone_number import display_form
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.web.form import Form
from rig.mailbox_platform.embedded.web.page_writer import PageWriter
from rig.mailbox_platform.embedded.web.refusal import Refusal
from rig.mailbox_platform.embedded.web.sessions import Session
from rig.mailbox_platform.embedded.web.words import Words
from rig.mailbox_platform.embedded.xsi.backend import Backend

_Value = TypeVar("_Value")

MENU = (
    ("messages", True),
    ("voice-management", True),
    ("aliases", True),
    ("greetings", True),
    ("announcements", True),
    ("lists", True),
    ("portal", True),
    ("forwarding", False),
    ("do-not-disturb", False),
    ("profile", True),
)
"""Pages of a user in the order of the menu, and whether they need a mailbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What a page's handler works with.

    Attributes:
        session: of the browser.
        subject: whose settings; None on pages that are nobody's.
        params: values of the path's variables.
        query: values of the query.
        form: what was sent; empty for a look.
        words: of the reader's language.
        backend: the platform.
        writer: makes pages.
        mail: whether the platform can send mail.
        lamp: state of a user's lamp, for the page.
        path: of the request.
    """

    session: Session
    subject: User | None
    params: dict[str, str]
    query: dict[str, str]
    form: Form
    words: Words
    backend: Backend
    writer: PageWriter
    mail: bool
    lamp: Callable[[User, Words], dict[str, Any] | None]
    path: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def user(self) -> User:
        """Whose settings these are."""
        if self.subject is None:
            raise Refusal(404, "unknown")
        return self.subject

    @property
    def number(self) -> str:
        """Number of the user whose settings these are."""
        return self.user.number

    @property
    def options(self) -> MailboxOptions:
        """Options of the mailbox.

        Raises:
            Refusal: 404 when the user has none.
        """
        options = self.backend.settings.options(self.number)
        if options is None:
            raise Refusal(404, "no_mailbox")
        return options

    def require_mailbox(self) -> None:
        """Refuse a page of the mailbox for a user who has none.

        Raises:
            Refusal: 404 when the user has none.
        """
        if self.backend.settings.options(self.number) is None:
            raise Refusal(404, "no_mailbox")

    async def keep(self, change: Callable[[], _Value]) -> _Value:
        """Make changes as one unit, and wait until they last.

        Raises:
            StoreFailure: nothing of it was kept.
        """
        with self.backend.store.together() as kept:
            result = change()
        await kept
        return result

    def text(self, key: str, **values: object) -> str:
        """A text for this reader."""
        return self.words.text(key, admin=self.session.admin, **values)

    def base(self) -> str:
        """Path that all pages of the user begin with."""
        return f"/users/{self.number}"

    def shown_number(self, number: str) -> str:
        """How a number is written for people, with the name of a user of the site."""
        site = self.backend.directory.site
        user = self.backend.directory.user(number)
        shown = display_form(number, site.country_code, user.extension if user else "")
        return f"{user.name}, {shown}" if user is not None else shown

    def shown_time(self, at: float) -> str:
        """An instant in the time of the site."""
        zone = self.backend.self_service.time_zone
        return datetime.fromtimestamp(at, zone).strftime(self.text("format.time"))

    def page(self, name: str, *, status: int = 200, **context: Any) -> web.Response:
        """Answer with a page.

        Args:
            name: of the template, and of the page's texts.
            status: of HTTP.
            context: for the template.
        """
        session, subject = self.session, self.subject
        done, session.done = session.done, ()
        has_mailbox = subject is not None and subject.mailbox is not None
        menu = [
            (page, f"{self.base()}/{page}", page == name)
            for page, mailbox in MENU
            if subject is not None and (has_mailbox or not mailbox)
        ]
        html = self.writer.write(
            name,
            self.words,
            {
                "t": self.text,
                "session": session,
                "csrf": session.csrf,
                "subject": subject,
                "base": self.base() if subject is not None else "",
                "menu": menu,
                "lamp": self.lamp(subject, self.words) if subject is not None else None,
                "done": [self.words.fault(key) if " " in key else self.text(key) for key in done],
                "errors": {},
                "values": {},
                "path": self.path,
                "shown_number": self.shown_number,
                "shown_time": self.shown_time,
                **context,
            },
        )
        return web.Response(status=status, text=html, content_type="text/html", charset="utf-8")

    def faulty(self, name: str, errors: dict[str, str], **context: Any) -> web.Response:
        """Answer with the page again, with what was typed and what is wrong with it."""
        return self.page(name, status=422, errors=errors, **context)

    def done(self, *said: str, to: str = "") -> web.Response:
        """Go on to a page that says what was done.

        Args:
            said: keys of texts, or sentences of a rule.
            to: path; the same page by default.
        """
        self.session.done = said
        return see_other(to or self.path)


def see_other(path: str) -> web.Response:
    """Send the browser to another page of ours, by GET."""
    return web.Response(status=303, headers={"Location": path})


Handler = Callable[[Visit], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One page.

    Attributes:
        template: path with ``{variables}``; ``{number}`` is whose page it is.
        look: answers GET.
        change: answers POST; None when there is nothing to change.
        admin: only for the administrator.
    """

    template: str
    look: Handler
    change: Handler | None = None
    admin: bool = False

    def match(self, path: tuple[str, ...]) -> dict[str, str] | None:
        """Values of the variables; None for another path."""
        wanted = self.template.strip("/").split("/")
        if len(path) != len(wanted):
            return None
        params = {}
        for name, got in zip(wanted, path, strict=True):
            if name.startswith("{"):
                params[name.strip("{}")] = got
            elif name != got:
                return None
        return params
