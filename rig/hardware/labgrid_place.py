"""A place of a labgrid lab: taken for a run, its power switched, its serial port's address told.

labgrid brings a fork of pyserial under the same name and cannot be installed beside this project,
so its own program ``labgrid-client`` of another environment is run for each step, with limits of
time and output. labgrid locks by user name: each process takes its places as a user of its own,
and a second run of the same person is refused as a stranger's would be.

Source: labgrid 26.0.1, remote/client.py (its commands, and how it locks).
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import logging
import os
import re
import secrets
import shutil
import signal
import socket
from dataclasses import dataclass, field

from rig.errors import RigError
from rig.hardware.labgrid_shown import PlaceShown, parse_shown, serial_url
from rig.hardware.power import (
    PowerError,
    PowerLimits,
    PowerReading,
    PowerState,
    VerifiedPort,
)

CLIENT = "labgrid-client"
COMMAND_LIMIT_S = 30.0
KILL_LIMIT_S = 5.0
MAX_OUTPUT_BYTES = 256 * 1024
PLACE_LIMITS = PowerLimits(off_s=15.0, on_s=20.0, poll_s=0.5)
"""Each reading starts a program that takes a second, and the device behind it may take more."""
_FOREIGN = ("LG_ENV", "LG_PLACE", "LG_STATE", "LG_INITIAL_STATE", "PYTHONPATH", "PYTHONHOME")
"""Variables that would let the program speak of another place, or load our own packages."""
_TAKEN_BY = re.compile(r"is already acquired by (?P<holder>\S+?)\.(?:\s|$)")
_POWER = re.compile(r"^power(?: \S+)? for place \S+ is (?P<state>on|off)$", re.MULTILINE)

log = logging.getLogger(__name__)


def _own_user() -> str:
    """A user name that no other process has."""
    try:
        person = os.environ.get("LG_USERNAME") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        person = str(os.getuid())
    return f"{person.replace('/', '_')}-phonerig-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class PlaceAddress:
    """Which place, and how to get at it.

    Attributes:
        name: in the bench file.
        coordinator: ``HOST:PORT``.
        place: its whole name at the coordinator.
        client: the program; a bare name is looked for on ``PATH``.
        serial: name of its serial port; empty if it has one only.
        limit_s: for one command.
    """

    name: str
    coordinator: str
    place: str
    client: str = CLIENT
    serial: str = ""
    limit_s: float = COMMAND_LIMIT_S


@dataclass(slots=True)
class LabgridPlace:
    """One place, held while anybody here holds it.

    Attributes:
        address: which.
        host: of the user that takes it.
        user: likewise; nobody else's.
    """

    address: PlaceAddress
    host: str = field(default_factory=socket.gethostname)
    user: str = field(default_factory=_own_user)
    _holds: int = 0
    _shown: PlaceShown | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def title(self) -> str:
        """For messages."""
        return f"place {self.address.place} of the labgrid coordinator {self.address.coordinator}"

    @property
    def serial_url(self) -> str:
        """Where its serial port is on the network; see :mod:`rig.hardware.labgrid_shown`.

        Raises:
            RigError: it is not held, or has no such port.
        """
        if self._shown is None:
            raise RigError(f"{self.title} is not held; its serial port is closed until then")
        return serial_url(self._shown, self.address.serial)

    async def acquire(self) -> PlaceShown:
        """Take it; who has it here already shares it. Each needs its :meth:`release`.

        Returns:
            The place as it is now.

        Raises:
            RigError: no program, no coordinator, no such place, a resource is away, or somebody
                else has it, who is named.
        """
        async with self._lock:
            if self._shown is None:
                self._shown = await self._take()
            self._holds += 1
            return self._shown

    async def release(self) -> None:
        """Let go of it; the last one here gives it back. What then fails is logged, not raised."""
        async with self._lock:
            self._holds = max(0, self._holds - 1)
            if self._holds or self._shown is None:
                return
            self._shown = None
            await self._give_back()

    async def show(self) -> PlaceShown:
        """Ask the coordinator for it.

        Raises:
            RigError: no program, no coordinator, or no such place.
        """
        shown = parse_shown(await self._run("show"))
        if shown.name != self.address.place:
            # The program takes any part of a name for the name.
            raise RigError(
                f"{self.title} is not there, expected its whole name; the nearest is {shown.name}"
            )
        return shown

    async def power(self, act: str, resource: str = "") -> str:
        """Switch or read its power.

        Args:
            act: ``on``, ``off`` or ``get``.
            resource: name of the port; empty for the first one.

        Returns:
            What the program said.

        Raises:
            RigError: the place is not held, or labgrid or the device behind it refuses.
        """
        return await self._run("power", act, *([f"--name={resource}"] if resource else []))

    async def _take(self) -> PlaceShown:
        before = await self.show()
        if before.holder:
            raise self._taken(before.holder)
        # A client that is killed while it acquires leaves resources held by nobody: it is let
        # come to its end in its time, whatever happens here.
        taking = asyncio.create_task(self._run("acquire"))
        try:
            await asyncio.shield(taking)
            return self._whole(await self.show())
        except RigError as error:
            await self._give_back(quietly=True)
            holder = _TAKEN_BY.search(str(error))
            raise self._taken(holder["holder"]) if holder else error from None
        except BaseException:
            # Broken off.
            await asyncio.wait([taking])
            await self._give_back(quietly=True)
            raise

    def _whole(self, shown: PlaceShown) -> PlaceShown:
        if shown.orphans:
            raise RigError(f"{self.title} lacks {', '.join(shown.orphans)}: exporter gone?")
        return shown

    def _taken(self, holder: str) -> RigError:
        return RigError(
            f"{self.title} is taken by {holder}; wait until it is released, or, if that run is "
            f"dead: labgrid-client -x {self.address.coordinator} -p {self.address.place} "
            "release --kick"
        )

    async def _give_back(self, *, quietly: bool = False) -> None:
        try:
            # Only if it is ours: nobody else's place is released, whatever happened meanwhile.
            await self._run("release-from", f"{self.host}/{self.user}")
        except RigError as error:
            if not quietly:
                log.warning("%s could not be released: %s", self.title, error)

    async def _run(self, *words: str) -> str:
        program = shutil.which(self.address.client)
        if program is None:
            raise RigError(
                f"no program {self.address.client} for {self.title}; install labgrid in an "
                "environment of its own and name its labgrid-client under `client`"
            )
        env = {name: text for name, text in os.environ.items() if name not in _FOREIGN}
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                f"--coordinator={self.address.coordinator}",
                f"--place={self.address.place}",
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**env, "LG_USERNAME": self.user, "LG_HOSTNAME": self.host},
                # Ctrl-C at the terminal is for us: who gives a place back must not be hit by it.
                start_new_session=True,
            )
        except OSError as error:
            raise RigError(
                f"{self.title}: {program} cannot be run: {error.strerror}; is its environment "
                "still there? Make it anew, or name another labgrid-client under `client`"
            ) from error
        try:
            async with asyncio.timeout(self.address.limit_s):
                said, complaint = await asyncio.gather(
                    _bounded(process.stdout), _bounded(process.stderr)
                )
                code = await process.wait()
        except TimeoutError:
            raise RigError(
                f"{self.title}: labgrid-client {words[0]} does not end within "
                f"{self.address.limit_s:g} s; is the coordinator reachable, and the device?"
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                # asyncio calls a process ended when its pipes are, and a full one must be read.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(KILL_LIMIT_S):
                        await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
                        await process.wait()
        if code:
            raise RigError(f"{self.title}: {_complaint(complaint) or f'exit code {code}'}")
        return said


def _complaint(text: str) -> str:
    """The last line of what a program complains, which is what labgrid means."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1][:400] if lines else ""
    if "Could not connect to coordinator" in last:
        return "the coordinator does not answer; does it run, and is that its address?"
    return re.sub(r"^(?:labgrid-client: |Server error: )?Error: ", "", last)


