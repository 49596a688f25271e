"""What a vendor's interface looks like, as data: ``descriptions/<vendor>.yaml``.

Every action names the source that it is from and whether that source is a public document
(``verified``) or less (``unverified``): a public program, a re-branded phone's document, memory.
Neither mark says that a phone was seen to do it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Literal
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provisioning.known_names import near_names
from rig.errors import UsageError
from rig.handset.vendor.control import PhoneCapability
from rig.handset.vendor.link import MOST_OCTETS, PhoneRequest

RAW = "raw:"
_RAW_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_,.+-]{0,31}")
_NUMBER = re.compile(r"[0-9A-Za-z*#+][0-9A-Za-z*#+.@:_-]{0,63}")
_SETTING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:\[\]-]{0,127}")


class Mark(StrEnum):
    """How sure a fact of a vendor is; no mark means that a phone was seen."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceOf(_Part):
    """Where a fact is from.

    Attributes:
        what: kind and title.
        where: address or repository.
    """

    what: str
    where: str


class Action(_Part):
    """One request by which something is asked.

    Attributes:
        method: of HTTP.
        target: path and query; ``{name}`` is filled in, quoted.
        body: likewise; empty for none.
        media_type: of the body.
        quoting: how values are written into the body: as a form, XML or JSON.
        source: word of the vendor's sources.
        mark: how sure it is.
        note: what else to know.
    """

    method: Literal["GET", "POST", "PUT"] = "GET"
    target: str
    body: str = ""
    media_type: str = ""
    quoting: Literal["form", "xml", "json"] = "form"
    source: str
    mark: Mark
    note: str = ""


class Notify(_Part):
    """How the phone is asked by a SIP NOTIFY.

    Attributes:
        event: value of its ``Event`` header.
        media_type: of its body.
        press: body that presses ``{keys}``.
        join: stands between keys of one NOTIFY; empty where each key has its own.
        reboot: body that restarts; empty for none.
        source: word of the vendor's sources.
        mark: how sure it is.
        note: what else to know.
    """

    event: str
    media_type: str
    press: str
    join: str = ""
    reboot: str = ""
    source: str
    mark: Mark
    note: str = ""


class CallBack(_Part):
    """A URL that the phone asks for when something happens.

    Attributes:
        setting: by which the phone is told the URL.
        event: neutral name of what has happened.
        variables: words of the vendor for what may stand in the URL, by neutral name.
        source: word of the vendor's sources.
        mark: how sure it is.
    """

    setting: str
    event: str
    variables: dict[str, str] = Field(default_factory=dict)
    source: str
    mark: Mark


