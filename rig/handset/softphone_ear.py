"""Recognises prompts in the recordings that the softphone writes during a call.

baresip's ``sndfile`` module writes what it receives into one WAV file per call, as it comes. The
file is read while it grows; its header is fixed, its length field is not looked at.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from rig.clock import Clock
from rig.errors import RigError
from rig.media.prompt_detector import PromptDetector

_PATTERN = "*-dec.wav"
_NAME = "dump-%Y-%m-%d-%H-%M-%S-dec.wav"
_WAV_HEADER_BYTES = 44
_POLL_S = 0.1


async def own_second(folder: Path, clock: Clock) -> None:
    """Wait until a new recording will not be given the name of one that is there.

    The program names them by the second, and writes over what is there.

    Args:
        folder: where the program writes its recordings.
        clock: gives the seconds since the epoch by which it names them.
    """
    at = clock()
    if (folder / time.strftime(_NAME, time.localtime(at))).exists():
        await asyncio.sleep(1.0 - at % 1.0 + _POLL_S)


class SoftphoneEar:
    """Listens to one call; made before the call, so that older recordings are told apart."""

    def __init__(self, name: str, folder: Path) -> None:
        """Note which recordings exist already.

        Args:
            name: of the handset, for messages.
            folder: where the program writes its recordings.
        """
        self._name = name
        self._folder = folder
        self._before = frozenset(folder.glob(_PATTERN))
        self._recording: Path | None = None
        self._offset = _WAV_HEADER_BYTES
        self._rest = b""
        self._detector = PromptDetector()
        self._heard: list[str] = []
        self._cursor = 0

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        self._listen()
        return tuple(self._heard)

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Wait for a prompt that comes after the last one that was waited for.

        Args:
            prompt: identifier or prefix of one.
            timeout_s: seconds to wait.

        Returns:
            The identifier.

        Raises:
            RigError: not heard in time; lists what was heard.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for index, identifier in enumerate(self.heard[self._cursor :]):
                        if identifier.startswith(prompt):
                            self._cursor += index + 1
                            return identifier
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            listed = ", ".join(self._heard) or "nothing"
            raise RigError(
                f"{self._name}: {prompt} not heard within {timeout_s:g} s; heard {listed}"
            ) from None

    def _listen(self) -> None:
        if self._recording is None:
            new = sorted(frozenset(self._folder.glob(_PATTERN)) - self._before)
            if not new:
                return
            self._recording = new[0]
        try:
            with self._recording.open("rb") as recording:
                recording.seek(self._offset)
                data = recording.read()
        except OSError:
            return
        self._offset += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % 2
        self._rest = data[whole:]
        self._heard += self._detector.feed(data[:whole])
