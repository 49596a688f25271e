"""Poly: the REST interface of UC Software, push for keys, state polling for calls.

Status 200 of HTTP says nothing: the word is ``Status`` in the JSON, ``2000`` for a yes.

Source: REST API Reference Manual of UC Software (lineInfo, config/get, Status);
Web Application Developer's Guide (push, ``CallLineInfo``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rig.handset.vendor.control import (
    AccountSaid,
    BadPhoneReply,
    CallSaid,
    ForwardSaid,
    PhoneRefused,
    PhoneState,
)
from rig.handset.vendor.description import checked_setting
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.link import PhoneReply
from rig.handset.vendor.replies import as_number, as_text, read_object, read_xml, texts

_STATUS = {
    "4000": "it does not take the parameters",
    "4001": "it is busy",
    "4002": "the line is not registered",
    "4003": "the operation is not allowed",
    "4004": "the operation is not supported",
    "4005": "there is no such line",
    "4007": "there is no such call",
    "4010": "the administrator's password is still the factory's; set another one",
    "5000": "it failed inside",
}
_REGISTERED = {"registered": True, "unregistered": False, "error": False}
_FORWARDS = {
    "always": ("divert.fwd.1.enabled", "divert.1.contact"),
    "busy": ("divert.busy.1.enabled", "divert.busy.1.contact"),
    "no_answer": ("divert.noanswer.1.enabled", "divert.noanswer.1.contact"),
}
_ON_OFF = {"1": True, "0": False, "true": True, "false": False}
_NOT_REST = frozenset({"press", "polling", "screen"})


def read_data(body: bytes) -> Any:
    """The data of a reply that says yes; None where it has none.

    Raises:
        ValueError: it is no reply of the interface.
        LookupError: it says no; the text is the status.
    """
    found = read_object(body)
    status = as_text(found.get("Status"))
    if not status:
        raise ValueError(f"no Status in {str(found)[:60]}")
    if status != "2000":
        raise LookupError(status)
    return found.get("data")


def read_lines(data: object) -> tuple[AccountSaid, ...]:
    """Accounts, from the data of ``lineInfo``: a list, or one entry alone.

    Raises:
        ValueError: it is neither.
    """
    entries = data if isinstance(data, list) else [data]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"no lines: {str(data)[:60]}")
    return tuple(
        AccountSaid(
            as_number(entry.get("LineNumber"), place),
            as_text(entry.get("UserID")) or as_text(entry.get("SIPAddress")),
            _REGISTERED.get(as_text(entry.get("RegistrationStatus")).lower()),
            as_text(entry.get("Label")),
        )
        for place, entry in enumerate(entries, 1)
    )


def read_call_lines(body: bytes) -> tuple[CallSaid, ...]:
    """Calls, from ``CallLineInfo`` as state polling gives it.

    Raises:
        ValueError: it is none.
    """
    root = read_xml(body)
    found = [root] if root.tag == "CallLineInfo" else list(root.iter("CallLineInfo"))
    if not found and root.tag != "PolycomIPPhone":
        raise ValueError(f"no CallLineInfo in {str(root.tag)[:40]}")
    calls = []
    for place, line in enumerate(found, 1):
        number = as_number(line.findtext("LineKeyNum"), place)
        infos = line.findall("CallInfo")
        if not infos:
            calls.append(CallSaid(number, (line.findtext("LineState") or "").strip().lower()))
        for info in infos:
            said = texts(info)
            incoming = said.get("calltype", "").lower() == "incoming"
            party = "callingpartydirnum" if incoming else "calledpartydirnum"
            state = said.get("callstate", "").lower()
            calls.append(CallSaid(number, state, said.get(party, "")))
    return tuple(calls)


class PolyPhone(HttpPhone):
    """A Poly desk phone with UC Software."""

    NAME = "poly"

    def check(self, action: str, reply: PhoneReply) -> None:
        """See that the JSON says yes."""
        if action not in _NOT_REST:
            self._data(action, reply)

    def _data(self, action: str, reply: PhoneReply) -> Any:
        try:
            with self.reading(f"{action}: the reply"):
                return read_data(reply.body)
        except LookupError as error:
            status = str(error.args[0])[:10]
            why = _STATUS.get(status, "not documented")
            raise PhoneRefused(
                f"{self.where}: {action}: the phone says Status {status}: {why}"
            ) from None

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Parameters as they are in force, by name."""
        wanted = [checked_setting(name) for name in names]
        request = self.description.request("config")
        listed = ", ".join(json.dumps(name) for name in wanted)
        body = (request.body or b"").replace(b"{names}", listed.encode())
        data = self._data("config", await self.ask_with("config", request, body))
        if not isinstance(data, dict):
            raise BadPhoneReply(f"{self.where}: config: no values: {str(data)[:60]}")
        found: dict[str, str | None] = {}
        for name in wanted:
            entry = data.get(name)
            value = entry.get("Value") if isinstance(entry, dict) else None
            found[name] = None if value is None else as_text(value)
        return found

    async def state(self) -> PhoneState:
        """Registration, model, forwarding of the first line, and calls where it polls."""
        lines = self._data("lines", await self.ask("lines"))
        device = self._data("device", await self.ask("device"))
        found = await self.config([name for pair in _FORWARDS.values() for name in pair])
        forwards = tuple(
            ForwardSaid(service, _ON_OFF[(found[switch] or "").lower()], found[contact] or "", 1)
            for service, (switch, contact) in _FORWARDS.items()
            if (found[switch] or "").lower() in _ON_OFF
        )
        with self.reading("lineInfo"):
            accounts = read_lines(lines)
        known = device if isinstance(device, dict) else {}
        return PhoneState(
            accounts=accounts,
            forwards=forwards or None,
            calls=await self._calls(),
            model=as_text(known.get("ModelNumber")),
            firmware=as_text(known.get("FirmwareRelease")),
        )

    async def _calls(self) -> tuple[CallSaid, ...] | None:
        """Calls by state polling; None where the phone is not set to answer so itself."""
        try:
            reply = await self.ask("polling")
        except PhoneRefused:
            return None
        if not reply.body.strip():
            return None  # it posts to a URL of its own instead
        with self.reading("state polling"):
            return read_call_lines(reply.body)
