"""tshark over a whole day of telephony: every message is understood, nothing deserves a warning.

In a network namespace of its own, captured by tcpdump: what really was on the wire, of platform,
mailbox and emulated handsets. tshark is silent about headers that it cannot read, so it is also
asked whether every message has what every message must have.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
from peers import require_peer, require_root
from site_lab import SiteLab, site_lab
from wire_tap import Tshark, sngrep_count, tcpdump

from provisioning.intent import SipTransport
from rig.capture.analysis import analyse_capture
from rig.handset.base import AnswerMode
from rig.handset.netns import own_network_namespace

pytestmark = [pytest.mark.interop(peer="tshark"), pytest.mark.root, pytest.mark.timeout(300)]

DAMAGES = [
    (b"\r\nCSeq: ", b"\r\nXSeq: "),
    (b"\r\nFrom: <", b"\r\nFrom_ <"),
    (b"SIP/2.0 200 OK", b"SIP/2.0 2x0 OK"),
    (b"REGISTER sip:", b"REGISTER  ip:"),
    (b"m=audio ", b"m=audi  "),
]


async def until(reached: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - a lamp is looked at
            await asyncio.sleep(0.02)


async def a_day(lab: SiteLab) -> None:
    """Everything that the platform can do, once."""
    anna, clara, greta, david, emil, frida = await lab.boot(
        "anna", "clara", "greta", "david", "emil", "frida"
    )
    # Busy: to the mailbox; heard and deleted by the portal.
    await greta.set_answer_mode(AnswerMode.BUSY)
    call = await clara.dial("108")
    await call.wait_established(15)
    await call.wait_prompt("beep", 15)
    await call.speak(2)
    await call.hang_up()
    await until(lambda: greta.lamp.state().lit)
    portal = await greta.press_message_key()
    await portal.wait_established(10)
    await portal.wait_prompt("portal.enter_pin", 10)
    await portal.send_digits(lab.pin("108") + "#")
    await portal.wait_prompt("portal.main", 10)
    await portal.send_digits("1")
    await portal.wait_prompt("portal.message", 10)
    await portal.send_digits("7")
    await until(lambda: not greta.lamp.state().lit)
    await portal.hang_up()
    # Unanswered: to the mailbox, and from there by 0 to the reception.
    await anna.set_answer_mode(AnswerMode.RING)
    call = await clara.dial("101")
    await call.wait_established(20)
    await anna.set_answer_mode(AnswerMode.ANSWER)
    await call.send_digits("0")
    await until(lambda: any(one.established for one in anna.calls))
    await call.hang_up()
    # Answered, and hung up by the one who was called.
    await frida.set_answer_mode(AnswerMode.ANSWER)
    call = await emil.dial("107")
    await call.wait_established(10)
    await frida.calls[-1].hang_up()
    # Refused, unknown, given up.
    with_nobody = await emil.dial("199")
    await until(lambda: with_nobody.final_status is not None)
    await david.set_answer_mode(AnswerMode.RING)
    given_up = await clara.dial("104")
    await until(lambda: bool(david.calls))
    await given_up.hang_up()
    await until(lambda: given_up.final_status is not None)
    # Saved messages count, and a phone that starts again is told.
    await clara.power_cycle()


@contextmanager
def namespace():
    require_root()
    for name in ("tshark", "tcpdump", "sngrep"):
        require_peer(name)
    with own_network_namespace():
        yield


async def record(folder: Path, transport: SipTransport) -> tuple[Path, set[int]]:
    """A day on the wire: the capture, and the SIP ports in it."""
    path = folder / "day.pcap"
    async with (
        tcpdump(path),
        site_lab(folder / "store", transport=transport, warn_without_mail=False) as lab,
    ):
        await a_day(lab)
        ports = {lab.platform.sip_address[1], lab.platform.voicemail_address[1]}
        ports |= {handset.sip_address[1] for handset in lab.handsets.values()}
        assert lab.platform.internal_errors == 0
    return path, ports


@pytest.mark.parametrize("transport", [SipTransport.UDP, SipTransport.TCP])
def test_tshark_understands_every_message_and_warns_of_none(
    transport: SipTransport, tmp_path: Path
) -> None:
    with namespace():
        path, ports = asyncio.run(record(tmp_path, transport))
    tshark = Tshark(path, ports)
    assert tshark.faults() == []
    seen = tshark.methods()
    wanted = ("REGISTER", "SUBSCRIBE", "NOTIFY", "INVITE", "ACK", "BYE", "CANCEL", "REFER")
    assert min(seen[method] for method in wanted) > 0, seen
    wanted = ("180", "181", "200", "202", "401", "404", "486", "487")
    assert min(seen[status] for status in wanted) > 0, seen
    digits = Counter(
        event for (events,) in tshark.fields("rtpevent", "rtpevent.event_id") for event in events
    )
    assert set("2850631") <= set(digits)
    ours = analyse_capture(path)
    assert sum(seen.values()) == ours.sightings
    if transport is SipTransport.UDP:
        assert sngrep_count(path, tmp_path) == ours.sightings
        clean = path.read_bytes()
        for good, bad in DAMAGES:
            assert good in clean
            path.write_bytes(clean.replace(good, bad, 1))
            assert tshark.faults(), (good, bad)
