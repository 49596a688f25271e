"""Xsi-Actions over real HTTP: every path, effect on calls and lamps, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from full_disk import full_disk
from peers import require_peer
from platform_kit import ANNA, CARL, DORA, Phone, leave_message, make_site
from xsi_kit import ACTIONS, AUDIO, XSI, Web, basic, running

from provisioning.transport.http_port import PortLimits
from rig.mailbox_platform.base import ForwardRule
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.media.wav import from_wav, to_wav
from rig.sip.message_summary import Counts, parse_summary

FORWARDS = ["Always", "Busy", "NoAnswer", "NotReachable"]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path) as one:
        yield one


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[ANNA]) as web:
        yield web


@pytest.fixture
async def carl(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[CARL]) as web:
        yield web


async def registered(platform: EmbeddedPlatform, number: str) -> Phone:
    phone = await Phone(platform, platform.site.users[number]).open()
    await phone.register()
    return phone


# -- services ----------------------------------------------------------------------------


async def test_services_are_listed_for_those_who_have_them(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    async with Web(platform, platform.site.users[DORA]) as dora:
        names = [
            [service.findtext(f"{XSI}name") for service in (await web.get("")).xml]
            for web in (anna, dora)
        ]
    assert names[0][0] == "Voice Messaging User"
    assert names[1] == names[0][1:]
    assert names[1][0] == "Call Forwarding Always"


@pytest.mark.parametrize(
    ("service", "field", "value"),
    [
        ("VoiceMessaging", "active", "false"),
        ("VoiceMessaging", "alwaysRedirectToVoiceMail", "true"),
        ("VoiceMessaging", "busyRedirectToVoiceMail", "false"),
        ("VoiceMessaging", "noAnswerRedirectToVoiceMail", "false"),
        ("VoiceMessaging", "usePhoneMessageWaitingIndicator", "false"),
        ("VoiceMessaging/Greetings", "noAnswerNumberOfRings", "20"),
        ("CallForwardingNoAnswer", "numberOfRings", "7"),
        ("DoNotDisturb", "active", "true"),
    ],
)
async def test_one_field_is_put_and_the_others_stay(
    anna: Web, service: str, field: str, value: str
) -> None:
    before = {child.tag: child.text for child in (await anna.get(service)).xml}
    assert before[XSI + field] not in {None, value}
    put = await anna.put(service, f"<{field}>{value}</{field}>")
    assert (put.status, put.body) == (200, b"")
    after = {child.tag: child.text for child in (await anna.get(service)).xml}
    assert after == {**before, XSI + field: value}


@pytest.mark.parametrize("kind", FORWARDS)
async def test_forwarding_is_set_normalised_switched_and_cleared(anna: Web, kind: str) -> None:
    service = f"CallForwarding{kind}"
    put = await anna.put(
        service,
        "<active>true</active><forwardToPhoneNumber>030 23125-104</forwardToPhoneNumber>",
    )
    assert put.status == 200
    assert (await anna.get(service)).text("forwardToPhoneNumber") == DORA
    assert (await anna.put(service, "<active>false</active>")).status == 200
    kept = await anna.get(service)
    assert (kept.text("active"), kept.text("forwardToPhoneNumber")) == ("false", DORA)
    nil = (
        '<forwardToPhoneNumber xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/>'
    )
    assert (await anna.put(service, nil)).status == 200
    assert (await anna.get(service)).text("forwardToPhoneNumber") is None
    refused = await anna.put(service, "<active>true</active>")
    assert refused.status == 400
    assert "forwardToPhoneNumber" in refused.fault
    assert (await anna.get(service)).text("active") == "false"


@pytest.mark.parametrize("kind", FORWARDS)
async def test_forwarding_holds_for_the_next_call(
    platform: EmbeddedPlatform, anna: Web, kind: str
) -> None:
    dora, carl = await registered(platform, DORA), await registered(platform, CARL)
    carl.answer = "answer"
    phone = None
    if kind != "NotReachable":
        phone = await registered(platform, ANNA)
        phone.answer = 486 if kind == "Busy" else "ring"
    fields = f"<active>true</active><forwardToPhoneNumber>{CARL}</forwardToPhoneNumber>"
    if kind == "NoAnswer":
        fields += "<numberOfRings>2</numberOfRings>"
    assert (await anna.put(f"CallForwarding{kind}", fields)).status == 200
    call = await dora.call(ANNA)
    assert (await call.result()).status == 200
    assert len(carl.invites) == 1
    assert platform._settings.services(ANNA).always == ForwardRule(
        active=kind == "Always", target=CARL if kind == "Always" else ""
    )
    await call.request("BYE")
    for one in filter(None, (dora, carl, phone)):
        await one.close()


async def test_do_not_disturb_and_voice_messaging_hold_for_the_next_call(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    phone, dora = await registered(platform, CARL), await registered(platform, DORA)
    assert (await carl.put("DoNotDisturb", "<active>true</active>")).status == 200
    heard = await leave_message(dora, CARL)
    assert heard[0] == "greeting.busy"
    assert phone.invites == []
    assert (await carl.put("VoiceMessaging", "<active>false</active>")).status == 200
    assert (await (await dora.call(CARL)).result()).status == 486
    await phone.close()
    await dora.close()


async def test_transfer_number_and_mail_addresses(anna: Web) -> None:
    fields = (
        "<transferOnZeroToPhoneNumber>true</transferOnZeroToPhoneNumber>"
        "<transferPhoneNumber>+49 211-555-1111</transferPhoneNumber>"
        "<sendCarbonCopyVoiceMessage>true</sendCarbonCopyVoiceMessage>"
        "<voiceMessageCarbonCopyEmailAddress>a@example.net</voiceMessageCarbonCopyEmailAddress>"
    )
    assert (await anna.put("VoiceMessaging", fields)).status == 200
    now = await anna.get("VoiceMessaging")
    assert now.text("transferPhoneNumber") == "+492115551111"
    assert now.text("voiceMessageCarbonCopyEmailAddress") == "a@example.net"
    bad = await anna.put(
        "VoiceMessaging",
        "<voiceMessageCarbonCopyEmailAddress>a b</voiceMessageCarbonCopyEmailAddress>",
    )
    assert bad.status == 400
    off = "<transferOnZeroToPhoneNumber>false</transferOnZeroToPhoneNumber>"
    assert (await anna.put("VoiceMessaging", off)).status == 200
    assert (await anna.get("VoiceMessaging")).text("transferPhoneNumber") is None


async def test_greeting_selection_needs_a_greeting_and_is_heard(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    select = "<busyAnnouncementSelection>Personal</busyAnnouncementSelection>"
    refused = await carl.put("VoiceMessaging/Greetings", select)
    assert refused.status == 400
    assert "holds no greeting" in refused.fault
    wrong = await carl.put("VoiceMessaging/Greetings", select.replace("Personal", "Alternate01"))
    assert wrong.status == 400
    greetings = platform.self_service.greetings
    own = greetings.add("own", to_wav(bytes(8000)), mailbox=CARL)
    greetings.assign(CARL, GreetingSlot.BUSY, own)
    assert (await carl.put("VoiceMessaging/Greetings", select)).status == 200
    assert greetings.choice(CARL).busy is GreetingSlot.BUSY
    selected = await carl.get("VoiceMessaging/Greetings")
    assert selected.text("busyAnnouncementSelection") == "Personal"
    assert selected.text("noAnswerAnnouncementSelection") == "Default"
    back = select.replace("Personal", "Default")
    assert (await carl.put("VoiceMessaging/Greetings", back)).status == 200
    assert greetings.choice(CARL).busy is None


@pytest.mark.parametrize(
    ("service", "fields", "says"),
    [
        (
            "VoiceMessaging/Greetings",
            "<noAnswerNumberOfRings>1</noAnswerNumberOfRings>",
            "rings=1",
        ),
        ("CallForwardingNoAnswer", "<numberOfRings>21</numberOfRings>", "rings=21"),
        ("CallForwardingBusy", "<numberOfRings>2</numberOfRings>", "not known"),
        ("CallForwardingBusy", "<forwardToPhoneNumber>12x4</forwardToPhoneNumber>", "digits"),
        ("DoNotDisturb", "<ringSplash>true</ringSplash>", "does not have it"),
        ("DoNotDisturb", "<active>perhaps</active>", "not a boolean"),
    ],
)
async def test_impossible_values_are_refused_in_words_and_change_nothing(
    anna: Web, service: str, fields: str, says: str
) -> None:
    before = (await anna.get(service)).body
    refused = await anna.put(service, fields)
    assert refused.status == 400
    assert says in refused.fault
    assert (await anna.get(service)).body == before


async def test_user_without_mailbox_has_services_but_no_voice_messaging(
    platform: EmbeddedPlatform,
) -> None:
    async with Web(platform, platform.site.users[DORA]) as dora:
        assert (await dora.get("CallForwardingAlways")).status == 200
        for path in ("/services/VoiceMessaging", "/VoiceMessagingMessages"):
            refused = await dora.actions("GET", path)
            assert refused.status == 404
            assert "not assigned" in refused.fault


# -- messages and lamps ------------------------------------------------------------------


async def test_message_left_by_a_real_call_is_fetched_as_wav(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    phone, dora = await registered(platform, CARL), await registered(platform, DORA)
    phone.answer = 486
    await leave_message(dora, CARL)
    infos = (await carl.actions("GET", "/VoiceMessagingMessages")).xml.findall(
        f".//{XSI}messageInfo"
    )
    assert len(infos) == 1
    assert infos[0].findtext(f"{XSI}callingPartyInfo/{XSI}address") == f"tel:{DORA}"
    assert infos[0].find(f"{XSI}read") is None
    path = infos[0].findtext(f"{XSI}messageId") or ""
    fetched = await carl.ask("GET", f"/com.broadsoft.xsi-actions{path}")
    assert fetched.text("messageMediaContent/mediaType") == "WAV"
    wav = base64.b64decode(fetched.text("messageMediaContent/content") or "", validate=True)
    pcm = from_wav(wav)
    assert pcm == platform.store.audio(platform.store.messages(CARL)[0].message_id)
    assert len(pcm) / 16 == pytest.approx(int(infos[0].findtext(f"{XSI}duration") or 0), abs=1)
    assert len(pcm) > 16_000
    assert any(pcm)
    await phone.close()
    await dora.close()


async def test_lamp_follows_mark_unmark_and_delete_at_once(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    phone = await registered(platform, CARL)
    message = platform.store.add(CARL, DORA, AUDIO)
    one = f"/VoiceMessagingMessages/{message.message_id}"
    expected = [Counts(0, 0, 0, 0), Counts(1, 0, 0, 0)]
    for method, path, counts in [
        ("PUT", f"{one}/MarkAsRead", Counts(0, 1, 0, 0)),
        ("PUT", f"{one}/markasunread", Counts(1, 0, 0, 0)),
        ("PUT", "/VoiceMessagingMessages/MarkAllAsRead", Counts(0, 1, 0, 0)),
        ("PUT", "/VoiceMessagingMessages/MarkAllAsUnread", Counts(1, 0, 0, 0)),
        ("DELETE", one, Counts(0, 0, 0, 0)),
    ]:
        before_s = asyncio.get_running_loop().time()
        assert (await carl.actions(method, path)).status == 200
        expected.append(counts)
        await phone.until(lambda: len(phone.notifies) == len(expected))
        assert asyncio.get_running_loop().time() - before_s < 2
    told = [parse_summary(notify.body) for notify in phone.notifies]
    assert [summary.voice for summary in told] == expected
    assert [summary.waiting for summary in told] == [c.new > 0 for c in expected]
    assert (await carl.actions("GET", one)).status == 404
    assert list((platform._store_dir / "audio").iterdir()) == []
    await phone.close()


async def test_what_cannot_be_kept_is_a_503_and_nothing_has_changed(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    message = platform.store.add(CARL, DORA, AUDIO)
    one = f"/VoiceMessagingMessages/{message.message_id}"
    assert (await carl.actions("GET", one)).status == 200
    with full_disk():
        for method, path in [("PUT", f"{one}/MarkAsRead"), ("DELETE", one)]:
            answer = await carl.actions(method, path)
            assert answer.status == 503
            assert "could not be kept" in answer.fault
    assert (await platform.counts(CARL)).new == 1
    assert platform.internal_errors == 0
    assert (await carl.actions("DELETE", one)).status == 200
    assert (await platform.counts(CARL)).new == 0


async def test_marking_twice_is_no_error_and_tells_nobody(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    phone = await registered(platform, CARL)
    message = platform.store.add(CARL, DORA, AUDIO)
    path = f"/VoiceMessagingMessages/{message.message_id}/MarkAsRead"
    assert [(await carl.actions("PUT", path)).status for _ in range(3)] == [200] * 3
    await asyncio.sleep(0.2)
    assert len(phone.notifies) == 3
    await phone.close()


async def test_list_tells_read_and_urgent_newest_first(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    platform.store.add(ANNA, "", AUDIO, at=1000.0)
    heard = platform.store.add(ANNA, "+4989777", AUDIO, urgent=True, at=2000.5)
    platform.store.mark_heard(heard.message_id)
    infos = (await anna.actions("GET", "/VoiceMessagingMessages")).xml.findall(
        f".//{XSI}messageInfo"
    )
    assert [info.findtext(f"{XSI}time") for info in infos] == ["2000500", "1000000"]
    assert [info.findtext(f"{XSI}duration") for info in infos] == ["1000", "1000"]
    flags = [
        [name for name in ("read", "urgent") if info.find(XSI + name) is not None]
        for info in infos
    ]
    assert flags == [["read", "urgent"], []]
    assert infos[1].findtext(f"{XSI}callingPartyInfo/{XSI}name") == "Unavailable"
    assert infos[1].find(f"{XSI}callingPartyInfo/{XSI}address") is None


async def test_json_form(platform: EmbeddedPlatform, anna: Web) -> None:
    path = f"{ACTIONS}{anna.user.sip_user}"
    empty = await anna.ask("GET", f"{path}/VoiceMessagingMessages?format=json")
    assert empty.json["VoiceMessagingMessages"]["messageInfoList"] == {}
    platform.store.add(ANNA, CARL, AUDIO)
    one = (await anna.ask("GET", f"{path}/VoiceMessagingMessages?FORMAT=json&format=json")).json
    info = one["VoiceMessagingMessages"]["messageInfoList"]["messageInfo"]
    assert info["duration"] == {"$": "1000"}
    assert "read" not in info
    put = await anna.ask(
        "PUT",
        f"{path}/services/DoNotDisturb?format=json",
        '{"DoNotDisturb": {"active": {"$": "true"}}}',
        kind="application/json",
    )
    assert put.status == 200
    now = await anna.ask("GET", f"{path}/services/DoNotDisturb?format=json")
    assert now.json["DoNotDisturb"]["active"] == {"$": "true"}
    fault = await anna.ask("GET", f"{path}/nothing?format=json")
    assert fault.status == 404
    assert fault.json["ErrorInfo"]["errorCode"] == {"$": "404"}


# -- who may -----------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["{sip}", "{sip}@pbx.example", "{auth}", "{number}"])
async def test_user_names_in_path_and_credentials(
    platform: EmbeddedPlatform, anna: Web, spelling: str
) -> None:
    user = anna.user
    name = spelling.format(sip=user.sip_user, auth=user.auth_user, number=user.number)
    path = f"/COM.broadsoft.XSI-actions/V2.0/User/{name}/SERVICES/voicemessaging"
    got = await anna.ask("GET", path, headers=basic(name, user.password.reveal()))
    assert got.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"nocolon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
        {"Authorization": "Bearer abc"},
        basic("u101", "wrong"),
        basic("u101", ""),
        basic("nobody", "wrong"),
        basic("u101@other.example", "wrong"),
    ],
)
async def test_no_or_wrong_credentials(anna: Web, headers: dict[str, str]) -> None:
    refused = await anna.ask("GET", f"{ACTIONS}u101/services", headers=headers)
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert refused.fault


async def test_wrong_password_and_unknown_user_look_the_same(anna: Web) -> None:
    answers = [
        await anna.ask("GET", f"{ACTIONS}{name}/services", headers=basic(name, "wrong"))
        for name in ("u101", "nobody")
    ]
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize(
    "name", ["u103", "u103@pbx.example", CARL, "nobody", "..", "%2e%2e", "%00"]
)
async def test_other_users_data_is_forbidden(anna: Web, name: str) -> None:
    refused = await anna.session.get(
        anna.base + f"{ACTIONS}{name}/services/VoiceMessaging", headers=anna.headers
    )
    assert refused.status in ({404} if name == ".." else {403, 404})
    manage = await anna.ask("GET", f"/phonerig/v1/users/{name.replace('+', '%2B')}/aliases")
    assert manage.status in {403, 404}


async def test_other_users_message_is_not_there(platform: EmbeddedPlatform, anna: Web) -> None:
    message = platform.store.add(CARL, DORA, AUDIO)
    one = f"/VoiceMessagingMessages/{message.message_id}"
    for method, path in [("GET", one), ("DELETE", one), ("PUT", f"{one}/MarkAsRead")]:
        assert (await anna.actions(method, path)).status == 404
    assert (await platform.counts(CARL)).new == 1


async def test_guessing_is_braked_for_that_name_only(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    statuses = [
        (await anna.ask("GET", f"{ACTIONS}u103/services", headers=basic("u103", f"g{i}"))).status
        for i in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2
    secret = platform.site.users[CARL].password.reveal()
    right = await anna.ask("GET", f"{ACTIONS}u103/services", headers=basic("u103", secret))
    assert right.status == 429
    assert 0 < int(right.headers["Retry-After"]) <= 61
    assert (await anna.get("DoNotDisturb")).status == 200


# -- hostile requests --------------------------------------------------------------------

XXE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><DoNotDisturb><active>&x;</active></DoNotDisturb>'


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (XXE, "application/xml", 400),
        (XXE.encode("utf-16"), "application/xml", 400),
        ("<DoNotDisturb><active>true</DoNotDisturb>", "application/xml", 400),
        ("", "application/xml", 400),
        ("<Other/>", "application/xml", 400),
        ("<a>" * 5000, "application/xml", 400),
        ('{"DoNotDisturb": {"active": {"$": "true"}}', "application/json", 400),
        ("[" * 60_000, "application/json", 400),
        (b"x" * 70_000, "application/xml", 413),
        (b"x" * 3_000_000, "application/xml", 413),
        ("<DoNotDisturb/>", "image/png", 415),
    ],
)
async def test_hostile_bodies(anna: Web, body: bytes | str, kind: str, status: int) -> None:
    path = f"{ACTIONS}{anna.user.sip_user}/services/DoNotDisturb"
    refused = await anna.ask("PUT", path, body, kind=kind)
    assert refused.status == status
    assert refused.fault
    assert b"localhost" not in refused.body
    assert (await anna.get("DoNotDisturb")).text("active") == "false"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/services/VoiceMessaging", 405),
        ("DELETE", "/services/DoNotDisturb", 405),
        ("GET", "/services/Fax", 404),
        ("GET", "/VoiceMessagingMessages/%2e%2e%2fx", 404),
        ("GET", "/VoiceMessagingMessages/" + "a" * 3000, 404),
        ("PUT", "/VoiceMessagingMessages/none/MarkAsRead", 404),
    ],
)
async def test_wrong_paths_and_methods(anna: Web, method: str, path: str, status: int) -> None:
    refused = await anna.actions(method, path)
    assert refused.status == status
    assert refused.fault
    if status == 405:
        assert "GET" in refused.headers["Allow"]


async def test_unfinished_requests_hold_up_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as platform:
        host, port = platform.api_address
        api = platform._api
        assert api is not None
        api._deadline_s = 0.5
        api._listener._limits = PortLimits.small(0.5)
        user = platform.site.users[ANNA]
        idle = [await asyncio.open_connection(host, port) for _ in range(40)]
        idle[0][1].write(b"PUT / HTTP/1.1\r\nHo")
        credentials = basic(user.sip_user, user.password.reveal())["Authorization"]
        head = f"PUT {ACTIONS}u101/services/DoNotDisturb HTTP/1.1\r\nHost: a\r\n"
        idle[1][1].write(
            f"{head}Authorization: {credentials}\r\nContent-Length: 100\r\n\r\n<Do".encode()
        )
        async with Web(platform, user) as web:
            assert (await web.get("DoNotDisturb")).status == 200
        starts = [await asyncio.wait_for(reader.read(4096), 5) for reader, _ in idle]
        assert starts[0] == starts[2] == b""
        assert starts[1].startswith(b"HTTP/1.1 408 ")
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()


async def test_secrets_stay_out_of_logs(
    platform: EmbeddedPlatform, anna: Web, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    await anna.get("VoiceMessaging")
    await anna.ask("GET", f"{ACTIONS}u101/services", headers=basic("u101", "canary-772"))
    await anna.manage("PUT", "/pin", {"pin": "775533", "pin_again": "775533"})
    everything = caplog.text
    for secret in (
        anna.user.password.reveal(),
        "canary-772",
        "775533",
        anna.headers["Authorization"][6:],
    ):
        assert secret not in everything


async def test_api_is_off_unless_wanted_and_keeps_its_port(tmp_path: Path) -> None:
    async with running(tmp_path, api_port=None) as platform:
        with pytest.raises(Exception, match="has no API"):
            assert platform.api_address
    async with running(tmp_path) as platform:
        before = platform.api_address
        await platform.restart()
        assert platform.api_address == before
        async with Web(platform, platform.site.users[ANNA]) as web:
            assert (await web.get("DoNotDisturb")).status == 200
        await platform.stop()
        with pytest.raises(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession() as session,
                session.get("http://{}:{}/".format(*before)),
            ):
                pass


async def test_port_in_use_is_told_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as first:
        second = EmbeddedPlatform(
            make_site(),
            store_dir=tmp_path / "two",
            config=type(first.config)(api_port=first.api_address[1]),
        )
        with pytest.raises(Exception, match="in use"):
            await second.start()
        assert not second.running


async def test_curl_reads_and_changes(platform: EmbeddedPlatform, carl: Web) -> None:
    curl = require_peer("curl")
    phone = await registered(platform, CARL)
    message = platform.store.add(CARL, DORA, AUDIO)
    credentials = f"{carl.user.sip_user}:{carl.user.password.reveal()}"
    url = f"{carl.base}{ACTIONS}{carl.user.sip_user}"

    async def run(*arguments: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            [
                curl,
                "-sS",
                "--max-time",
                "10",
                "-w",
                "\n%{http_code}",
                "-u",
                credentials,
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    listed = await run(f"{url}/VoiceMessagingMessages")
    assert listed.endswith("\n200")
    assert f"/{message.message_id}</messageId>" in listed
    read = f"{url}/VoiceMessagingMessages/{message.message_id}/MarkAsRead"
    assert await run("-X", "PUT", read) == "\n200"
    await phone.until(lambda: not parse_summary(phone.notifies[-1].body).waiting)
    body = '<DoNotDisturb xmlns="http://schema.broadsoft.com/xsi"><active>true</active></DoNotDisturb>'
    assert await run("-X", "PUT", "-d", body, f"{url}/services/DoNotDisturb") == "\n200"
    assert platform._settings.services(CARL).do_not_disturb
    assert (await run("-X", "DELETE", read.removesuffix("/MarkAsRead"))) == "\n200"
    assert (await platform.counts(CARL)).saved == 0
    await phone.close()
