"""Whose mailbox and which greeting, from what an INVITE carries."""

from __future__ import annotations

import pytest

from rig.mailbox_platform.embedded.voicemail.deposit_target import (
    OwnerRule,
    caller_of,
    deposit_target,
)
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.message import Request

BOXES = {"+491": "+491", "anna": "+491", "+492": "+492"}
BUSY, UNAVAILABLE = GreetingKind.BUSY, GreetingKind.UNAVAILABLE


def invite(*rows: tuple[str, str], uri: str = "sip:portal@127.0.0.1", to: str = "sip:portal@x"):
    headers = Headers([("From", "<sip:+499@x>;tag=1"), ("To", f"<{to}>"), *rows])
    return Request("INVITE", uri, headers, b"")


def diversion(user: str, reason: str, *, host: str = "x") -> tuple[str, str]:
    return ("Diversion", f"<sip:{user}@{host}>;reason={reason};counter=1")


CASES = [
    ("busy", invite(diversion("+491", "user-busy")), "+491", BUSY, "user-busy"),
    ("sip user", invite(diversion("anna", "no-answer")), "+491", UNAVAILABLE, "no-answer"),
    ("dnd", invite(diversion("+491", "do-not-disturb")), "+491", BUSY, "do-not-disturb"),
    (
        "escaped",
        invite(diversion("%2B491", "unconditional")),
        "+491",
        UNAVAILABLE,
        "unconditional",
    ),
    ("tel", invite(("Diversion", "<tel:+49-1>;reason=user-busy")), "+491", BUSY, "user-busy"),
    (
        "two, newest on top",
        invite(diversion("+492", "no-answer"), diversion("+491", "user-busy")),
        "+492",
        UNAVAILABLE,
        "no-answer",
    ),
    (
        "newest has no mailbox",
        invite(diversion("+498", "no-answer"), diversion("+491", "user-busy")),
        "+491",
        BUSY,
        "user-busy",
    ),
    (
        "target and cause",
        invite(uri="sip:portal@127.0.0.1;target=sip:%2B491%40x;cause=486"),
        "+491",
        BUSY,
        "",
    ),
    (
        "target wins over the diverting party",
        invite(
            diversion("+492", "no-answer"),
            uri="sip:portal@127.0.0.1;target=sip:+491%40x;cause=408",
        ),
        "+491",
        UNAVAILABLE,
        "no-answer",
    ),
    (
        "target without a mailbox",
        invite(diversion("+492", "user-busy"), uri="sip:p@x;target=sip:+498%40x;cause=486"),
        "+492",
        BUSY,
        "user-busy",
    ),
    (
        "history",
        invite(
            ("History-Info", "<sip:+491@x?Reason=SIP%3Bcause%3D486>;index=1"),
            ("History-Info", "<sip:portal@x;cause=486>;index=1.1;mp=1"),
        ),
        "+491",
        BUSY,
        "",
    ),
    (
        "history of two",
        invite(
            (
                "History-Info",
                "<sip:+491@x>;index=1, <sip:+492@x;cause=302>;index=1.1;mp=1",
            ),
            (
                "History-Info",
                "<sip:portal@x;cause=486>;index=1.1.1;mp=1.1",
            ),
        ),
        "+492",
        BUSY,
        "",
    ),
    ("only a cause", invite(uri="sip:p@x;cause=486", to="sip:+492@x"), "+492", BUSY, ""),
    ("odd cause", invite(uri="sip:p@x;target=sip:+491%40x;cause=abc"), "+491", UNAVAILABLE, ""),
    ("unknown cause", invite(uri="sip:p@x;target=+491;cause=999"), "+491", UNAVAILABLE, ""),
    ("nobody's", invite(diversion("+498", "user-busy")), "", BUSY, "user-busy"),
]


@pytest.mark.parametrize(
    ("request_", "mailbox", "greeting", "reason"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_mailbox_and_greeting(request_, mailbox, greeting, reason):
    target = deposit_target(request_, BOXES.get)
    assert target is not None
    assert (target.mailbox, target.greeting, target.reason) == (mailbox, greeting, reason)


def test_the_original_owner_by_setting():
    request = invite(diversion("+492", "no-answer"), diversion("+491", "user-busy"))
    target = deposit_target(request, BOXES.get, rule=OwnerRule.ORIGINAL)
    assert target is not None
    assert (target.mailbox, target.greeting) == ("+491", BUSY)
    history = invite(
        ("History-Info", "<sip:+491@x>;index=1"),
        ("History-Info", "<sip:+492@x;cause=486>;index=1.1;mp=1"),
        ("History-Info", "<sip:portal@x;cause=408>;index=1.1.1;mp=1.1"),
    )
    target = deposit_target(history, BOXES.get, rule=OwnerRule.ORIGINAL)
    assert target is not None
    assert target.mailbox == "+491"


@pytest.mark.parametrize(
    "request_",
    [
        invite(),
        invite(to="sip:+491@x"),
        invite(("History-Info", "<sip:portal@x>;index=1")),
        invite(("History-Info", "nonsense")),
    ],
)
def test_a_call_that_nobody_diverted_is_for_the_portal(request_):
    assert deposit_target(request_, BOXES.get) is None


def test_a_request_uri_that_cannot_be_read_is_an_error():
    with pytest.raises(MessageError):
        deposit_target(invite(uri="nonsense"), BOXES.get)


@pytest.mark.parametrize(
    ("request_", "caller"),
    [
        (invite(), "+499"),
        (invite(("P-Asserted-Identity", '"B" <sip:+497@x>')), "+497"),
        (invite(("P-Asserted-Identity", "<tel:+49-7>")), "+497"),
        (invite(("P-Asserted-Identity", "<sip:+497@x>"), ("Privacy", "id")), ""),
        (invite(("Privacy", "none")), "+499"),
        (
            Request("INVITE", "sip:p@x", Headers([("From", "<sip:anonymous@anonymous.invalid>")])),
            "",
        ),
        (Request("INVITE", "sip:p@x", Headers([("From", "<<")])), ""),
    ],
)
def test_the_asserted_identity_decides_who_calls(request_, caller):
    assert caller_of(request_) == caller
