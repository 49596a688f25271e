"""One call of the softphone, as its program's events tell it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from rig.errors import RigError
from rig.handset.softphone_control import Event
from rig.handset.softphone_ear import SoftphoneEar

_HANG_UP_S = 5.0
_DIGIT_S = 0.3
_STATUS = re.compile(r"([1-6]\d\d)\b")

Command = Callable[..., Awaitable[str]]
"""Gives the program a command with its argument."""


class SoftphoneCall:
    """One call of the softphone, followed by its events."""

    def __init__(self, name: str, command: Command, *, outgoing: bool, ear: SoftphoneEar) -> None:
        """Follow a call that begins now.

        Args:
            name: of the handset, for messages.
            command: gives the program a command.
            outgoing: placed here.
            ear: listens to this call.
        """
        self._name = name
        self._command = command
        self._ear = ear
        self.outgoing = outgoing
        self.call_id = ""
        self.remote_uri = ""
        self._established = False
        self._final_status: int | None = None
        self._ended = False
        self._changed = asyncio.Event()

    @property
    def established(self) -> bool:
        """Whether both sides talk."""
        return self._established and not self._ended

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._ended

    @property
    def final_status(self) -> int | None:
        """SIP status that ended or established it; None while it rings."""
        return self._final_status

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        return self._ear.heard

    def take(self, event: Event) -> None:
        """Follow one event of the program that belongs to this call."""
        self.call_id = str(event.get("id") or self.call_id)
        self.remote_uri = str(event.get("peeruri") or self.remote_uri)
        kind = event.get("type")
        if kind == "CALL_ESTABLISHED":
            self._established = True
            self._final_status = 200
        elif kind == "CALL_CLOSED":
            self._ended = True
            status = _STATUS.match(str(event.get("param", "")))
            if not self._established:
                self._final_status = int(status[1]) if status else 487
        self._changed.set()

    async def wait_established(self, timeout_s: float) -> None:
        """Wait for the answer.

        Raises:
            RigError: not answered in time, or refused.
        """
        await self._wait(lambda: self._established or self._ended, timeout_s, "an answer")
        if not self._established:
            raise RigError(f"{self._name}: call refused with {self._final_status}")

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until the call is over.

        Raises:
            RigError: it is not over in time.
        """
        await self._wait(lambda: self._ended, timeout_s, "the end of the call")

    async def send_digits(self, digits: str) -> None:
        """Send digits by RFC 4733, in real time.

        Raises:
            RigError: a digit is none, or the program refuses.
        """
        for digit in digits:
            if digit not in "0123456789*#":
                raise RigError(f"{self._name}: {digit!r} is not a key of a telephone")
            await self._command("sndcode", digit)
            await asyncio.sleep(_DIGIT_S)

    async def speak(self, duration_s: float) -> None:
        """Let the softphone talk: it does so all through a call, so this only takes time."""
        await asyncio.sleep(duration_s)

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Wait until a prompt is recognised in the audio that the softphone records.

        Raises:
            RigError: not heard in time.
        """
        return await self._ear.wait_prompt(prompt, timeout_s)

    async def hang_up(self) -> None:
        """End the call; nothing happens if it is over.

        Raises:
            RigError: the program does not end it in time.
        """
        if not self._ended:
            await self._command("hangup")
            await self.wait_ended(_HANG_UP_S)

    async def _wait(self, reached: Callable[[], bool], timeout_s: float, what: str) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                while not reached():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RigError(f"{self._name}: no {what} within {timeout_s:g} s") from None
