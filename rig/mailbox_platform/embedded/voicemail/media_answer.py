"""Answers the session descriptions of a mailbox call, and points its audio accordingly.

Source: RFC 3264 section 6 and 8 (answers, changed offers), RFC 3605 (``a=rtcp``), RFC 5761
(``a=rtcp-mux``), RFC 6086 (INFO).
"""

from __future__ import annotations

import secrets
from ipaddress import ip_address

from rig.media.codec import NAMES, codec_of
from rig.media.dtmf import DIGITS
from rig.media.stream import AudioStream
from rig.sip.sdp import SessionDescription, agreed_audio, make_answer

LONGEST_DIGIT_BODY = 512
"""Octets of an INFO that can be one digit; a longer body is refused with 413."""


class MediaAnswer:
    """The answering side of one call's offers and answers.

    Args:
        stream: audio of the call.
    """

    def __init__(self, stream: AudioStream) -> None:
        self._stream = stream
        self._session_id = secrets.randbits(31)
        self._version = 0

    def answer(self, offer: SessionDescription) -> bytes:
        """Answer an offer and point the stream to where it says.

        Of the codecs that both have, the offerer's order decides. A caller that agrees on no
        telephone events has its tones listened to.

        Raises:
            MessageError: no audio that we speak.
        """
        stream = self._stream
        self._version += 1
        answer = make_answer(
            offer,
            stream.host,
            stream.local_port,
            session_id=self._session_id,
            session_version=self._version,
            codecs=NAMES,
            mux=True,
        )
        theirs, agreed = agreed_audio(offer, answer)
        held = theirs.direction in {"sendonly", "inactive"} or not _is_host(theirs.address)
        events = agreed.dtmf_payload
        control = theirs.control if theirs.control and _is_host(theirs.control[0]) else None
        stream.set_remote(
            None if held else (theirs.address, theirs.port),
            agreed.payload_types[0],
            event_payload_type=events,
            codecs={
                number: codec_of(number, agreed.rtpmap)
                for number in agreed.payload_types
                if number != events
            },
            control=control,
            mux=agreed.mux,
        )
        stream.listen_inband(enabled=events is None)
        return answer.to_bytes()


def _is_host(address: str) -> bool:
    """Whether RTP can go there: 0.0.0.0 is a way to hold, names are not looked up."""
    try:
        return not ip_address(address).is_unspecified
    except ValueError:
        return False


def info_digit(content_type: str, body: bytes) -> str:
    """The digit in an INFO, in the two usual spellings; empty for anything else.

    Args:
        content_type: ``application/dtmf-relay`` or ``application/dtmf``.
        body: of the request.
    """
    if len(body) > LONGEST_DIGIT_BODY:
        return ""
    text = body.decode("ascii", "replace")
    if content_type == "application/dtmf-relay":
        rows = dict(row.split("=", 1) for row in text.splitlines() if "=" in row)
        text = {key.strip().lower(): value for key, value in rows.items()}.get("signal", "")
    elif content_type != "application/dtmf":
        return ""
    digit = text.strip().upper()
    return digit if len(digit) == 1 and digit in DIGITS else ""
