"""What a person does at an emulated handset besides calling: log off, look at the calls.

It must not know files or sockets: it works on the accounts, and the lamps follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from rig.errors import RigError
from rig.handset.base import AnswerMode
from rig.handset.emulated.account import EmulatedAccount
from rig.sip.feature_event import DO_NOT_DISTURB, FeatureWord

_GOODBYE_S = 1.0
_READY_S = 10.0


class _Handset(Protocol):
    """What the actions need of the handset that they are mixed into."""

    missed_calls: int
    _mode: AnswerMode
    _accounts: Mapping[int, EmulatedAccount]

    def _account(self, index: int) -> EmulatedAccount: ...

    def _show(self, cause: str) -> None: ...

    async def wait_ready(self, timeout_s: float) -> None: ...


class DeskActions:
    """The actions; each is there at once, and a power cycle forgets it."""

    def look_at_calls(self: _Handset) -> None:
        """The person looks at the call log: missed calls are no news any more."""
        self.missed_calls = 0
        self._show("calls_seen")

    async def set_answer_mode(self: _Handset, mode: AnswerMode) -> None:
        """Say what happens with incoming calls from now on."""
        self._mode = mode

    async def set_dnd(self: _Handset, *, on: bool, account: int = 1) -> None:
        """Switch do-not-disturb of one account, or ask the platform to."""
        self._account(account).features.press(FeatureWord(DO_NOT_DISTURB, on))

    async def log_off(self: _Handset) -> None:
        """End subscriptions and registrations; the handset stays on, its lamps as last told."""
        await asyncio.gather(*(a.stop(patience_s=_GOODBYE_S) for a in self._accounts.values()))

    async def log_on(self: _Handset) -> None:
        """Register and subscribe again.

        Raises:
            RigError: an account is not registered in time.
        """
        if not self._accounts:
            raise RigError("log on: the handset is off; boot it first")
        for account in self._accounts.values():
            account.start()
        await self.wait_ready(_READY_S)
