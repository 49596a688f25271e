"""Snom: command.htm, settings saved by dummy.htm, and settings read from the settings page.

The page is read in both forms that Snom gives settings in: XML (``<dnd_mode perm="">off<``)
and lines (``dnd_mode!: off``). Source: vendor's wiki, Setting Files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lxml import etree

from rig.handset.vendor.control import ForwardSaid, PhoneState
from rig.handset.vendor.description import checked_setting
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.replies import read_xml

_LINE = re.compile(r"([A-Za-z0-9_]+)[!&$]?:\s?(.*)")
_REDIRECTS = {
    "always": ("all", "redirect_number", "fwd_all"),
    "busy": ("busy", "redirect_busy_number", "fwd_busy"),
    "no_answer": ("time", "redirect_time_number", "fwd_time"),
}
_ON_OFF = {"on": True, "off": False}


def read_settings(body: bytes) -> dict[str, str]:
    """Read a page of settings.

    Args:
        body: XML or lines.

    Returns:
        Values by name; an index stands behind the name, as in ``user_name1``.

    Raises:
        ValueError: it holds no setting.
    """
    found: dict[str, str] = {}
    if b"<phone-settings" in body or b"<settings" in body:
        root = read_xml(body)
        for element in root.iter(etree.Element):
            if len(element) == 0:
                found[element.tag + (element.get("idx") or "")] = (element.text or "").strip()
    else:
        for line in body.decode("utf-8-sig", "replace").splitlines():
            match = _LINE.fullmatch(line.strip())
            if match:
                found[match[1]] = match[2].strip()
    if not found:
        raise ValueError(f"no setting in {body[:60]!r}")
    return found


def state_of(settings: Mapping[str, str]) -> PhoneState:
    """What settings say of do-not-disturb and forwarding."""
    event = settings.get("redirect_event")
    forwards = []
    for service, (word, number, fresh) in _REDIRECTS.items():
        if event is not None:
            forwards.append(ForwardSaid(service, event == word, settings.get(number, "")))
        for name, value in settings.items():
            index = name.removeprefix(f"{fresh}_enabled")
            if index != name and index.isdigit() and value in _ON_OFF:
                target = settings.get(f"{fresh}_target{index}", "")
                forwards.append(ForwardSaid(service, _ON_OFF[value], target, int(index)))
    return PhoneState(
        dnd=_ON_OFF.get(settings.get("dnd_mode", "")),
        forwards=tuple(forwards) or None,
        model=settings.get("phone_type", ""),
    )


class SnomPhone(HttpPhone):
    """A Snom desk phone with a web server that takes commands."""

    NAME = "snom"

    async def _settings(self) -> dict[str, str]:
        reply = await self.ask("settings")
        with self.reading("the page of settings"):
            return read_settings(reply.body)

    async def state(self) -> PhoneState:
        """Do-not-disturb and forwarding, from the settings."""
        return state_of(await self._settings())

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Settings by name; an index stands behind it, as in ``user_name1``."""
        wanted = [checked_setting(name) for name in names]
        settings = await self._settings()
        return {name: settings.get(name) for name in wanted}
