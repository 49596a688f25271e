"""Slows down and stops guessing of passwords; knows no password itself.

Three brakes. They count what was tried, not whether it exists, so they tell nothing about
who has an account:

- the same name from the same address waits longer after every failure, and is told so;
- a name with too many failures in a row is locked for a while, whatever the address; the
  answer is then the same as for a wrong password;
- an address with too many failures waits, whatever the names.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE_FAILURES = 2
"""Failures of one name from one address that cost no wait."""
LONGEST_WAIT_S = 60.0
LOCK_FAILURES = 10
"""Failures of one account in a row that lock it."""
LOCK_S = 900.0
ADDRESS_FAILURES = 100
"""Failures from one address, for whatever names, that make it wait."""
_MOST_REMEMBERED = 5000


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last_at: float = 0.0


class _Counts:
    """Failures by key; the longest unused are forgotten first."""

    def __init__(self, forget_s: float) -> None:
        self._forget_s = forget_s
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def get(self, key: tuple[str, ...], now: float) -> _Count:
        count = self._counts.get(key)
        if count is None or now - count.last_at >= self._forget_s:
            return _Count()
        return count

    def note(self, key: tuple[str, ...], now: float) -> None:
        count = self.get(key, now)
        self._counts[key] = _Count(count.failures + 1, now)
        self._counts.move_to_end(key)
        while len(self._counts) > _MOST_REMEMBERED:
            self._counts.popitem(last=False)

    def forget(self, key: tuple[str, ...]) -> None:
        self._counts.pop(key, None)


class LoginGuard:
    """Counts failed logins; instants are given, so tests need no clock."""

    def __init__(self) -> None:
        self._by_name = _Counts(LOCK_S)
        self._by_account = _Counts(LOCK_S)
        self._by_address = _Counts(LOCK_S)

    def wait_s(self, address: str, name: str, now: float) -> float:
        """Seconds until this name may be tried again from this address; 0 for now."""
        many = self._by_address.get((address,), now)
        if many.failures >= ADDRESS_FAILURES:
            return many.last_at + LOCK_S - now
        count = self._by_name.get((address, name), now)
        over = count.failures - FREE_FAILURES
        if over <= 0:
            return 0.0
        wait_s = min(2.0 ** (over - 1), LONGEST_WAIT_S)
        return max(0.0, count.last_at + wait_s - now)

    def locked(self, account: str, now: float) -> bool:
        """Whether an account takes no password now, not even the right one."""
        return self._by_account.get((account,), now).failures >= LOCK_FAILURES

    def note_failure(self, address: str, name: str, account: str, now: float) -> None:
        """Count a wrong password.

        Args:
            address: of the client.
            name: as typed, without regard to case.
            account: what the name stands for; the name itself when for nobody.
            now: the instant.
        """
        self._by_name.note((address, name), now)
        self._by_account.note((account,), now)
        self._by_address.note((address,), now)

    def note_success(self, address: str, name: str, account: str) -> None:
        """Forget the failures of a name and of its account."""
        self._by_name.forget((address, name))
        self._by_account.forget((account,))
