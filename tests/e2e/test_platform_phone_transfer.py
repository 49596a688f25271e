"""Phones transfer their calls by REFER: blind and attended, to phones and into the mailbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from call_kit import CallLab, TrunkPeer, call_lab, hears, with_codes
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, sdp

from rig.mailbox_platform.base import MailboxOptions
from rig.media.prompt import marker
from rig.sip.dialog import Dialog
from rig.sip.diversion import parse_diversions
from rig.sip.sdp import SessionDescription

pytestmark = pytest.mark.waits

HOLD = b"a=sendonly\r\n"


async def speak_both_ways(lab: CallLab, one: str, other: str) -> None:
    """Each hears what the other says."""
    first, second = lab.phones[one], lab.phones[other]
    for source, sink in ((first, second), (second, first)):
        sign = marker(f"from {source.user.number}")
        await source.stream.speak(0.3, marker=sign)
        await hears(sink, sign)


@pytest.mark.parametrize("transferor", ["callee", "caller"])
async def test_blind_transfer_joins_the_other_two(tmp_path: Path, transferor: str) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = dora.answer = "answer"
        call = await anna.talk_to(BERT)
        # The transferor holds the other side first, as phones do.
        if transferor == "callee":
            who, dialog, stays = bert, bert.dialogs[0], anna
        else:
            who, dialog, stays = anna, call.dialog, bert
        held = await who.in_dialog(dialog, "INVITE", body=sdp(who.stream.local_port) + HOLD)
        assert held.status == 200
        response = await who.refer(dialog, DORA, ("Referred-By", f"<{who.aor}>"))
        assert response.status == 202
        await who.until(lambda: who.statuses[-1:] == ["200"] and who.byes == 1)
        assert who.statuses[0] == "100"
        assert "180" in who.statuses
        invite = dora.invites[0].request
        assert invite.from_.uri.user_unescaped == stays.user.number, (
            "caller id is the transferee's"
        )
        assert invite.headers.get("P-Asserted-Identity", "").count(stays.user.number)
        assert "Diversion" not in invite.headers, "a transfer is no diversion"
        offered = SessionDescription.parse(invite.body).audio
        assert offered is not None
        assert offered.direction == "sendrecv", "the hold of the transferor is not passed on"
        await stays.until(lambda: bool(stays.offers))
        await speak_both_ways(lab, stays.user.number, DORA)
        bye = await dora.in_dialog(dora.dialogs[0], "BYE")
        assert bye.status == 200
        await stays.until(lambda: stays.byes == 1)
        await lab.until_idle()


async def test_transferor_may_hang_up_at_once(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = "answer"
        await anna.talk_to(BERT)
        assert (await bert.refer(bert.dialogs[0], DORA)).status == 202
        await dora.until(lambda: bool(dora.invites))
        assert (await bert.in_dialog(bert.dialogs[0], "BYE")).status == 200
        assert anna.byes == 0
        dora.accept(dora.invites[0])
        await anna.until(lambda: bool(anna.offers))
        await speak_both_ways(lab, ANNA, DORA)


async def test_transferee_is_hung_up_when_nobody_takes_it_and_the_transferor_has_gone(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = "answer"
        await anna.talk_to(BERT)
        await bert.refer(bert.dialogs[0], DORA)
        await dora.until(lambda: bool(dora.invites))
        await bert.in_dialog(bert.dialogs[0], "BYE")
        dora.invites[0].respond(486)
        await anna.until(lambda: anna.byes == 1)
        await lab.until_idle()


@pytest.mark.parametrize(("status", "told"), [(486, "486"), (480, "486"), (404, "480")])
async def test_failed_transfer_returns_to_the_call(tmp_path: Path, status: int, told: str) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer, dora.answer = "answer", status
        await anna.talk_to(BERT)
        await bert.refer(bert.dialogs[0], DORA)
        await bert.until(lambda: bert.statuses[-1:] == [told])
        assert anna.byes == bert.byes == 0
        await speak_both_ways(lab, ANNA, BERT)
        # ... and can be tried again.
        dora.answer = "answer"
        await bert.refer(bert.dialogs[0], DORA)
        await bert.until(lambda: bert.statuses[-1:] == ["200"])


async def test_transferee_who_hangs_up_stops_the_transfer(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = "answer"
        call = await anna.talk_to(BERT)
        await bert.refer(bert.dialogs[0], DORA)
        await dora.until(lambda: bool(dora.invites))
        assert (await call.request("BYE")).status == 200
        await dora.until(lambda: dora.cancels == 1)
        await lab.until_idle()


async def test_refer_sub_false_gets_no_reports(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = dora.answer = "answer"
        await anna.talk_to(BERT)
        response = await bert.refer(bert.dialogs[0], DORA, ("Refer-Sub", "false"))
        assert response.headers.get("Refer-Sub") == "false"
        await bert.until(lambda: bert.byes == 1)
        assert bert.reports == []


async def test_blind_transfer_into_the_mailbox_of_somebody_who_is_busy(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora, bert, carl = lab.phones[DORA], lab.phones[BERT], lab.phones[CARL]
        bert.answer, carl.answer = "answer", 486
        call = await dora.talk_to(BERT)
        await bert.refer(bert.dialogs[0], CARL)
        await hears(dora, "greeting.busy")
        leg = lab.mailbox_legs[0]
        assert [(e.name_addr.uri.user, e.reason) for e in parse_diversions(leg.headers)] == [
            (CARL, "user-busy")
        ]
        assert leg.headers.get("P-Asserted-Identity", "").count(DORA)
        await hears(dora, "beep")
        await dora.stream.speak(1.3)
        assert (await call.request("BYE")).status == 200
        await lab.until_idle()
        (message,) = await lab.until_message(CARL)
        assert message.caller == DORA


async def test_direct_voice_mail_transfer_by_code(tmp_path: Path) -> None:
    """*55 and a number: the transferee is in that mailbox at once, its phone does not ring."""
    async with call_lab(tmp_path, with_codes()) as lab:
        dora, bert, carl = lab.phones[DORA], lab.phones[BERT], lab.phones[CARL]
        bert.answer = "answer"
        await dora.talk_to(BERT)
        await bert.refer(bert.dialogs[0], "*55103")
        await hears(dora, "greeting.unavailable")
        assert carl.invites == []
        (leg,) = lab.mailbox_legs
        assert [e.name_addr.uri.user for e in parse_diversions(leg.headers)] == [CARL]
        assert leg.headers.get("P-Asserted-Identity", "").count(DORA)


@pytest.mark.parametrize("target", ["*72104", "*55999", "*55"])
async def test_transfer_to_a_code_that_sets_something_or_leads_nowhere_is_refused(
    tmp_path: Path, target: str
) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        anna, bert = lab.phones[ANNA], lab.phones[BERT]
        bert.answer = "answer"
        before = lab.platform._settings.services(BERT)
        await anna.talk_to(BERT)
        await bert.refer(bert.dialogs[0], target)
        await bert.until(lambda: bert.statuses[-1:] in (["403"], ["404"]))
        assert lab.platform._settings.services(BERT) == before
        await speak_both_ways(lab, ANNA, BERT)


async def test_attended_transfer_joins_the_two_who_were_consulted(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = dora.answer = "answer"
        first = await anna.talk_to(BERT)
        held = await anna.in_dialog(
            first.dialog, "INVITE", body=sdp(anna.stream.local_port) + HOLD
        )
        assert held.status == 200
        second = await anna.talk_to(DORA)
        await speak_both_ways(lab, ANNA, DORA)
        response = await anna.refer(first.dialog, DORA, replaces=second.dialog)
        assert response.status == 202
        await anna.until(lambda: anna.statuses == ["100", "200"] and anna.byes == 2)
        await bert.until(lambda: bool(bert.offers))
        await speak_both_ways(lab, BERT, DORA)
        assert len(dora.invites) == 1, "the consulted phone is not called again"
        for phone in (bert, dora):
            offered = SessionDescription.parse(phone.offers[-1].body).audio
            assert offered is not None
            assert offered.direction == "sendrecv", "nobody is left on hold"
        assert (await bert.in_dialog(bert.dialogs[0], "BYE")).status == 200
        await dora.until(lambda: dora.byes == 1)
        await lab.until_idle()


async def test_attended_transfer_that_the_target_refuses_returns_to_both_calls(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        bert.answer = dora.answer = "answer"
        first = await anna.talk_to(BERT)
        second = await anna.talk_to(DORA)
        dora.refuse_offers = 488
        await anna.refer(first.dialog, DORA, replaces=second.dialog)
        await anna.until(lambda: anna.statuses[-1:] == ["488"])
        assert anna.byes == bert.byes == dora.byes == 0
        for call in (first, second):
            assert (await call.request("BYE")).status == 200
        await lab.until_idle()


async def test_div_neg_02_attended_transfer_into_the_mailbox(tmp_path: Path) -> None:
    """The owner of the mailbox greets, from the beginning; the message is the transferee's."""
    async with call_lab(tmp_path) as lab:
        bert, dora, carl = lab.phones[BERT], lab.phones[DORA], lab.phones[CARL]
        bert.answer, carl.answer = "answer", 486
        first = await dora.talk_to(BERT)
        second = await dora.talk_to(CARL)
        await hears(dora, "greeting.busy")
        await dora.refer(first.dialog, CARL, replaces=second.dialog)
        await hears(bert, "greeting.busy")
        await dora.until(lambda: dora.statuses[-1:] == ["200"] and dora.byes == 2)
        old, new = lab.mailbox_legs
        assert old.headers.get("P-Asserted-Identity", "").count(DORA)
        assert new.headers.get("P-Asserted-Identity", "").count(BERT)
        assert new.uri == old.uri
        assert new.headers.get_all("Diversion") == old.headers.get_all("Diversion")
        await hears(bert, "beep")
        await bert.stream.speak(1.3)
        assert (await bert.in_dialog(bert.dialogs[0], "BYE")).status == 200
        await lab.until_idle()
        (message,) = await lab.until_message(CARL)
        assert message.caller == BERT


