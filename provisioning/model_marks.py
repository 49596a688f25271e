"""How models show themselves: by User-Agent, by the names they ask for, by DHCP vendor class.

All of it is data of the profiles, put in order once, so that a request is looked up and not
compared with every model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from provisioning.address import Mac
from provisioning.identity import MAC_PATTERN, Shown, is_handset, macs_in
from provisioning.profile_model import Profile

_TRY_MAC = Mac("0a1b2c3d4e5f")
_MAC_SIGN = "*"
_UNLIKE = re.compile("[^a-z0-9+]")
_REMEMBERED = 4096


class ModelMarks:
    """Tells models by what they send.

    A path counts when models of one vendor alone ask for it: half a dozen vendors ask for
    ``<mac>.cfg``.

    Args:
        profiles: of all models that may ask, not of one site's only.
    """

    def __init__(self, profiles: Iterable[Profile]) -> None:
        agents: dict[str, dict[str, set[str]]] = {}
        classes: dict[str, dict[str, set[str]]] = {}
        askers: dict[str, list[Profile]] = {}
        for profile in profiles:
            mark = profile.identify
            named = agents.setdefault(mark.user_agent, {})
            named.setdefault(profile.hardware.name, set()).add(profile.model)
            if mark.vendor_class.pattern:
                named = classes.setdefault(mark.vendor_class.pattern, {})
                for name in (profile.hardware.name, profile.model):
                    named.setdefault(_plain(name), set()).add(profile.model)
            for request in profile.boot.requests:
                askers.setdefault(_shape(profile.fill(request.path, _TRY_MAC)), []).append(profile)
        self._agents = _compiled(agents)
        self._classes = _compiled(classes)
        self._paths = {
            shape: frozenset(profile.model for profile in asking)
            for shape, asking in askers.items()
            if len({profile.vendor for profile in asking}) == 1
        }
        self.of_user_agent = lru_cache(_REMEMBERED)(self._of_user_agent)
        """What a User-Agent tells; see :class:`provisioning.identity.Marks`."""

    def of_path(self, path: str) -> Shown:
        """What a path tells; folders before a known name do not matter.

        Args:
            path: percent-escapes resolved; a query is left out.
        """
        shape = _shape(path.partition("?")[0].strip("/"))
        while shape:
            if shape in self._paths:
                return Shown(self._paths[shape])
            shape = shape.partition("/")[2]
        return Shown()

    def of_vendor_class(self, text: str) -> Shown:
        """What a DHCP vendor class tells: the model, or all that send such a class.

        Args:
            text: option 60.
        """
        for pattern, by_name in self._classes:
            match = pattern.search(text)
            if match is None:
                continue
            groups = match.groupdict()
            models = by_name.get(_plain(groups.get("model") or ""))
            everyone = frozenset[str]().union(*by_name.values())
            return Shown(models or everyone, groups.get("firmware") or "")
        return Shown()

    def _of_user_agent(self, text: str) -> Shown:
        for pattern, by_name in self._agents:
            match = pattern.search(text)
            models = by_name.get(match["model"]) if match else None
            if match and models:
                macs = macs_in(match["mac"] or "")
                return Shown(models, match["firmware"] or "", macs[0] if macs else None)
        return Shown()


def _compiled(
    marks: dict[str, dict[str, set[str]]],
) -> list[tuple[re.Pattern[str], dict[str, frozenset[str]]]]:
    return [
        (re.compile(pattern), {name: frozenset(models) for name, models in named.items()})
        for pattern, named in marks.items()
    ]


def _shape(path: str) -> str:
    """The path with a sign in place of every MAC."""

    def sign(match: re.Match[str]) -> str:
        digits = re.sub("[:_-]", "", match.group()).lower()
        return _MAC_SIGN if is_handset(digits) else match.group()

    return MAC_PATTERN.sub(sign, path)


def _plain(name: str) -> str:
    """A name without what is spelled now this way, now that: case, blanks, signs."""
    return _UNLIKE.sub("", name.lower())
