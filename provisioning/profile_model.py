"""What a handset model is and can do, as frozen records.

Facts only: how a vendor writes a setting is the business of templates, and which file says
what is the business of :mod:`provisioning.profile_source`. A value that nobody has checked
is the word ``unverified`` where the type allows it, and a source marked ``unverified``
where a value is needed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from provisioning.address import Mac
from provisioning.feature import Feature, Reach
from provisioning.intent import LineKeyKind
from provisioning.key_pages import key_places
from provisioning.profile_files import (
    Boot,
    BootRequest,
    Encryption,
    FileKind,
    FileScope,
    Identify,
    Render,
    RenderFile,
    Resync,
)

__all__ = [
    "Admin",
    "Boot",
    "BootRequest",
    "Delay",
    "DelayUnit",
    "DiversionAbilities",
    "Encryption",
    "Feature",
    "FileKind",
    "FileScope",
    "Firmware",
    "Hardware",
    "Identify",
    "Interval",
    "Intervals",
    "Lamp",
    "LampPattern",
    "LampPolicy",
    "Limits",
    "MailboxReach",
    "Mark",
    "Maturity",
    "MwiAbilities",
    "Profile",
    "Reach",
    "Render",
    "RenderFile",
    "Resync",
    "Source",
]

Unverified = Literal["unverified"]
KeyKinds = Mapping[LineKeyKind, tuple[Literal["account", "value", "label"], ...]]
_STRICT = ConfigDict(extra="forbid")
_PLACEHOLDER = re.compile(r"\{([a-z_]*)\}")


class LampPattern(StrEnum):
    """What a lamp does while a message waits."""

    STEADY = "steady"
    SLOW = "slow"
    FAST = "fast"
    PATTERN = "pattern"
    UNVERIFIED = "unverified"


class MailboxReach(StrEnum):
    """Whose mailbox an account can subscribe to."""

    ANY_URI = "any_uri"
    USER_IN_DOMAIN = "user_in_domain"
    VOICEMAIL_NUMBER = "voicemail_number"
    OWN_ONLY = "own_only"


class DelayUnit(StrEnum):
    """What a no-answer delay is counted in."""

    SECONDS = "seconds"
    RINGS = "rings"


class Maturity(StrEnum):
    """How far support of a model was tried, each level above the one before."""

    DOCUMENTED = "documented"
    RENDERED = "rendered and read back"
    BOOTED = "booted in emulation"
    SEEN = "seen on a real phone"


class Mark(StrEnum):
    """How sure a fact is.

    ``verified`` means that a vendor document or public template says so; it does not mean
    that a real handset was measured.
    """

    VERIFIED = "verified"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, config=_STRICT)
class Source:
    """Where a fact comes from.

    Attributes:
        mark: how sure it is.
        evidence: document, public template or reasoning, in words.
        where: document with page, or repository with path; may be empty.
    """

    mark: Mark
    evidence: str
    where: str = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Firmware:
    """Firmware that the profile is written for.

    Attributes:
        minimum: lowest version the dialect fits.
        sample: version that an emulated handset claims.
    """

    minimum: str
    sample: str


@dataclass(frozen=True, slots=True, config=_STRICT)
class Hardware:
    """Names of the hardware in file names and User-Agents.

    Attributes:
        code: the vendor's model code, digits kept as text.
        name: the model as its User-Agent spells it.
    """

    name: str
    code: str = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Limits:
    """How much the model holds.

    Attributes:
        accounts: most accounts.
        line_keys: most programmable keys, pages counted; 0 for none, as on a base station.
        value_length: longest value in characters that is rendered.
        expansion_modules: most modules.
        module_keys: programmable keys of one module, pages counted.
    """

    accounts: int
    line_keys: int
    value_length: int
    expansion_modules: int | Unverified
    module_keys: int = 0

    @property
    def modules(self) -> int:
        """Most modules that keys are written for: none unless number and keys are known."""
        count = self.expansion_modules
        return count if isinstance(count, int) and self.module_keys else 0


@dataclass(frozen=True, slots=True, config=_STRICT)
class LampTiming:
    """What tells the patterns of a lamp apart that blinks unlike others; both in seconds.

    Attributes:
        settle_s: a lamp without a change for so long is steady or off; longer than the longest
            phase of its blinking.
        fast_below_s: blinking with a shorter period is fast, with a longer one slow.
    """

    settle_s: Annotated[float, Field(ge=0.4, le=60)] | None = None
    fast_below_s: Annotated[float, Field(gt=0.05, le=10)] | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Lamp:
    """One lamp.

    Attributes:
        part: which LED of the handset.
        color: as seen.
        mwi: what it does while a message waits.
        shared_with: what else lights it by default: ``ringing``, ``missed_call``, ``dnd`` ...
        timing: how its patterns are told apart; None for the usual limits.
    """

    part: str
    color: str
    mwi: LampPattern
    shared_with: tuple[str, ...] = ()
    timing: LampTiming | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class LampPolicy:
    """What of the lamp policy can be provisioned.

    Attributes:
        on_message: ``configurable``, or what it always does.
        on_missed_call: the same for missed calls.
    """

    on_message: Literal["configurable", "always"]
    on_missed_call: Literal["configurable", "never"]


@dataclass(frozen=True, slots=True, config=_STRICT)
class MwiAbilities:
    """How the model learns of waiting messages.

    Attributes:
        subscribe_account: can subscribe to its own AOR.
        subscribe_mailbox: whose mailbox it can subscribe to.
        unsolicited: takes NOTIFY without a subscription.
        off: message waiting can be switched off.
        expiry: the subscription duration can be provisioned.
        voicemail_number_per: one message key number per account or per handset, or no message
            key at all.
    """

    subscribe_account: bool
    subscribe_mailbox: MailboxReach
    unsolicited: bool
    off: bool
    expiry: bool
    voicemail_number_per: Literal["account", "handset", "none"]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Delay:
    """Ringing before a no-answer diversion.

    Attributes:
        unit: what the setting counts.
        ring_length_s: seconds of one ring; 1 when the unit is seconds.
        minimum: smallest setting, in units.
        maximum: largest setting, in units.
    """

    unit: DelayUnit
    ring_length_s: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True, config=_STRICT)
class DiversionAbilities:
    """Diversion that the handset itself performs.

    Attributes:
        always: unconditional.
        busy: on busy.
        no_answer: on no answer.
        per_account: each account has its own.
        delay: of the no-answer diversion.
    """

    always: bool
    busy: bool
    no_answer: bool
    per_account: bool
    delay: Delay


@dataclass(frozen=True, slots=True, config=_STRICT)
class Interval:
    """Granularity of a duration that is provisioned.

    Attributes:
        step_s: seconds of one unit of the setting.
        minimum_s: shortest.
        maximum_s: longest.
        zero: 0 is allowed and means never.
    """

    step_s: int
    minimum_s: int
    maximum_s: int
    zero: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class Intervals:
    """Granularity of all durations.

    Attributes:
        register_expires: binding duration.
        mwi_expires: subscription duration.
        resync_interval: periodic fetching.
    """

    register_expires: Interval
    mwi_expires: Interval
    resync_interval: Interval


@dataclass(frozen=True, slots=True, config=_STRICT)
class Admin:
    """The handset's own web page.

    Attributes:
        default_passwords: what the vendor ships; render refuses them.
    """

    default_passwords: tuple[str, ...]


AccountField = Literal[
    "transport", "domain", "register_expires_s", "registrar_host", "registrar_port", "mwi"
]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Profile:
    """One handset model.

    Attributes:
        model: as the inventory names it.
        vendor: lower case.
        maturity: how far support was tried.
        firmware: versions.
        hardware: names in files and User-Agents.
        limits: how much it holds.
        lamps: by lamp name; ``message`` is the common message lamp, ``none`` where there
            is none.
        lamp_policy: what of it can be provisioned.
        mwi: message waiting.
        diversion: diversion by the handset.
        line_keys: kinds of keys, each with the parts that can be written besides the kind.
        encryption: how it decrypts its files; None if it cannot, or nobody knows how.
        module_kinds: which of them the keys of an expansion module take; empty for all.
        page_kinds: the same as ``line_keys`` for pages of keys (quirk ``key_pages``) that take
            other kinds or parts.
        intervals: granularity of durations.
        admin: its web page.
        identify: how a request tells the model.
        boot: which files it asks for.
        render: which files are written.
        resync: how to make it fetch again.
        sources: by dotted path of the value or of a section.
        features: optional features, and whether each account has its own setting.
        quirks: what differs between firmware versions of one dialect, by name; templates and
            the read-back map ask for it.
        once: fields of an account that the handset has once, for all accounts.
    """

    model: str
    vendor: str
    maturity: Maturity
    firmware: Firmware
    hardware: Hardware
    limits: Limits
    lamps: Mapping[str, Lamp | Literal["none"]]
    lamp_policy: LampPolicy
    mwi: MwiAbilities
    diversion: DiversionAbilities
    line_keys: KeyKinds
    intervals: Intervals
    admin: Admin
    identify: Identify
    boot: Boot
    render: Render
    resync: Resync
    sources: Mapping[str, Source] = field(default_factory=dict)
    features: Mapping[Feature, Reach] = field(default_factory=dict)
    quirks: Mapping[str, str] = field(default_factory=dict)
    once: tuple[AccountField, ...] = ()
    module_kinds: tuple[LineKeyKind, ...] = ()
    page_kinds: Mapping[str, KeyKinds] = field(default_factory=dict)
    encryption: Encryption | None = None

    def kinds_at(self, position: int) -> KeyKinds:
        """Kinds that the handset's own key takes, each with the parts that can be written.

        Args:
            position: of the key, from 1.
        """
        if not self.page_kinds:
            return self.line_keys
        places = key_places(self.quirks, self.limits.line_keys)
        if not 1 <= position <= len(places):
            return self.line_keys
        return self.page_kinds.get(places[position - 1].page, self.line_keys)

    @property
    def message_lamp(self) -> Lamp | None:
        """The common message lamp; None for a model without one."""
        lamp = self.lamps.get("message")
        return lamp if isinstance(lamp, Lamp) else None

    def fill(self, text: str, mac: Mac, *, firmware: str = "") -> str:
        """Fill the placeholders of a path or User-Agent.

        Args:
            text: with ``{mac}``, ``{mac_upper}``, ``{mac_colons}``, ``{mac_colons_upper}``,
                ``{mac_dashes}``, ``{model}``, ``{model_lower}``, ``{hardware_name}``,
                ``{hardware_code}``, ``{firmware}``.
            mac: of the handset.
            firmware: version to claim; empty for the profile's sample.

        Raises:
            KeyError: a placeholder is unknown.
        """
        literals, names = _pieces(text)
        filled = [literals[0]]
        for name, literal in zip(names, literals[1:], strict=True):
            filled += (self._word(name, mac, firmware), literal)
        return "".join(filled)

    def _word(self, name: str, mac: Mac, firmware: str) -> str:
        if name == "mac":
            return mac.plain
        if name == "mac_upper":
            return mac.upper
        words = {
            "mac_colons": mac.colons,
            "mac_colons_upper": mac.colons.upper(),
            "mac_dashes": mac.colons.upper().replace(":", "-"),
            "model": self.model,
            "model_lower": self.model.lower(),
            "hardware_name": self.hardware.name,
            "hardware_code": self.hardware.code,
            "firmware": firmware or self.firmware.sample,
        }
        return words[name]

    def user_agent(self, mac: Mac, *, firmware: str = "") -> str:
        """How the booting handset names itself over HTTP.

        Args:
            mac: of the handset.
            firmware: version to claim; empty for the profile's sample.
        """
        return self.fill(self.boot.user_agent, mac, firmware=firmware)

    def boot_requests(self, mac: Mac) -> tuple[BootRequest, ...]:
        """The boot sequence of one handset, placeholders filled."""
        return tuple(
            BootRequest(
                self.fill(request.path, mac),
                request.required,
                request.group,
                request.unless_group,
                request.expects,
            )
            for request in self.boot.requests
        )

    def uploads(self, mac: Mac) -> tuple[str, ...]:
        """Names of the files that one handset puts on its server."""
        return tuple(self.fill(path, mac) for path in self.boot.uploads)

    def file_path(self, file: RenderFile, mac: Mac) -> str:
        """Name of a rendered file for one handset."""
        return self.fill(file.path, mac)

    @property
    def template_dir(self) -> str:
        """Folder of the dialect below the templates folder."""
        return self.render.dialect


@lru_cache(maxsize=4096)
def _pieces(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands around the placeholders of a text, and their names."""
    parts = _PLACEHOLDER.split(text)
    return tuple(parts[::2]), tuple(parts[1::2])