async def _bounded(stream: asyncio.StreamReader | None) -> str:
    """Read to the end, and keep the first part of what is too long."""
    kept = b""
    while stream is not None and (octets := await stream.read(65536)):
        kept += octets[: MAX_OUTPUT_BYTES - len(kept)]
    return kept.decode(errors="replace")


class LabgridPort(VerifiedPort):
    """What feeds a phone at a place; takes the place when it is first used."""

    def __init__(
        self, place: LabgridPlace, resource: str = "", limits: PowerLimits = PLACE_LIMITS
    ) -> None:
        """Describe it; nothing is contacted yet.

        Args:
            place: whose power.
            resource: name of the port at the place; empty for the first one.
            limits: how long it may take.
        """
        named = f" {resource}" if resource else ""
        super().__init__(f"power{named} of labgrid place {place.address.place}", limits)
        self._place = place
        self._resource = resource
        self._holding = False

    async def _switch(self, *, on: bool) -> None:
        await self._ask("on" if on else "off")

    async def state(self) -> PowerReading:
        """Ask the device through labgrid.

        Raises:
            PowerError: the place is not to be had, or its device cannot be read back.
        """
        said = (await self._ask("get")).strip()
        found = _POWER.search(said)
        if found is None:
            raise PowerError(
                f"{self.name}: labgrid-client power get says {said[:120]!r}, expected "
                "'power for place NAME is on' or 'off'"
            )
        return PowerReading(PowerState(found["state"]), f"labgrid says {found['state']}")

    async def close(self) -> None:
        """Let go of the place."""
        if self._holding:
            self._holding = False
            await self._place.release()

    async def _ask(self, act: str) -> str:
        try:
            if not self._holding:
                await self._place.acquire()
                self._holding = True
            return await self._place.power(act, self._resource)
        except PowerError:
            raise
        except RigError as error:
            raise PowerError(f"{self.name}: {error}") from None
