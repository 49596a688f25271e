"""Keywords about the platform as a whole: restart, and a fax beside the messages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from robot.api.deco import keyword

from rig.faults.fax import FaxHook
from rig.robotlib.component import Component

READY_S = 20.0


class PlatformKeywords(Component):
    """What happens to the platform, not to a phone."""

    @keyword(tags=["platform", "power"])
    def restart_platform(self) -> None:
        """Stops the platform as a crash would and starts it again.

        Its phones have to register anew: `Power Cycle Handset`. When the test ends every phone
        of the bench is switched off and on.
        """
        self.bench.note("platform", "stops and starts again", key="restart")
        self.session.at_the_end(self._power_cycle_all)
        self.session.run(self.bench.platform.restart())

    async def _power_cycle_all(self) -> None:
        handsets = self.bench.handsets
        await asyncio.gather(*(handset.power_cycle() for handset in handsets))
        await asyncio.gather(*(handset.wait_ready(READY_S) for handset in handsets))

    @keyword(tags=["platform", "mwi"])
    def let_fax_wait(self, role: str) -> None:
        """Lets the platform tell a role's phones of a waiting fax, until the test ends.

        Messages-Waiting is yes then, as RFC 3842 wants it of any class of message.
        """
        fax, mailbox = self.bench.fax, self.trial.watched_mailbox(role)
        self.session.at_the_end(lambda: self._tell(fax, mailbox, waiting=False))
        self.session.run(self._tell(fax, mailbox, waiting=True))

    async def _tell(self, fax: FaxHook, mailbox: str, *, waiting: bool) -> None:
        """Change the fax and have every phone told anew."""
        platform = self.bench.platform
        options = platform.options(mailbox)
        self.bench.note("platform", f"a fax {'waits' if waiting else 'is gone'}", key="fax")
        await platform.set_mailbox_options(mailbox, replace(options, mwi=False))
        if waiting:
            fax.waiting.add(mailbox)
        else:
            fax.waiting.discard(mailbox)
        await platform.set_mailbox_options(mailbox, options)
