"""Every cause of a diversion, provoked for real, told the same in every place; and what is hidden.

A call is diverted to the mailbox for each of the seven causes of RFC 4458. The greeting that
the caller hears, the cause in the Request-URI and in History-Info, the reason in Diversion and
the tree itself must agree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from call_kit import CallLab, call_lab, hears
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, PORTAL, OutgoingCall, sdp

from rig.clock import now
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.sip.diversion import parse_diversions
from rig.sip.diversion_cause import agree
from rig.sip.history_info import lint_history, parse_history
from rig.sip.message import Request
from rig.sip.uri import Uri

pytestmark = pytest.mark.waits

Provoke = Callable[[CallLab], Awaitable[None]]


async def always(lab: CallLab) -> None:
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))


async def busy(lab: CallLab) -> None:
    lab.phones[CARL].answer = 486


async def rings_out(lab: CallLab) -> None:
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(rings=2))


async def gone(lab: CallLab) -> None:
    assert (await lab.phones[CARL].register(expires=0)).status == 200


def sends_on(*rows: tuple[str, str], ring: bool) -> Provoke:
    """The phone itself sends the call to its mailbox, by 302."""

    async def provoke(lab: CallLab) -> None:
        carl = lab.phones[CARL]
        carl.answer = "mute" if ring else 302
        carl.headers = [("Contact", f"<sip:{PORTAL}@{DOMAIN}>"), *rows]

    return provoke


OWN = f"<sip:u103@{DOMAIN}>"
CAUSES = [
    # cause, reason, greeting, how, whether the phone rings before its 302
    (302, "unconditional", "greeting.unavailable", always, False),
    (486, "user-busy", "greeting.busy", busy, False),
    (408, "no-answer", "greeting.unavailable", rings_out, False),
    (404, "time-of-day", "greeting.unavailable",
     sends_on(("Diversion", f"{OWN};reason=time-of-day"), ring=False), False),
    (480, "deflection", "greeting.unavailable",
     sends_on(("Diversion", f"{OWN};reason=deflection"), ring=False), False),
    (487, "deflection", "greeting.unavailable", sends_on(ring=True), True),
    (503, "unavailable", "greeting.unavailable", gone, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "reason", "greeting", "provoke", "deflects"),
    CAUSES,
    ids=[f"div_cause_{row[0]}" for row in CAUSES],
)
async def test_div_cause(
    tmp_path: Path, cause: int, reason: str, greeting: str, provoke: Provoke, deflects: bool
) -> None:
    async with call_lab(tmp_path) as lab:
        carl, anna = lab.phones[CARL], lab.phones[ANNA]
        await provoke(lab)
        began = now()
        call = await anna.call(CARL, body=sdp(anna.stream.local_port))
        if deflects:
            await carl.until(lambda: bool(carl.invites))
            carl.invites[0].respond(180)
            carl.invites[0].respond(302, headers=carl.headers)
        final = await call.result()
        assert final.status == 200
        anna._follow(final.body)
        anna.stack.add_dialog(call.dialog.call_id, call.dialog.local_tag, anna.inside)
        await hears(anna, greeting)
        assert anna.stream.heard[0] == greeting, "and no other one before it"
        if cause == 408:
            assert now() - began >= 2 * 0.2
        check_mailbox_leg(lab, cause, reason)
        assert 181 in call.statuses
        told = next(r for r in call.provisional if r.status == 181)
        assert [e.reason for e in parse_diversions(told.headers)] == [reason]
        assert parse_history(told.headers)[-1].cause == cause


def check_mailbox_leg(lab: CallLab, cause: int, reason: str) -> None:
    """Request-URI, Diversion and History-Info of the leg to the mailbox."""
    (leg,) = lab.mailbox_legs
    uri = Uri.parse(leg.uri)
    assert uri.param("cause") == str(cause), "RFC 4458 section 2"
    assert (uri.param("target") or "").startswith(f"sip:{CARL}")
    (entry,) = parse_diversions(leg.headers)
    assert (entry.reason, entry.counter or 1) == (reason, 1)
    first, second = parse_history(leg.headers)
    assert (first.index, second.index) == ((1,), (1, 1))
    # RFC 7044 section 10.4: the new target was found by mapping to another user, the mailbox.
    assert (second.mp, second.rc, second.np) == ((1,), None, None)
    assert second.cause == cause
    assert agree(reason, cause), "RFC 7544"
    assert lint_history(leg.headers, leg.uri) == []
    if cause in {486, 408, 480, 487}:
        status = {480: 302, 487: 302}.get(cause, cause)
        assert first.reason_header == f"SIP;cause={status}"


# -- chains and loops -------------------------------------------------------------------------


async def test_div_mf_01_every_diversion_is_a_hop(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, carl = lab.phones[ANNA], lab.phones[CARL]
        rule = ForwardRule(active=True, target=CARL)
        await lab.platform.set_services(DORA, UserServices(always=rule))
        # One hop reaches a phone, but not the one behind a diversion.
        plain = await anna.call(CARL, headers=[("Max-Forwards", "1")])
        await carl.until(lambda: len(carl.invites) == 1)
        assert carl.invites[0].request.max_forwards == 0
        plain.outgoing.cancel()
        await plain.result()
        diverted = await anna.call(DORA, headers=[("Max-Forwards", "1")])
        assert (await diverted.result()).status == 483
        assert len(carl.invites) == 1
        enough = await anna.call(DORA, headers=[("Max-Forwards", "2")])
        await carl.until(lambda: len(carl.invites) == 2)
        assert carl.invites[1].request.max_forwards == 0
        enough.outgoing.cancel()
        await enough.result()


async def test_div_chn_03_loop_over_three_ends_in_one_pass(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        ring = [(BERT, CARL), (CARL, DORA), (DORA, BERT)]
        for number, target in ring:
            rule = ForwardRule(active=True, target=target)
            await lab.platform.set_services(number, UserServices(busy=rule))
            lab.phones[number].answer = 486
        call = await lab.phones[ANNA].call(BERT)
        final = await call.result()
        assert final.status == 482
        assert "loop" in (final.headers.get("Warning") or "")
        assert [len(lab.phones[number].invites) for number, _ in ring] == [1, 1, 1]


async def test_div_chn_04_a_limit_ends_a_chain_that_is_no_loop(tmp_path: Path) -> None:
    async with call_lab(tmp_path, max_diversions=1) as lab:
        for number, target in ((BERT, DORA), (DORA, CARL)):
            rule = ForwardRule(active=True, target=target)
            await lab.platform.set_services(number, UserServices(always=rule))
        call = await lab.phones[ANNA].call(BERT)
        final = await call.result()
        assert final.status == 480
        assert "too many diversions: 1, limit 1" in (final.headers.get("Warning") or "")


# -- privacy ----------------------------------------------------------------------------------


async def forwarded_to_dora(
    lab: CallLab, rows: list[tuple[str, str]]
) -> tuple[Request, OutgoingCall]:
    """A call that Carl forwards to Dora; gives back what Dora got."""
    rule = ForwardRule(active=True, target=DORA)
    await lab.platform.set_services(CARL, UserServices(always=rule))
    call = await lab.phones[ANNA].call(CARL, headers=rows)
    dora = lab.phones[DORA]
    await dora.until(lambda: bool(dora.invites))
    return dora.invites[0].request, call


async def test_div_prv_01_caller_withheld_diversion_intact(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        invite, _ = await forwarded_to_dora(lab, [("Privacy", "id")])
        assert invite.from_.uri.host == "anonymous.invalid"
        (entry,) = parse_diversions(invite.headers)
        assert (entry.name_addr.uri.user, entry.reason) == (CARL, "unconditional")
        assert parse_history(invite.headers)[0].uri.user == CARL


@pytest.mark.parametrize(
    ("privacy", "user", "name"),
    [
        ("full", "anonymous", "Anonymous"),
        ("uri", "anonymous", "Doe, Jane"),
        ("name", "+4989111", ""),
        ("off", "+4989111", "Doe, Jane"),
        ("", "+4989111", "Doe, Jane"),
    ],
)
async def test_div_prv_02_privacy_of_a_diverting_party(
    tmp_path: Path, privacy: str, user: str, name: str
) -> None:
    async with call_lab(tmp_path) as lab:
        entry = '"Doe, Jane" <sip:+4989111@x>;reason=user-busy;counter=2;screen=yes;limit=9'
        row = ("Diversion", f"{entry};privacy={privacy}" if privacy else entry)
        invite, call = await forwarded_to_dora(lab, [row])
        rows = [invite.headers, *(r.headers for r in call.provisional if r.status == 181)]
        assert len(rows) == 2
        for headers in rows:
            _, old = parse_diversions(headers)
            assert (old.name_addr.uri.user, old.name_addr.display_name) == (user, name)
            assert (old.reason, old.counter, old.screen, old.limit) == ("user-busy", 2, "yes", 9)
            assert old.privacy == privacy
        if privacy in {"full", "uri"}:
            assert b"4989111" not in invite.to_bytes()


async def test_div_hi_05_privacy_of_the_whole_history(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        invite, _ = await forwarded_to_dora(lab, [("Privacy", "history")])
        first, last = parse_history(invite.headers)
        assert str(first.uri) == "sip:anonymous@anonymous.invalid"
        assert (first.index, last.index) == ((1,), (1, 1))
        assert last.uri.user == DORA
        assert last.mp == (1,)
        assert lint_history(invite.headers) == []
        assert invite.from_.uri.user == ANNA, "the caller does not hide"


async def test_div_hi_05_privacy_of_one_entry(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        carried = (
            "<sip:+4989111@x?Privacy=history&Reason=SIP%3Bcause%3D486>;index=1, "
            f"<sip:{CARL}@{DOMAIN};cause=486>;index=1.1;mp=1"
        )
        invite, _ = await forwarded_to_dora(lab, [("History-Info", carried)])
        hidden, shown, _ = parse_history(invite.headers)
        assert hidden.uri.user == "anonymous"
        assert hidden.reason_header == "SIP;cause=486", "why is no secret"
        assert (shown.uri.user, shown.cause) == (CARL, 486)
        assert b"4989111" not in invite.to_bytes()


async def test_div_hi_05_the_mailbox_still_finds_the_owner(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        await lab.phones[ANNA].talk_to(CARL, headers=[("Privacy", "history")])
        (leg,) = lab.mailbox_legs
        assert parse_history(leg.headers)[0].uri.user == CARL
        await hears(lab.phones[ANNA], "greeting.unavailable")


async def test_div_181_02_a_handset_that_hides_its_number(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        carl, dora = lab.phones[CARL], lab.phones[DORA]
        carl.answer = 302
        carl.headers = [
            ("Contact", f"<sip:{DORA}@{DOMAIN}>"),
            ("Diversion", f"{OWN};reason=unconditional;privacy=full"),
        ]
        call = await lab.phones[ANNA].call(CARL)
        await dora.until(lambda: bool(dora.invites))
        (told,) = [r for r in call.provisional if r.status == 181]
        for headers in (told.headers, dora.invites[0].request.headers):
            (entry,) = parse_diversions(headers)
            assert entry.name_addr.uri.user == "anonymous"
            assert entry.privacy == "full"
