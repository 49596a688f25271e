"""What a person does with the service keys of an emulated handset: forward, transfer.

It must not know files or sockets: it works on the accounts and on the call that there is.
"""

from __future__ import annotations

from typing import Protocol

from rig.errors import RigError
from rig.handset.emulated.account import EmulatedAccount
from rig.handset.emulated.call import EmulatedCall
from rig.sip.feature_event import FeatureWord


class _Handset(Protocol):
    """What the keys need of the handset that they are mixed into."""

    _calls: list[EmulatedCall]

    @property
    def name(self) -> str: ...

    def _account(self, index: int) -> EmulatedAccount: ...


class ServiceKeys:
    """The keys; what they do depends on what the handset's files say of synchronisation."""

    async def set_forwarding(
        self: _Handset, target: str, *, service: str = "always", account: int = 1
    ) -> None:
        """Press the forwarding key: the phone forwards, or asks the platform to.

        Args:
            target: number to forward to; empty switches the forwarding off.
            service: ``always`` or ``busy``; with synchronisation ``no_answer`` too.
            account: index of the account.
        """
        word = FeatureWord(service, active=bool(target), target=target)
        self._account(account).features.press(word)

    async def wait_synced(self: _Handset, timeout_s: float, *, account: int = 1) -> None:
        """Wait until the keys show what the platform says.

        Raises:
            RigError: not in time.
        """
        await self._account(account).features.wait_synced(timeout_s)

    async def transfer(self: _Handset, number: str, *, timeout_s: float = 10.0) -> int:
        """Transfer the call that is established to a number, without asking there first.

        Returns:
            The last SIP status that was reported of the new call; 0 for none.

        Raises:
            RigError: there is no established call.
        """
        call = next((c for c in self._calls if c.established), None)
        if call is None:
            raise RigError(f"{self.name}: has no call that could be transferred")
        return await call.transfer(number, timeout_s)
