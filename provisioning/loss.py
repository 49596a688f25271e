"""What a model cannot express: every wish that was bent to fit is named, never dropped.

:func:`fit_to_model` turns the intent into the nearest one that the model can hold and lists
each change. The fitted intent is what is rendered, and reading the files back must give
exactly that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from provisioning.errors import UsageError
from provisioning.intent import (
    AccountIntent,
    CallPolicyIntent,
    DivertIntent,
    DivertsIntent,
    HandsetIntent,
    LampPolicyIntent,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
)
from provisioning.loss_accounts import fit_accounts
from provisioning.loss_features import FeatureFit, Tables
from provisioning.loss_keys import KeyFit, with_default_keys
from provisioning.profile_model import DelayUnit, Interval, MailboxReach, Profile

_NO_DIVERT = DivertIntent()


@dataclass(frozen=True, slots=True)
class Loss:
    """One wish that a model cannot express as it stands.

    Attributes:
        field: dotted path in the intent, e.g. ``accounts[1].mwi.mailbox_uri``.
        wanted: what the intent says.
        got: what is rendered instead; empty for nothing.
        reason: why.
    """

    field: str
    wanted: str
    got: str
    reason: str

    def __str__(self) -> str:
        """One line for people."""
        wanted, got = self.wanted or "nothing", self.got or "nothing"
        return f"{self.field}: wanted {wanted}, got {got} - {self.reason}"

    def to_json(self) -> dict[str, str]:
        """The same as data."""
        return asdict(self)


def loss_text(handset: str, losses: Iterable[Loss]) -> str:
    """Write a loss report for people, one line per loss.

    Args:
        handset: its name.
        losses: in any order.
    """
    lines = [f"{handset}: {loss}" for loss in losses]
    return "\n".join(lines) if lines else f"{handset}: everything can be expressed"


def loss_json(losses: Mapping[str, Iterable[Loss]]) -> dict[str, list[dict[str, str]]]:
    """Write loss reports as data, by handset.

    Args:
        losses: by name of the handset.
    """
    return {name: [loss.to_json() for loss in items] for name, items in sorted(losses.items())}


def fit_to_model(
    intent: HandsetIntent, profile: Profile, tables: Tables
) -> tuple[HandsetIntent, tuple[Loss, ...]]:
    """Find the nearest intent that a model can hold.

    Args:
        intent: what is wanted.
        profile: of the model.
        tables: words of its dialect.

    Returns:
        The intent to render, and every change that was made.

    Raises:
        UsageError: more accounts than the model has; leaving one out would cost calls.
    """
    intent = with_default_keys(intent, profile)
    if len(intent.accounts) > profile.limits.accounts:
        raise UsageError(
            f"handset {intent.name}: {len(intent.accounts)} accounts, {profile.model} has "
            f"{profile.limits.accounts}. Remove accounts or choose another model."
        )
    fit = _Fit(profile, tables)
    features = FeatureFit(profile, tables, fit.lose)
    keys = KeyFit(profile, fit.lose)
    intent = features.rest(intent)
    accounts = keys.message_keys(tuple([fit.account(account) for account in intent.accounts]))
    accounts = fit_accounts(features.accounts(accounts), profile, tables, fit.lose)
    modules = keys.modules(intent.expansion_modules)
    line_keys = keys.line_keys(intent, modules)
    common = _of_the_site(intent, profile, tables)
    fit.losses += common.losses
    lamp, calls, locale, provisioning = common.fitted
    before = (intent.accounts, intent.line_keys, intent.lamp, intent.locale, intent.provisioning)
    if (accounts, line_keys, lamp, locale, provisioning) == before and (
        calls is intent.calls and modules == intent.expansion_modules
    ):
        return intent, tuple(fit.losses)  # most intents fit as they are
    fitted = replace(
        intent,
        calls=calls,
        expansion_modules=modules,
        accounts=accounts,
        line_keys=line_keys,
        lamp=lamp,
        locale=locale,
        provisioning=provisioning,
    )
    return fitted, tuple(fit.losses)


_OfSite = tuple[LampPolicyIntent, CallPolicyIntent, LocaleIntent, ProvisioningIntent]


class _Common(NamedTuple):
    """What the handsets of a model have in common on most sites, and what becomes of it.

    Attributes:
        profile: of the model; another one that is equal does not count.
        tables: words of its dialect.
        wanted: lamp, calls, locale and provisioning.
        fitted: the same as the model can hold it.
        losses: what was bent.
    """

    profile: Profile
    tables: Tables
    wanted: _OfSite
    fitted: _OfSite
    losses: tuple[Loss, ...]


_MOST_COMMON = 1024
_common: dict[int, _Common] = {}
"""The last one of each model, by the identity of its profile, which is kept with it."""


def _of_the_site(intent: HandsetIntent, profile: Profile, tables: Tables) -> _Common:
    """Fit what most handsets of a site have in common, once for all that are told the same."""
    wanted = (intent.lamp, intent.calls, intent.locale, intent.provisioning)
    kept = _common.get(id(profile))
    if kept is not None and kept.tables is tables and kept.wanted == wanted:
        return kept
    fit = _Fit(profile, tables)
    features = FeatureFit(profile, tables, fit.lose)
    fitted = (
        features.lamp(fit.lamp(intent.lamp)),
        features.calls(intent.calls),
        fit.locale(intent.locale),
        features.provisioning(fit.provisioning(intent.provisioning)),
    )
    if len(_common) >= _MOST_COMMON:
        _common.clear()
    made = _common[id(profile)] = _Common(profile, tables, wanted, fitted, tuple(fit.losses))
    return made


class _Fit:
    """Collects losses while it bends an intent."""

    def __init__(self, profile: Profile, tables: Tables) -> None:
        self._profile = profile
        self._tables = tables
        self.losses: list[Loss] = []

    def account(self, account: AccountIntent) -> AccountIntent:
        path = f"accounts[{account.index}]"
        expires_s = self.interval(
            f"{path}.register_expires_s",
            account.register_expires_s,
            self._profile.intervals.register_expires,
        )
        mwi = self._mwi(account, path)
        diverts = self._diverts(account.diverts, path)
        if (expires_s, mwi, diverts) == (
            account.register_expires_s,
            account.mwi,
            account.diverts,
        ):
            return account
        return replace(account, register_expires_s=expires_s, mwi=mwi, diverts=diverts)

    def _mwi(self, account: AccountIntent, path: str) -> MwiIntent:
        able = self._profile.mwi
        mwi = account.mwi
        mode = mwi.mode
        if mode is MwiMode.SUBSCRIBE and not able.subscribe_account:
            mode = MwiMode.UNSOLICITED if able.unsolicited else MwiMode.OFF
            self.lose(f"{path}.mwi.mode", mwi.mode, mode, "the model cannot subscribe")
        elif mode is MwiMode.UNSOLICITED and not able.unsolicited:
            mode = MwiMode.SUBSCRIBE
            self.lose(f"{path}.mwi.mode", mwi.mode, mode, "the model only takes solicited NOTIFY")
        elif mode is MwiMode.OFF and not able.off:
            mode = MwiMode.UNSOLICITED
            reason = "message waiting cannot be switched off, only the subscription"
            self.lose(f"{path}.mwi.mode", mwi.mode, mode, reason)
        if mode is not MwiMode.SUBSCRIBE:
            return mwi if mode is mwi.mode else replace(mwi, mode=mode)
        expires_s = self.interval(
            f"{path}.mwi.expires_s", mwi.expires_s, self._profile.intervals.mwi_expires
        )
        uri = self._mailbox(account, path)
        if (mode, expires_s, uri) == (mwi.mode, mwi.expires_s, mwi.mailbox_uri):
            return mwi
        return replace(mwi, mode=mode, expires_s=expires_s, mailbox_uri=uri)

    def _mailbox(self, account: AccountIntent, path: str) -> str | None:
        uri = account.mwi.mailbox_uri
        if uri is None or uri == account.aor:
            return None
        user, _, host = uri.removeprefix("sip:").rpartition("@")
        in_domain = host == account.domain
        reach = self._profile.mwi.subscribe_mailbox
        if (
            reach is MailboxReach.ANY_URI
            or (reach is MailboxReach.USER_IN_DOMAIN and in_domain)
            or (
                reach is MailboxReach.VOICEMAIL_NUMBER
                and in_domain
                and user == account.voicemail_number
            )
        ):
            return uri
        reason = {
            MailboxReach.USER_IN_DOMAIN: "the model subscribes to mailboxes of its own domain",
            MailboxReach.VOICEMAIL_NUMBER: (
                "the model subscribes to its own address or to the number of its message key only"
            ),
        }.get(reach, "the model subscribes to its own address only")
        self.lose(f"{path}.mwi.mailbox_uri", uri, account.aor, reason)
        return None

    def _diverts(self, diverts: DivertsIntent, path: str) -> DivertsIntent:
        able = self._profile.diversion
        always = self._divert(diverts.always, f"{path}.diverts.always", able=able.always)
        busy = self._divert(diverts.busy, f"{path}.diverts.busy", able=able.busy)
        no_answer = self._delayed(diverts.no_answer, f"{path}.diverts.no_answer")
        if (always, busy, no_answer) == (diverts.always, diverts.busy, diverts.no_answer):
            return diverts
        return DivertsIntent(always, busy, no_answer)

    def _divert(self, divert: DivertIntent, path: str, *, able: bool) -> DivertIntent:
        if not divert.enabled:
            return divert if divert == _NO_DIVERT else _NO_DIVERT
        if able:
            return divert
        self.lose(
            path, divert.target, "", f"{self._profile.model} cannot divert this way by itself"
        )
        return _NO_DIVERT

    def _delayed(self, divert: DivertIntent, path: str) -> DivertIntent:
        divert = self._divert(divert, path, able=self._profile.diversion.no_answer)
        if not divert.enabled:
            return divert
        delay = self._profile.diversion.delay
        length_s = delay.ring_length_s
        count = min(max(_nearest(divert.delay_s, length_s), delay.minimum), delay.maximum)
        got_s = count * length_s
        if got_s != divert.delay_s:
            unit = f"rings of {length_s} s" if delay.unit is DelayUnit.RINGS else "seconds"
            self.lose(
                f"{path}.delay_s",
                f"{divert.delay_s} s",
                f"{got_s} s",
                f"counted in {unit}, {delay.minimum} to {delay.maximum}",
            )
            return replace(divert, delay_s=got_s)
        return divert

    def lamp(self, lamp: LampPolicyIntent) -> LampPolicyIntent:
        able = self._profile.lamp_policy
        if not lamp.on_message and able.on_message != "configurable":
            self.lose("lamp.on_message", "false", "true", "cannot be switched off")
            lamp = replace(lamp, on_message=True)
        if lamp.on_missed_call and able.on_missed_call != "configurable":
            reason = "missed calls never light the message lamp of this model"
            self.lose("lamp.on_missed_call", "true", "false", reason)
            lamp = replace(lamp, on_missed_call=False)
        return lamp

    def provisioning(self, wanted: ProvisioningIntent) -> ProvisioningIntent:
        interval_s = self.interval(
            "provisioning.resync_interval_s",
            wanted.resync_interval_s,
            self._profile.intervals.resync_interval,
        )
        if interval_s == wanted.resync_interval_s:
            return wanted
        return replace(wanted, resync_interval_s=interval_s)

    def locale(self, locale: LocaleIntent) -> LocaleIntent:
        language = self._word("locale.language", "languages", locale.language)
        tone_country = self._word("locale.tone_country", "tones", locale.tone_country)
        time_zone = self._word("locale.time_zone", "time_zones", locale.time_zone)
        if (language, tone_country, time_zone) == (
            locale.language,
            locale.tone_country,
            locale.time_zone,
        ):
            return locale
        return LocaleIntent(language, tone_country, time_zone, locale.ntp_server)

    def _word(self, path: str, table: str, wanted: str) -> str:
        words = self._tables.get(table, {})
        if wanted not in words:
            if wanted:
                self.lose(path, wanted, "", f"the vendor's table of {table} does not hold it")
            return ""
        # Two neutral names may share one vendor word; the first of them comes back.
        first = _first_of(words[wanted], words)
        if first != wanted:
            self.lose(path, wanted, first, "the vendor has one word for both")
        return first

    def interval(self, path: str, wanted_s: int, able: Interval) -> int:
        if wanted_s == 0 and able.zero:
            return 0
        steps = max(_nearest(wanted_s, able.step_s), 1) * able.step_s
        got_s = min(max(steps, able.minimum_s), able.maximum_s)
        if got_s != wanted_s:
            reason = (
                f"the model has no setting for it; it is always {got_s} s"
                if able.minimum_s == able.maximum_s
                else f"counted in steps of {able.step_s} s, "
                f"from {able.minimum_s} to {able.maximum_s} s"
            )
            self.lose(path, f"{wanted_s} s", f"{got_s} s", reason)
        return got_s

    def lose(self, path: str, wanted: str, got: str, reason: str) -> None:
        """Note a loss."""
        self.losses.append(Loss(path, str(wanted), str(got), reason))


def _first_of(word: object, words: Mapping[str, object]) -> str:
    for name, other in words.items():  # a generator costs more than the whole loop
        if other is word or other == word:
            return name
    raise KeyError(word)


def _nearest(value: int, step: int) -> int:
    return (value + step // 2) // step
