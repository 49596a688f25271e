"""The link to a phone's web interface, over real sockets: log-in, certificates, bounds."""

from __future__ import annotations

import hashlib
import logging
import ssl
import warnings

import pytest
from certificate_kit import issue
from cryptography.hazmat.primitives.serialization import Encoding
from vendor_fakes.base import PASSWORD, USER
from vendor_fakes.yealink import FakeYealink

from provisioning.secret import Secret
from rig.handset.vendor.address import PhoneAddress, PhoneLogin, TlsPolicy
from rig.handset.vendor.control import BadPhoneReply, PhoneRefused, PhoneUnreachable
from rig.handset.vendor.link import PhoneLink, PhoneRequest

PRESS = PhoneRequest("GET", "/servlet?key=OK;4;%23")


def server_context(issued, *, most=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.path)
    if most is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = most
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


async def sent(phone, request=PRESS, **how):
    link = phone.link(**how)
    try:
        return await link.send(request), link
    finally:
        await link.close()


async def test_digest_is_answered_with_the_very_target_and_the_nonce_is_used_again():
    async with FakeYealink(auth="digest") as phone:
        link = phone.link()
        for _ in range(3):
            assert (await link.send(PRESS)).status == 200
        await link.close()
        assert [asked.target for asked in phone.asked] == [PRESS.target] * 3
        assert len(phone.turned_away) == 1
        assert "authorization" not in phone.turned_away[0].headers
        counts = [asked.headers["authorization"].split("nc=")[1][:8] for asked in phone.asked]
        assert counts == ["00000001", "00000002", "00000003"]
        assert all(PASSWORD.encode() not in asked.raw for asked in phone.asked)


async def test_a_nonce_that_the_phone_has_forgotten_costs_one_more_question():
    async with FakeYealink(auth="digest", mood="stale") as phone:
        link = phone.link()
        for _ in range(2):
            assert (await link.send(PRESS)).status == 200
        await link.close()
        assert (len(phone.asked), len(phone.turned_away)) == (2, 2)


async def test_basic_is_given_where_it_is_asked_for_and_never_where_digest_is_offered():
    async with FakeYealink(auth="basic") as phone:
        _, link = await sent(phone)
        assert phone.asked[0].headers["authorization"].startswith("Basic ")
        assert link.warnings == []  # loopback: nobody reads along
    async with FakeYealink(auth="both") as phone:
        await sent(phone)
        assert phone.asked[0].headers["authorization"].startswith("Digest ")
    async with FakeYealink(auth="basic") as phone:
        with pytest.raises(PhoneRefused, match="is wrong"):
            await sent(phone, schemes=("digest",))
        assert all("authorization" not in asked.headers for asked in phone.turned_away)
    async with FakeYealink(auth="both") as phone:
        with pytest.raises(PhoneRefused, match="401"):
            await sent(phone, schemes=("basic",))
        assert all("authorization" not in asked.headers for asked in phone.turned_away)


@pytest.mark.parametrize("auth", ["digest", "basic"])
async def test_a_wrong_password_is_tried_once_and_named_without_being_shown(auth, caplog):
    caplog.set_level(logging.DEBUG)
    async with FakeYealink(auth=auth) as phone:
        with pytest.raises(PhoneRefused) as caught:
            await sent(phone, password="falsch-0815")
        assert caught.value.status == 401
        assert f"user '{USER}' or its password is wrong" in str(caught.value)
        assert len(phone.turned_away) == 2  # phones lock the account after some
        assert phone.asked == []
        assert "falsch-0815" not in str(caught.value) + caplog.text


async def test_a_phone_that_wants_a_password_says_so_and_an_unknown_scheme_is_named():
    async with FakeYealink(auth="digest") as phone:
        with pytest.raises(PhoneRefused, match="wants a user and a password"):
            await sent(phone, password="")
    async with FakeYealink(auth="bearer") as phone:
        with pytest.raises(PhoneRefused, match="offers Bearer; expected digest or basic"):
            await sent(phone)


async def test_queries_stand_in_no_log_and_no_error(caplog):
    caplog.set_level(logging.DEBUG)
    asked = PhoneRequest("GET", f"/cgi-bin/api?passcode={PASSWORD}")
    async with FakeYealink(auth="", mood="half") as phone:
        with pytest.raises(BadPhoneReply) as caught:
            await sent(phone, asked)
    async with FakeYealink(auth="") as phone:
        await sent(phone, asked)
        assert PASSWORD in phone.asked[0].target
    assert "GET /cgi-bin/api" in caplog.text
    assert PASSWORD not in caplog.text + str(caught.value)


@pytest.mark.parametrize(
    ("mood", "kind", "says"),
    [
        ("silent", PhoneUnreachable, "no answer within 0.4 s"),
        ("garbage", BadPhoneReply, "is no HTTP"),
        ("endless", BadPhoneReply, "is larger than 4096 octets"),
        ("half", BadPhoneReply, "breaks off"),
        ("redirect", PhoneRefused, "redirected, which is not followed"),
    ],
)
async def test_a_phone_that_misbehaves_is_named_and_left(mood, kind, says):
    async with FakeYealink(auth="", mood=mood) as phone:
        limit = 0.4 if mood == "silent" else 5.0
        request = PhoneRequest("GET", "/servlet?key=OK", most_octets=4096)
        with pytest.raises(kind, match=says):
            await sent(phone, request, timeout_s=limit)


async def test_nobody_there():
    async with FakeYealink() as phone:
        address = PhoneAddress.parse(phone.url)
    link = PhoneLink(address, PhoneLogin("admin", Secret("x")))
    with pytest.raises(PhoneUnreachable, match="nobody answers"):
        await link.send(PRESS)
    await link.close()


async def test_certificates_are_checked_by_default_and_believed_by_authority_name_or_pin(tmp_path):
    root = issue(tmp_path, "Test Root")
    own = issue(tmp_path, "001565aabbcc", root, alternative="001565aabbcc")
    pin = hashlib.sha256(own.certificate.public_bytes(Encoding.DER)).digest()
    async with FakeYealink(tls=server_context(own)) as phone:
        with pytest.raises(PhoneRefused, match=r"certificate is not believed.* or pin it"):
            await sent(phone)
        with pytest.raises(PhoneRefused, match="certificate is not believed"):
            await sent(phone, tls=TlsPolicy(ca=root.path))  # the address stands not in it
        assert phone.asked + phone.turned_away == []
        await sent(phone, tls=TlsPolicy(ca=root.path, name="001565aabbcc"))
        await sent(phone, tls=TlsPolicy(pin=pin))
        assert len(phone.asked) == 2
        seen = len(phone.asked) + len(phone.turned_away)
        with pytest.raises(PhoneRefused, match=r"is another one: got SHA-256 .*expected 00:00"):
            await sent(phone, tls=TlsPolicy(pin=bytes(32)))
        assert len(phone.asked) + len(phone.turned_away) == seen  # nothing was sent


async def test_old_tls_is_spoken_by_name_only(tmp_path):
    own = issue(tmp_path, "old")
    pin = hashlib.sha256(own.certificate.public_bytes(Encoding.DER)).digest()
    context = server_context(own, most=ssl.TLSVersion.TLSv1_1)
    async with FakeYealink(tls=context) as phone:
        with pytest.raises(PhoneUnreachable, match=r"no TLS with the phone.*TLS 1.0 or 1.1"):
            await sent(phone, tls=TlsPolicy(pin=pin))
        await sent(phone, tls=TlsPolicy(pin=pin, old=True))
        assert len(phone.asked) == 1
