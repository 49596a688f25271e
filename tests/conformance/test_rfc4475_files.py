"""RFC 4475 with the messages of the RFC itself, where a machine has them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from conformance.rfc4475_points import POINTS, Point, judge
from quick_kit import by_both

from rig.capture.quick_reader import QuickReader
from rig.sip.errors import MessageError
from rig.sip.framing import StreamFramer
from rig.sip.lint import lint
from rig.sip.message import Message, Request, Response
from rig.sip.parser import parse_message

VARIABLE = "PHONERIG_RFC4475_DIR"
DIRECTORY = os.environ.get(VARIABLE, "")

if not DIRECTORY:
    pytest.skip(
        f"{VARIABLE} does not name a folder with the .dat files of RFC 4475",
        allow_module_level=True,
    )


def _data(name: str) -> bytes:
    return (Path(DIRECTORY) / f"{name}.dat").read_bytes()


def _request(name: str) -> Request:
    message = parse_message(_data(name))
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_class_of_action(point: Point) -> None:
    result, message = judge(_data(point.name))
    assert result.action == point.action, result.reason
    if point.action == "reject":
        assert result.status in point.statuses
        assert isinstance(message, Request)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_nothing_but_message_error_from_any_view(point: Point) -> None:
    _, message = judge(_data(point.name))
    if message is None:
        return
    views = [name for name in dir(Message) if isinstance(getattr(Message, name), property)]
    assert len(views) >= 12
    for name in views:
        with contextlib.suppress(MessageError):
            getattr(message, name)
    assert isinstance(lint(message), list)


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_written_again_it_reads_the_same(point: Point) -> None:
    try:
        message = parse_message(_data(point.name))
    except MessageError:
        assert point.action != "accept"
        return
    again = parse_message(message.to_bytes(keep_content_length=True))
    assert again == message


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.name)
def test_the_quick_reader_of_captures_says_the_same(point: Point) -> None:
    reader = QuickReader()
    for _ in range(2):
        by_both(_data(point.name), reader)


def test_every_file_has_its_point() -> None:
    names = {path.stem for path in Path(DIRECTORY).glob("*.dat")}
    assert names == {point.name for point in POINTS}


def test_wsinv_values() -> None:
    message = _request("wsinv")
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.to.tag == "1918181833n"
    assert (message.cseq.number, message.max_forwards) == (9, 68)
    assert [via.transport for via in message.vias] == ["UDP", "TCP", "UDP"]
    contact = message.contacts[0]
    assert contact.display_name == 'Quoted string ""'
    assert (contact.param("newparam"), contact.param("q")) == ("newvalue", "0.33")
    assert len(message.body) == 150


def test_intmeth_keeps_control_octets() -> None:
    message = _request("intmeth")
    assert message.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.cseq.method == message.method


def test_escapes_stay_where_they_are() -> None:
    message = _request("esc01")
    assert message.uri == "sip:sips%3Auser%40example.com@example.net"
    assert message.to.uri.user_unescaped == "user"
    assert message.contacts[0].uri.has_param("lr")
    assert message.contacts[0].uri.param("name") == "value%41"
    assert _request("esc02").method == "RE%47IST%45R"
    assert len(_request("esc02").contacts) == 2
    assert [c.uri.user_unescaped for c in _request("escnull").contacts] == ["\x00", "\x00\x00"]


def test_dblreq_is_one_datagram_and_two_messages_of_a_stream() -> None:
    assert _request("dblreq").method == "REGISTER"
    framer = StreamFramer()
    framer.feed(_data("dblreq"))
    methods = []
    for _ in range(2):
        message = parse_message(framer.next_message() or b"", datagram=False)
        assert isinstance(message, Request)
        methods.append(message.method)
    assert methods == ["REGISTER", "INVITE"]


@pytest.mark.parametrize("name", ["ncl", "mcl01", "inv2543"])
def test_stream_framing_is_lost(name: str) -> None:
    framer = StreamFramer()
    framer.feed(_data(name))
    with pytest.raises(MessageError, match="close the connection"):
        framer.next_message()


def test_long_header_values_are_complete() -> None:
    message = _request("longreq")
    assert len(message.vias) == 34
    assert message.to.display_name.count("extreme") == 10
    assert len(message.body) == 150


def test_binary_parts_are_complete() -> None:
    message = _request("mpart01")
    assert len(message.body) == 553
    assert message.content_type == "multipart/mixed"


def test_reason_phrases() -> None:
    with_text, without = parse_message(_data("unreason")), parse_message(_data("noreason"))
    assert isinstance(with_text, Response)
    assert isinstance(without, Response)
    assert with_text.reason.startswith("= 2**3 * 5**2 \u043d\u043e")
    assert (without.status, without.reason) == (100, "")


def test_liberal_cases_are_at_least_noted() -> None:
    for name in ("lwsstart", "trws", "baddate", "badaspec", "baddn"):
        assert lint(_request(name)), name
