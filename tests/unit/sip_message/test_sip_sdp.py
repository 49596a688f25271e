from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.sdp import SessionDescription, agreed_audio, make_answer, make_offer

PHONE = (
    "v=0\r\n"
    "o=root 20 7 IN IP4 192.0.2.20\r\n"
    "s=call\r\n"
    "c=IN IP4 192.0.2.20/127\r\n"
    "b=AS:84\r\n"
    "t=0 0\r\n"
    "a=sendonly\r\n"
    "m=audio 11780 RTP/AVP 9 8 0 96\r\n"
    "a=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:96 telephone-event/8000\r\n"
    "a=fmtp:96 0-15\r\n"
    "a=ptime:30\r\n"
    "a=X-vendor:kept\r\n"
    "m=video 5000/2 RTP/AVP 99\r\n"
    "c=IN IP4 192.0.2.21\r\n"
)


def test_every_line_survives() -> None:
    assert str(SessionDescription.parse(PHONE)) == PHONE
    assert SessionDescription.parse(PHONE.encode()).to_bytes() == PHONE.encode()


def test_audio_view() -> None:
    audio = SessionDescription.parse(PHONE.replace("\r\n", "\n")).audio
    assert audio is not None
    assert (audio.address, audio.port, audio.ptime_ms) == ("192.0.2.20", 11780, 30)
    assert audio.payload_types == (9, 8, 0, 96)
    assert audio.direction == "sendonly"
    assert (audio.dtmf_payload, audio.payload_of("pcma"), audio.payload_of("opus")) == (
        96,
        8,
        None,
    )


def test_media_lines_win_over_session_lines() -> None:
    text = PHONE + "m=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.99\r\na=inactive\r\n"
    only = text.replace("m=audio 11780", "m=text 11780")
    audio = SessionDescription.parse(only).audio
    assert audio is not None
    assert (audio.address, audio.direction) == ("192.0.2.99", "inactive")


def test_no_audio() -> None:
    assert SessionDescription.parse("v=0\r\n").audio is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s=-\r\n",
        "v=0\r\nnonsense\r\n",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        "v=0\r\nm=audio 1 RTP/AVP\r\n",
    ],
)
def test_malformed_descriptions_are_refused(text: str) -> None:
    with pytest.raises(MessageError, match="SDP"):
        SessionDescription.parse(text)


def test_offer() -> None:
    offer = make_offer("192.0.2.1", 4000, session_id=5, direction="sendrecv")
    assert SessionDescription.parse(offer.to_bytes()) == offer
    audio = offer.audio
    assert audio is not None
    assert audio.payload_types == (8, 0, 101)
    assert (audio.dtmf_payload, audio.ptime_ms) == (101, 20)
    assert "IN IP6" in str(make_offer("2001:db8::1", 1, session_id=1))
    plain = make_offer("192.0.2.1", 1, session_id=1, dtmf_payload=None, ptime_ms=None)
    assert plain.audio is not None
    assert plain.audio.dtmf_payload is None
    with pytest.raises(MessageError, match="opus"):
        make_offer("192.0.2.1", 1, session_id=1, codecs=("opus",))


def test_answer_takes_audio_and_refuses_the_rest() -> None:
    offer = SessionDescription.parse(PHONE)
    answer = make_answer(offer, "192.0.2.2", 6000, session_id=9)
    audio = answer.audio
    assert audio is not None
    assert audio.payload_types == (8, 0, 96)
    assert (audio.dtmf_payload, audio.direction) == (96, "recvonly")
    assert [(s.kind, s.port) for s in answer.sections] == [("audio", 6000), ("video", 0)]
    assert SessionDescription.parse(str(answer)) == answer


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        ("sendrecv", "sendrecv"),
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
    ],
)
def test_direction_is_mirrored(offered: str, answered: str) -> None:
    offer = SessionDescription.parse(PHONE.replace("sendonly", offered))
    audio = make_answer(offer, "192.0.2.2", 1, session_id=1).audio
    assert audio is not None
    assert audio.direction == answered
    forced = make_answer(offer, "192.0.2.2", 1, session_id=1, direction="inactive").audio
    assert forced is not None
    assert forced.direction == "inactive"


def test_no_common_codec_is_488() -> None:
    with pytest.raises(MessageError) as caught:
        make_answer(SessionDescription.parse(PHONE), "h", 1, session_id=1, codecs=("G729",))
    assert caught.value.status_hint == 488
    refused = PHONE.replace("audio 11780", "audio 0")
    with pytest.raises(MessageError):
        make_answer(SessionDescription.parse(refused), "h", 1, session_id=1)


TWO_AUDIOS = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 7000 {first}\r\nm=audio 7002 RTP/AVP 0\r\na=sendonly\r\n"
)


@pytest.mark.parametrize("first", ["RTP/AVP 18", "RTP/AVP 999 x", "RTP/SAVP 8", "udp 8"])
def test_the_second_audio_is_taken_when_the_first_cannot_be(first: str) -> None:
    offer = SessionDescription.parse(TWO_AUDIOS.format(first=first))
    answer = make_answer(offer, "192.0.2.2", 6000, session_id=1)
    assert [section.port for section in answer.sections] == [0, 6000]
    theirs, ours = agreed_audio(offer, answer)
    assert (theirs.address, theirs.port, theirs.direction) == ("192.0.2.1", 7002, "sendonly")
    assert (ours.port, ours.payload_types, ours.direction) == (6000, (0,), "recvonly")


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF", "udp"])
def test_encrypted_audio_is_refused_and_never_answered_as_plain(protocol: str) -> None:
    offer = SessionDescription.parse(PHONE.replace("RTP/AVP", protocol))
    with pytest.raises(MessageError) as caught:
        make_answer(offer, "192.0.2.2", 1, session_id=1)
    assert caught.value.status_hint == 488


def test_the_protocol_of_an_answer_is_that_of_the_offer() -> None:
    offer = SessionDescription.parse(PHONE.replace("RTP/AVP", "RTP/AVPF"))
    assert make_answer(offer, "h", 1, session_id=1).sections[0].protocol == "RTP/AVPF"


def test_an_answer_without_audio_agrees_on_nothing() -> None:
    offer = SessionDescription.parse(PHONE)
    refused = SessionDescription.parse(PHONE.replace("audio 11780", "audio 0"))
    with pytest.raises(MessageError, match="takes no audio"):
        agreed_audio(offer, refused)
