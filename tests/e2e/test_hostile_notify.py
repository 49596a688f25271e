"""Hostile NOTIFY bodies at an emulated handset: it lives, and its lamp says what RFC 3842 says.

Every one is sent by TCP, where size has no limit, and those that fit by UDP too; inside a
subscription, and unsolicited. Behind each come an OPTIONS and a sound NOTIFY that both must work.

Source: CVE-2026-57191 for the long Message-Account; RFC 3842 5.2; RFC 3261 7.4.1, 8.2.3, 18.3.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from handset_lab import HandsetLab, account, intent
from small_registrar import SUMMARY, body

from provisioning.intent import MwiMode
from rig.handset.emulated.handset import EmulatedHandset
from rig.sip.message import Request
from rig.sip.message_summary import parse_summary

YES, NO = b"Messages-Waiting: yes\r\n", b"Messages-Waiting: no\r\n"
ONE = b"Voice-Message: 1/0 (0/0)\r\n"
KI64 = 65536
LARGEST_DATAGRAM = 60_000
SLOWEST_S = 2.0
"""Processor time that reading one body may take, whatever is in it."""


@dataclass(frozen=True)
class Hostile:
    """One NOTIFY.

    Attributes:
        content: its body.
        status: what it must be answered.
        lit: what the lamp shows after it; None: as before.
        content_type: of the body.
        headers: more of them.
    """

    content: bytes
    status: int = 200
    lit: bool | None = True
    content_type: str = SUMMARY
    headers: tuple[tuple[str, str], ...] = ()


def accounts() -> dict[str, Hostile]:
    """Message-Account of every length that has hurt somebody."""
    return {
        f"account of {length}": Hostile(
            YES + b"Message-Account: sip:" + b"a" * length + b"@h\r\n" + ONE
        )
        for length in (0, 511, 512, 513, 4096, KI64)
    }


REFUSED = {"status": 400, "lit": None}
HOSTILES = accounts() | {
    "no account": Hostile(YES + b"Message-Account:\r\n" + ONE),
    "account of NULs": Hostile(YES + b"Message-Account: \x00\x00\x00\r\n" + ONE),
    "every line long": Hostile(
        YES + b"".join(b"%s: %s\r\n" % (name, b"9" * 513) for name in (b"Voice-Message", b"X-Y"))
    ),
    "64 Ki lines": Hostile(YES + b"X-Line: 1\r\n" * KI64),
    "64 Ki lines before": Hostile(b"X-Line: 1\r\n" * KI64 + YES),
    "64 Ki folds": Hostile(YES + b"X-Line: 1\r\n" + b" fold\r\n" * KI64),
    "64 Ki empty lines": Hostile(b"\r\n" * KI64 + YES),
    "64 Ki groups": Hostile(YES + b"\r\nTo: a\r\n" * KI64),
    "64 Ki classes": Hostile(YES + b"".join(b"c%d: 1/0\r\n" % n for n in range(KI64)), lit=None),
    "40 000 status lines": Hostile(YES * 40_000),
    "2^32": Hostile(YES + b"Voice-Message: 4294967296/4294967296 (4294967296/0)\r\n"),
    "2^64": Hostile(YES + b"Voice-Message: 18446744073709551616/0 (0/0)\r\n"),
    "a count of 64 Ki digits": Hostile(YES + b"Voice-Message: " + b"9" * KI64 + b"/0 (0/0)\r\n"),
    "zeros before a count": Hostile(YES + b"Voice-Message: " + b"0" * KI64 + b"1/0 (0/0)\r\n"),
    "negative": Hostile(YES + b"Voice-Message: -1/-1 (-1/-1)\r\n"),
    "negative, but no": Hostile(NO + b"Voice-Message: -1/0 (0/0)\r\n", lit=False),
    "other digits": Hostile(YES + "Voice-Message: \u0663/\u0660 (\u0660/\u0660)\r\n".encode()),
    "half a bracket": Hostile(YES + b"Voice-Message: 1/0 (0/\r\n"),
    "no bracket": Hostile(YES + b"Voice-Message: 1/0\r\n"),
    "brackets": Hostile(YES + b"Voice-Message: " + b"(" * KI64 + b"\r\n"),
    "format strings": Hostile(YES + b"Message-Account: %s%n%x\r\nVoice-Message: %d/%d\r\n" + ONE),
    "NUL behind": Hostile(YES + ONE + b"\x00" * 1000),
    "NUL in the flag": Hostile(b"Messages-Waiting: yes\x00\r\n", **REFUSED),
    "NUL in the name": Hostile(b"Messages-Wai\x00ting: yes\r\n", **REFUSED),
    "no UTF-8": Hostile(b"\xff\xfe\x80\r\n" + YES + b"X-\xc0\xaf: \xed\xa0\x80\r\n"),
    "bare LF": Hostile(b"Messages-Waiting: yes\nVoice-Message: 1/0 (0/0)\n"),
    "no line end": Hostile(b"Messages-Waiting: yes"),
    "other case": Hostile(b"mESSAGES-wAITING : YES\r\n"),
    "unknown classes": Hostile(YES + b"Telepathy-Message: 7/7 (7/7)\r\n", lit=None),
    "maybe": Hostile(b"Messages-Waiting: maybe\r\n" + ONE, **REFUSED),
    "yes and no": Hostile(b"Messages-Waiting: yes no\r\n", **REFUSED),
    "a flag of 64 Ki": Hostile(b"Messages-Waiting: " + b"yes" * (KI64 // 3) + b"\r\n", **REFUSED),
    "no status line": Hostile(ONE, **REFUSED),
    "junk": Hostile(bytes(range(256)) * 16, **REFUSED),
    "only line ends": Hostile(b"\r\n\r\n", **REFUSED),
    "empty": Hostile(b"", lit=None),
    "gzip, said": Hostile(
        gzip.compress(YES), status=415, lit=None, headers=(("Content-Encoding", "gzip"),)
    ),
    "gzip, not said": Hostile(gzip.compress(YES + ONE), **REFUSED),
    "a bomb": Hostile(
        gzip.compress(bytes(1 << 20)),
        status=415,
        lit=None,
        headers=(("Content-Encoding", "gzip"),),
    ),
    "multipart": Hostile(
        b"--b\r\nContent-Type: application/simple-message-summary\r\n\r\n"
        + YES
        + b"\r\n--b--\r\n",
        status=415,
        lit=None,
        content_type="multipart/mixed;boundary=b",
    ),
    "text": Hostile(YES + ONE, status=415, lit=None, content_type="text/plain"),
    "type of 64 Ki": Hostile(YES, status=415, lit=None, content_type="a/" + "b" * 50_000),
    "type in other case": Hostile(YES + ONE, content_type="Application/Simple-Message-Summary"),
    "type with a parameter": Hostile(YES + ONE, content_type=SUMMARY + ";charset=utf-8"),
}

WRONG_LENGTHS = {
    "longer than the datagram": (b"99999", 400, None),
    "one octet longer": (b"50", 400, None),
    "negative": (b"-1", 400, None),
    "a word": (b"all", 400, None),
    "2^32": (b"4294967296", 400, None),
    "two that differ": (b"49\r\nContent-Length: 48", 400, None),
    "nothing": (b"0", 200, None),
    "up to the flag": (b"21", 200, True),
    "within the name": (b"10", 400, None),
}


@asynccontextmanager
async def phone(
    mode: MwiMode, transport: str
) -> AsyncIterator[tuple[HandsetLab, EmulatedHandset]]:
    lab = HandsetLab()
    await lab.start()
    handset = lab.handset(intent("T46U", account(mwi=mode, transport=transport)))
    try:
        await handset.boot()
        if mode is MwiMode.SUBSCRIBE:
            await lab.registrar.wait_subscribed()
        yield lab, handset
    finally:
        await lab.close()


async def tell(lab: HandsetLab, mode: MwiMode, what: Hostile) -> int:
    """Send one NOTIFY; gives the status."""
    more = {"content_type": what.content_type, "headers": what.headers}
    if mode is MwiMode.SUBSCRIBE:
        return await lab.registrar.notify(what.content, **more)
    return await lab.registrar.notify_unsolicited("anna", what.content, **more)


async def alive(lab: HandsetLab) -> None:
    """The handset answers, and can still be told of a message."""
    registrar = lab.registrar
    request = Request(
        "OPTIONS", registrar.contacts["anna"], [("From", "<sip:x@x>"), ("To", "<sip:y@y>")]
    )
    assert (await registrar.send(request, "anna")).status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("mode", [MwiMode.SUBSCRIBE, MwiMode.UNSOLICITED])
async def test_no_body_hurts_and_the_lamp_follows_the_rules(mode: MwiMode, transport: str) -> None:
    async with phone(mode, transport) as (lab, handset):
        tried = 0
        for name, what in HOSTILES.items():
            size = len(what.content) + len(what.content_type)
            if transport == "udp" and size > LARGEST_DATAGRAM:
                continue
            tried += 1
            for before in (False, True) if size < LARGEST_DATAGRAM else (False,):
                assert await tell(lab, mode, Hostile(body(int(before)))) == 200
                assert handset.lamp.state().lit is before
                assert await tell(lab, mode, what) == what.status, name
                assert handset.lamp.state().lit is (before if what.lit is None else what.lit), name
            await alive(lab)
        assert tried == len(HOSTILES) if transport == "tcp" else tried > 30
        await tell(lab, mode, Hostile(body(0)))
        assert not handset.lamp.state().lit


@pytest.mark.parametrize("mode", [MwiMode.SUBSCRIBE, MwiMode.UNSOLICITED])
async def test_a_content_length_that_lies_changes_nothing_it_should_not(mode: MwiMode) -> None:
    content = YES + b"Voice-Message: 1/0 (0/0)\r\n"
    assert len(content) == 49
    async with phone(mode, "udp") as (lab, handset):
        for name, (length, status, lit) in WRONG_LENGTHS.items():
            assert await tell(lab, mode, Hostile(body(0))) == 200

            def lie(message, flow, length=length):
                data = message.to_bytes()
                return data.replace(b"Content-Length: 49", b"Content-Length: " + length)

            lab.registrar.stack.outgoing_filter = lie
            assert await tell(lab, mode, Hostile(content)) == status, name
            lab.registrar.stack.outgoing_filter = None
            assert handset.lamp.state().lit is bool(lit), name
            await alive(lab)


async def test_a_dark_lamp_would_be_noticed() -> None:
    """The rule of the test itself: a sound body lights, and another mode refuses."""
    async with phone(MwiMode.UNSOLICITED, "udp") as (lab, handset):
        assert await tell(lab, MwiMode.UNSOLICITED, Hostile(YES + ONE)) == 200
        assert handset.lamp.state().lit
    async with phone(MwiMode.SUBSCRIBE, "udp") as (lab, handset):
        assert await tell(lab, MwiMode.UNSOLICITED, Hostile(YES + ONE)) == 481
        assert not handset.lamp.state().lit


@pytest.mark.parametrize("name", HOSTILES)
def test_every_body_is_read_in_a_moment(name: str) -> None:
    what = HOSTILES[name]
    begin = time.process_time()
    if what.status == 200 and what.content:
        summary = parse_summary(what.content)
        assert summary.waiting is (what.lit is not False)
        assert summary.voice is None or summary.voice.new <= 2**32 - 1
    assert time.process_time() - begin < SLOWEST_S
