"""An event stream cut anywhere, and the causes that counters give away."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.xsi.events import HEARTBEAT, on_the_wire
from rig.mailbox_platform.xsi_document import DocumentError, Element, leaf
from rig.mailbox_platform.xsi_stream import MOST_PENDING_OCTETS, DocumentStream, cause_of, seen_in
from rig.timeline import MailboxSeen

EVENT = Element(
    "Event",
    type="SubscriptionEvent",
    children=(
        leaf("eventID", "e1"),
        Element(
            "eventData",
            type="VoiceMailMessageSummaryEvent",
            children=(
                Element(
                    "messageSummary",
                    children=(leaf("newMessages", 2), leaf("oldMessages", 1)),
                ),
            ),
        ),
    ),
)
CHANNEL = Element("Channel", children=(leaf("channelId", "c"), leaf("expires", 60)))
DOCUMENTS = [CHANNEL, HEARTBEAT, EVENT, HEARTBEAT, HEARTBEAT, EVENT]
OCTETS = b"".join(map(on_the_wire, DOCUMENTS))


@given(st.lists(st.integers(0, len(OCTETS)), max_size=30))
def test_every_cut_gives_the_same_documents(cuts):
    edges = [0, *sorted(cuts), len(OCTETS)]
    stream = DocumentStream()
    found = [
        document
        for begin, end in itertools.pairwise(edges)
        for document in stream.feed(OCTETS[begin:end])
    ]
    assert found == DOCUMENTS


def test_a_stream_without_headers_or_breaks_is_read_too():
    octets = b'<ChannelHeartBeat xmlns="http://schema.broadsoft.com/xsi"/>' * 3
    assert DocumentStream().feed(octets) == [HEARTBEAT] * 3


@pytest.mark.parametrize(
    "octets",
    [b"HTTP/1.1 200 OK", b"<a><b></a>", b"<x>" + b"x" * MOST_PENDING_OCTETS, b'<a b="' * 99999],
)
def test_what_is_no_stream_of_documents_is_given_up(octets):
    with pytest.raises(DocumentError):
        DocumentStream().feed(octets)


def test_counters_that_are_missing_are_none():
    assert seen_in(EVENT, "+491", 5.0) == MailboxSeen(at=5.0, mailbox="+491", new=2, saved=1)
    assert seen_in(CHANNEL, "+491", 5.0) is None


def counted(new: int, saved: int) -> MailboxSeen:
    return MailboxSeen(at=0.0, mailbox="+491", new=new, saved=saved)


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (None, (1, 0), "start"),
        ((0, 0), (1, 0), "deposit"),
        ((1, 0), (0, 1), "heard"),
        ((0, 1), (1, 0), "restored"),
        ((1, 1), (1, 0), "deleted"),
        ((1, 1), (1, 1), "query"),
    ],
)
def test_causes(before, after, cause):
    former = None if before is None else counted(*before)
    assert cause_of(former, counted(*after)) == cause
