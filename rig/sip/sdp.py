"""Session descriptions for one audio stream with telephone events; all else is kept as is.

Must not know: sockets, codecs' sound. Covers what a desk phone needs of RFC 8866 (SDP),
RFC 3264 (offer and answer) and RFC 4733 (telephone-event).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rig.sip.errors import MessageError
from rig.sip.grammar import shown

MEDIA_TYPE = "application/sdp"

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
Line = tuple[str, str]

STATIC_PAYLOADS: dict[int, str] = {
    0: "PCMU/8000",
    3: "GSM/8000",
    4: "G723/8000",
    8: "PCMA/8000",
    9: "G722/8000",
    18: "G729/8000",
}
"""Payload types that need no rtpmap. Source: RFC 3551 6."""

PROTOCOLS = ("RTP/AVP", "RTP/AVPF")
"""Transports of audio that are answered; SRTP is not among them. Source: RFC 3551, RFC 4585."""

_DIRECTIONS: tuple[Direction, ...] = ("sendrecv", "sendonly", "recvonly", "inactive")
_MIRRORED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_TELEPHONE_EVENT = "telephone-event/8000"
_LINE_END = re.compile(r"\r?\n")
_LINE = re.compile(r"([A-Za-z])\s*=(.*)", re.DOTALL)
_RTPMAP = re.compile(r"rtpmap:([0-9]{1,3})\s+(\S+)")
_RTCP = re.compile(r"rtcp:([0-9]{1,5})(?:\s+IN\s+IP[46]\s+(\S+))?")
_MUX = "rtcp-mux"
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class AudioMedia:
    """What the audio part of a description says, ready for use.

    Attributes:
        address: where to send RTP, as written; ``0.0.0.0`` is the old way to hold.
        port: UDP port; 0 means refused.
        payload_types: RTP payload types in order of preference.
        rtpmap: payload type and encoding like ``PCMA/8000``, static ones filled in.
        ptime_ms: packet time in milliseconds, or None.
        direction: as seen by the sender of the description.
        control: where RTCP goes when it is not the port above (RFC 3605), or None.
        mux: RTCP may share the port of RTP (RFC 5761).
    """

    address: str
    port: int
    payload_types: tuple[int, ...]
    rtpmap: tuple[tuple[int, str], ...]
    ptime_ms: int | None
    direction: Direction
    control: tuple[str, int] | None = None
    mux: bool = False

    def payload_of(self, encoding: str) -> int | None:
        """Give the payload type of an encoding such as ``PCMA``, in any case; or None."""
        wanted = encoding.lower()
        for payload, text in self.rtpmap:
            if text.lower().partition("/")[0] == wanted:
                return payload
        return None

    @property
    def dtmf_payload(self) -> int | None:
        """Payload type of RFC 4733 telephone events, or None."""
        return self.payload_of("telephone-event")


@dataclass(frozen=True, slots=True)
class MediaSection:
    """One ``m=`` line with the lines below it.

    Attributes:
        kind: ``audio``, ``video``, ...
        port: UDP port, 0 when refused.
        protocol: usually ``RTP/AVP``.
        formats: payload types as written.
        lines: the lines below, as (type, value).
        port_suffix: ``/2`` of ``49170/2``; normally empty.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    port_suffix: str = ""


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A session description with every line in its place, known or not.

    Attributes:
        lines: session part as (type, value).
        sections: media parts.
    """

    lines: tuple[Line, ...]
    sections: tuple[MediaSection, ...] = ()

    @classmethod
    def parse(cls, body: bytes | str) -> SessionDescription:
        """Read a description; LF alone and blanks before ``=`` are put up with.

        Raises:
            MessageError: a line is not ``x=value``, or an ``m=`` line is malformed;
                status_hint 400.

        Source: RFC 8866 5 and 9.
        """
        text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
        session: list[Line] = []
        sections: list[tuple[str, list[Line]]] = []
        for number, line in enumerate(_LINE_END.split(text), start=1):
            if not line:
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise MessageError(f"SDP line {number}: got {shown(line)}; expected x=value")
            kind, value = found.groups()
            if kind == "m":
                sections.append((value, []))
            else:
                (sections[-1][1] if sections else session).append((kind, value))
        if not session or session[0][0] != "v":
            raise MessageError("SDP: expected v=0 as the first line (RFC 8866 5)")
        return cls(tuple(session), tuple(_section(value, rows) for value, rows in sections))

    def __str__(self) -> str:
        """Write the description, lines ending in CRLF."""
        rows = list(self.lines)
        for section in self.sections:
            formats = " ".join(section.formats)
            port = f"{section.port}{section.port_suffix}"
            rows.append(("m", f"{section.kind} {port} {section.protocol} {formats}"))
            rows += section.lines
        return "".join(f"{kind}={value}\r\n" for kind, value in rows)

    def to_bytes(self) -> bytes:
        """Write the description for a message body."""
        return str(self).encode("utf-8", "surrogateescape")

    @property
    def audio(self) -> AudioMedia | None:
        """The first audio part, refused or not; None when there is none."""
        section = next((s for s in self.sections if s.kind == "audio"), None)
        return None if section is None else _audio(self.lines, section)


def _section(value: str, lines: list[Line]) -> MediaSection:
    words = value.split()
    port, slash, count = words[1].partition("/") if len(words) > 1 else ("", "", "")
    if len(words) < 4 or not _NUMBER.fullmatch(port) or int(port) > 65535:
        raise MessageError(f"SDP: got m={shown(value)}; expected m=audio port RTP/AVP formats")
    return MediaSection(
        words[0], int(port), words[2], tuple(words[3:]), tuple(lines), slash + count
    )


def _attributes(lines: Sequence[Line]) -> list[str]:
    return [value.strip() for kind, value in lines if kind == "a"]


def _audio(session: Sequence[Line], section: MediaSection) -> AudioMedia:
    connection = [value for kind, value in (*session, *section.lines) if kind == "c"]
    words = connection[-1].split() if connection else []
    address = words[2].partition("/")[0] if len(words) > 2 else ""
    attributes = _attributes(section.lines)
    mapped = {int(m.group(1)): m.group(2) for m in map(_RTPMAP.match, attributes) if m is not None}
    payloads = tuple(int(f) for f in section.formats if _NUMBER.fullmatch(f) and int(f) < 128)
    names = {p: mapped.get(p, STATIC_PAYLOADS.get(p, "")) for p in payloads}
    ptime: int | None = None
    direction: Direction = "sendrecv"
    for attribute in (*_attributes(session), *attributes):
        name, _, value = attribute.partition(":")
        if name == "ptime" and _NUMBER.fullmatch(value.strip()):
            ptime = int(value)
        direction = next((d for d in _DIRECTIONS if d == name), direction)
    rtpmap = tuple((p, name) for p, name in names.items() if name)
    return AudioMedia(
        address,
        section.port,
        payloads,
        rtpmap,
        ptime,
        direction,
        _control(address, attributes),
        _MUX in attributes,
    )


def _control(address: str, attributes: Sequence[str]) -> tuple[str, int] | None:
    """Where RTCP goes by ``a=rtcp``; None when it says nothing that can be used."""
    for found in map(_RTCP.fullmatch, attributes):
        if found is not None and 0 < int(found.group(1)) <= 65535:
            return (found.group(2) or address, int(found.group(1)))
    return None


def _session_lines(address: str, session_id: int, version: int) -> tuple[Line, ...]:
    family = "IP6" if ":" in address else "IP4"
    return (
        ("v", "0"),
        ("o", f"- {session_id} {version} IN {family} {address}"),
        ("s", "-"),
        ("c", f"IN {family} {address}"),
        ("t", "0 0"),
    )


def _audio_section(
    port: int,
    payloads: Sequence[tuple[int, str]],
    ptime_ms: int | None,
    direction: Direction,
) -> MediaSection:
    lines: list[Line] = [("a", f"rtpmap:{number} {name}") for number, name in payloads]
    lines += [("a", f"fmtp:{n} 0-15") for n, name in payloads if _is_dtmf(name)]
    if ptime_ms is not None:
        lines.append(("a", f"ptime:{ptime_ms}"))
    lines.append(("a", direction))
    formats = tuple(str(number) for number, _ in payloads)
    return MediaSection("audio", port, "RTP/AVP", formats, tuple(lines))


def _is_dtmf(name: str) -> bool:
    return name.lower() == _TELEPHONE_EVENT


def make_offer(
    address: str,
    port: int,
    *,
    session_id: int,
    session_version: int = 1,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    dtmf_payload: int | None = 101,
    ptime_ms: int | None = 20,
    direction: Direction = "sendrecv",
) -> SessionDescription:
    """Offer one audio stream.

    Args:
        address: own IP address for RTP.
        port: own UDP port for RTP.
        session_id: number that identifies the session.
        session_version: one more for each changed offer.
        codecs: names with a static payload type, best first.
        dtmf_payload: 96..127, or None for no telephone events.
        ptime_ms: packet time, in milliseconds.
        direction: ``sendonly`` or ``inactive`` to hold.

    Raises:
        MessageError: a codec has no static payload type.

    Source: RFC 3264 5.
    """
    payloads = [(_static_payload(codec), f"{codec.upper()}/8000") for codec in codecs]
    if dtmf_payload is not None:
        payloads.append((dtmf_payload, _TELEPHONE_EVENT))
    return SessionDescription(
        _session_lines(address, session_id, session_version),
        (_audio_section(port, payloads, ptime_ms, direction),),
    )


def _static_payload(codec: str) -> int:
    wanted = f"{codec}/8000".lower()
    for number, name in STATIC_PAYLOADS.items():
        if name.lower() == wanted:
            return number
    raise MessageError(f"SDP: codec {codec!r} has no static payload type", status_hint=None)


def make_answer(  # noqa: PLR0913 - keywords with defaults: one line of the answer each
    offer: SessionDescription,
    address: str,
    port: int,
    *,
    session_id: int,
    session_version: int = 1,
    codecs: Sequence[str] = ("PCMA", "PCMU"),
    ptime_ms: int | None = 20,
    direction: Direction | None = None,
    mux: bool = False,
) -> SessionDescription:
    """Answer an offer: the first audio part is taken, every other part is refused.

    Args:
        offer: the peer's description.
        address: own IP address for RTP.
        port: own UDP port for RTP.
        session_id: number that identifies the session.
        session_version: one more for each changed answer.
        codecs: what we can do; the offerer's order decides.
        ptime_ms: packet time, in milliseconds.
        direction: own wish; by default the mirror of the offer.
        mux: take RTCP on the port of RTP when the offer has it so.

    Raises:
        MessageError: no audio over plain RTP, or no common codec; status_hint 488.

    Source: RFC 3264 6; RFC 5761 5.1.1; RFC 4733 2.4 (events use the offerer's payload type).
    """
    wanted = {codec.lower() for codec in codecs}
    sections: list[MediaSection] = []
    taken = False
    for section in offer.sections:
        audio = None
        plain = section.protocol.upper() in PROTOCOLS
        if not taken and section.kind == "audio" and section.port and plain:
            audio = _audio(offer.lines, section)
        rtpmap = audio.rtpmap if audio is not None else ()
        common = [item for item in rtpmap if item[1].lower().partition("/")[0] in wanted]
        if audio is None or not common:
            sections.append(replace(section, port=0, port_suffix="", lines=()))
            continue
        events = [item for item in audio.rtpmap if _is_dtmf(item[1])]
        own = _MIRRORED[audio.direction] if direction is None else direction
        answer = _audio_section(port, common + events, ptime_ms, own)
        if mux and audio.mux:
            answer = replace(answer, lines=(*answer.lines, ("a", _MUX)))
        sections.append(replace(answer, protocol=section.protocol.upper()))
        taken = True
    if not taken:
        raise MessageError(
            f"SDP: no audio part with one of {', '.join(codecs)} in the offer", status_hint=488
        )
    return SessionDescription(
        _session_lines(address, session_id, session_version), tuple(sections)
    )


def agreed_audio(
    offer: SessionDescription, answer: SessionDescription
) -> tuple[AudioMedia, AudioMedia]:
    """The audio part that an answer took, as both sides describe it.

    An offer may hold several; those that were refused stand in the answer with port 0, in the
    same places.

    Args:
        offer: as offered.
        answer: from :func:`make_answer`, or a peer's.

    Returns:
        The offerer's description of it, and the answerer's.

    Raises:
        MessageError: none was taken; status_hint 488.

    Source: RFC 3264 6.
    """
    for theirs, ours in zip(offer.sections, answer.sections, strict=False):
        if theirs.kind == ours.kind == "audio" and theirs.port and ours.port:
            return _audio(offer.lines, theirs), _audio(answer.lines, ours)
    raise MessageError("SDP: the answer takes no audio part of the offer", status_hint=488)
