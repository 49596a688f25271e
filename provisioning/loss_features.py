"""Fits the optional wishes of an intent to the features that a profile declares.

Nothing is dropped: a wish for a feature that is not declared, a word that the dialect does
not have, an account's own wish where the handset has one setting: each is a loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

from provisioning.access_model import mask_tokens
from provisioning.feature import Feature, Reach
from provisioning.intent import (
    NO_CALL_POLICY,
    NO_MEDIA,
    NO_SECRET,
    AccountIntent,
    CallPolicyIntent,
    HandsetIntent,
    LampPolicyIntent,
    MediaIntent,
    ProvisioningIntent,
)
from provisioning.profile_model import Profile

Tables = Mapping[str, Mapping[str, object]]
"""Words of a dialect: ``languages``, ``tones``, ``time_zones`` and more, by neutral name."""
T = TypeVar("T")
Lose = Callable[[str, str, str, str], None]
"""Field, wanted, got, reason."""


class Wish(NamedTuple):
    """One optional field.

    Attributes:
        name: of the field in its record.
        feature: that carries it.
        table: table of the dialect that must hold the word; empty for none.
    """

    name: str
    feature: Feature
    table: str = ""


_MEDIA = (Wish("dtmf", Feature.DTMF, "dtmf"), Wish("srtp", Feature.SRTP, "srtp"))
_CALLS = (
    Wish("call_waiting", Feature.CALL_WAITING),
    Wish("feature_key_sync", Feature.FEATURE_KEY_SYNC),
    Wish("diversion_header", Feature.DIVERSION_HEADER, "diversion_headers"),
)
_LAMP = (Wish("icon", Feature.MWI_ICON), Wish("stutter_tone", Feature.STUTTER_TONE))


class FeatureFit:
    """Bends optional wishes to one model and tells every loss."""

    def __init__(self, profile: Profile, tables: Tables, lose: Lose) -> None:
        """Fit to a model.

        Args:
            profile: of the model.
            tables: words of its dialect.
            lose: takes each loss.
        """
        self._profile = profile
        self._tables = tables
        self._lose = lose

    def accounts(self, accounts: tuple[AccountIntent, ...]) -> tuple[AccountIntent, ...]:
        """Fit the optional wishes of all accounts.

        Args:
            accounts: by index.
        """
        unlabelled = self._without(Feature.ACCOUNT_LABEL)
        if not unlabelled and all(_is_plain(account) for account in accounts):
            return accounts
        first: AccountIntent | None = None
        fitted = []
        for account in accounts:
            path = f"accounts[{account.index}]"
            media = self._media(account.media, path, first)
            dnd = self._flag(account.dnd, f"{path}.dnd", Feature.DND)
            if first is not None and self._shared(Feature.DND):
                dnd = self._same(f"{path}.dnd", dnd, first.dnd)
            bent = replace(self._proxy(account, path), media=media, dnd=dnd)
            if unlabelled:
                bent = self._unlabelled(bent, path)
            first = first or bent
            fitted.append(bent)
        return tuple(fitted)

    def lamp(self, lamp: LampPolicyIntent) -> LampPolicyIntent:
        """Fit icon and tone."""
        if lamp.icon is None and lamp.stutter_tone is None:
            return lamp
        changes = {
            wish.name: self._wish(getattr(lamp, wish.name), f"lamp.{wish.name}", wish)
            for wish in _LAMP
        }
        return replace(lamp, **changes)  # type: ignore[arg-type]  # names and values belong together

    def calls(self, calls: CallPolicyIntent) -> CallPolicyIntent:
        """Fit how calls are treated."""
        if calls == NO_CALL_POLICY:
            return calls
        changes = {
            wish.name: self._wish(getattr(calls, wish.name), f"calls.{wish.name}", wish)
            for wish in _CALLS
        }
        return replace(calls, **changes)  # type: ignore[arg-type]  # names and values belong together

    def provisioning(self, wanted: ProvisioningIntent) -> ProvisioningIntent:
        """Fit where and with which credentials files are fetched."""
        if self._without(Feature.PROVISIONING_URL):
            reason = "no file of this model holds it; it comes by DHCP or by hand"
            self._lose("provisioning.url", mask_tokens(wanted.url), "", reason)
            wanted = replace(wanted, url="")
        if not wanted.user or self._able(Feature.PROVISIONING_AUTH):
            return wanted
        self._lacks("provisioning.user", wanted.user, Feature.PROVISIONING_AUTH)
        if wanted.password:
            self._lacks("provisioning.password", "***", Feature.PROVISIONING_AUTH)
        return replace(wanted, user="", password=NO_SECRET)

    def rest(self, intent: HandsetIntent) -> HandsetIntent:
        """Fit what stands at the handset itself."""
        if self._without(Feature.ADMIN_PASSWORD):
            self._lose(
                "admin_password", "***", "", "no file of this model holds one; set it by hand"
            )
            intent = replace(intent, admin_password=NO_SECRET)
        return self._vlan(intent)

    def _vlan(self, intent: HandsetIntent) -> HandsetIntent:
        if intent.vlan is None:
            return intent
        if self._able(Feature.VLAN):
            if not intent.vlan.priority or self._able(Feature.VLAN_PRIORITY):
                return intent
            self._lacks("vlan.priority", str(intent.vlan.priority), Feature.VLAN_PRIORITY)
            return replace(intent, vlan=replace(intent.vlan, priority=0))
        wanted = f"{intent.vlan.vlan_id}, priority {intent.vlan.priority}"
        self._lacks("vlan", wanted, Feature.VLAN)
        return replace(intent, vlan=None)

    def _unlabelled(self, account: AccountIntent, path: str) -> AccountIntent:
        if account.label == account.display_name:
            return account
        reason = "the model shows the display name; it has no label beside it"
        self._lose(f"{path}.label", account.label, account.display_name, reason)
        return replace(account, label=account.display_name)

    def _proxy(self, account: AccountIntent, path: str) -> AccountIntent:
        if not account.outbound_proxy_host or self._able(Feature.OUTBOUND_PROXY):
            return account
        self._lose(
            f"{path}.registrar_host",
            account.registrar_host,
            account.outbound_proxy_host,
            "the model names its registrar by the domain; requests go to the outbound proxy",
        )
        host, port = account.next_hop
        self._lose(f"{path}.registrar_port", str(account.registrar_port), str(port), "as above")
        self._lose(f"{path}.outbound_proxy_host", host, "", "written as the next hop instead")
        self._lose(
            f"{path}.outbound_proxy_port", str(port), "0", "written as the next hop instead"
        )
        return replace(
            account,
            registrar_host=host,
            registrar_port=port,
            outbound_proxy_host="",
            outbound_proxy_port=0,
        )

    def _media(self, media: MediaIntent, path: str, first: AccountIntent | None) -> MediaIntent:
        codecs = self._codecs(media.codecs, f"{path}.media.codecs")
        if first is not None and self._shared(Feature.CODECS) and codecs != first.media.codecs:
            self._lose(
                f"{path}.media.codecs",
                ", ".join(codecs),
                ", ".join(first.media.codecs),
                "the handset has one list, the one of its first account",
            )
            codecs = first.media.codecs
        changes: dict[str, object] = {"codecs": codecs}
        for wish in _MEDIA:
            field = f"{path}.media.{wish.name}"
            value = self._wish(getattr(media, wish.name), field, wish)
            if first is not None and self._shared(wish.feature):
                value = self._same(field, value, getattr(first.media, wish.name))
            changes[wish.name] = value
        return replace(media, **changes)  # type: ignore[arg-type]  # names and values belong together

    def _codecs(self, codecs: tuple[str, ...], path: str) -> tuple[str, ...]:
        if not codecs:
            return codecs
        if not self._able(Feature.CODECS):
            self._lacks(path, ", ".join(codecs), Feature.CODECS)
            return ()
        words = self._tables.get("codecs", {})
        held = tuple(name for name in codecs if name in words)
        if held != codecs:
            reason = "the vendor's table of codecs does not hold the others"
            self._lose(path, ", ".join(codecs), ", ".join(held), reason)
        return held

    def _flag(self, value: bool | None, path: str, feature: Feature) -> bool | None:  # noqa: FBT001 - three states, not a switch
        if value is None or self._able(feature):
            return value
        self._lacks(path, _word(value), feature)
        return None

    def _wish(self, value: object, path: str, wish: Wish) -> object:
        if value is None:
            return None
        if not self._able(wish.feature):
            self._lacks(path, _word(value), wish.feature)
            return None
        if wish.table and value not in self._tables.get(wish.table, {}):
            reason = f"the vendor's table {wish.table} does not hold it"
            self._lose(path, _word(value), "", reason)
            return None
        return value

    def _same(self, path: str, value: T, first: T) -> T:
        """The first account's value, where the handset has one for all."""
        if value != first:
            reason = "the handset has one setting, the one of its first account"
            self._lose(path, _word(value), _word(first), reason)
        return first

    def _able(self, feature: Feature) -> bool:
        return self._profile.features.get(feature, Reach.NO) is not Reach.NO

    def _without(self, feature: Feature) -> bool:
        """For features that nearly every model has: a profile says ``no`` where one lacks it."""
        return self._profile.features.get(feature) is Reach.NO

    def _shared(self, feature: Feature) -> bool:
        return self._profile.features.get(feature) is Reach.HANDSET

    def _lacks(self, path: str, wanted: str, feature: Feature) -> None:
        reason = f"the profile of {self._profile.model} does not declare the feature {feature}"
        self._lose(path, wanted, "", reason)


def _is_plain(account: AccountIntent) -> bool:
    return (
        (account.media is NO_MEDIA or account.media == NO_MEDIA)
        and account.dnd is None
        and not account.outbound_proxy_host
    )


def _word(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
