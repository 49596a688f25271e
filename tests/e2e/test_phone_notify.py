"""Phones that are driven by SIP NOTIFY, over real sockets."""

from __future__ import annotations

import pytest
from vendor_fakes.base import PASSWORD
from vendor_fakes.sip_phone import FakeSipPhone

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.handset.vendor.address import PhoneLogin
from rig.handset.vendor.control import PhoneCapability, PhoneRefused, PhoneUnreachable
from rig.handset.vendor.place import PhonePlace, make_phone


def phone_of(fake, vendor, *, password="", timeout_s=5.0):
    return make_phone(
        vendor, PhonePlace(fake.contact, PhoneLogin("", Secret(password)), timeout_s=timeout_s)
    )


async def test_yealink_takes_keys_in_one_notify_as_its_guide_shows():
    async with FakeSipPhone("ACTION-URI") as fake:
        phone = phone_of(fake, "yealink")
        await phone.press(["ok", "message", "5"])
        await phone.reboot()
        assert await phone.answers()
        await phone.close()
        await phone.close()
        keys, reboot = fake.told
        assert keys.headers.get("Content-Type") == "message/sipfrag"
        assert keys.body == b"key=OK;MSG;5"
        assert reboot.body == b"key=Reboot"
        assert keys.uri == fake.contact
        assert phone.capabilities == {PhoneCapability.PRESS, PhoneCapability.REBOOT}


async def test_snom_takes_each_key_in_a_notify_of_its_own():
    async with FakeSipPhone("xml") as fake:
        phone = phone_of(fake, "snom")
        await phone.press(["1", "pound"])
        bodies = [request.body.decode() for request in fake.told]
        assert [body.partition("mb_nop#")[2].partition("<")[0] for body in bodies] == [
            "key=1", "key=%23",
        ]  # fmt: skip
        assert fake.told[0].headers.get("Content-Type") == "application/snomxml"
        assert bodies[0].startswith('<?xml version="1.0" encoding="UTF-8"?><SnomIPPhoneSilent ')
        with pytest.raises(UsageError, match="cannot do reboot by NOTIFY"):
            await phone.reboot()
        await phone.close()


async def test_a_phone_that_asks_for_its_accounts_password_gets_it():
    async with FakeSipPhone("ACTION-URI", challenge=True) as fake:
        phone = phone_of(fake, "yealink", password=PASSWORD)
        await phone.press(["ok"])
        await phone.close()
        assert len(fake.told) == 1
        phone = phone_of(fake, "yealink", password="falsch")
        with pytest.raises(PhoneRefused, match="401: it wants the password") as caught:
            await phone.press(["ok"])
        await phone.close()
        assert "falsch" not in str(caught.value)


@pytest.mark.parametrize(
    ("fake", "vendor", "kind", "says"),
    [
        (FakeSipPhone("check-sync"), "yealink", PhoneRefused, "489: it does not know the event"),
        (FakeSipPhone("ACTION-URI", status=403), "yealink", PhoneRefused, "its registrar alone"),
        (FakeSipPhone("xml", deaf=True), "snom", PhoneUnreachable, "no answer within 0.3 s"),
    ],
    ids=["event", "trust", "deaf"],
)
async def test_a_phone_that_does_not_obey_is_named(fake, vendor, kind, says):
    async with fake:
        phone = phone_of(fake, vendor, timeout_s=0.3 if fake.deaf else 5.0)
        with pytest.raises(kind, match=says):
            await phone.press(["ok"])
        await phone.close()
        assert fake.told == []


async def test_what_cannot_be_done_so_is_said():
    async with FakeSipPhone("ACTION-URI") as fake:
        phone = phone_of(fake, "yealink")
        for ask in (phone.state, phone.screen, lambda: phone.config(["a"]),
                    lambda: phone.dial("1"), lambda: phone.set_dnd(on=True),
                    lambda: phone.set_forward("always", "1"), phone.resync):  # fmt: skip
            with pytest.raises(UsageError, match="by NOTIFY"):
                await ask()
        await phone.close()
        assert fake.told == []
        with pytest.raises(UsageError, match="take no keys by NOTIFY"):
            phone_of(fake, "grandstream")
    for contact in ("sip:", "sip:@", "sip:101@host:99999"):
        with pytest.raises(UsageError, match="expected sip:USER@HOST:PORT"):
            make_phone("yealink", PhonePlace(contact))
