"""How many callers can leave a message at the same time without the loss of a sample?

The mailbox (SIP, RTP, RTCP, store) is a process of its own on one core at most, since it is one
event loop. This process places the calls with real INVITEs, one after the other, and sends each
call 50 packets a second from its answer on, through its greeting and beep, until all speak and
some seconds more. Then all hang up, and every sample of every stored message is compared with
what was sent.

Run: ``python tests/benchmarks/bench_recordings.py [--quick] [--calls N] [--seconds S]``
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from figures import arguments, report
from rtp_load import SAMPLES, RtpLoad, payload

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.calls.rules import CallerKind
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.voicemail import VoicemailServer
from rig.media.g711 import Law, decode
from rig.media.wav import from_wav
from rig.sip.sdp import SessionDescription, make_offer
from rig.sip_transport.call import Call, place_call
from rig.sip_transport.stack import SipStack

HOST = "127.0.0.1"
BOX = "+4930100"
DIVERTED = ("Diversion", f"<sip:{BOX}@example.com>;reason=no-answer;counter=1")
MOST_FILES = 20_000
AT_ONCE = 20
"""Calls in the way of being answered, and of being ended."""


class OneMailbox:
    """A directory with one mailbox."""

    def mailbox_of(self, party: str) -> str | None:
        return BOX if party == BOX else None

    def caller_number(self, party: str) -> str:
        return party

    def portal_mailbox(self, caller: str) -> tuple[str, CallerKind] | None:
        del caller
        return None

    def options(self, mailbox: str) -> MailboxOptions | None:
        return MailboxOptions() if mailbox == BOX else None

    def check_pin(self, mailbox: str, pin: str) -> bool:
        del mailbox, pin
        return False

    def greeting(self, mailbox: str, kind: GreetingKind) -> str | bytes:
        del mailbox
        return kind.value


async def serve(folder: Path) -> None:
    """Be the mailbox; answers each line of standard input with one of JSON."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST_FILES), hard))
    store = MessageStore(folder, durable=False)
    stack = SipStack()
    await stack.listen(HOST, tcp=False)
    policy = DepositPolicy(max_message_s=3600, max_messages=MOST_FILES)
    kept: dict[str, str] = {}
    server = VoicemailServer(
        stack,
        store,
        OneMailbox(),
        policy=policy,
        max_calls=MOST_FILES,
        on_deposit=lambda message: kept.__setitem__(message.caller, message.message_id),
    )
    stack.on_request = server.handle
    print(json.dumps({"port": stack.address[1]}), flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        streams = [session.stream for session in server._sessions]
        said = {
            "cpu_s": time.process_time(),
            "rss_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "recording": sum(bool(stream._recordings) for stream in streams),
            "received": sum(stream.packets_received for stream in streams),
            "kept": kept,
        }
        print(json.dumps(said), flush=True)
    await server.close()
    await stack.close()
    store.close()


class Mailbox:
    """The child process that is measured."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, folder: str) -> tuple[Mailbox, int]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            "--serve",
            folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        mailbox = cls(process)
        return mailbox, (await mailbox._line())["port"]

    async def ask(self) -> dict:
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()
        return await self._line()

    async def stop(self) -> None:
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 60)

    async def _line(self) -> dict:
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), 60))


async def measure(calls: int, seconds: float) -> None:
    """One run, and its figures."""
    with tempfile.TemporaryDirectory() as folder, RtpLoad(calls) as load:
        mailbox, port = await Mailbox.start(folder)
        stack = SipStack()
        await stack.listen(HOST, tcp=False)
        placed: list[Call] = []
        begun = time.monotonic()
        for first in range(0, calls, AT_ONCE):
            some = range(first, min(first + AT_ONCE, calls))
            new = await asyncio.gather(*(answered(stack, port, load, n) for n in some))
            for call in new:
                audio = SessionDescription.parse(call.remote_sdp).audio
                load.add(audio.port)
            placed += new
        until = time.monotonic() + 60
        while (await mailbox.ask())["recording"] < calls and time.monotonic() < until:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)
        ramp_s = time.monotonic() - begun
        before, at = await mailbox.ask(), time.monotonic()
        await asyncio.sleep(seconds)
        after, passed_s = await mailbox.ask(), time.monotonic() - at
        load.stop()
        sent = sum(load.sent)
        received = after["received"]
        until = time.monotonic() + 30
        while received < sent and time.monotonic() < until:
            await asyncio.sleep(0.2)
            received = (await mailbox.ask())["received"]
        begun = time.monotonic()
        for first in range(0, calls, AT_ONCE):
            await asyncio.gather(*(call.hang_up() for call in placed[first : first + AT_ONCE]))
        # Messages are written beside the event loop: some are still on their way to the disk.
        until = time.monotonic() + 30
        last = await mailbox.ask()
        while len(last["kept"]) < calls and time.monotonic() < until:
            await asyncio.sleep(0.1)
            last = await mailbox.ask()
        ended_s = time.monotonic() - begun
        await mailbox.stop()
        await stack.close()
        checked = [check(Path(folder), last["kept"], n, load.sent[n]) for n in range(calls)]
    whole = [samples for samples in checked if samples]
    rate = (after["received"] - before["received"]) / passed_s
    report("recordings", calls, "calls", note=f"{ramp_s:.3g} s until all spoke")
    report("recordings_at_once", before["recording"], "calls", at_least=calls)
    report("packets_sent", sent, "packets")
    report("packets_lost", sent - received, "packets", at_most=0)
    report("messages_whole", len(whole), "messages", at_least=calls, note="every sample compared")
    report("samples_compared", sum(whole), "samples")
    report("packets_per_s", rate, "packets/s", note="received while all spoke")
    share = 100 * (after["cpu_s"] - before["cpu_s"]) / passed_s
    report("core_share", share, "percent", note="of one core, mailbox process")
    report("packet_us", 10_000 * share / rate, "us", note="processor time for each packet")
    report("sender_share", 100 * load.cpu_s / (ramp_s + seconds), "percent", note="of one core")
    report("sender_late", load.late, "beats", note="of 20 ms, sent a packet or more too late")
    report("hang_up_ms", 1000 * ended_s / calls, "ms", note="from BYE until stored, 20 at a time")
    report("memory_mb", last["rss_kb"] / 1000, "MB", note="greatest, recordings included")


async def answered(stack: SipStack, port: int, load: RtpLoad, number: int) -> Call:
    """Place a call whose media comes from the load's port."""
    call = await place_call(
        stack,
        stack.flow_to((HOST, port)),
        request_uri=f"sip:{BOX}@{HOST}:{port}",
        from_=f"<sip:+49{number:07}@example.com>",
        sdp=make_offer(HOST, load.port, session_id=number + 1, codecs=("PCMA",)).to_bytes(),
        headers=(DIVERTED,),
    )
    await call.wait_answered(30)
    return call


def check(folder: Path, kept: dict[str, str], number: int, sent: int) -> int:
    """Compare a message with what was sent; gives its samples, or 0 when it is not the same.

    It must end with the last packet that was sent, and begin with some packet's first sample.
    """
    message_id = kept.get(f"+49{number:07}")
    if message_id is None:
        return 0
    pcm = from_wav((folder / "audio" / f"{message_id}.wav").read_bytes())
    samples = len(pcm) // 2
    packets = samples // SAMPLES
    if samples % SAMPLES or not 0 < packets <= sent:
        return 0
    said = b"".join(payload(number, place) for place in range(sent - packets, sent))
    return samples if decode(said, Law.ALAW) == pcm else 0


def main() -> None:
    """Be the mailbox, or measure it."""
    parser = arguments(__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="recordings at the same time")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long all of them speak")
    parser.add_argument("--serve", metavar="FOLDER", help="be the mailbox (used by itself)")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(Path(options.serve)))
        return
    if options.quick:
        options.calls, options.seconds = min(options.calls, 20), min(options.seconds, 1.5)
    asyncio.run(measure(options.calls, options.seconds))


if __name__ == "__main__":
    main()
