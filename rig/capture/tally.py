"""Counts what a capture sees and keeps nothing of it: a summary that may leave the place."""

from __future__ import annotations

import re
from collections import Counter

from rig.capture.content import Content, ContentSorter
from rig.capture.packet import CapturedPacket
from rig.capture.recorder import PacketRecorder
from rig.timeline import Tap

_REQUEST = re.compile(rb"([A-Z]{3,12}) \S+ SIP/2\.0\r?\n")
_RESPONSE = re.compile(rb"SIP/2\.0 ([1-6])\d\d ")
_MOST_NAMES = 64


class PacketTally(PacketRecorder):
    """A recorder that counts instead of keeping.

    Attributes:
        counts: SIP requests by method, responses by class (``2xx``), ``media``, and ``other`` for
            the rest.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)
        self.counts: Counter[str] = Counter()
        self._sorter = ContentSorter()

    def add(self, packet: CapturedPacket) -> None:
        """Count one packet."""
        for content, decided in self._sorter.sort(packet):
            word = _word(content, decided)
            if word not in self.counts and len(self.counts) >= _MOST_NAMES:
                word = "other"  # a stranger may make up methods
            self.counts[word] += 1
            if decided.truncated:
                self.lost(Tap.WIRE, 1)

    @property
    def dropped(self) -> int:
        """Packets of which less than all was seen."""
        return self._dropped.get(Tap.WIRE, 0)


def _word(content: Content, packet: CapturedPacket) -> str:
    if content is Content.SIP:
        request = _REQUEST.match(packet.payload)
        if request is not None:
            return request[1].decode("ascii")
        response = _RESPONSE.match(packet.payload)
        return f"{response[1].decode('ascii')}xx" if response else "other"
    return "media" if content is Content.MEDIA else "other"
