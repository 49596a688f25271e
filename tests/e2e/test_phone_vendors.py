"""The drivers of Snom, Grandstream, Fanvil, Cisco and Poly against fakes over real sockets."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from vendor_fakes.base import PASSWORD, Answer
from vendor_fakes.cisco import FakeCisco
from vendor_fakes.fanvil import FakeFanvil
from vendor_fakes.grandstream import FakeGrandstream
from vendor_fakes.poly import FakePoly
from vendor_fakes.snom import FakeSnom
from vendor_fakes.yealink import FakeYealink

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.handset.vendor.address import PhoneLogin
from rig.handset.vendor.control import (
    AccountSaid,
    BadPhoneReply,
    CallSaid,
    ForwardSaid,
    PhoneCapability,
    PhoneDidNothing,
    PhoneError,
    PhoneRefused,
    PhoneUnreachable,
)
from rig.handset.vendor.place import PhonePlace, make_phone
from rig.handset.vendor.read_back import Patience

FAKES = {
    "cisco": FakeCisco,
    "fanvil": FakeFanvil,
    "grandstream": FakeGrandstream,
    "poly": FakePoly,
    "snom": FakeSnom,
    "yealink": FakeYealink,
}


def phone_of(fake, *, password=PASSWORD, timeout_s=5.0):
    vendor = type(fake).__name__.removeprefix("Fake").lower()
    login = PhoneLogin("admin", Secret(password))
    return make_phone(
        vendor,
        PhonePlace(fake.url, login, timeout_s=timeout_s, patience=Patience(settle_s=0.2)),
    )


@pytest.fixture(params=sorted(FAKES))
def vendor(request):
    return request.param


async def test_a_wrong_password_is_told_from_everything_else(vendor):
    async with FAKES[vendor]() as fake:
        phone = phone_of(fake, password="falsch-0815")
        with pytest.raises(PhoneRefused, match=r"password|passcode") as caught:
            await phone.press(["1"])
        await phone.close()
        assert "falsch-0815" not in str(caught.value)
        assert not getattr(fake, "pressed", None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<a", b"\x00\xff\xfe", b"[]", b"<b/>", b"{}", b"null"]
)
async def test_garbage_is_refused_and_never_taken_for_a_state(vendor, body):
    class Odd(FAKES[vendor]):
        def answer(self, asked):
            return Answer(body=body)

    Odd.__name__ = FAKES[vendor].__name__
    async with Odd() as fake:
        phone = phone_of(fake)
        with pytest.raises(PhoneError) as caught:
            await phone.state()
        await phone.close()
        assert isinstance(caught.value, BadPhoneReply | PhoneRefused)
        assert fake.url in str(caught.value)


@pytest.mark.parametrize(
    ("mood", "kind"),
    [("silent", PhoneUnreachable), ("endless", BadPhoneReply), ("half", BadPhoneReply),
     ("garbage", BadPhoneReply), ("redirect", PhoneRefused)],
)  # fmt: skip
async def test_a_phone_that_misbehaves_is_given_up(vendor, mood, kind):
    async with FAKES[vendor](mood=mood) as fake:
        phone = phone_of(fake, timeout_s=0.3 if mood == "silent" else 5.0)
        with pytest.raises(kind):
            await phone.state()
        await phone.close()


async def test_what_a_vendor_cannot_do_is_said_with_the_reason_and_asks_nothing(vendor):
    async with FAKES[vendor]() as fake:
        phone = phone_of(fake)
        can = phone.capabilities
        asks = {
            PhoneCapability.REBOOT: phone.reboot,
            PhoneCapability.RESYNC: phone.resync,
            PhoneCapability.SCREEN: phone.screen,
            PhoneCapability.SET_DND: lambda: phone.set_dnd(on=True),
            PhoneCapability.SET_FORWARD: lambda: phone.set_forward("always", "1"),
            PhoneCapability.READ_CONFIG: lambda: phone.config(["a.b"]),
        }
        for capability, ask in asks.items():
            if capability not in can:
                with pytest.raises(UsageError, match=r"by this interface: \w+"):
                    await ask()
        assert fake.asked + fake.turned_away == []
        await phone.close()


async def test_snom_is_asked_as_its_wiki_says():
    async with FakeSnom() as fake:
        phone = phone_of(fake)
        await phone.press(["1", "star", "pound", "ok", "raw:F_R,500,100"])
        await phone.dial("102")
        await phone.reboot()
        assert [asked.target for asked in fake.asked] == [
            "/command.htm?key=1;*;%23;ENTER;F_R,500,100",
            "/command.htm?number=102",
            "/advanced_update.htm?reboot=Reboot",
        ]
        assert fake.pressed == ["1", "*", "#", "ENTER", "F_R,500,100"]
        assert (fake.dialled, fake.rebooted) == (["102"], 1)
        fake.hidden_tags = True
        with pytest.raises(PhoneRefused, match=r"403: .*hidden tags must be off"):
            await phone.press(["1"])
        fake.hidden_tags, fake.has_commands = False, False
        with pytest.raises(PhoneRefused, match=r"404: .*NOTIFY alone"):
            await phone.press(["1"])
        await phone.close()


@pytest.mark.parametrize("form", ["xml", "lines"])
async def test_snom_settings_are_read_in_both_forms_and_switches_are_read_back(form):
    async with FakeSnom(form=form) as fake:
        phone = phone_of(fake)
        await phone.set_dnd(on=True)
        await phone.set_forward("busy", "102")
        state = await phone.state()
        assert (state.dnd, state.model) == (True, "snomD785")
        assert state.forward("busy") == ForwardSaid("busy", active=True, target="102")
        assert state.forward("always").active is False
        assert await phone.config(["user_name1", "nothing"]) == {
            "user_name1": "101", "nothing": None,
        }  # fmt: skip
        fake.settings |= {"fwd_time_enabled2": "on", "fwd_time_target2": "103"}
        state = await phone.state()
        assert state.forward("no_answer", 2) == ForwardSaid("no_answer", True, "103", 2)
        fake.mood = "deaf"
        with pytest.raises(PhoneDidNothing, match="do-not-disturb off"):
            await phone.set_dnd(on=False)
        await phone.close()


async def test_grandstream_is_asked_as_its_guide_says_and_its_no_is_heard():
    async with FakeGrandstream() as fake:
        phone = phone_of(fake)
        await phone.press(["1", "star", "ok"])
        await phone.dial("+49301")
        await phone.reboot()
        await phone.resync()
        code = f"passcode={PASSWORD}"
        assert [asked.target for asked in fake.asked] == [
            f"/cgi-bin/api-send_key?{code}&keys=1",
            f"/cgi-bin/api-send_key?{code}&keys=STAR",
            f"/cgi-bin/api-send_key?{code}&keys=OK",
            f"/cgi-bin/api-make_call?{code}&phonenumber=%2B49301&account=0",
            f"/cgi-bin/api-sys_operation?{code}&request=REBOOT",
            f"/cgi-bin/api-sys_operation?{code}&request=PROV",
        ]
        assert (fake.pressed, fake.dialled) == (["1", "STAR", "OK"], ["+49301"])
        assert (fake.rebooted, fake.provisioned) == (1, 1)
        state = await phone.state()
        assert state.accounts == (
            AccountSaid(1, "101", registered=True, label="Anna"),
            AccountSaid(2, "", registered=False),
        )
        assert state.calls == (CallSaid(1, "connected", "102"), CallSaid(2, "idle"))
        fake.allowed = False
        with pytest.raises(PhoneRefused, match=r"says 'failed': .*Allowed IP List") as caught:
            await phone.press(["1"])
        assert PASSWORD not in str(caught.value)
        await phone.close()


async def test_grandstream_that_does_not_tell_who_is_registered_is_not_taken_for_unregistered():
    async with FakeGrandstream(accounts=[{"account": 1, "sipid": "101", "colour": 1}]) as fake:
        phone = phone_of(fake)
        assert (await phone.state()).accounts == (AccountSaid(1, "101", registered=None),)
        await phone.close()


async def test_fanvil_is_asked_as_the_documents_of_its_kin_say():
    async with FakeFanvil() as fake:
        phone = phone_of(fake)
        await phone.press(["1", "ok", "message"])
        await phone.dial("102")
        await phone.reboot()
        await phone.resync()
        assert [asked.target for asked in fake.asked] == [
            "/cgi-bin/ConfigManApp.com?key=D1;OK;MSG",
            "/cgi-bin/ConfigManApp.com?key=SPEAKER;102;ENTER",
            "/cgi-bin/ConfigManApp.com?key=Reboot",
            "/cgi-bin/ConfigManApp.com?key=AutoP",
        ]
        assert (fake.rebooted, fake.provisioned) == (1, 1)
        assert await phone.config(["sip.line.1.RegisterAddr", "sip.line.9.X"]) == {
            "sip.line.1.RegisterAddr": "10.0.0.5", "sip.line.9.X": None,
        }  # fmt: skip
        assert fake.asked[-1].body == (
            b'<?xml version="1.0" encoding="UTF-8"?><FanvilConfiguration cmd="get">'
            b"<Item>sip.line.1.RegisterAddr</Item><Item>sip.line.9.X</Item></FanvilConfiguration>"
        )
        assert fake.asked[-1].headers["content-type"] == "text/xml"
        state = await phone.state()
        assert state.forwards == (
            ForwardSaid("always", active=False, account=1),
            ForwardSaid("busy", active=True, target="102", account=1),
        )  # the phone does not tell the third
        fake.takes_settings = False
        with pytest.raises(PhoneRefused, match="RetCode 3"):
            await phone.state()
        fake.allowed = False
        with pytest.raises(PhoneRefused, match=r"403: .*ActiveUriIP"):
            await phone.press(["1"])
        await phone.close()


async def test_cisco_executes_three_keys_at_a_time_and_every_item_must_be_done():
    async with FakeCisco() as fake:
        phone = phone_of(fake)
        await phone.press(["1", "2", "3", "message"])
        await phone.dial("+49301")
        sent = [parse_qs(asked.body.decode())["XML"] for asked in fake.asked]
        item = '<ExecuteItem URL="Key:Messages" Priority="0"/>'
        assert sent[1] == [f"<CiscoIPPhoneExecute>{item}</CiscoIPPhoneExecute>"]
        assert len(sent) == 3
        assert [asked.target for asked in fake.asked] == ["/CGI/Execute"] * 3
        assert fake.executed == [
            "Key:KeyPad1", "Key:KeyPad2", "Key:KeyPad3", "Key:Messages", "Dial:+49301",
        ]  # fmt: skip
        with pytest.raises(PhoneRefused, match="Key:Hold: status 6, 'Failure'"):
            await phone.press(["1", "hold"])
        fake.error = "4"
        with pytest.raises(PhoneRefused, match=r"error 4: user or password .* authenticationURL"):
            await phone.press(["1"])
        await phone.close()


@pytest.mark.parametrize(
    ("word", "said"), [("Yes", True), ("OUI", True), ("Ja", True), ("?", None)]
)
async def test_cisco_tells_whether_it_believes_that_messages_wait(word, said):
    async with FakeCisco(yes=word) as fake:
        phone = phone_of(fake)
        state = await phone.state()
        assert (state.waiting, state.model) == (False, "CP-8845")
        assert state.accounts == (AccountSaid(1, "101", registered=None),)
        fake.waiting = True
        assert (await phone.state()).waiting is said
        assert (await phone.screen()).media_type == "image/bmp"
        await phone.close()


async def test_poly_is_asked_as_its_manual_says_and_its_status_is_the_word():
    async with FakePoly() as fake:
        phone = phone_of(fake)
        await phone.press(["1", "message"])
        await phone.dial("102")
        await phone.reboot()
        await phone.resync()
        assert [(asked.method, asked.target) for asked in fake.asked] == [
            ("POST", "/push"),
            ("POST", "/push"),
            ("POST", "/api/v1/callctrl/dial"),
            ("POST", "/api/v1/mgmt/safeReboot"),
            ("POST", "/api/v1/mgmt/updateConfiguration"),
        ]
        assert fake.pressed == ["DialPad1", "Messages"]
        assert fake.dialled == [{"Dest": "102", "Line": "1", "Type": "TEL"}]
        assert fake.asked[3].headers["content-length"] == "0"
        state = await phone.state()
        assert state.accounts == (AccountSaid(1, "101", registered=True, label="Anna"),)
        assert state.forward("always", 1) == ForwardSaid("always", True, "102", 1)
        assert state.calls == (CallSaid(1, "offering", "102"), CallSaid(2, "inactive"))
        assert (state.model, state.firmware) == ("VVX 450", "6.4.0.9999")
        found = await phone.config(["reg.1.label", "no.such"])
        assert found == {"reg.1.label": "Anna", "no.such": None}
        assert json.loads(fake.asked[-1].body) == {"data": ["reg.1.label", "no.such"]}
        fake.registered, fake.polls_back = False, False
        state = await phone.state()
        assert (state.accounts[0].registered, state.calls) == (False, None)
        fake.status = "4010"
        with pytest.raises(PhoneRefused, match=r"Status 4010: .*still the factory's"):
            await phone.dial("102")
        await phone.close()
