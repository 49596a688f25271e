"""Fanvil: active URI for keys, ``/xmlService`` for settings.

Source: HTTP API User Guide of a re-branded phone (``<Item>name = value</Item>``, ``RetCode`` 0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.handset.vendor.control import ForwardSaid, PhoneRefused, PhoneState
from rig.handset.vendor.description import checked_setting
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.replies import read_xml

_FORWARDS = {"always": "AlwaysFWD", "busy": "BusyFWD", "no_answer": "NoAnswerFWD"}
_ON_OFF = {"1": True, "0": False}


def read_items(body: bytes) -> dict[str, str]:
    """Settings in a reply of ``xmlService``.

    Raises:
        ValueError: it is no such reply.
        LookupError: the phone says no; its code is the text.
    """
    root = read_xml(body)
    if root.tag != "FanvilConfiguration":
        raise ValueError(f"expected FanvilConfiguration, got {str(root.tag)[:40]}")
    code = (root.findtext("RetCode") or "").strip()
    if code != "0":
        raise LookupError(code or "none")
    found = {}
    for item in root.iter("Item", "ConfigItem"):
        name, equals, value = (item.text or "").partition("=")
        if equals:
            found[name.strip()] = value.strip().strip('"')
    return found


class FanvilPhone(HttpPhone):
    """A Fanvil desk phone, under whichever brand."""

    NAME = "fanvil"

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Settings by name, such as ``sip.line.1.RegisterAddr``."""
        wanted = [checked_setting(name) for name in names]
        request = self.description.request("config")
        items = "".join(f"<Item>{name}</Item>" for name in wanted)  # the names need no escapes
        body = (request.body or b"").replace(b"{names}", items.encode())
        reply = await self.ask_with("config", request, body)
        try:
            with self.reading("config: the reply"):
                found = read_items(reply.body)
        except LookupError as error:
            code = str(error.args[0])[:20]
            raise PhoneRefused(
                f"{self.where}: config: the phone says RetCode {code}, not 0: does it take "
                "settings from here (PUSH XML Server IP)?"
            ) from None
        return {name: found.get(name) for name in wanted}

    async def state(self) -> PhoneState:
        """Forwarding of the first account, from its settings."""
        names = {
            service: (f"sip.line.1.{word}", f"sip.line.1.{word}Num")
            for service, word in _FORWARDS.items()
        }
        found = await self.config([name for pair in names.values() for name in pair])
        forwards = tuple(
            ForwardSaid(service, _ON_OFF[found[switch] or ""], found[number] or "", 1)
            for service, (switch, number) in names.items()
            if found[switch] in _ON_OFF
        )
        return PhoneState(forwards=forwards or None)
