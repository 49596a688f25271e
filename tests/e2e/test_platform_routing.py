"""Calls through the platform over real sockets: every service, and the headers it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from call_kit import CallLab, Packet
from platform_kit import (
    ANNA,
    BERT,
    CARL,
    DOMAIN,
    DORA,
    PORTAL,
    OutgoingCall,
    Phone,
    make_site,
    sdp,
)

from rig.clock import now
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.dialog import Dialog
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.history_info import HistoryEntry, lint_history, parse_history
from rig.sip.message import Request
from rig.timeline import Address

pytestmark = pytest.mark.waits

RING = 0.2


class Lab(CallLab):
    """A platform, four phones, and what its tap saw."""

    def __init__(self, tmp_path: Path, config: PlatformConfig, hook: PlatformHook | None) -> None:
        super().__init__(make_site(), tmp_path / "store", config, hook)
        self.phones: dict[str, Phone] = {}

    async def open(self, *, registered: tuple[str, ...] = (ANNA, BERT, CARL, DORA)) -> Lab:
        await self.platform.start()
        for number, user in self.platform.site.users.items():
            self.phones[number] = await Phone(self.platform, user).open()
            if number in registered:
                assert (await self.phones[number].register()).status == 200
        return self

    async def close(self) -> None:
        for phone in self.phones.values():
            await phone.close()
        await self.platform.stop()

    def packets_sent(self, method: str, destination: Address) -> list[Packet]:
        return [
            p
            for p in self.packets
            if p.outbound
            and p.destination == destination
            and isinstance(p.message, Request)
            and p.message.method == method
        ]

    @property
    def mailbox_leg(self) -> Request:
        """The one INVITE that went to the mailbox."""
        legs = self.packets_sent("INVITE", self.platform.voicemail_address)
        assert len(legs) == 1, f"{len(legs)} INVITEs to the mailbox"
        assert isinstance(legs[0].message, Request)
        return legs[0].message

    def reset(self) -> None:
        self.packets.clear()
        for phone in self.phones.values():
            phone.invites.clear()


@pytest.fixture
async def make_lab(tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    labs: list[Lab] = []

    async def make(
        hook: PlatformHook | None = None,
        registered: tuple[str, ...] = (ANNA, BERT, CARL, DORA),
        **config: object,
    ) -> Lab:
        settings = PlatformConfig(**{"seconds_per_ring": RING, **config})  # type: ignore[arg-type]  # values come by name
        lab = Lab(tmp_path, settings, hook)
        labs.append(lab)
        return await lab.open(registered=registered)

    yield make
    for lab in labs:
        await lab.close()


@pytest.fixture
async def lab(make_lab: Callable[..., object]) -> Lab:
    return await make_lab()  # type: ignore[misc]  # a factory of the fixture


async def hang_up(call: OutgoingCall) -> None:
    assert (await call.request("BYE")).status == 200


def party(entry: DiversionEntry) -> str | None:
    return entry.name_addr.uri.user


# -- plain calls ------------------------------------------------------------------------------


@pytest.mark.parametrize("dialled", [BERT, "03023125102", "102", "u102"])
async def test_plain_call_is_answered_and_hung_up(lab: Lab, dialled: str) -> None:
    bert = lab.phones[BERT]
    bert.answer = "answer"
    call = await lab.phones[CARL].call(dialled)
    final = await call.result()
    assert final.status == 200
    assert final.body == sdp(41000)
    assert call.statuses == [180]
    invite = bert.invites[0].request
    assert invite.body == sdp()
    assert invite.uri == bert.contact.strip("<>")
    assert str(invite.from_.uri) == f"sip:{CARL}@{DOMAIN}"
    assert invite.from_.display_name == "Carl Cordes"
    assert invite.call_id != call.outgoing.request.call_id
    assert invite.max_forwards == 69
    assert "Diversion" not in invite.headers
    assert "History-Info" not in invite.headers
    await bert.invites[0].wait_ack(2)
    await hang_up(call)
    await bert.until(lambda: bool(bert.requests))
    assert bert.requests[0].request.method == "BYE"
    await bert.until(lambda: lab.platform.calls == 0)


async def test_hold_and_info_pass(lab: Lab) -> None:
    anna, bert = lab.phones[ANNA], lab.phones[BERT]
    bert.answer = "answer"
    call = await anna.call(BERT)
    await call.result()
    hold = sdp().replace(b"t=0 0", b"t=0 0\r\na=sendonly")
    relayed = await call.request("INVITE", hold, "application/sdp")
    assert relayed.status == 200
    assert relayed.body == sdp(41000)
    assert bert.invites[-1].request.body == hold
    info = await call.request("INFO", b"Signal=5\r\n", "application/dtmf-relay")
    assert info.status == 200
    assert bert.requests[-1].request.body == b"Signal=5\r\n"
    assert bert.requests[-1].request.content_type == "application/dtmf-relay"
    assert (await call.request("REFER")).status == 400, "a REFER without Refer-To"
    await hang_up(call)


@pytest.mark.parametrize(
    ("number", "status"), [("0891234567", 404), ("nobody", 404), ("999", 404)]
)
async def test_unknown_number_is_404(lab: Lab, number: str, status: int) -> None:
    call = await lab.phones[ANNA].call(number)
    assert (await call.result()).status == status


async def test_caller_must_prove_who_it_is(lab: Lab) -> None:
    dora = lab.phones[DORA]
    wrong = await dora.send("INVITE", f"sip:{BERT}@{DOMAIN}", password="wrong", body=sdp())
    assert wrong.status == 403
    assert lab.phones[BERT].invites == []


async def test_max_forwards_0_is_483(lab: Lab) -> None:
    call = await lab.phones[ANNA].call(BERT, headers=[("Max-Forwards", "0")])
    assert (await call.result()).status == 483
    assert lab.phones[BERT].invites == []


async def test_withheld_number_stays_withheld(lab: Lab) -> None:
    lab.phones[BERT].answer = "answer"
    call = await lab.phones[ANNA].call(BERT, headers=[("Privacy", "id")])
    await call.result()
    invite = lab.phones[BERT].invites[0].request
    assert invite.from_.uri.host == "anonymous.invalid"
    assert "P-Asserted-Identity" not in invite.headers
    assert b"493023125101" not in invite.to_bytes().partition(b"\r\n\r\n")[0]
    await hang_up(call)


async def test_offer_in_the_answer_reaches_the_caller_and_the_answer_in_the_ack_the_callee(
    lab: Lab,
) -> None:
    bert = lab.phones[BERT]
    bert.answer = "answer"
    call = await lab.phones[ANNA].call(BERT, body=b"")
    final = await call.outgoing.final(5)
    assert final.body == sdp(41000)
    dialog = Dialog.as_caller(call.outgoing.request, final)
    ack = dialog.make_ack(call.outgoing.request, body=sdp(43000), content_type="application/sdp")
    lab.phones[ANNA].stack.send_ack(ack, lab.phones[ANNA].flow)
    relayed = await bert.invites[0].wait_ack(3)
    assert relayed.body == sdp(43000)
    assert relayed.content_type == "application/sdp"


async def test_callee_hangs_up(lab: Lab) -> None:
    bert = lab.phones[BERT]
    bert.answer = "answer"
    call = await lab.phones[ANNA].call(BERT)
    await call.result()
    invite = bert.invites[0]
    await invite.wait_ack(2)
    dialog = Dialog.as_callee(invite.request, invite.to_tag, bert.contact)
    bye = dialog.make_request("BYE", headers=[("Reason", "Q.850;cause=16")])
    assert (await bert.stack.request(bye, bert.flow).final(3)).status == 200
    anna = lab.phones[ANNA]
    await anna.until(lambda: bool(anna.requests))
    assert anna.requests[0].request.method == "BYE"
    assert anna.requests[0].request.headers.get("Reason") == "Q.850;cause=16"
    await anna.until(lambda: lab.platform.calls == 0)


async def test_every_phone_of_a_user_rings_and_the_first_wins(lab: Lab) -> None:
    desk = lab.phones[BERT]
    second = await Phone(lab.platform, desk.user).open("TCP")
    await second.register()
    call = await lab.phones[ANNA].call(BERT)
    await desk.until(lambda: len(desk.invites) == 1 and len(second.invites) == 1)
    second.accept(second.invites[0])
    assert (await call.result()).status == 200
    await desk.until(lambda: desk.cancels == 1)
    cancel = lab.packets_sent("CANCEL", desk.stack.address)[0].message
    assert isinstance(cancel, Request)
    assert cancel.headers.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    await hang_up(call)
    await second.close()


async def test_cancel_reaches_the_phone(lab: Lab) -> None:
    bert = lab.phones[BERT]
    call = await lab.phones[ANNA].call(BERT)
    await bert.until(lambda: bool(bert.invites))
    await bert.until(lambda: call.statuses == [180])
    call.outgoing.cancel()
    assert (await call.result()).status == 487
    await bert.until(lambda: bert.cancels == 1)
    await bert.until(lambda: lab.platform.calls == 0)


@pytest.mark.parametrize("head_start", [True, False])
async def test_cancel_that_crosses_the_answer_leaves_no_half_call(
    lab: Lab, head_start: bool
) -> None:
    bert = lab.phones[BERT]
    call = await lab.phones[ANNA].call(BERT)
    await bert.until(lambda: call.statuses == [180])
    if head_start:
        bert.accept(bert.invites[0])
        call.outgoing.cancel()
    else:
        call.outgoing.cancel()
        bert.accept(bert.invites[0])
    final = await call.result()
    assert final.status in {200, 487}
    if final.status == 200:
        await hang_up(call)
    await bert.until(lambda: any(r.request.method == "BYE" for r in bert.requests) or bert.cancels)
    await bert.until(lambda: lab.platform.calls == 0)


async def test_early_media_and_refusals_pass(lab: Lab) -> None:
    bert = lab.phones[BERT]
    bert.answer = "mute"
    call = await lab.phones[ANNA].call(BERT)
    await bert.until(lambda: bool(bert.invites))
    bert.invites[0].respond(183, body=sdp(42000), content_type="application/sdp")
    bert.invites[0].respond(488)
    assert (await call.result()).status == 488
    assert call.provisional[-1].status == 183
    assert call.provisional[-1].body == sdp(42000)


# -- mailbox ----------------------------------------------------------------------------------


def leg_facts(leg: Request) -> tuple[list[tuple[str | None, str]], list[int | None]]:
    return (
        [(party(e), e.reason) for e in parse_diversions(leg.headers)],
        [e.cause for e in parse_history(leg.headers)],
    )


MAILBOX_CASES = [
    # answer of the phone, options, services, registered, rings the phone, reason, cause
    (486, MailboxOptions(), UserServices(), True, True, "user-busy", 486),
    (603, MailboxOptions(), UserServices(), True, True, "user-busy", 486),
    (600, MailboxOptions(), UserServices(), True, True, "user-busy", 486),
    ("ring", MailboxOptions(rings=2), UserServices(), True, True, "no-answer", 408),
    ("ring", MailboxOptions(rings=0), UserServices(), True, False, "no-answer", 408),
    ("ring", MailboxOptions(all_calls=True), UserServices(), True, False, "unconditional", 302),
    ("ring", MailboxOptions(), UserServices(), False, False, "unavailable", 503),
    (404, MailboxOptions(), UserServices(), True, True, "unavailable", 503),
]


@pytest.mark.parametrize(
    ("answer", "options", "services", "registered", "rings", "reason", "cause"), MAILBOX_CASES
)
@pytest.mark.requirement("R27", "R28", "R29")
async def test_mailbox_answers_and_its_leg_says_why(
    make_lab: Callable[..., object],
    answer: int | str,
    options: MailboxOptions,
    services: UserServices,
    registered: bool,
    rings: bool,
    reason: str,
    cause: int,
) -> None:
    lab: Lab = await make_lab(registered=(ANNA, CARL) if registered else (ANNA,))  # type: ignore[misc]  # a factory of the fixture
    carl = lab.phones[CARL]
    carl.answer = answer
    await lab.platform.set_mailbox_options(CARL, options)
    await lab.platform.set_services(CARL, services)
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == 200
    assert bool(carl.invites) == rings
    assert 181 in call.statuses
    leg = lab.mailbox_leg
    diversions, causes = leg_facts(leg)
    assert diversions == [(CARL, reason)]
    entry = parse_diversions(leg.headers)[0]
    assert (entry.counter, entry.privacy) == (1, "off")
    assert causes[-1] == cause
    assert lint_history(leg.headers, leg.uri) == []
    assert leg.headers.get("P-Asserted-Identity") == f"Anna Arnold <sip:{ANNA}@{DOMAIN}>"
    assert leg.body == sdp()
    await hang_up(call)


@pytest.mark.requirement("R28")
async def test_dnd_on_the_platform_and_on_the_phone(lab: Lab) -> None:
    carl = lab.phones[CARL]
    await lab.platform.set_services(CARL, UserServices(do_not_disturb=True))
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == 200
    assert carl.invites == []
    assert leg_facts(lab.mailbox_leg)[1][-1] == 486
    await hang_up(call)
    lab.reset()
    await lab.platform.set_services(CARL, UserServices())
    carl.answer = 480
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == 200
    assert len(carl.invites) == 1
    assert leg_facts(lab.mailbox_leg)[1][-1] == 486
    await hang_up(call)


@pytest.mark.parametrize(
    ("answer", "options", "registered", "status"),
    [
        (486, MailboxOptions(busy=False), True, 486),
        (486, MailboxOptions(active=False), True, 486),
        (480, MailboxOptions(busy=False), True, 486),
        ("ring", MailboxOptions(active=False), False, 480),
        ("ring", MailboxOptions(no_answer=False), False, 480),
    ],
)
@pytest.mark.requirement("R26", "R28", "R29")
async def test_option_off_means_no_mailbox(
    make_lab: Callable[..., object],
    answer: int | str,
    options: MailboxOptions,
    registered: bool,
    status: int,
) -> None:
    lab: Lab = await make_lab(registered=(ANNA, CARL) if registered else (ANNA,))  # type: ignore[misc]  # a factory of the fixture
    lab.phones[CARL].answer = answer
    await lab.platform.set_mailbox_options(CARL, options)
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == status
    assert lab.packets_sent("INVITE", lab.platform.voicemail_address) == []


async def test_unanswered_without_any_service_rings_out(make_lab: Callable[..., object]) -> None:
    lab: Lab = await make_lab(default_ring_s=0.5)  # type: ignore[misc]  # a factory of the fixture
    call = await lab.phones[ANNA].call(DORA)
    assert (await call.result()).status == 480
    assert lab.phones[DORA].cancels == 1


@pytest.mark.parametrize("rings", [2, 3, 5])
@pytest.mark.requirement("R30")
async def test_ring_time_is_rings_times_seconds_per_ring(lab: Lab, rings: int) -> None:
    carl = lab.phones[CARL]
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(rings=rings))
    call = await lab.phones[ANNA].call(CARL)
    await call.result()
    ringing = [
        p.at
        for p in lab.packets
        if not p.outbound
        and p.source == carl.stack.address
        and getattr(p.message, "status", 0) == 180
    ]
    cancel = lab.packets_sent("CANCEL", carl.stack.address)[0]
    assert cancel.at - ringing[0] == pytest.approx(rings * RING, abs=0.1)
    assert isinstance(cancel.message, Request)
    assert cancel.message.headers.get("Reason") == 'SIP;cause=408;text="No answer"'
    await hang_up(call)


async def test_call_in_which_nobody_speaks_leaves_no_message(lab: Lab) -> None:
    carl = lab.phones[CARL]
    carl.answer = 486
    call = await lab.phones[ANNA].call(CARL)
    await call.result()
    await hang_up(call)
    assert (await lab.platform.counts(CARL)).new == 0, "nothing was said: no message"


async def test_portal_call_carries_the_proven_caller(lab: Lab) -> None:
    call = await lab.phones[ANNA].call(PORTAL, headers=[("P-Asserted-Identity", "<sip:x@evil>")])
    assert (await call.result()).status == 200
    leg = lab.mailbox_leg
    assert leg_facts(leg) == ([], [])
    assert leg.uri.startswith(f"sip:{PORTAL}@")
    assert "cause" not in leg.uri
    assert leg.headers.get_all("P-Asserted-Identity") == [f"Anna Arnold <sip:{ANNA}@{DOMAIN}>"]
    await hang_up(call)


async def test_mailbox_endpoint_believes_only_the_platform(lab: Lab) -> None:
    anna = lab.phones[ANNA]
    flow = anna.stack.flow_to(lab.platform.voicemail_address)
    rows = [("From", f"<{anna.aor}>"), ("To", "<sip:x@y>"), ("Contact", anna.contact)]
    outgoing = anna.stack.request(Request("INVITE", f"sip:{PORTAL}@127.0.0.1", rows, sdp()), flow)
    assert (await outgoing.final(3)).status == 403


@pytest.mark.parametrize(
    ("diversion", "history", "expected"),
    [(True, True, (True, True)), (False, True, (False, True)), (True, False, (True, False))],
)
async def test_headers_can_be_switched(
    make_lab: Callable[..., object], diversion: bool, history: bool, expected: tuple[bool, bool]
) -> None:
    lab: Lab = await make_lab(send_diversion=diversion, send_history_info=history)  # type: ignore[misc]  # a factory of the fixture
    lab.phones[CARL].answer = 486
    call = await lab.phones[ANNA].call(CARL)
    await call.result()
    leg = lab.mailbox_leg
    assert ("Diversion" in leg.headers, "History-Info" in leg.headers) == expected
    await hang_up(call)


# -- forwarding -------------------------------------------------------------------------------


def forward(target: str, rings: int = 2) -> ForwardRule:
    return ForwardRule(active=True, target=target, rings=rings)


@pytest.mark.parametrize(
    ("services", "answer", "rings_first", "reason", "cause"),
    [
        (UserServices(always=forward(DORA)), "ring", False, "unconditional", 302),
        (UserServices(busy=forward(DORA)), 486, True, "user-busy", 486),
        (UserServices(no_answer=forward("104")), "ring", True, "no-answer", 408),
        (
            UserServices(busy=forward(DORA), do_not_disturb=True),
            "ring",
            False,
            "do-not-disturb",
            486,
        ),
    ],
)
@pytest.mark.requirement("R30b")
async def test_forwarding_beats_the_mailbox(
    lab: Lab,
    services: UserServices,
    answer: int | str,
    rings_first: bool,
    reason: str,
    cause: int,
) -> None:
    carl, dora = lab.phones[CARL], lab.phones[DORA]
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=services.always.active))
    await lab.platform.set_services(CARL, services)
    carl.answer, dora.answer = answer, "answer"
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == 200
    assert bool(carl.invites) == rings_first
    assert lab.packets_sent("INVITE", lab.platform.voicemail_address) == []
    invite = dora.invites[0].request
    assert leg_facts(invite) == ([(CARL, reason)], [None if not rings_first else cause, cause])
    assert lint_history(invite.headers) == []
    order = call.statuses
    assert order.index(181) < len(order) - 1 or order[-1] == 180
    await hang_up(call)


async def test_two_hops_are_told_newest_first_and_end_in_the_last_mailbox(lab: Lab) -> None:
    await lab.platform.set_services(DORA, UserServices(always=forward(CARL)))
    lab.phones[CARL].answer = 486
    call = await lab.phones[ANNA].call(DORA)
    assert (await call.result()).status == 200
    leg = lab.mailbox_leg
    assert leg_facts(leg)[0] == [(CARL, "user-busy"), (DORA, "unconditional")]
    entries: list[HistoryEntry] = parse_history(leg.headers)
    assert [e.index for e in entries] == [(1,), (1, 1), (1, 1, 1)]
    assert [e.uri.param("cause") for e in entries] == [None, "302", "486"]
    assert entries[1].reason_header == "SIP;cause=486"
    await hang_up(call)


async def test_loop_ends_at_once(lab: Lab) -> None:
    await lab.platform.set_services(BERT, UserServices(always=forward(DORA)))
    await lab.platform.set_services(DORA, UserServices(always=forward(BERT)))
    began = now()
    call = await lab.phones[ANNA].call(BERT)
    final = await call.result()
    assert final.status == 482
    assert "loop" in (final.headers.get("Warning") or "")
    assert now() - began < 3
    assert lab.phones[BERT].invites == lab.phones[DORA].invites == []


async def test_incoming_diversions_count_against_the_limit(lab: Lab) -> None:
    await lab.platform.set_services(BERT, UserServices(always=forward(DORA)))
    carried = [("Diversion", "<sip:+4989111@x>;reason=user-busy;counter=5")]
    call = await lab.phones[ANNA].call(BERT, headers=carried)
    final = await call.result()
    assert final.status in {480, 483, 486}
    assert "too many diversions" in (final.headers.get("Warning") or "")


async def test_diversion_of_the_caller_side_is_kept_below(lab: Lab) -> None:
    lab.phones[CARL].answer = 486
    carried = [
        ("Diversion", '"Doe, Jane" <sip:+4989111@x>;reason=unconditional;counter=2;limit=9'),
        ("History-Info", "<sip:+4989111@x>;index=1, <sip:+493023125103@y;cause=302>;index=1.1"),
    ]
    call = await lab.phones[ANNA].call(CARL, headers=carried)
    assert (await call.result()).status == 200
    leg = lab.mailbox_leg
    entries = parse_diversions(leg.headers)
    assert [(party(e), e.counter) for e in entries] == [(CARL, 1), ("+4989111", 2)]
    assert entries[1].name_addr.display_name == "Doe, Jane"
    assert entries[1].limit == 9
    assert [e.index for e in parse_history(leg.headers)][:2] == [(1,), (1, 1)]
    assert lint_history(leg.headers, leg.uri) == []
    await hang_up(call)


async def test_forward_to_the_portal_number_is_ones_own_mailbox(lab: Lab) -> None:
    await lab.platform.set_services(CARL, UserServices(always=forward(PORTAL)))
    call = await lab.phones[CARL].call(CARL)
    assert (await call.result()).status == 200
    assert leg_facts(lab.mailbox_leg)[0] == [(CARL, "unconditional")]
    await hang_up(call)


async def test_forward_to_an_outside_number_without_a_trunk_is_404(lab: Lab) -> None:
    await lab.platform.set_services(CARL, UserServices(always=forward("+49891234567")))
    call = await lab.phones[ANNA].call(CARL)
    assert (await call.result()).status == 404


# -- 302 by the handset -----------------------------------------------------------------------


async def redirected(
    lab: Lab, target: str, *rows: tuple[str, str], ring: bool = False
) -> OutgoingCall:
    carl = lab.phones[CARL]
    carl.answer = "ring" if ring else "mute"
    call = await lab.phones[ANNA].call(CARL)
    await carl.until(lambda: bool(carl.invites))
    carl.invites[0].respond(302, headers=[("Contact", f"<sip:{target}@{DOMAIN}>"), *rows])
    await call.result()
    return call


@pytest.mark.parametrize(
    ("ring", "reason", "cause"), [(False, "unconditional", 302), (True, "deflection", 487)]
)
async def test_redirect_is_followed_and_named(
    lab: Lab, ring: bool, reason: str, cause: int
) -> None:
    lab.phones[DORA].answer = "answer"
    call = await redirected(lab, "104", ring=ring)
    assert call.final.status == 200
    assert 181 in call.statuses
    invite = lab.phones[DORA].invites[0].request
    assert [(party(e), e.reason) for e in parse_diversions(invite.headers)] == [(CARL, reason)]
    assert parse_history(invite.headers)[-1].cause == cause
    await hang_up(call)


async def test_phones_own_diversion_is_carried_on_not_doubled(lab: Lab) -> None:
    lab.phones[DORA].answer = "answer"
    own = f"<sip:u103@{DOMAIN}>;reason=no-answer;screen=no"
    call = await redirected(lab, DORA, ("Diversion", own), ring=True)
    entries = parse_diversions(lab.phones[DORA].invites[0].request.headers)
    assert [(party(e), e.reason, e.screen) for e in entries] == [("u103", "no-answer", "no")]
    await hang_up(call)


async def test_foreign_diversion_in_a_redirect_is_not_believed(lab: Lab) -> None:
    lab.phones[DORA].answer = "answer"
    forged = ("Diversion", f"<sip:u101@{DOMAIN}>;reason=no-answer")
    call = await redirected(lab, DORA, forged)
    entries = parse_diversions(lab.phones[DORA].invites[0].request.headers)
    assert [party(e) for e in entries] == [CARL]
    await hang_up(call)


async def test_redirect_to_a_forbidden_number_falls_to_the_mailbox(lab: Lab) -> None:
    call = await redirected(lab, "0900123456")
    assert call.final.status == 200
    assert leg_facts(lab.mailbox_leg)[0] == [(CARL, "user-busy")]
    await hang_up(call)


async def test_redirect_to_itself_ends(lab: Lab) -> None:
    call = await redirected(lab, CARL)
    assert call.final.status == 482
    assert len(lab.phones[CARL].invites) == 1


# -- hook and restart -------------------------------------------------------------------------


class _Wrong(PlatformHook):
    def diversion(self, entries: list[DiversionEntry]) -> list[DiversionEntry]:
        return [replace(e, reason="away") for e in entries]

    def history(self, entries: list[HistoryEntry]) -> list[HistoryEntry]:
        return entries[:1]

    def ring_seconds(self, value: float) -> float:
        return value * 3


async def test_hook_alters_headers_and_ring_time(make_lab: Callable[..., object]) -> None:
    lab: Lab = await make_lab(hook=_Wrong())  # type: ignore[misc]  # a factory of the fixture
    began = now()
    call = await lab.phones[ANNA].call(CARL)
    await call.result()
    assert now() - began >= 2 * RING * 3
    leg = lab.mailbox_leg
    assert [e.reason for e in parse_diversions(leg.headers)] == ["away"]
    assert len(parse_history(leg.headers)) == 1
    await hang_up(call)


async def test_restart_in_a_call_drops_it_and_serves_again(lab: Lab) -> None:
    lab.phones[BERT].answer = "answer"
    call = await lab.phones[ANNA].call(BERT)
    await call.result()
    await lab.platform.restart()
    assert lab.platform.calls == 0
    assert (await call.request("BYE")).status == 481
    await lab.phones[BERT].register()
    again = await lab.phones[ANNA].call(BERT)
    assert (await again.result()).status == 200
    await hang_up(again)
    assert lab.platform.internal_errors == 0
    await asyncio.sleep(0)