class Description(_Part):
    """Everything about one vendor that is data.

    Attributes:
        vendor: short name, as in profiles.
        title: for people.
        user: usual user of the web interface.
        schemes: ways to log in, best first; none where the password stands in the request.
        secret_in_query: parameter in which the password stands; empty for none.
        capabilities: what the interface can do.
        actions: by name.
        keys: vendor's name of a key by the neutral one.
        keys_join: stands between keys of one request; empty where each key has its own.
        most_keys: of one request.
        keys_source: word of the sources.
        keys_mark: how sure the names of keys are.
        keys_unverified: neutral names of those that are less sure than the others.
        notify: the way by SIP; None for none.
        call_backs: in any order.
        refusals: advice by HTTP status.
        prepare: settings that the phone needs first.
        cannot: what the vendor has no way for, with the reason.
        sources: by word.
    """

    vendor: str
    title: str
    user: str
    schemes: tuple[Literal["digest", "basic"], ...]
    secret_in_query: str = ""
    capabilities: frozenset[PhoneCapability]
    actions: dict[str, Action]
    keys: dict[str, str]
    keys_join: str = ""
    most_keys: int = 1
    keys_source: str
    keys_mark: Mark
    keys_unverified: tuple[str, ...] = ()
    notify: Notify | None = None
    call_backs: tuple[CallBack, ...] = ()
    refusals: dict[int, str] = Field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    cannot: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, SourceOf]

    def key(self, name: str) -> str:
        """What the vendor calls a key.

        Args:
            name: neutral, or ``raw:NAME``.

        Raises:
            UsageError: no such key; names those that are close.
        """
        if name.startswith(RAW):
            raw = name.removeprefix(RAW)
            if not _RAW_KEY.fullmatch(raw):
                raise UsageError(
                    f"key {name!r}: expected {RAW} and a name of letters, digits and _ , . + -"
                )
            return raw
        found = self.keys.get(name)
        if found is None:
            near = near_names(name, self.keys) or sorted(self.keys)
            raise UsageError(
                f"{self.title} phones have no key {name!r} here; there is {', '.join(near)}; a "
                f"name of the vendor's own is written {RAW}NAME"
            )
        return found

    def batches(self, names: Sequence[str]) -> list[list[str]]:
        """The vendor's names of keys, in as few requests as it takes.

        Raises:
            UsageError: no key at all, or one that there is not.
        """
        if not names:
            raise UsageError("no key is named; name one or more, such as: message")
        keys = [self.key(name) for name in names]
        size = self.most_keys
        return [keys[start : start + size] for start in range(0, len(keys), size)]

    def request(
        self, action: str, *, most_octets: int = MOST_OCTETS, **values: str
    ) -> PhoneRequest:
        """Make the request of an action.

        Args:
            action: its name.
            most_octets: of the answer.
            values: for the placeholders, unquoted.

        Raises:
            UsageError: the vendor has no such action.
        """
        found = self.actions.get(action)
        if found is None:
            why = self.cannot.get(action.partition(".")[0], "no public source names a way")
            raise UsageError(f"{self.title} phones cannot do {action} by this interface: {why}")
        target = _fill(found.target, {name: _in_query(value) for name, value in values.items()})
        body = None
        headers = {}
        if found.body:
            quoting = {"form": _in_form, "xml": _in_xml, "json": _in_json}[found.quoting]
            body = _fill(found.body, {n: quoting(v) for n, v in values.items()}).encode()
            headers = {"Content-Type": found.media_type}
        elif found.method != "GET":
            body = b""  # some answer 411 to a POST without length
        return PhoneRequest(found.method, target, body, headers, most_octets)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put values in; braces of JSON and XML stay as they are."""
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return template


def _in_query(value: str) -> str:
    return quote(value, safe=";,*=.@:_-")  # no plus: many read it as a blank


def _in_form(value: str) -> str:
    return quote(value, safe="")


def _in_xml(value: str) -> str:
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
    return "".join(escapes.get(char, char) for char in value)


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def checked_number(number: str) -> str:
    """A number that may be put into a request.

    Raises:
        UsageError: it is none.
    """
    if not _NUMBER.fullmatch(number):
        raise UsageError(
            f"{number!r} is no number to dial; expected digits, letters and * # + . @ : _ -"
        )
    return number


def checked_setting(name: str) -> str:
    """A name of a setting that may be put into a request.

    Raises:
        UsageError: it is none.
    """
    if not _SETTING.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a setting; expected letters, digits and . _ : -")
    return name


def parse_description(name: str, text: str) -> Description:
    """Read a description.

    Args:
        name: of the file, for messages.
        text: its content.

    Raises:
        ValueError: a field is not as it must be, or a source is named that there is not.
    """
    try:
        found = Description.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"descriptions/{name}.yaml: {place}: {first['msg']}") from error
    cited = {found.keys_source, *(action.source for action in found.actions.values())}
    cited |= {back.source for back in found.call_backs}
    cited |= {found.notify.source} if found.notify else set()
    unknown = sorted(cited - found.sources.keys())
    if unknown:
        raise ValueError(f"descriptions/{name}.yaml: no source {', '.join(unknown)}")
    return found


@cache
def description(vendor: str) -> Description:
    """The description of one vendor, by its short name."""
    folder = resources.files("rig.handset.vendor") / "descriptions"
    return parse_description(vendor, (folder / f"{vendor}.yaml").read_text("utf-8"))


def vendors() -> tuple[str, ...]:
    """Short names of all vendors that are described."""
    folder = resources.files("rig.handset.vendor") / "descriptions"
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))
