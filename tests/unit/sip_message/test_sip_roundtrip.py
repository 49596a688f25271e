"""What is written reads back as the same value, for generated values."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rig.sip.digest import Challenge, Credentials
from rig.sip.diversion import DiversionEntry
from rig.sip.framing import StreamFramer
from rig.sip.history_info import HistoryEntry
from rig.sip.lint import lint
from rig.sip.message import Message, Request, Response
from rig.sip.message_summary import Counts, MessageSummary, lint_summary, parse_summary
from rig.sip.name_addr import CSeq, NameAddr, Via
from rig.sip.parser import parse_message
from rig.sip.sdp import MediaSection, SessionDescription
from rig.sip.uri import Uri

TOKEN_CHARS = "abcXYZ019-.!%*_+`'~"
TOKENS = st.text(TOKEN_CHARS, min_size=1, max_size=12)
HOSTS = st.sampled_from(["h", "pbx1.example.test", "192.0.2.1", "[2001:db8::1]", "a_b.x1"])
PORTS = st.none() | st.integers(0, 65535)
NUMBERS = st.integers(0, 2**32 - 1)
PRINTABLE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20)
VALUES = PRINTABLE.map(lambda text: text.strip(" "))
USERS = st.text("abc019;=?/&%+.-_~!*'(),", min_size=1, max_size=12)


def _params(
    names: st.SearchStrategy[str],
) -> st.SearchStrategy[tuple[tuple[str, str | None], ...]]:
    return st.lists(
        st.tuples(names, st.none() | TOKENS), max_size=4, unique_by=lambda pair: pair[0].lower()
    ).map(tuple)


PARAMS = _params(TOKENS.filter(lambda text: text.lower() not in ("tag", "index")))
URIS = st.builds(
    Uri,
    st.sampled_from(["sip", "sips"]),
    st.none() | USERS,
    st.none(),
    HOSTS,
    PORTS,
    PARAMS,
    st.sampled_from(["", "Reason=SIP%3Bcause%3D486", "a=b&c=d"]),
)
NAME_ADDRS = st.builds(NameAddr, VALUES, URIS, PARAMS)
ROWS = st.lists(
    st.tuples(
        TOKENS.filter(lambda name: name.lower() not in ("l", "content-length")),
        VALUES,
    ),
    max_size=8,
)
REQUESTS = st.builds(Request, TOKENS, URIS.map(str), ROWS, st.binary(max_size=60))
RESPONSES = st.builds(Response, st.integers(100, 699), VALUES, ROWS, st.binary(max_size=60))
COUNTS = st.one_of(
    st.builds(Counts, NUMBERS, NUMBERS), st.builds(Counts, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
)


@given(message=st.one_of(REQUESTS, RESPONSES))
@settings(max_examples=200, deadline=None)
def test_messages(message: Request | Response) -> None:
    data = message.to_bytes()
    again = parse_message(data)
    message.headers.set("Content-Length", str(len(message.body)))
    assert again == message
    assert again.to_bytes(keep_content_length=True) == data
    assert isinstance(lint(again), list)


@given(messages=st.lists(st.one_of(REQUESTS, RESPONSES), max_size=4), size=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_messages_on_a_stream(messages: list[Message], size: int) -> None:
    frames = [message.to_bytes() for message in messages]
    stream = b"".join(frames)
    framer = StreamFramer()
    cut: list[bytes] = []
    for start in range(0, len(stream), size):
        framer.feed(stream[start : start + size])
        while (frame := framer.next_message()) is not None:
            cut.append(frame)
    assert cut == frames


@given(uri=URIS)
@settings(max_examples=200, deadline=None)
def test_uris(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri
    assert uri.equivalent(uri)


@given(value=NAME_ADDRS)
@settings(max_examples=200, deadline=None)
def test_name_addrs(value: NameAddr) -> None:
    assert NameAddr.parse(str(value)) == value


@given(via=st.builds(Via, TOKENS, HOSTS, PORTS, PARAMS))
@settings(max_examples=100, deadline=None)
def test_vias(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(cseq=st.builds(CSeq, st.integers(0, 2**31 - 1), TOKENS))
@settings(max_examples=50, deadline=None)
def test_cseqs(cseq: CSeq) -> None:
    assert CSeq.parse(str(cseq)) == cseq


@given(
    challenge=st.builds(
        Challenge,
        VALUES,
        VALUES,
        st.sampled_from(["", "MD5", "SHA-256-sess"]),
        st.sampled_from([(), ("auth",), ("auth", "auth-int")]),
        st.none() | VALUES,
        st.booleans(),
    )
)
@settings(max_examples=100, deadline=None)
def test_challenges(challenge: Challenge) -> None:
    assert Challenge.parse(str(challenge)) == challenge


@given(credentials=st.builds(Credentials, VALUES, VALUES, VALUES, VALUES, VALUES))
@settings(max_examples=100, deadline=None)
def test_credentials(credentials: Credentials) -> None:
    assert Credentials.parse(str(credentials)) == credentials


@given(
    summary=st.builds(
        MessageSummary,
        st.booleans(),
        st.none() | URIS.map(str),
        st.none() | COUNTS,
        st.dictionaries(st.sampled_from(["fax-message", "text-message"]), COUNTS, max_size=2),
    )
)
@settings(max_examples=100, deadline=None)
def test_summaries(summary: MessageSummary) -> None:
    body = summary.to_bytes()
    assert parse_summary(body) == summary
    texts = [finding.text for finding in lint_summary(body)]
    assert all("urgent" in text or "Messages-Waiting is" in text for text in texts)


@given(
    entry=st.builds(
        DiversionEntry,
        NAME_ADDRS.map(lambda value: NameAddr(value.display_name, value.uri)),
        st.sampled_from(["", "user-busy", "send to vm"]),
        st.none() | st.integers(0, 99),
        st.none() | st.integers(0, 99),
        st.sampled_from(["", "full"]),
    )
)
@settings(max_examples=100, deadline=None)
def test_diversions(entry: DiversionEntry) -> None:
    assert DiversionEntry.parse(str(entry)) == entry


@given(
    uri=URIS,
    index=st.lists(st.integers(1, 99), min_size=1, max_size=4).map(tuple),
    reason=st.none() | VALUES.filter(bool),
)
@settings(max_examples=100, deadline=None)
def test_history(uri: Uri, index: tuple[int, ...], reason: str | None) -> None:
    entry = HistoryEntry.make(uri.without_param("cause"), index, cause=302, reason=reason)
    again = HistoryEntry.parse(str(entry))
    assert again == entry
    assert (again.cause, again.index) == (302, index)


SDP_LINES = st.lists(
    st.tuples(st.sampled_from("abcikostuz"), PRINTABLE.filter(lambda text: "\x85" not in text)),
    max_size=4,
).map(tuple)
SECTIONS = st.builds(
    MediaSection,
    st.sampled_from(["audio", "video"]),
    st.integers(0, 65535),
    st.just("RTP/AVP"),
    st.lists(st.integers(0, 127).map(str), min_size=1, max_size=4).map(tuple),
    SDP_LINES,
)


@given(lines=SDP_LINES, sections=st.lists(SECTIONS, max_size=3).map(tuple))
@settings(max_examples=100, deadline=None)
def test_descriptions(
    lines: tuple[tuple[str, str], ...], sections: tuple[MediaSection, ...]
) -> None:
    description = SessionDescription((("v", "0"), *lines), sections)
    again = SessionDescription.parse(description.to_bytes())
    assert again == description
    assert again.audio == description.audio