@pytest.mark.parametrize("what", ["call-id", "to-tag", "from-tag", "swapped", "not_mine"])
async def test_replaces_that_names_no_call_of_ones_own_is_481(tmp_path: Path, what: str) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, carl, dora = (lab.phones[n] for n in (ANNA, BERT, CARL, DORA))
        bert.answer = dora.answer = "answer"
        mine = await anna.talk_to(BERT)
        other = await carl.talk_to(DORA)
        dialog = other.dialog
        if what != "not_mine":
            own = await anna.talk_to(DORA)
            dialog = own.dialog
        tags = [dialog.call_id, dialog.remote_tag, dialog.local_tag]
        if what == "swapped":
            tags = [tags[0], tags[2], tags[1]]
        elif what != "not_mine":
            tags[["call-id", "to-tag", "from-tag"].index(what)] += "x"
        header = f"{tags[0].replace('@', '%40')}%3Bto-tag%3D{tags[1]}%3Bfrom-tag%3D{tags[2]}"
        row = ("Refer-To", f"<sip:{DORA}@pbx.example?Replaces={header}>")
        response = await anna.in_dialog(mine.dialog, "REFER", [row])
        assert response.status == 202
        await anna.until(lambda: anna.statuses[-1:] == ["481"])
        assert anna.byes == bert.byes == dora.byes == 0
        assert dora.offers == []


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("Refer-To", f"<sip:{DORA}@x>"), ("Refer-To", f"<sip:{BERT}@x>")],
        [("Refer-To", "nonsense <")],
        [("Refer-To", f"<sip:{DORA}@x;method=BYE>")],
        [("Refer-To", "<sip:x>")],
        [("Refer-To", f"<sip:{DORA}@x?Replaces=only-a-call-id>")],
        [("Refer-To", f"<sip:{DORA}@x?Replaces=a%3Bto-tag%3D1%3Bto-tag%3D2%3Bfrom-tag%3D3>")],
    ],
)
async def test_malformed_refer_is_400(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert = lab.phones[ANNA], lab.phones[BERT]
        bert.answer = "answer"
        call = await anna.talk_to(BERT)
        assert (await anna.in_dialog(call.dialog, "REFER", rows)).status == 400
        assert lab.phones[DORA].invites == []


async def test_mailbox_itself_is_not_transferred(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        dora = lab.phones[DORA]
        call = await dora.talk_to(CARL)
        assert (await dora.refer(call.dialog, BERT)).status == 403
        assert lab.phones[BERT].invites == []
        portal = await lab.phones[ANNA].talk_to(PORTAL)
        assert (await lab.phones[ANNA].refer(portal.dialog, BERT)).status == 403


async def test_refer_outside_of_a_call_is_refused(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        row = ("Refer-To", f"<sip:{DORA}@pbx.example>")
        response = await lab.phones[ANNA].send("REFER", f"sip:{BERT}@pbx.example", [row])
        assert response.status == 405
        assert lab.phones[DORA].invites == lab.phones[BERT].invites == []


# -- toll guard -------------------------------------------------------------------------------


async def test_call_from_the_trunk_does_not_leave_by_the_trunk(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, trunk=address, trusted_peers=(address,)) as lab:
        assert (await carrier.call(lab.platform, "+4989123456")).status == 404
        assert carrier.invites == []
        # A user's own call does, and so does one that a user forwards.
        lab.phones[BERT].answer = "answer"
        await lab.phones[ANNA].call("+4989123456")
        await lab.phones[ANNA].until(lambda: len(carrier.invites) == 1)
    await carrier.stack.close()


async def test_unproven_caller_reaches_nobody(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, with_codes(), trunk=address) as lab:
        dora = lab.phones[DORA]
        for number in ("+4989123456", BERT, "*55103", "*78"):
            uri = f"sip:{number}@pbx.example"
            response = await dora.send("INVITE", uri, password="wrong", body=sdp())
            assert response.status == 403
        assert carrier.invites == []
        assert lab.mailbox_legs == []
        assert not lab.platform._settings.services(DORA).do_not_disturb
    await carrier.stack.close()


async def test_party_at_the_trunk_may_not_transfer(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, trunk=address, trusted_peers=(address,)) as lab:
        anna = lab.phones[ANNA]
        await anna.talk_to("+4989123456")
        (incoming,) = carrier.invites
        dialog = Dialog.as_callee(incoming.request, incoming.to_tag, "<sip:x@127.0.0.1>")
        row = ("Refer-To", "<sip:+49900111222@pbx.example>")
        request = dialog.make_request("REFER", headers=[row])
        outgoing = carrier.stack.request(request, carrier.flow_to(lab.platform))
        assert (await outgoing.final(5)).status == 403
        assert len(carrier.invites) == 1
    await carrier.stack.close()


async def test_transfer_to_an_outside_number_is_on_the_transferors_account(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, trunk=address, trusted_peers=(address,)) as lab:
        bert = lab.phones[BERT]
        bert.answer = "answer"
        # A caller from the trunk is connected to Bert, who sends them out again: he may.
        assert (await carrier.call(lab.platform, BERT)).status == 200
        assert (await bert.refer(bert.dialogs[0], "+4989123456")).status == 202
        await bert.until(lambda: bert.statuses[-1:] == ["200"])
        assert [i.request.to.uri.user for i in carrier.invites if i.request.to.tag is None] == [
            "+4989123456"
        ]
    await carrier.stack.close()
