"""tshark and baresip about our RTP and RTCP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from peers import require_peer

from rig.capture.export import export_packets
from rig.capture.packet import CapturedPacket
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.calls.rules import CallerKind
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.voicemail import VoicemailServer
from rig.media.rtcp import unpack_compound
from rig.media.stream import AudioStream
from rig.media.tones import speech
from rig.media.wav import to_wav
from rig.sip_transport.stack import SipStack
from rig.timeline import Address, Tap

WARNING = 0x00600000
"""Source: Wireshark's expert.h."""


def tshark(path: Path, *switches: str, media: set[int], control: set[int]) -> str:
    command = [require_peer("tshark"), "-n", "-r", str(path)]
    for port in media:
        command += ["-d", f"udp.port=={port},rtp"]
    for port in control:
        command += ["-d", f"udp.port=={port},rtcp"]
    done = subprocess.run(
        [*command, *switches], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


async def talk(*, mux: bool) -> tuple[list[CapturedPacket], AudioStream, AudioStream]:
    """Two streams that talk until both have reported, and say goodbye."""
    seen: list[CapturedPacket] = []

    def tap(
        transport: str, source: Address, to: Address, data: bytes, out: bool, at: float
    ) -> None:
        if out:
            seen.append(CapturedPacket(at, Tap.WIRE, transport, source, to, data))

    left, right = AudioStream(tap=tap), AudioStream(tap=tap, detect=False)
    try:
        left.set_remote(right.local_address, mux=mux)
        right.set_remote(left.local_address, mux=mux)
        playing = left.start_playing("portal.main", loop=True)
        async with asyncio.timeout(20):
            while not (left.far_control.last_block and right.far_control.last_block):
                await right.send_digits("1")
                await asyncio.sleep(0.1)
        left.stop_playing()
        await playing
    finally:
        left.close()
        right.close()
    return seen, left, right


@pytest.mark.interop("tshark")
@pytest.mark.parametrize("mux", [False, True])
async def test_tshark_reads_our_media_and_warns_of_nothing(tmp_path: Path, mux: bool) -> None:
    seen, left, right = await talk(mux=mux)
    path = tmp_path / "call.pcapng"
    export_packets(path, seen)
    media = {left.local_port, right.local_port}
    # On a shared port tshark itself tells the two apart.
    control = set() if mux else {port + 1 for port in media}
    rows = tshark(path, "-Y", "rtcp", "-T", "json", media=media, control=control)
    layers = [packet["_source"]["layers"]["rtcp"] for packet in json.loads(rows)]
    assert len(layers) >= 4
    assert {"200", "202", "203"} <= set(re.findall(r'"rtcp.pt": "(\d+)"', rows))
    lengths = set(re.findall(r'"rtcp.length_check": "(\w+)"', rows))
    assert lengths <= {"1", "true", "True"}
    assert tshark(
        path, "-Y", "rtp", "-T", "fields", "-e", "rtp.ssrc", media=media, control=control
    )
    wrong = ("-Y", f"_ws.expert.severity >= {WARNING}", "-T", "fields", "-e", "_ws.expert.message")
    assert tshark(path, *wrong, media=media, control=control) == ""
    lost = [block.lost for side in (left, right) if (block := side.far_control.last_block)]
    assert lost == [0, 0]
    # The same capture with one damaged length: the judge is not blind.
    for place, packet in enumerate(seen):
        if packet.payload[1] == 200:
            bad = bytearray(packet.payload)
            bad[3] += 1
            seen[place] = CapturedPacket(
                packet.at,
                packet.tap,
                packet.transport,
                packet.source,
                packet.destination,
                bytes(bad),
            )
    export_packets(path, seen)
    assert tshark(path, *wrong, media=media, control=control) != ""


class OneMailbox:
    """A directory in which everybody has the same mailbox."""

    def mailbox_of(self, party: str) -> str | None:
        return "+4930100" if party else None

    def caller_number(self, party: str) -> str:
        return party

    def portal_mailbox(self, caller: str) -> tuple[str, CallerKind] | None:
        del caller
        return None

    def options(self, mailbox: str) -> MailboxOptions | None:
        del mailbox
        return MailboxOptions()

    def check_pin(self, mailbox: str, pin: str) -> bool:
        del mailbox, pin
        return False

    def greeting(self, mailbox: str, kind: GreetingKind) -> str | bytes:
        del mailbox
        return kind.value


MODULES = next(
    (
        path
        for path in ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
        if Path(path).is_dir()
    ),
    "",
)
CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
rtp_stats yes
audio_source aufile,{folder}/speech.wav
audio_player aubridge,sink
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""


@pytest.mark.interop("baresip")
async def test_baresip_and_we_report_to_each_other(tmp_path: Path) -> None:
    program = require_peer("baresip")
    store = MessageStore(tmp_path / "store", durable=False)
    stack = SipStack()
    await stack.listen("127.0.0.1", tcp=False)
    control: list[bytes] = []

    def tap(
        _transport: str, source: Address, _to: Address, data: bytes, out: bool, _at: float
    ) -> None:
        if not out and source[1] % 2:
            control.append(data)

    server = VoicemailServer(stack, store, OneMailbox(), tap=tap)
    stack.on_request = server.handle
    folder = tmp_path / "baresip"
    folder.mkdir()
    (folder / "config").write_text(CONFIG.format(folder=folder, modules=MODULES))
    (folder / "speech.wav").write_bytes(to_wav(speech(60.0)))
    (folder / "contacts").write_text("")
    (folder / "accounts").write_text("<sip:1001@127.0.0.1>;regint=0;audio_codecs=pcma\n")
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            *("-f", str(folder), "-e", f"/dial sip:portal@127.0.0.1:{stack.address[1]}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(15):
            while not server._sessions:  # noqa: ASYNC110 - another process calls
                await asyncio.sleep(0.05)
        (session,) = server._sessions
        far = session.stream.far_control
        async with asyncio.timeout(30):
            while far.last_block is None or far.last_block.highest_sequence == 0:  # noqa: ASYNC110 - RTCP tells it
                await asyncio.sleep(0.05)
        # baresip 1.0.0 opens translations with an APP packet alone, which is no compound packet.
        refused = [data for data in control if unpack_compound(data) is None]
        assert [data[1] for data in refused] == [204] * far.bad
        assert len(control) - len(refused) == far.reports
        assert far.cname
        assert far.last_block.lost == 0
        async with asyncio.timeout(30):
            while session.stream._control._session.reports_sent < 2:  # noqa: ASYNC110 - a timer
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        os.killpg(process.pid, signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 10)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        await server.close()
        await stack.close()
        store.close()
    said = (folder / "output").read_text("utf-8", "replace")
    rows = dict(
        re.findall(r"^(packets|errors|pkt\.report|lost|jitter):\s+(.+)", said, re.MULTILINE)
    )
    sent, heard = rows["packets"].split()
    told, _ = rows["pkt.report"].split()
    assert 0 < int(told) <= int(sent), "what we reported of its packets"
    assert int(heard) > 0
    assert rows["lost"].split() == rows["errors"].split() == ["0", "0"]
    assert float(rows["jitter"].split()[0]) < 500
