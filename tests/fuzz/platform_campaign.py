"""Sends mutants to a platform in another process and looks after it: alive, clean, lean.

After every mutant comes a sound OPTIONS, which must be answered with 200. Answers to mutants
are acknowledged as a phone would, a call that one of them opened gets a mutated request inside
its dialog and is then ended, so the platform is left with nothing to do.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from fuzz.sip_mutants import Mutant, Surroundings, mutant
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, PORTAL, make_site

from rig.sip.digest import Challenge, choose_challenge, make_credentials
from rig.sip.errors import MessageError
from rig.sip.message import Response
from rig.sip.parser import parse_message

TESTS = Path(__file__).parents[1]
WINDOW = 16
ANSWER_S = 20.0
TCP_EVERY = 10
NONCE_USES = 5_000
HOST = "127.0.0.1"
CHILD_T1_S = 0.02
"""Short timers: a transaction whose answer nobody acknowledges is over after 1.3 s, so that what
stays in memory during the campaign is what leaks."""


class Child:
    """The platform in a process of its own."""

    def __init__(self, t1_s: float = CHILD_T1_S) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(TESTS / "platform_child.py"), str(t1_s)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        first = self._line()
        host, port = first["sip"]
        self.sip_address = (str(host), int(port))
        self.site = make_site()

    def _line(self) -> dict:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the platform is gone: {self.complaints()}")
        return json.loads(line)

    def state(self) -> dict:
        """Ask what is alive in it."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._line()

    def settled(self, timeout_s: float = 30.0) -> dict:
        """Its state once nothing of former requests is under way any more."""
        deadline = time.monotonic() + timeout_s
        while True:
            state = self.state()
            idle = not (state["calls"] or state["transactions"] or state["dialogs"])
            if idle or time.monotonic() > deadline:
                return state
            time.sleep(0.1)

    @property
    def rss_kib(self) -> int:
        """Resident memory, KiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def complaints(self) -> str:
        """End it in good order; gives what it wrote to standard error."""
        _, errors = self.process.communicate(timeout=30)
        return errors

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@dataclass
class Outcome:
    """What came of a campaign.

    Attributes:
        sent: mutants, by transport.
        alive: how many OPTIONS behind mutants were answered with 200.
        statuses: final answers to mutants.
        opened: calls that mutants opened, and that were ended.
    """

    sent: Counter = field(default_factory=Counter)
    alive: int = 0
    statuses: Counter = field(default_factory=Counter)
    opened: int = 0


class NotAnswered(AssertionError):
    """The platform did not answer an OPTIONS in time."""


class Campaign:
    """One campaign against one platform.

    Args:
        target: SIP address of the platform.
        seed: of the mutants.
        auth_user: digest user name of the caller.
        password: its password.
    """

    def __init__(self, child: Child, seed: int) -> None:
        self.target = child.sip_address
        self.seed = seed
        self.user = child.site.users[DORA]
        self.outcome = Outcome()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._udp.bind((HOST, 0))
        self._port = self._udp.getsockname()[1]
        self._tcp: list[socket.socket] = []
        self._alive: set[int] = set()
        self._challenge: Challenge | None = None
        self._nc = 0
        self._bye = 0
        self.around = Surroundings(
            domain=DOMAIN,
            caller=self.user.sip_user,
            callees=(ANNA, BERT, CARL, DORA, PORTAL, "101", "0301234", "+4930112", "*98"),
            host=HOST,
            port=self._port,
            authorise=self._authorise,
        )

    def close(self) -> None:
        """Free the sockets."""
        for connection in self._tcp:
            connection.close()
        self._udp.close()

    def run(self, first: int, count: int) -> Outcome:
        """Send ``count`` mutants beginning with number ``first``."""
        for start in range(first, first + count, WINDOW):
            numbers = range(start, min(start + WINDOW, first + count))
            if self._challenge is None or self._nc > NONCE_USES:
                self._get_challenge()
            mutants = [mutant(self.seed, number, self.around) for number in numbers]
            for one in mutants:
                self._send(one)
                self._udp.sendto(self._options(one.number), self.target)
            self._collect(set(numbers), mutants)
        return self.outcome

    def _send(self, one: Mutant) -> None:
        if one.number % TCP_EVERY:
            self.outcome.sent["UDP"] += 1
            self._udp.sendto(one.data, self.target)
            return
        self.outcome.sent["TCP"] += 1
        connection = socket.create_connection(self.target, timeout=ANSWER_S)
        connection.sendall(one.data)
        connection.setblocking(False)
        self._tcp.append(connection)
        while len(self._tcp) > 8:  # some stay open with half a message in them for a while
            self._tcp.pop(0).close()

    def _options(self, number: int) -> bytes:
        return (
            f"OPTIONS sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{self._port};"
            f"branch=z9hG4bKalive{self.seed}-{number};rport\r\n"
            f"From: <sip:alive@{DOMAIN}>;tag=a\r\nTo: <sip:{DOMAIN}>\r\n"
            f"Call-ID: alive-{self.seed}-{number}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def _collect(self, wanted: set[int], mutants: list[Mutant]) -> None:
        deadline = time.monotonic() + ANSWER_S
        while wanted:
            readable, _, _ = select.select([self._udp], [], [], deadline - time.monotonic())
            if not readable:
                raise NotAnswered(
                    f"seed {self.seed}: no answer to OPTIONS behind {sorted(wanted)}; one of: "
                    + "; ".join(f"{one.number} {one.method} {one.what}" for one in mutants)
                )
            self._take(self._udp.recv(65535), wanted)

    def _take(self, data: bytes, wanted: set[int]) -> None:
        try:
            message = parse_message(data)
            if not isinstance(message, Response):
                return
            call_id, cseq = message.call_id, message.cseq
        except MessageError:
            return  # an answer copies what it was asked
        prefix = f"alive-{self.seed}-"
        if call_id.startswith(prefix) and cseq.method == "OPTIONS":
            if message.status == 200:
                number = int(call_id.removeprefix(prefix))
                self.outcome.alive += number in wanted
                wanted.discard(number)
            return
        if message.status < 200 or call_id.startswith("end-"):
            return
        self.outcome.statuses[message.status] += 1
        if cseq.method != "INVITE":
            return
        self._udp.sendto(self._follow_up("ACK", message, cseq.number), self.target)
        if message.is_success:
            self.outcome.opened += 1
            self._end(message, cseq.number)

    def _end(self, answer: Response, cseq: int) -> None:
        """Inside the dialog: a mutant, then a sound BYE."""
        number = self._bye = self._bye + 1
        inside = mutant(-self.seed - 1, number, self.around).data
        inside = inside.replace(
            b"To: ", b"To: <sip:x@x>;tag=%s\r\nX: " % (answer.to.tag or "").encode()
        )
        self._udp.sendto(inside[:65000], self.target)
        self._udp.sendto(self._follow_up("BYE", answer, cseq + 1), self.target)

    def _follow_up(self, method: str, answer: Response, cseq: int) -> bytes:
        """ACK or BYE made of nothing but the answer."""
        via = answer.headers.get_all("Via")[0]
        if answer.is_success:
            via = f"SIP/2.0/UDP {HOST}:{self._port};branch=z9hG4bKend{method}{self._bye};rport"
        uri = answer.contacts[0].uri if answer.is_success else f"sip:{DOMAIN}"
        rows = "".join(
            f"{name}: {answer.headers.get(name)}\r\n" for name in ("From", "To", "Call-ID")
        )
        text = (
            f"{method} {uri} SIP/2.0\r\nVia: {via}\r\n{rows}CSeq: {cseq} {method}\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        return text.encode("utf-8", "surrogateescape")

    # ---- credentials ---------------------------------------------------------------------

    def _authorise(self, method: str, uri: str, body: bytes) -> str:
        assert self._challenge is not None
        self._nc += 1
        credentials = make_credentials(
            self._challenge,
            self.user.auth_user,
            self.user.password,
            method,
            uri,
            body,
            cnonce="c",
            nc=self._nc,
        )
        return str(credentials)

    def _get_challenge(self) -> None:
        """A nonce, as any phone gets it."""
        request = (
            self._options(0)
            .replace(b"OPTIONS", b"REGISTER")
            .replace(b"alive", b"nonce%d" % self._nc)
        )
        self._udp.sendto(request, self.target)
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self._udp], [], [], 1)
            if not readable:
                continue
            answer = parse_message(self._udp.recv(65535))
            if isinstance(answer, Response) and answer.call_id.startswith("nonce"):
                self._challenge = choose_challenge(answer.headers.get_all("WWW-Authenticate"))
                self._nc = 0
                return
        raise NotAnswered("no challenge for a REGISTER")
