"""Drives a phone by SSH: which command does what is the user's data, host keys are checked.

Source: RFC 4254 section 6.5 (exec) and 6.10 (exit status).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.ssh import SshHost, SshLogin, connect
from rig.errors import UsageError
from rig.handset.vendor.control import (
    AccountSaid,
    BadPhoneReply,
    ForwardSaid,
    PhoneCapability,
    PhoneRefused,
    PhoneState,
    PhoneUnreachable,
    Screen,
)
from rig.handset.vendor.description import checked_number, checked_setting
from rig.handset.vendor.read_back import Patience, check_service, dnd_shown, forward_shown
from rig.handset.vendor.ssh_commands import SshCommands, load_commands

if TYPE_CHECKING:
    import paramiko

    from rig.handset.vendor.place import PhonePlace

MOST_OCTETS = 256 * 1024
_KNOCK_S = 2.0
_YES = frozenset({"yes", "on", "1", "true", "registered", "ok", "up"})
_NO = frozenset({"no", "off", "0", "false", "unregistered", "failed", "down", "none", "-"})


class SshPhone:
    """A phone, or anything else with an SSH server, by commands of the user's.

    Args:
        place: where it is, with a file of commands.

    Raises:
        UsageError: no file of commands, or no address.
        InputErrors: the file has faults.
    """

    def __init__(self, place: PhonePlace) -> None:
        if place.commands is None:
            raise UsageError(
                "driver ssh: which command does what? Name a file of commands: 'commands' in the "
                "control part, or --commands"
            )
        self._commands: SshCommands = load_commands(place.commands)
        text = place.address.removeprefix("ssh://").rstrip("/")
        said = SshHost.parse(text, "the phone's address")
        self._host = SshHost(said.host, place.login.user or said.user, said.port)
        password = place.login.password
        self._login = SshLogin(
            identity=place.identity,
            known_hosts=place.known_hosts or Path("~/.ssh/known_hosts"),
            password=(lambda _: password) if password else None,
        )
        self._timeout_s = place.timeout_s
        self._patience = place.patience or Patience()
        self._client: paramiko.SSHClient | None = None
        self._turn = threading.Lock()

    @property
    def vendor(self) -> str:
        """Nobody's in particular."""
        return "ssh"

    @property
    def where(self) -> str:
        """Its address, for messages."""
        return f"ssh://{self._host.known_name}"

    @property
    def host(self) -> str:
        """Name or address of its host."""
        return self._host.host

    @property
    def capabilities(self) -> frozenset[PhoneCapability]:
        """What the file has commands for."""
        return self._commands.capabilities

    @property
    def warnings(self) -> Sequence[str]:
        """Nothing: SSH is encrypted."""
        return ()

    async def close(self) -> None:
        """Close the session; safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    async def answers(self) -> bool:
        """Whether its SSH server takes a connection now."""

        def knock() -> bool:
            with contextlib.suppress(OSError):
                socket.create_connection((self._host.host, self._host.port), _KNOCK_S).close()
                return True
            return False

        return await asyncio.to_thread(knock)

    async def press(self, keys: Sequence[str]) -> None:
        """Press keys one after the other."""
        if not keys:
            raise UsageError("no key is named; name one or more, such as: message")
        for key in keys:
            name = self._commands.keys.get(key, key.removeprefix("raw:"))
            await self._run("press", key=name)

    async def dial(self, number: str) -> None:
        """Place a call."""
        await self._run("dial", number=checked_number(number))

    async def reboot(self) -> None:
        """Ask it to restart; that it hangs up on the way is no fault."""
        await self._run("reboot", may_hang_up=True)

    async def resync(self) -> None:
        """Ask it to fetch its files."""
        await self._run("resync")

    async def screen(self) -> Screen:
        """Not by commands.

        Raises:
            UsageError: always.
        """
        raise UsageError("driver ssh takes no picture of a display")

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Settings: what the command prints for each; None where it fails or prints nothing."""
        found: dict[str, str | None] = {}
        for name in names:
            checked_setting(name)
            try:
                text = (await self._run("config", name=name)).strip()
            except PhoneRefused:
                text = ""
            found[name] = text or None
        return found

    async def set_dnd(self, *, on: bool) -> None:
        """Switch do-not-disturb, and read back that it is so."""
        self._need(PhoneCapability.SET_DND)
        await self._run(f"dnd.{'on' if on else 'off'}")
        await dnd_shown(self, on=on, patience=self._patience)

    async def set_forward(self, service: str, target: str) -> None:
        """Switch a forwarding, and read back that it is so."""
        check_service(service)
        self._need(PhoneCapability.SET_FORWARD)
        if target:
            await self._run(f"forward.{service}.on", number=checked_number(target))
        else:
            await self._run(f"forward.{service}.off")
        await forward_shown(self, service, target, patience=self._patience)

    async def state(self) -> PhoneState:
        """What the patterns of the file find in the output of its command."""
        found = read_state(self._commands, await self._run("state"))
        if found == PhoneState():
            raise BadPhoneReply(
                f"{self.where}: no pattern of {self._commands.file} fits a line of what its state "
                "command printed"
            )
        return found

    def _need(self, capability: PhoneCapability) -> None:
        if capability not in self.capabilities:
            raise UsageError(
                f"{self._commands.file}: {capability} needs its commands, and a pattern of "
                "'state' that reads it back"
            )

    async def _run(self, what: str, /, *, may_hang_up: bool = False, **values: str) -> str:
        command = self._commands.command(what, **values)
        if command is None:
            raise UsageError(f"{self._commands.file}: there is no command {what!r}")
        return await asyncio.to_thread(self._execute, what, command, may_hang_up=may_hang_up)

    def _execute(self, name: str, command: str, *, may_hang_up: bool) -> str:
        """Run a command there; what it printed on standard output."""
        import paramiko  # noqa: PLC0415 - takes a third of a second, and few phones are driven so

        with self._turn:
            client = self._session()
            printed, complaint = b"", ""
            try:
                _, out, err = client.exec_command(command, timeout=self._timeout_s)
                printed = out.read(MOST_OCTETS + 1)
                if len(printed) > MOST_OCTETS:
                    out.channel.close()
                    raise BadPhoneReply(
                        f"{self.where}: {name}: the command printed more than {MOST_OCTETS} "
                        "octets; given up"
                    )
                complaint = err.read(400).decode("utf-8", "replace").strip()
                ended = out.channel.status_event.wait(self._timeout_s)
                status = out.channel.recv_exit_status() if ended else None
            except TimeoutError:
                status = None
            except (paramiko.SSHException, OSError, EOFError) as error:
                self._drop()
                raise PhoneUnreachable(
                    f"{self.where}: {name}: the session broke: {type(error).__name__}"
                ) from None
        if status is None:
            self._drop()
            raise PhoneUnreachable(
                f"{self.where}: {name}: the command printed nothing more for "
                f"{self._timeout_s:g} s and did not end"
            )
        if may_hang_up:
            self._drop()
        # -1 is no status at all: a restart may take the session along.
        if status > 0 or (status < 0 and not may_hang_up):
            what = f"ended with {status}" if status > 0 else "ended without a status"
            raise PhoneRefused(f"{self.where}: {name}: the command {what}: {complaint[:200]}")
        return printed.decode("utf-8", "replace")

    def _session(self) -> paramiko.SSHClient:
        """The session; a new one where there is none, or the phone has ended it."""
        client = self._client
        transport = client.get_transport() if client is not None else None
        if client is None or transport is None or not transport.is_active():
            self._drop()
            client = self._client = connect(self._host, self._login)
        return client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def read_state(commands: SshCommands, text: str) -> PhoneState:
    """What the patterns of a file find in some output.

    Args:
        commands: with the patterns.
        text: that was printed.
    """
    accounts: list[AccountSaid] = []
    forwards: list[ForwardSaid] = []
    dnd = waiting = None
    for line in text.splitlines():
        for word, pattern in commands.patterns.items():
            match = pattern.search(line)
            if match is None:
                continue
            said = {name: value or "" for name, value in match.groupdict().items()}
            if word == "registered":
                index = said.get("index", "")
                number = int(index) if index.isascii() and index.isdigit() else len(accounts) + 1
                accounts.append(AccountSaid(number, said["user"], _truth(said["registered"])))
            elif word == "forward":
                off = said["target"].lower() in _NO
                target = "" if off else said["target"]
                forwards.append(ForwardSaid(said["service"], not off, target))
            elif word == "dnd":
                dnd = _truth(said["on"])
            else:
                waiting = _truth(said["waiting"])
    return PhoneState(
        accounts=tuple(accounts) or None,
        dnd=dnd,
        forwards=tuple(forwards) or None,
        waiting=waiting,
    )


def _truth(word: str) -> bool | None:
    low = word.lower()
    return True if low in _YES else (False if low in _NO else None)
