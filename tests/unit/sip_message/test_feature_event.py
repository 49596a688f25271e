"""What phones and platforms say of forwarding is read as it comes, and written as it must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.calls.feature_event import read_feature_request
from rig.sip.feature_event import (
    MEDIA_TYPE,
    NAMESPACE,
    FeatureWord,
    do_not_disturb_request,
    feature_words,
    forwarding_request,
)
from rig.sip.header import Headers
from rig.sip.message import Request

FORWARD = (
    "<ForwardingEvent><forwardingType>{}</forwardingType><forwardStatus>{}</forwardStatus>"
    "<forwardTo>{}</forwardTo></ForwardingEvent>"
)
DND = "<DoNotDisturbEvent><doNotDisturbOn>{}</doNotDisturbOn></DoNotDisturbEvent>"


def message(
    body: str | bytes, media_type: str = MEDIA_TYPE, event: str = "as-feature-event"
) -> Request:
    rows = [("Event", event), ("Content-Type", media_type)]
    octets = body if isinstance(body, bytes) else body.encode()
    return Request("NOTIFY", "sip:anna@127.1.1.1", Headers(rows), octets)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (FORWARD.format("forwardImmediate", "true", "107"), FeatureWord("always", True, "107")),
        (FORWARD.format("forwardBusy", "false", ""), FeatureWord("busy", False)),
        (FORWARD.format("forwardNoAns", "1", " 107 "), FeatureWord("no_answer", True, "107")),
        (DND.format("TRUE"), FeatureWord("do_not_disturb", True)),
        (DND.format("0"), FeatureWord("do_not_disturb", False)),
        (
            (
                '<?xml version="1.0"?><!-- <x> -->\n<c:DoNotDisturbEvent xmlns:c="u">'
                '<c:device a="b">1</c:device>'
                "<c:doNotDisturbOn>true</c:doNotDisturbOn></c:DoNotDisturbEvent>"
            ),
            FeatureWord("do_not_disturb", True),
        ),
        (
            FORWARD.format("forwardImmediate", "true", "a&amp;b"),
            FeatureWord("always", True, "a&b"),
        ),
    ],
)
def test_one_document_says_one_thing(body: str, word: FeatureWord) -> None:
    assert feature_words(message(body)) == [word]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "x",
        "<ForwardingEvent/>",
        FORWARD.format("forwardSometimes", "true", "1"),
        FORWARD.format("forwardBusy", "maybe", "1"),
        DND.format(""),
        "<Other><doNotDisturbOn>true</doNotDisturbOn></Other>",
    ],
)
def test_what_cannot_be_understood_says_nothing(body: str) -> None:
    assert feature_words(message(body)) == []


def test_a_whole_state_comes_in_one_body_in_any_spelling_of_its_boundary() -> None:
    parts = [DND.format("false"), FORWARD.format("forwardImmediate", "true", "107")]
    inside = "".join(f"--b=1\r\nContent-Type: {MEDIA_TYPE}\r\n\r\n{p}\r\n" for p in parts)
    for written in ('multipart/mixed;boundary="b=1"', "Multipart/Mixed; Boundary = b=1"):
        words = feature_words(message(f"preamble{inside}--b=1--\r\n", written))
        assert [(w.service, w.active) for w in words] == [
            ("do_not_disturb", False),
            ("always", True),
        ]
    assert feature_words(message(inside, "multipart/mixed")) == []


def test_other_packages_are_not_read() -> None:
    body = DND.format("true")
    assert feature_words(message(body, event="message-summary")) == []
    assert feature_words(message(body, event="as-feature-event;id=3"))
    assert feature_words(message(body, event='as-feature-event;"')) == []
    assert feature_words(Request("SUBSCRIBE", "sip:a@b", Headers([]), body.encode())) == []


@given(st.binary(max_size=200))
def test_any_octets_are_read_without_an_exception(body: bytes) -> None:
    feature_words(message(body))
    feature_words(message(body, "multipart/mixed;boundary=x"))


@given(
    st.sampled_from(["always", "busy", "no_answer"]),
    st.booleans(),
    st.text("0123456789+*#&<>\"'", max_size=20),
)
def test_what_a_phone_asks_is_what_the_platform_reads(
    service: str, active: bool, target: str
) -> None:
    body = forwarding_request(service, target, active=active, device="10&1")
    read = read_feature_request(body)
    assert (read.service, read.active, read.target) == (service, active, target)
    assert feature_words(message(body)) == [FeatureWord(service, active, target, asked=True)]
    assert NAMESPACE in body.decode()


@pytest.mark.parametrize("active", [True, False])
def test_do_not_disturb_is_asked_for(active: bool) -> None:
    body = do_not_disturb_request(active=active)
    assert read_feature_request(body).active is active
    assert feature_words(message(body)) == [FeatureWord("do_not_disturb", active, "", asked=True)]
