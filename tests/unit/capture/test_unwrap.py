"""Link layers that only scapy knows: its program is asked, and its death is no catastrophe."""

from __future__ import annotations

import os
import signal

from frame_kit import A, B, frame, ip4, sip, udp

from rig.capture.dissect import Dissector
from rig.capture.unwrap import FrameUnwrapper

INNER = ip4(udp(sip()))
PPP = b"\xff\x03\x00\x21"
WLAN = (
    b"\x00\x00\x08\x00\x00\x00\x00\x00"  # radiotap without fields
     b"\x08\x02\x00\x00" + b"\2" * 18 + b"\x10\x00"  # 802.11 data, from the access point
    + b"\xaa\xaa\x03\x00\x00\x00\x08\x00"  # LLC, SNAP
)  # fmt: skip


def test_frames_of_wireless_and_serial_links_are_read_by_scapy() -> None:
    with FrameUnwrapper() as unwrap:
        dissector = Dissector(unwrap=unwrap)
        frames = [
            frame(PPP + INNER, link=9),
            frame(WLAN + INNER, link=127),
            frame(WLAN[:30], link=127),
            frame(b"\x80\x00" + bytes(60), link=105),
            frame(INNER, link=147),
            frame(INNER, link=147),
        ]
        found = list(dissector.packets(frames))
        assert [(p.source, p.destination, p.payload) for p in found] == [(A, B, sip())] * 2
        assert dissector.unknown_links == {147: 2}
        assert dissector.foreign == 4
        process = unwrap._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert unwrap(frame(PPP + INNER, link=9)) is None
        assert unwrap.died
    assert process.poll() is not None


def test_nothing_is_started_for_link_layers_that_we_know() -> None:
    with FrameUnwrapper() as unwrap:
        assert list(Dissector(unwrap=unwrap).packets([frame(INNER, link=101)]))
        assert unwrap._process is None
