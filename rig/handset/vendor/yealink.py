"""Yealink: action URI over HTTP, and the reply of ``phonecfg=get``.

The administrator guides document the request, not the reply. Public programs read it as lines:
``Account1|label|register name|display name|status|outgoing URI|...`` and ``name=value``. That
form is unverified, so what does not fit is refused instead of guessed at.
"""

from __future__ import annotations

import re

from rig.handset.vendor.control import AccountSaid, ForwardSaid, PhoneState
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.link import PhoneReply

_ACCOUNT = re.compile(r"Account\s*(\d{1,3})")
_STATUS = {
    "registered": True,
    "register failed": False,
    "registering": False,
    "unregistered": False,
    "disabled": False,
    "1": True,
    "0": False,
}
_ON_OFF = {"1": True, "on": True, "enabled": True, "0": False, "off": False, "disabled": False}
_FORWARDS = {"always": "alwaysfwd", "busy": "busyfwd", "no_answer": "noanswerfwd"}
_SQUASH = re.compile(r"[^a-z0-9]")


def read_phonecfg(text: str) -> PhoneState:
    """Read the reply of ``phonecfg=get``.

    Args:
        text: as the phone sent it.

    Raises:
        ValueError: nothing in it is such a reply; says what was found instead.
    """
    accounts: list[AccountSaid] = []
    values: dict[str, str] = {}
    for line in text.splitlines():
        head, bar, rest = line.partition("|")
        found = _ACCOUNT.fullmatch(head.strip())
        if bar and found:
            fields = [part.strip() for part in rest.split("|")]
            if any(fields):
                accounts.append(_account(int(found[1]), fields))
            continue
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("<"):
            values[_SQUASH.sub("", name.lower())] = value.strip()
    dnd = _ON_OFF.get(values.get("dnd", "").lower())
    forwards = tuple(
        said for service, word in _FORWARDS.items() if (said := _forward(service, word, values))
    )
    if not accounts and dnd is None and not forwards:
        raise ValueError(f"no account, DND or forwarding in {text[:60]!r}")
    return PhoneState(
        accounts=tuple(accounts) if accounts else None,
        dnd=dnd,
        forwards=forwards or None,
        firmware=values.get("firmware", values.get("firmwareversion", "")),
        model=values.get("model", ""),
    )


def _account(index: int, fields: list[str]) -> AccountSaid:
    label, user, _, status = (*fields, "", "", "", "")[:4]
    return AccountSaid(index, user, _STATUS.get(status.lower()), label)


def _forward(service: str, word: str, values: dict[str, str]) -> ForwardSaid | None:
    active = _ON_OFF.get(values.get(word, "").lower())
    if active is None:
        return None
    return ForwardSaid(service, active, values.get(f"{word}target", ""))


class YealinkPhone(HttpPhone):
    """A Yealink desk phone."""

    NAME = "yealink"

    def check(self, action: str, reply: PhoneReply) -> None:
        """A page that forbids comes with status 200 in some firmware."""
        if action != "screen" and "remote control forbidden" in reply.text[:2000].lower():
            raise self.refused(action, 403)

    async def state(self) -> PhoneState:
        """Registration, do-not-disturb and forwarding, by ``phonecfg=get``."""
        reply = await self.ask("state")
        with self.reading("the reply of phonecfg=get"):
            return read_phonecfg(reply.text)
