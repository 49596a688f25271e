"""Fits keys to a model: its message key, line keys by position and kind, expansion modules.

Nothing is dropped: a key that the model cannot hold, in whole or in part, is a loss.
"""

from __future__ import annotations

from dataclasses import replace

from provisioning.intent import AccountIntent, HandsetIntent, LineKeyIntent, LineKeyKind
from provisioning.loss_features import Lose
from provisioning.profile_model import Profile

_KEY_PARTS = frozenset({"account", "value", "label"})


def with_default_keys(intent: HandsetIntent, profile: Profile) -> HandsetIntent:
    """Give every account a line key when nobody said what the keys do.

    Args:
        intent: what is wanted.
        profile: of the model; one without line keys gets none.
    """
    if intent.line_keys or LineKeyKind.LINE not in profile.line_keys:
        return intent
    keys = tuple(
        LineKeyIntent(
            account.index,
            LineKeyKind.LINE,
            account.index,
            label=account.label if "label" in parts else "",
        )
        for account in intent.accounts[: profile.limits.line_keys]
        if (parts := profile.kinds_at(account.index).get(LineKeyKind.LINE)) is not None
    )
    return replace(intent, line_keys=keys)


class KeyFit:
    """Bends the keys of a handset to what its model has.

    Args:
        profile: of the model.
        lose: takes each loss.
    """

    def __init__(self, profile: Profile, lose: Lose) -> None:
        self._profile = profile
        self._lose = lose

    def message_keys(self, accounts: tuple[AccountIntent, ...]) -> tuple[AccountIntent, ...]:
        """One message key for the whole handset dials the first account's number."""
        if self._profile.mwi.voicemail_number_per == "account" or not accounts:
            return accounts
        if self._profile.mwi.voicemail_number_per == "none":
            return tuple([self._without_message_key(account) for account in accounts])
        number = accounts[0].voicemail_number
        fitted = []
        for account in accounts:
            if account.voicemail_number != number:
                self._lose(
                    f"accounts[{account.index}].voicemail_number",
                    account.voicemail_number,
                    number,
                    "the handset has one message key number, the one of its first account",
                )
                account = replace(account, voicemail_number=number)  # noqa: PLW2901 - bent to fit
            fitted.append(account)
        return tuple(fitted)

    def _without_message_key(self, account: AccountIntent) -> AccountIntent:
        if not account.voicemail_number:
            return account
        path = f"accounts[{account.index}].voicemail_number"
        self._lose(path, account.voicemail_number, "", "the model has no message key; dial it")
        return replace(account, voicemail_number="")

    def modules(self, wanted: int) -> int:
        """Expansion modules that are plugged in, as far as the model takes them."""
        most = self._profile.limits.modules
        if wanted > most:
            reason = f"{self._profile.model} takes {most or 'no'} expansion modules"
            self._lose("expansion_modules", str(wanted), str(most), reason)
        return min(wanted, most)

    def line_keys(self, intent: HandsetIntent, modules: int) -> tuple[LineKeyIntent, ...]:
        """Line keys, without those that the model has no place or no such kind for.

        Args:
            intent: of the handset.
            modules: expansion modules that the model takes of those that are wanted.
        """
        limits = self._profile.limits
        most = limits.line_keys + modules * limits.module_keys
        on_modules = self._profile.module_kinds or tuple(self._profile.line_keys)
        fitted = []
        accounts = {account.index: account for account in intent.accounts}
        for key in intent.line_keys:
            parts = self._profile.kinds_at(key.position).get(key.kind)
            if key.position > most:
                reason = f"{self._profile.model} has {most} keys"
                if modules:
                    reason += f", those of {modules} expansion modules counted"
                self._lose(f"line_keys[{key.position}]", str(key.kind), "", reason)
            elif parts is None:
                where = " at this place" if key.kind in self._profile.line_keys else ""
                reason = f"{self._profile.model} has no such kind of key{where}"
                self._lose(f"line_keys[{key.position}]", str(key.kind), "", reason)
            elif key.position > limits.line_keys and key.kind not in on_modules:
                reason = "an expansion module has no such kind of key"
                self._lose(f"line_keys[{key.position}]", str(key.kind), "", reason)
            elif _KEY_PARTS.issubset(parts):
                fitted.append(key)
            else:
                fitted.append(self._line_key(key, parts, accounts.get(key.account)))
        return tuple(fitted)

    def _line_key(
        self,
        key: LineKeyIntent,
        parts: tuple[str, ...],
        account: AccountIntent | None,
    ) -> LineKeyIntent:
        plain = key if account is None else key.without_defaults(account)
        if "account" not in parts and key.account != 1:
            self._lose_part(key, "account", str(key.account), "1")
            key = replace(key, account=1)
        if "value" not in parts and key.value:
            if plain.value:
                self._lose_part(key, "value", key.value, "")
            key = replace(key, value="")
        if "label" not in parts and key.label:
            if plain.label:
                self._lose_part(key, "label", key.label, "")
            key = replace(key, label="")
        return key

    def _lose_part(self, key: LineKeyIntent, part: str, wanted: str, got: str) -> None:
        reason = f"a {key.kind} key of this model has no such part"
        self._lose(f"line_keys[{key.position}].{part}", wanted, got, reason)
