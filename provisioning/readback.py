"""Reads rendered files back into an intent: for the comparison, and for booting from.

It works for any files of the dialect, also wrong ones: what is missing becomes what the
vendor's firmware would do without it, and where a field stood is remembered so that a
finding can point at ``file:line``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter, methodcaller

from provisioning.address import Mac
from provisioning.compare import Difference, compare
from provisioning.dialect import Dialect, ReadbackPlans, load_dialect
from provisioning.formats.settings import FormatError, Key, QuickKey, Setting, SettingsFile
from provisioning.intent import AccountIntent, HandsetIntent, LineKeyIntent
from provisioning.profile_model import FileKind, Profile
from provisioning.readback_intent import account_of, handset_of, line_key_of, parts_of
from provisioning.readback_map import (
    ACCOUNT_SWITCH,
    LINE_KEY_SWITCH,
    NOTHING,
    Place,
    Plan,
    run_plan,
)
from provisioning.readback_quick import without_null

__all__ = [
    "Difference",
    "ReadBack",
    "compare",
    "read_back",
    "read_back_places",
    "read_back_values",
]

_NAME = itemgetter(0)
_ITEMS = methodcaller("items")
_HANDSET_PATHS = {
    "language": "locale.language",
    "tone_country": "locale.tone_country",
    "time_zone": "locale.time_zone",
    "ntp_server": "locale.ntp_server",
    "on_message": "lamp.on_message",
    "on_missed_call": "lamp.on_missed_call",
    "mwi_icon": "lamp.icon",
    "stutter_tone": "lamp.stutter_tone",
    "call_waiting": "calls.call_waiting",
    "feature_key_sync": "calls.feature_key_sync",
    "diversion_header": "calls.diversion_header",
    "vlan_id": "vlan.vlan_id",
    "vlan_priority": "vlan.priority",
    "provisioning_user": "provisioning.user",
    "provisioning_password": "provisioning.password",
    "url": "provisioning.url",
    "resync_interval_s": "provisioning.resync_interval_s",
}
_ACCOUNT_PATHS = {
    "mwi_mode": "mwi.mode",
    "mwi_expires_s": "mwi.expires_s",
    "mwi_mailbox_uri": "mwi.mailbox_uri",
    "always_enabled": "diverts.always.enabled",
    "always_target": "diverts.always.target",
    "busy_enabled": "diverts.busy.enabled",
    "busy_target": "diverts.busy.target",
    "no_answer_enabled": "diverts.no_answer.enabled",
    "no_answer_target": "diverts.no_answer.target",
    "no_answer_delay_s": "diverts.no_answer.delay_s",
    "codecs": "media.codecs",
    "dtmf": "media.dtmf",
    "srtp": "media.srtp",
}


FieldOrigins = tuple[str, Mapping[str, str], Mapping[str, Key]]
"""Prefix of paths, paths by field, and the setting that carries each field."""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What a set of files tells a handset.

    Attributes:
        intent: the same as an intent.
        files: the files that were read, in the order in which they count.
        unreadable: files that the handset cannot read, with the reason.
        origins: settings that carry the fields.
        aliases: other names of settings.
    """

    intent: HandsetIntent
    files: tuple[SettingsFile, ...]
    unreadable: tuple[FormatError, ...] = ()
    origins: tuple[FieldOrigins, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> dict[str, Place]:
        """Where each field stands, by dotted path."""
        return {
            prefix + paths.get(name, name): self._place(key)
            for prefix, paths, origins in self.origins
            for name, key in origins.items()
        }

    def _place(self, key: Key) -> Place:
        name, index = key[0].partition("@")[0], key[1]
        setting = self.find(name, index)
        if setting is None:
            others = (other for other, own in self.aliases.items() if own == name)
            setting = next((found for other in others if (found := self.find(other))), None)
        return Place(name) if setting is None else Place(setting.key, setting.file, setting.line)

    def find(self, key: str, index: int | None = None) -> Setting | None:
        """The setting that counts, over all files; None when nobody sets it."""
        return next(
            (found for file in reversed(self.files) if (found := file.find(key, index))), None
        )


def read_back(files: Mapping[str, bytes], profile: Profile, mac: Mac) -> HandsetIntent:
    """Say what a set of files tells a handset.

    Args:
        files: content by name, in the order in which the handset fetched them.
        profile: of its model.
        mac: of the handset.
    """
    return read_back_places(files, profile, mac).intent


def read_back_places(
    files: Mapping[str, bytes],
    profile: Profile,
    mac: Mac,
    *,
    dialect: Dialect | None = None,
) -> ReadBack:
    """Say what a set of files tells a handset, and where each part stands.

    Args:
        files: content by name, in the order in which the handset fetched them.
        profile: of its model.
        mac: of the handset.
        dialect: None for the one the profile names.
    """
    dialect = dialect or load_dialect(profile.render.dialect, profile.render.format)
    lists = {
        profile.fill(request.path, mac)
        for request in profile.boot.requests
        if request.expects is FileKind.LIST
    }
    read: list[SettingsFile] = []
    unreadable: list[FormatError] = []
    for path, content in files.items():
        if path in lists:
            continue
        try:
            read.append(dialect.format.read(content, path))
        except FormatError as error:
            unreadable.append(error)
    if profile.boot.precedence == "first":
        read.reverse()
    plans = dialect.plans(profile)
    reader = _Reader(_joined([file.values for file in read], plans.aliases), plans)
    intent = reader.handset(mac, profile.model)
    return ReadBack(intent, tuple(read), tuple(unreadable), tuple(reader.origins), plans.aliases)


def read_back_values(
    values: Sequence[Mapping[QuickKey, str]], profile: Profile, mac: Mac, dialect: Dialect
) -> HandsetIntent:
    """The same for files of which only the values are known.

    Args:
        values: of each file, the one that counts most last.
        profile: of the model.
        mac: of the handset.
        dialect: of the vendor.
    """
    plans = dialect.plans(profile)
    joined = without_null(_quickly_joined(values, plans.aliases), plans.null_value)
    return handset_of(
        mac,
        profile.model,
        plans.known_handset.read(joined),
        [
            account_of(index, scope, plans.codec_fields)
            for index, scope in plans.quick_accounts.read(joined)
            if scope[ACCOUNT_SWITCH] == "true"
        ],
        [
            line_key_of(position, scope)
            for part in plans.quick_line_keys
            for position, scope in part.read(joined)
        ],
    )


def _joined(values: Sequence[Mapping[Key, str]], aliases: Mapping[str, str]) -> Mapping[Key, str]:
    joined: Mapping[Key, str] = (
        values[0] if len(values) == 1 else dict(chain.from_iterable(map(_ITEMS, values)))
    )
    if not aliases or aliases.keys().isdisjoint(map(_NAME, joined)):
        return joined
    return {(aliases.get(key, key), index): value for (key, index), value in joined.items()}


def _quickly_joined(
    values: Sequence[Mapping[QuickKey, str]], aliases: Mapping[str, str]
) -> Mapping[QuickKey, str]:
    joined: Mapping[QuickKey, str] = (
        values[0] if len(values) == 1 else dict(chain.from_iterable(map(_ITEMS, values)))
    )
    if not aliases or aliases.keys().isdisjoint(joined):
        return joined
    return {
        aliases.get(key, key)
        if isinstance(key, str)
        else (aliases.get(key[0], key[0]), key[1]): value
        for key, value in joined.items()
    }


class _Reader:
    """Builds intents from settings by the compiled map and notes where each field stands."""

    def __init__(self, values: Mapping[Key, str], plans: ReadbackPlans) -> None:
        self._values = values
        self._plans = plans
        self.origins: list[FieldOrigins] = []

    def handset(self, mac: Mac, model: str) -> HandsetIntent:
        scope = self._run(self._plans.handset, "", _HANDSET_PATHS)
        return handset_of(mac, model, parts_of(scope), self._accounts(), self._line_keys())

    def _accounts(self) -> Iterator[AccountIntent]:
        for index, plan in enumerate(self._plans.accounts, 1):
            scope = self._run(plan, f"accounts[{index}].", _ACCOUNT_PATHS, ACCOUNT_SWITCH)
            if scope.get(ACCOUNT_SWITCH) == "true":
                yield account_of(index, scope, self._plans.codec_fields)

    def _line_keys(self) -> Iterator[LineKeyIntent]:
        for position, plan in enumerate(self._plans.line_keys, 1):
            scope = self._run(plan, f"line_keys[{position}].", {}, LINE_KEY_SWITCH)
            if scope.get(LINE_KEY_SWITCH) not in NOTHING:
                yield line_key_of(position, scope)

    def _run(
        self, plan: Plan, prefix: str, paths: Mapping[str, str], stop_unless: str = ""
    ) -> dict[str, str]:
        origins: dict[str, Key] = {}
        scope = run_plan(plan, self._values, self._plans.null_value, stop_unless, origins)
        self.origins.append((prefix, paths, origins))
        return scope
