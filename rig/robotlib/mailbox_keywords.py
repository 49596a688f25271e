"""Keywords about mailboxes: options and contents, by the platform's own word."""

from __future__ import annotations

from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.robotlib.component import Component
from rig.timeline import MailboxSeen


class MailboxKeywords(Component):
    """The mailbox of a role is that of its first account, or that of which it is an alias."""

    @keyword(tags=["mailbox"])
    def set_mailbox_options(  # noqa: PLR0913 - options of a mailbox, each by name
        self,
        role: str,
        *,
        active: bool | None = None,
        all_calls: bool | None = None,
        busy: bool | None = None,
        no_answer: bool | None = None,
        rings: int | None = None,
        mwi: bool | None = None,
        auto_login: bool | None = None,
        email_notify: str | None = None,
        email_copy: str | None = None,
        email_redirect: str | None = None,
    ) -> None:
        """Changes single options; those that are not named stay.

        - ``all_calls``, ``busy``, ``no_answer``: which calls go to the mailbox.
        - ``rings``: rings before *unanswered*: 0, or 2 to 20.
        - ``mwi``: tell the phone about waiting messages.
        - ``auto_login``: no PIN from the owner's own phones.
        - ``email_notify``, ``email_copy``, ``email_redirect``: address that is told of a new
          message, that gets a copy, or that gets it instead of the mailbox; ``off`` for none.
        """
        named = {
            "active": active,
            "all_calls": all_calls,
            "busy": busy,
            "no_answer": no_answer,
            "rings": rings,
            "mwi": mwi,
            "auto_login": auto_login,
        }
        changes: dict[str, bool | int | str | None] = {
            name: value for name, value in named.items() if value is not None
        }
        for name, address in (
            ("email_notify", email_notify),
            ("email_copy", email_copy),
            ("email_redirect", email_redirect),
        ):
            if address is not None:
                changes[name] = None if address == "off" else address
        self.session.run(self.trial.set_mailbox_options(role, **changes))

    @keyword(tags=["mailbox"])
    def get_mailbox_counts(self, role: str) -> MailboxSeen:
        """Returns what the mailbox holds; attributes ``new`` and ``saved``."""
        return self.session.run(self.trial.counts(role))

    @keyword(tags=["mailbox"])
    def store_message(self, role: str, account: int = 1) -> None:
        """Has a message get into a mailbox without a call, as a recording feature does."""
        self.session.run(self.trial.store_message(role, account=account))

    @keyword(tags=["mailbox"])
    def empty_mailbox(self, role: str, account: int = 1) -> None:
        """Deletes every message of a mailbox at the platform, with no act of the phone."""
        self.session.run(self.trial.empty_mailbox(role, account=account))

    @keyword(tags=["mailbox"])
    def mailbox_should_hold(self, new: int, saved: int, role: str = "callee") -> None:
        """Asserts what the mailbox holds.

        | `Mailbox Should Hold` | new=1 | saved=0 | role=anna |
        """
        seen = self.get_mailbox_counts(role)
        if (seen.new, seen.saved) != (new, saved):
            raise ProductFailure(
                f"mailbox {seen.mailbox}: expected {new} new and {saved} saved, "
                f"seen {seen.new} new and {seen.saved} saved"
            )
