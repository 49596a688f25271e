"""The Yealink driver against a fake phone over real sockets."""

from __future__ import annotations

import pytest
from vendor_fakes.yealink import FakeYealink

from rig.errors import UsageError
from rig.handset.vendor.control import (
    AccountSaid,
    BadPhoneReply,
    ForwardSaid,
    PhoneDidNothing,
    PhoneRefused,
    PhoneUnreachable,
)
from rig.handset.vendor.read_back import Patience
from rig.handset.vendor.yealink import YealinkPhone

SOON = Patience(settle_s=0.2)


async def test_keys_dial_reboot_and_resync_are_asked_in_the_documents_form():
    async with FakeYealink() as fake:
        phone = YealinkPhone(fake.link())
        await phone.press(["message", "4", "star", "pound", "raw:F_CFWD"])
        await phone.dial("0301234567")
        await phone.reboot()
        await phone.resync()
        await phone.close()
        assert [asked.target for asked in fake.asked] == [
            "/servlet?key=MSG;4;*;POUND;F_CFWD",
            "/servlet?key=number=0301234567",
            "/servlet?key=Reboot",
            "/servlet?key=AutoP",
        ]
        assert fake.asked[0].method == "GET"
        assert (fake.rebooted, fake.provisioned, fake.dialled) == (1, 1, ["0301234567"])


async def test_many_keys_go_in_several_requests_in_order():
    async with FakeYealink() as fake:
        phone = YealinkPhone(fake.link())
        keys = [str(number % 10) for number in range(20)]
        await phone.press(keys)
        await phone.close()
        assert fake.pressed == keys
        assert len(fake.asked) == 2


async def test_state_is_read():
    async with FakeYealink() as fake:
        fake.dnd, fake.forward["NoAnswFwd"] = True, "102"
        phone = YealinkPhone(fake.link())
        state = await phone.state()
        assert fake.asked[0].target == "/servlet?phonecfg=get&accounts=1&dnd=1&fw=1"
        assert state.accounts == (AccountSaid(1, "101", registered=True, label="Anna"),)
        assert state.dnd is True
        assert state.forward("no_answer") == ForwardSaid("no_answer", active=True, target="102")
        assert state.forward("always") == ForwardSaid("always", active=False)
        assert state.firmware == "66.86.0.15"
        fake.registered = False
        assert (await phone.state()).accounts[0].registered is False
        await phone.close()


async def test_what_is_switched_is_read_back():
    async with FakeYealink() as fake:
        phone = YealinkPhone(fake.link(), patience=SOON)
        await phone.set_dnd(on=True)
        await phone.set_forward("always", "102")
        assert (fake.dnd, fake.forward["AlwaysFwd"]) == (True, "102")
        await phone.set_dnd(on=False)
        await phone.set_forward("always", "")
        await phone.set_forward("no_answer", "103")
        assert (fake.dnd, fake.forward) == (
            False, {"AlwaysFwd": "", "BusyFwd": "", "NoAnswFwd": "103"},
        )  # fmt: skip
        await phone.close()


async def test_a_phone_that_says_yes_and_does_nothing_is_found_out():
    async with FakeYealink(mood="deaf") as fake:
        phone = YealinkPhone(fake.link(), patience=SOON)
        with pytest.raises(
            PhoneDidNothing, match=r"do-not-disturb on.*do-not-disturb off"
        ) as caught:
            await phone.set_dnd(on=True)
        assert caught.value.exit_code == 1
        with pytest.raises(PhoneDidNothing, match=r"forwarding busy to 102.*always off, busy off"):
            await phone.set_forward("busy", "102")
        await phone.close()
        assert fake.pressed == ["DNDOn", "BusyFwdOn=102"]


async def test_a_phone_that_hangs_up_when_it_restarts_has_been_asked():
    async with FakeYealink(mood="hang-up") as fake:
        phone = YealinkPhone(fake.link())
        await phone.reboot()  # whether it restarts is seen by its silence
        assert [asked.target for asked in fake.asked] == ["/servlet?key=Reboot"]
        assert phone.warnings == [f"{fake.url}: the phone hung up when it was asked to restart"]
        with pytest.raises(PhoneUnreachable, match="hung up without an answer"):
            await phone.press(["ok"])  # that is no answer to anything else
        await phone.close()
        # Nothing is sent again by itself: the phone may have pressed the key before it hung up.
        assert [asked.target for asked in fake.asked[1:]] == ["/servlet?key=OK"]


async def test_a_phone_that_forbids_says_which_setting():
    async with FakeYealink() as fake:
        fake.allowed = False
        phone = YealinkPhone(fake.link())
        with pytest.raises(PhoneRefused, match=r"403: .*features.action_uri_limit_ip"):
            await phone.press(["ok"])
        await phone.close()


@pytest.mark.parametrize("text", [b"", b"<html><a href='x=1'>hello</a></html>", b"\xff\xfe\x00"])
async def test_a_reply_that_is_none_is_refused(text):
    class Odd(FakeYealink):
        def told(self, query):
            return text.decode("latin-1")

    async with Odd() as fake:
        phone = YealinkPhone(fake.link())
        with pytest.raises(BadPhoneReply, match="phonecfg=get cannot be read"):
            await phone.state()
        await phone.close()


async def test_the_picture_is_known_by_its_octets_not_by_its_name():
    async with FakeYealink() as fake:
        phone = YealinkPhone(fake.link())
        screen = await phone.screen()
        assert (screen.media_type, screen.content[:2]) == ("image/bmp", b"BM")
        await phone.close()

    class Page(FakeYealink):
        def answer(self, asked):
            found = super().answer(asked)
            found.body = b"<html>Remote control forbidden</html>"
            return found

    async with Page() as fake:
        phone = YealinkPhone(fake.link())
        with pytest.raises(BadPhoneReply, match="named image/bmp; expected BMP, PNG or JPEG"):
            await phone.screen()
        with pytest.raises(PhoneRefused, match="403"):
            await phone.press(["ok"])  # forbidden, with status 200
        await phone.close()


async def test_what_must_not_go_into_a_request_is_refused_before_it_is_sent():
    async with FakeYealink() as fake:
        phone = YealinkPhone(fake.link())
        for keys in ([], ["nothing"], ["raw:OK&x"], ["raw:"]):
            with pytest.raises(UsageError):
                await phone.press(keys)
        for number in ("", "1 2", "1&key=Reset", "1;Reboot", "-1"):
            with pytest.raises(UsageError):
                await phone.dial(number)
        with pytest.raises(UsageError, match="phonecfg tells"):
            await phone.config(["account.1.label"])
        with pytest.raises(UsageError, match="no forwarding 'sometimes'"):
            await phone.set_forward("sometimes", "1")
        await phone.close()
        assert fake.asked + fake.turned_away == []
