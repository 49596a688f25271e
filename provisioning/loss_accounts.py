"""Fits accounts to handsets that have a setting once for all of them.

Nothing is dropped: what differs from the wish of an account is a loss.
"""

from __future__ import annotations

from dataclasses import replace

from provisioning.intent import AccountIntent, DivertsIntent, MwiIntent, SipTransport
from provisioning.loss_features import Lose, Tables
from provisioning.profile_model import Profile

_ONCE = "the handset has one setting, the one of its first account"


def fit_accounts(
    accounts: tuple[AccountIntent, ...], profile: Profile, tables: Tables, lose: Lose
) -> tuple[AccountIntent, ...]:
    """Fit all accounts of a handset.

    Args:
        accounts: by index.
        profile: of the model.
        tables: words of its dialect.
        lose: takes each loss.
    """
    judged = 1 if "transport" in profile.once else len(accounts)
    accounts = (*_spoken(accounts[:judged], tables, lose), *accounts[judged:])
    once: tuple[str, ...] = profile.once
    if not profile.diversion.per_account:
        once = (*once, "diverts")
    if not once or not accounts:
        return accounts
    return tuple([_fit(account, accounts[0], once, lose) for account in accounts])


def _fit(
    account: AccountIntent,
    first: AccountIntent,
    once: tuple[str, ...],
    lose: Lose,
) -> AccountIntent:
    path = f"accounts[{account.index}]"
    changes: dict[str, object] = {}
    for name in once:
        wanted, got = getattr(account, name), getattr(first, name)
        if wanted != got:
            lose(f"{path}.{name}", _text(wanted), _text(got), _ONCE)
            changes[name] = got
    return replace(account, **changes) if changes else account  # type: ignore[arg-type]  # names and values belong together


def _spoken(
    accounts: tuple[AccountIntent, ...], tables: Tables, lose: Lose
) -> tuple[AccountIntent, ...]:
    """The transports that the vendor's table holds; the first of them stands for any other."""
    words = tables.get("transports")
    if not words or all(account.transport in words for account in accounts):
        return accounts
    first = SipTransport(next(iter(words)))
    fitted = []
    for account in accounts:
        if account.transport not in words:
            path = f"accounts[{account.index}].transport"
            lose(path, account.transport, first, "the vendor's table of transports lacks it")
            account = replace(account, transport=first)  # noqa: PLW2901 - bent to fit
        fitted.append(account)
    return tuple(fitted)


def _text(value: object) -> str:
    if isinstance(value, MwiIntent):
        return f"{value.mode}, {value.expires_s} s"
    if not isinstance(value, DivertsIntent):
        return str(value)
    parts = [
        (name, getattr(value, name).target)
        for name in ("always", "busy", "no_answer")
        if getattr(value, name).enabled
    ]
    return ", ".join(f"{name} to {target}" for name, target in parts)
