"""Grandstream: CTI commands under ``/cgi-bin/api-*``, with JSON replies.

A command that is refused comes with status 200 and ``{"response": "error"}``. The names of the
fields of an account are not in the guide; those of several public programs are understood, and an
account without any of them is one whose registration the phone did not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rig.handset.vendor.control import (
    AccountSaid,
    CallSaid,
    PhoneRefused,
    PhoneState,
)
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.link import PhoneReply
from rig.handset.vendor.replies import as_number, as_text, read_object

_USERS = ("sip_id", "sipid", "userid", "user", "number", "name")
_LABELS = ("name", "account_name", "label")
_REGISTERED = ("reg", "registered", "status")
_WORDS = {"1": True, "2": True, "true": True, "registered": True, "yes": True,
          "0": False, "false": False, "unregistered": False, "no": False}  # fmt: skip


def read_answer(body: bytes) -> Any:
    """The body of a reply that says yes.

    Raises:
        ValueError: it is no reply of a command.
        LookupError: it says no; the text says why.
    """
    found = read_object(body)
    answer = found.get("response")
    if answer == "error":
        raise LookupError(as_text(found.get("body")) or "no reason given")
    if answer != "success" or "body" not in found:
        raise ValueError(f"neither success nor error: {str(found)[:60]}")
    return found["body"]


def read_accounts(body: object) -> tuple[AccountSaid, ...]:
    """Accounts, from the body of ``api-get_accounts``.

    Raises:
        ValueError: it is no list of accounts.
    """
    return tuple(
        AccountSaid(
            index=as_number(entry.get("account", entry.get("acct")), place),
            user=_first(entry, _USERS),
            registered=_WORDS.get(_first(entry, _REGISTERED).lower()),
            label=_first(entry, _LABELS),
        )
        for place, entry in _entries(body)
    )


def read_lines(body: object) -> tuple[CallSaid, ...]:
    """Lines, from the body of ``api-get_line_status``.

    Raises:
        ValueError: it is no list of lines.
    """
    return tuple(
        CallSaid(
            as_number(entry.get("line"), place),
            as_text(entry.get("state")).lower(),
            as_text(entry.get("remotenumber")),
        )
        for place, entry in _entries(body)
    )


def _entries(body: object) -> Iterable[tuple[int, Mapping[str, Any]]]:
    if not isinstance(body, list) or not all(isinstance(entry, dict) for entry in body):
        raise ValueError(f"no list of entries: {str(body)[:60]}")
    return enumerate(body, 1)


def _first(entry: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((text for name in names if (text := as_text(entry.get(name)))), "")


class GrandstreamPhone(HttpPhone):
    """A Grandstream desk phone."""

    NAME = "grandstream"

    def check(self, action: str, reply: PhoneReply) -> None:
        """See that the JSON says yes."""
        self._answer(action, reply)

    def _answer(self, action: str, reply: PhoneReply) -> Any:
        try:
            with self.reading(f"{action}: the reply"):
                return read_answer(reply.body)
        except LookupError as error:
            why = str(error.args[0])[:80]
            advice = self.description.refusals[401 if "unauthorized" in why.lower() else 403]
            raise PhoneRefused(
                f"{self.where}: {action}: the phone says {why!r}: {advice}"
            ) from None

    async def state(self) -> PhoneState:
        """Accounts and lines."""
        accounts = self._answer("accounts", await self.ask("accounts"))
        lines = self._answer("lines", await self.ask("lines"))
        with self.reading("the state"):
            return PhoneState(accounts=read_accounts(accounts), calls=read_lines(lines))
