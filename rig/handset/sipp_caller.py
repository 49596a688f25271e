"""SIPp as a caller: an independent program that places one call and says what came of it.

The scenario is generated for each call, because SIPp can neither nest keywords nor skip digest
when no challenge comes. Audio is the voice recording that the package brings, which needs root;
without root, or without the recording, the caller is silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.secret import Secret
from rig.clock import Clock, now
from rig.errors import RigError
from rig.sip.errors import MessageError
from rig.sip.message import Response
from rig.sip.parser import parse_message
from rig.timeline import Address

_VOICE = Path("/usr/share/sip-tester/g711a.pcap")
_GRACE_S = 5.0
_RECEIVED = re.compile(rb"^(?:UDP|TCP) message received \[(\d+)\] bytes :\n\n", re.MULTILINE)
_PROVISIONAL = (100, 180, 181, 182, 183)
_NEXT = "[next_url]"
_UNWRITABLE = frozenset(';"]\r\n')
_SDP = """\
v=0
o=caller 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [auto_media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15"""


@dataclass(frozen=True, slots=True)
class SippOutcome:
    """What came of one call.

    Attributes:
        final_status: last final status of the INVITE, not counting challenges; None for none.
        statuses: every status of the INVITE in order of arrival.
        diversion: Diversion values of the last 181, newest first; empty for none.
        duration_s: from the start of the program to its end.
        exit_code: of the program; 0 if the scenario went as written.
    """

    final_status: int | None
    statuses: tuple[int, ...]
    diversion: tuple[str, ...]
    duration_s: float
    exit_code: int


@dataclass(frozen=True, slots=True)
class SippCaller:
    """Places calls by SIPp.

    Attributes:
        user: user part of its AOR.
        domain: host part of its AOR.
        host: numeric local address.
        auth_user: user name for digest; empty if the platform asks callers for nothing.
        password: digest secret.
        headers: further rows for the INVITE, e.g. Diversion.
        program: name or path of SIPp.
        port: local SIP port; 0 for SIPp's own choice.
    """

    user: str
    domain: str
    host: str = "127.0.0.1"
    auth_user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    headers: tuple[tuple[str, str], ...] = ()
    program: str = "sipp"
    port: int = 0

    async def call(
        self,
        number: str,
        target: Address,
        *,
        talk_s: float = 3.0,
        ring_s: float = 20.0,
        clock: Clock = now,
    ) -> SippOutcome:
        """Call a number, talk, hang up; a refusal is an outcome, not an error.

        Args:
            number: who is called.
            target: where the INVITE goes, by UDP.
            talk_s: seconds between the answer and BYE.
            ring_s: seconds to wait for an answer.
            clock: measures the duration.

        Raises:
            RigError: SIPp is not installed, or it could not run the scenario at all.
        """
        run = await self.begin(number, target, talk_s=talk_s, ring_s=ring_s, clock=clock)
        return await run.finish()

    async def begin(
        self,
        number: str,
        target: Address,
        *,
        talk_s: float = 3.0,
        ring_s: float = 20.0,
        clock: Clock = now,
    ) -> SippRun:
        """Start a call and come back at once; the arguments are those of :meth:`call`.

        Raises:
            RigError: SIPp is not installed.
        """
        path = shutil.which(self.program)
        if path is None:
            raise RigError(f"{self.program} is not installed; apt install sip-tester")
        scenario, users = self.scenario(number, talk_s), self._users()
        holder = tempfile.TemporaryDirectory(prefix="phonerig-sipp-")
        folder = Path(holder.name)
        (folder / "call.xml").write_text(scenario, encoding="utf-8")
        (folder / "users.csv").write_text(users, encoding="utf-8")
        process = await self._start(path, folder, number, target, talk_s + ring_s)
        called = f"{number} at {target[0]}:{target[1]}"
        return SippRun(holder, process, called, talk_s + ring_s, clock)

    def scenario(self, number: str, talk_s: float) -> str:
        """Write the scenario for one call.

        Args:
            number: who is called.
            talk_s: seconds between the answer and BYE.
        """
        offer = [*self.headers, ("Content-Type", "application/sdp")]
        parts = [self._send("INVITE", number, cseq=1, rows=offer, body=_SDP)]
        if self.auth_user:
            parts += [_receive(status, optional=True) for status in _PROVISIONAL]
            parts += [
                '  <recv response="401" auth="true" optional="true" next="1"/>\n',
                '  <recv response="407" auth="true"/>\n',
                '  <label id="1"/>\n',
                self._send("ACK", number, cseq=1, remote="[peer_tag_param]"),
                self._send("INVITE", number, cseq=2, rows=offer, body=_SDP, credentials=True),
            ]
        cseq = 2 if self.auth_user else 1
        parts += [_receive(status, optional=True) for status in _PROVISIONAL]
        parts.append('  <recv response="200" rrs="true"/>\n')
        parts.append(self._send("ACK", number, cseq=cseq, remote="[peer_tag_param]", uri=_NEXT))
        if self._has_voice():
            parts.append(f'  <nop><action><exec play_pcap_audio="{_VOICE}"/></action></nop>\n')
        parts.append(f'  <pause milliseconds="{round(talk_s * 1000)}"/>\n')
        parts.append(
            self._send("BYE", number, cseq=cseq + 1, remote="[peer_tag_param]", uri=_NEXT)
        )
        parts.append('  <recv response="200"/>\n')
        body = "".join(parts)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="call">\n{body}</scenario>\n'
        )

    def _send(
        self,
        method: str,
        number: str,
        *,
        cseq: int,
        remote: str = "",
        uri: str = "",
        rows: Sequence[tuple[str, str]] = (),
        body: str = "",
        credentials: bool = False,
    ) -> str:
        """One ``send`` element; an ACK is not repeated, everything else is."""
        callee = f"sip:{number}@{self.domain}"
        # The ACK of a refusal belongs to the INVITE's transaction, the ACK of a 2xx does not
        # (RFC 3261 17.1.1.3, 13.2.2.4); SIPp's own keyword makes a new branch for every message.
        branch = f"z9hG4bK-[pid]-[call_number]-{cseq}{'-ok' if method == 'ACK' and uri else ''}"
        lines = [
            f"{method} {uri or callee} SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
            *(["[routes]"] if uri else []),
            f"From: <sip:{self.user}@{self.domain}>;tag=[pid]caller[call_number]",
            f"To: <{callee}>{remote}",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            *(["[field0]"] if credentials else []),
            *(f"{name}: {value}" for name, value in rows),
            "Content-Length: [len]",
            "",
            body,
        ]
        text = "\n".join(lines)
        repeat = "" if method == "ACK" else ' retrans="500"'
        return f"  <send{repeat}><![CDATA[\n{text}\n]]></send>\n"

    def _has_voice(self) -> bool:
        return os.geteuid() == 0 and _VOICE.is_file()

    def _users(self) -> str:
        user, password = self.auth_user, self.password.reveal()
        if set(user + password) & _UNWRITABLE:
            raise RigError(
                f'sipp: user name or password of {user!r} holds one of ; " ] or a line end, '
                "which SIPp cannot be told"
            )
        return f'SEQUENTIAL\n[authentication username={user} password="{password}"];\n'

    async def _start(
        self, path: str, folder: Path, number: str, target: Address, timeout_s: float
    ) -> asyncio.subprocess.Process:
        arguments = [
            *(f"{target[0]}:{target[1]}", "-sf", "call.xml", "-inf", "users.csv"),
            *("-i", self.host, "-mi", self.host, "-m", "1", "-t", "u1", "-nostdin"),
            *("-timeout", f"{timeout_s:.0f}s", "-timeout_error", "-recv_timeout", "15000"),
            *("-trace_msg", "-message_file", "messages"),
            *("-auth_uri", f"{number}@{self.domain}"),
            *(("-p", str(self.port)) if self.port else ()),
        ]
        with (folder / "output").open("wb") as output:
            return await asyncio.create_subprocess_exec(
                path,
                *arguments,
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


class SippRun:
    """One call that SIPp is placing.

    Args:
        holder: its folder.
        process: SIPp.
        called: who is called and where, for messages.
        limit_s: longest time that the call may take.
        clock: measures the duration.
    """

    def __init__(
        self,
        holder: tempfile.TemporaryDirectory[str],
        process: asyncio.subprocess.Process,
        called: str,
        limit_s: float,
        clock: Clock,
    ) -> None:
        self._holder = holder
        self._process = process
        self._called = called
        self._limit_s = limit_s
        self._clock = clock
        self._started_at = clock()
        self._outcome: SippOutcome | None = None

    def responses(self) -> list[Response]:
        """What the far side has answered so far."""
        messages = Path(self._holder.name) / "messages"
        return responses_in(messages.read_bytes()) if messages.exists() else []

    def final_status(self) -> int | None:
        """Status that ended or established the call; None while it rings."""
        if self._outcome is not None:
            return self._outcome.final_status
        return _outcome(self.responses(), 0.0, 0).final_status

    async def finish(self) -> SippOutcome:
        """Wait until SIPp has hung up and ended; may be asked again.

        Raises:
            RigError: it could not run the scenario at all.
        """
        if self._outcome is not None:
            return self._outcome
        try:
            code = await self._end()
            seen = self.responses()
            output = Path(self._holder.name) / "output"
            printed = output.read_text(encoding="utf-8", errors="replace")[-300:].strip()
        finally:
            self._holder.cleanup()
        if not seen and code not in {0, 1}:
            raise RigError(f"sipp could not call {self._called}: {printed}")
        self._outcome = _outcome(seen, self._clock() - self._started_at, code)
        return self._outcome

    async def _end(self) -> int:
        try:
            return await asyncio.wait_for(self._process.wait(), self._limit_s + _GRACE_S)
        except TimeoutError:
            return 99
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def responses_in(log: bytes) -> list[Response]:
    """Every response in a SIPp message log, in order.

    Args:
        log: what ``-trace_msg`` wrote.
    """
    found = []
    for match in _RECEIVED.finditer(log):
        with contextlib.suppress(MessageError):
            message = parse_message(log[match.end() : match.end() + int(match[1])])
            if isinstance(message, Response):
                found.append(message)
    return found


def _outcome(seen: list[Response], duration_s: float, code: int) -> SippOutcome:
    answers = [response for response in seen if response.cseq.method == "INVITE"]
    statuses = tuple(response.status for response in answers)
    finals = [status for status in statuses if status >= 200 and status not in {401, 407}]
    forwarded = [response for response in answers if response.status == 181]
    diversion = tuple(forwarded[-1].headers.get_list("Diversion")) if forwarded else ()
    return SippOutcome(finals[-1] if finals else None, statuses, diversion, duration_s, code)


def _receive(status: int, *, optional: bool) -> str:
    return f'  <recv response="{status}" optional="{str(optional).lower()}"/>\n'
