"""Strangers at the settings page: guessed passwords, forged forms, foreign names, large bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from platform_kit import ANNA, BERT, CARL, DORA, make_site, make_user, with_user
from settings_kit import ADMIN_PASSWORD, SOUND, Browser, settings_platform, spoken_tone

from provisioning.secret import Secret
from rig.clock import now
from rig.errors import RigError, UsageError
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.store.store import StoreFailure
from rig.mailbox_platform.embedded.web.settings_server import SettingsServer
from rig.mailbox_platform.embedded.web.web_config import WebConfig

WRONG = "Anmeldung nicht möglich"
PAGES = (
    "", "/messages", "/voice-management", "/aliases", "/greetings", "/greetings/busy", "/lists",
    "/announcements", "/lists/1", "/portal", "/forwarding", "/do-not-disturb", "/profile",
)  # fmt: skip


class Later:
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.by_s = 0.0

    def __call__(self) -> float:
        return now() + self.by_s


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with settings_platform(tmp_path) as platform:
        platform.self_service.lists.create(ANNA, "Annas")
        yield platform


@pytest.fixture
async def clocked(tmp_path: Path) -> AsyncIterator[tuple[EmbeddedPlatform, Later]]:
    clock = Later()
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=tmp_path / "store",
        config=PlatformConfig(
            web_port=0, web=WebConfig(admin_password=Secret(ADMIN_PASSWORD), heartbeat_s=0.05)
        ),
        clock=clock,
    )
    await platform.start()
    yield platform, clock
    assert platform.internal_errors == 0
    await platform.stop()


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Browser]:
    async with Browser(platform) as browser:
        yield await browser.as_user(platform.site.users[ANNA])


# -- signing in ----------------------------------------------------------------------------


async def test_a_user_signs_in_by_number_extension_or_sip_user(platform: EmbeddedPlatform) -> None:
    for name in (ANNA, "030 23125-101", "101", "u101", " U101 ", "auth101", "u101@pbx.example"):
        async with Browser(platform) as browser:
            page = await browser.sign_in(name, "secret-101")
            assert page.path == f"/users/{ANNA}", name


async def test_unknown_names_and_wrong_passwords_get_the_same_answer(
    platform: EmbeddedPlatform,
) -> None:
    answers = set()
    for name, password in (
        ("101", "secret-102"), ("101", ""), ("nobody", "secret-101"), ("", ""), ("admin", "admin"),
        ("u101@other.example", "secret-101"), ("101", "135791"), ("x" * 9000, "y" * 9000),
    ):  # fmt: skip
        async with Browser(platform) as browser:
            page = await browser.sign_in(name, password)
            assert page.status == 403
            assert page.tree.xpath("//input[@name='password']/@value") == []
            assert page.tree.xpath("//input[@name='name']/@value") == [name]
            answers.add((page.words, tuple(sorted(page.faults.items()))))
            assert (await browser.open(f"/users/{ANNA}")).path == "/login"
    ((words, _),) = answers
    assert WRONG in words


async def test_guessing_waits_longer_and_longer_and_then_the_account_is_locked(
    clocked: tuple[EmbeddedPlatform, Later],
) -> None:
    platform, clock = clocked
    waits: list[int] = []
    async with Browser(platform) as browser:
        for _ in range(30):
            page = await browser.sign_in("101", "guess")
            if page.status == 429:
                waits.append(int(page.headers["Retry-After"]))
                assert "Bitte warten Sie" in page.words
                clock.by_s += waits[-1]
            if len(waits) == 8:
                break
        assert waits == sorted(waits)
        assert waits[0] <= 2
        assert waits[-1] > 30
        # Locked: not even the right password helps, from nowhere, and the answer tells nothing.
        page = await browser.sign_in("u101", "secret-101")
        assert (page.status, WRONG in page.words) == (403, True)
        clock.by_s += 901
        page = await browser.sign_in("101", "secret-101")
        assert page.path == f"/users/{ANNA}"


async def test_a_lock_is_of_one_account_alone(clocked: tuple[EmbeddedPlatform, Later]) -> None:
    platform, clock = clocked
    async with Browser(platform) as browser:
        for _ in range(10):
            assert (await browser.sign_in("101", "guess")).status == 403
            clock.by_s += 61
        assert (await browser.sign_in("101", "secret-101")).status == 403
        assert (await browser.sign_in("103", "secret-103")).path == f"/users/{CARL}"


async def test_without_a_configured_secret_there_is_no_administrator(tmp_path: Path) -> None:
    async with (
        settings_platform(tmp_path, web={"admin_password": None}) as platform,
        Browser(platform) as browser,
    ):
        for password in ("", "None", "admin", ADMIN_PASSWORD):
            assert (await browser.sign_in("admin", password)).status in {403, 429}


async def test_a_user_with_the_administrators_name_stops_the_start(tmp_path: Path) -> None:
    site = with_user(make_site(), make_user("+493023125106", "Eve"))
    with pytest.raises(UsageError, match="administrator's name"):
        async with settings_platform(tmp_path, site, web={"admin_name": "106"}):
            pass


@pytest.mark.parametrize(
    "bad",
    [
        {"admin_password": Secret("short")},
        {"admin_name": ""},
        {"host_names": ("http://x",)},
        {"idle_s": 0},
        {"idle_s": 10, "longest_s": 5},
        {"heartbeat_s": 0},
    ],
)
def test_settings_that_would_not_protect_are_refused(bad: dict) -> None:
    with pytest.raises(UsageError, match="settings page"):
        WebConfig(**bad)


# -- sessions ------------------------------------------------------------------------------


async def test_the_session_cookie_is_random_http_only_and_strict(
    platform: EmbeddedPlatform,
) -> None:
    seen = set()
    for _ in range(3):
        async with Browser(platform) as browser:
            page = await browser.open("/login")
            values = {"csrf": page.csrf, "name": "101", "password": "secret-101"}
            async with browser.session.post(
                browser.base + "/login", data=values, allow_redirects=False
            ) as got:
                assert got.status == 303
                (cookie,) = [c for c in got.headers.getall("Set-Cookie") if "session" in c]
            name, _, rest = cookie.partition("=")
            token = rest.split(";")[0]
            assert len(token) >= 43
            assert f"_{platform.web_address[1]}" in name
            for wanted in ("HttpOnly", "SameSite=Strict", "Path=/"):
                assert wanted in cookie
            assert "Max-Age" not in cookie
            seen.add(token)
    assert len(seen) == 3


async def test_behind_tls_cookies_are_for_https_alone(tmp_path: Path) -> None:
    async with (
        settings_platform(tmp_path, web={"behind_tls": True}) as platform,
        Browser(platform) as browser,
        browser.session.get(browser.base + "/login") as got,
    ):
        (cookie,) = got.headers.getall("Set-Cookie")
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie


async def test_a_session_ends_by_signing_out_and_its_cookie_opens_nothing_more(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    cookies = {c.key: c.value for c in anna.session.cookie_jar}
    page = await anna.open(anna.home)
    page = await anna.send("/logout", {"csrf": page.csrf})
    assert page.path == "/login"
    async with (
        aiohttp.ClientSession(cookies=cookies) as thief,
        thief.get(anna.base + anna.home, allow_redirects=False) as got,
    ):
        assert got.status == 303
        assert got.headers["Location"].startswith("/login")


async def test_a_session_ends_when_idle_and_at_the_latest_after_eight_hours(
    clocked: tuple[EmbeddedPlatform, Later],
) -> None:
    platform, clock = clocked
    async with Browser(platform) as browser:
        await browser.as_user(platform.site.users[ANNA])
        clock.by_s += 899
        assert (await browser.open(browser.home)).path == browser.home
        clock.by_s += 901
        page = await browser.open(browser.home)
        assert page.path == "/login"
        assert page.done == ["Ihre Sitzung ist beendet. Bitte melden Sie sich wieder an."]
        await browser.as_user(platform.site.users[ANNA])
        for _ in range(35):
            clock.by_s += 800
            assert (await browser.open(browser.home)).path == browser.home
        clock.by_s += 800
        assert (await browser.open(browser.home)).path == "/login"


async def test_live_lamps_keep_no_session_alive_and_end_with_it(
    clocked: tuple[EmbeddedPlatform, Later],
) -> None:
    platform, clock = clocked
    async with Browser(platform) as browser:
        await browser.as_user(platform.site.users[ANNA])
        clock.by_s += 800  # a page left open connects again and again
        async with browser.session.get(browser.base + "/lamps") as stream:
            assert stream.content_type == "text/event-stream"
            await stream.content.readuntil(b"data: ")
            clock.by_s += 101
            async with asyncio.timeout(10):
                await stream.read()  # it ends
        async with browser.session.get(browser.base + "/lamps", allow_redirects=False) as got:
            assert got.status == 303


async def test_a_session_that_was_made_up_is_none(platform: EmbeddedPlatform) -> None:
    name = f"phonerig_session_{platform.web_address[1]}"
    for token in ("", "x", "a" * 43, "ü", "../x"):
        async with aiohttp.ClientSession(headers={"Cookie": f"{name}={token}"}) as session:
            url = "http://{}:{}/users".format(*platform.web_address)
            async with session.get(url, allow_redirects=False) as got:
                assert got.status == 303


# -- forged forms --------------------------------------------------------------------------


async def test_every_form_needs_the_token_of_its_session(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    async with Browser(platform) as carl:
        await carl.as_user(platform.site.users[CARL])
        foreign = (await carl.open(carl.home + "/portal")).csrf
        for path in (*PAGES[1:], "/logout"):
            where = path if path == "/logout" else anna.home + path
            for token in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "x"}):
                page = await anna.send(where, {"action": "save", "active": "off", **token})
                assert page.status == 403, (path, token)
                assert "Es wurde nichts geändert." in page.words
    assert (await anna.open(anna.home)).path == anna.home  # not signed out
    assert platform._settings.require_options(ANNA).active


async def test_signing_in_needs_the_token_of_the_page(platform: EmbeddedPlatform) -> None:
    async with Browser(platform) as browser, Browser(platform) as other:
        foreign = (await other.open("/login")).csrf
        for token in ("", "x", foreign):
            page = await browser.send(
                "/login", {"csrf": token, "name": "101", "password": "secret-101"}
            )
            assert page.status == 403
            assert page.path == "/login"


async def test_forms_from_other_sites_are_refused_whatever_they_know(anna: Browser) -> None:
    fields = (await anna.open(anna.home + "/portal")).fields()
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        page = await anna.send(anna.home + "/portal", fields, headers=headers)
        assert page.status == 403, headers
    page = await anna.send(
        anna.home + "/portal",
        fields,
        headers={"Origin": anna.base, "Sec-Fetch-Site": "same-origin"},
    )
    assert page.done == ["Gespeichert."]


async def test_a_look_never_changes_anything(platform: EmbeddedPlatform, anna: Browser) -> None:
    message = platform.store.add(ANNA, CARL, bytes(16000)).message_id
    token = (await anna.open(anna.home)).csrf
    for path in (
        f"/messages?csrf={token}&action=delete&message={message}",
        f"/do-not-disturb?csrf={token}&active=on",
        f"/lists/1?csrf={token}&action=delete",
    ):
        await anna.open(anna.home + path)
    assert platform.store.counts(ANNA).new == 1
    assert not platform._settings.services(ANNA).do_not_disturb
    assert platform.self_service.lists.get(ANNA).numbers == (1,)


# -- other people's data -------------------------------------------------------------------


async def test_nobody_reaches_another_users_pages_or_messages_by_guessing(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    theirs = platform.store.add(CARL, ANNA, bytes(16000)).message_id
    mine = platform.store.add(ANNA, CARL, bytes(16000)).message_id
    nothing = (await anna.open(f"{anna.home}/messages/{'0' * 16}.wav")).body
    fields = (await anna.open(anna.home + "/messages")).fields("delete")
    for number in (CARL, BERT, DORA, "+490000000000", "103", ""):
        for path in PAGES:
            got = await anna.open(f"/users/{number}{path}")
            assert got.status == 404, (number, path)
            posted = await anna.send(f"/users/{number}{path}", fields)
            assert posted.status == 404, (number, path)
    nobody = (await anna.open(f"/users/+490000000000/messages/{theirs}.wav")).body
    for path, as_if in (
        (f"{anna.home}/messages/{theirs}.wav", nothing),
        (f"/users/{CARL}/messages/{theirs}.wav", nobody),
    ):
        got = await anna.open(path)
        assert (got.status, got.body) == (404, as_if)
    for action in ("delete", "heard", "new"):
        got = await anna.send(
            anna.home + "/messages", {**fields, "action": action, "message": theirs}
        )
        assert got.status == 404
    seen = platform.store.counts(CARL)
    assert (seen.new, seen.saved) == (1, 0)
    assert (await anna.open(f"{anna.home}/messages/{mine}.wav")).status == 200


async def test_users_are_no_administrators(platform: EmbeddedPlatform, anna: Browser) -> None:
    for path in ("/users", "/announcements", "/announcements/site/x.wav"):
        assert (await anna.open(path)).status == 404
    token = (await anna.open(anna.home)).csrf
    form = aiohttp.FormData({"csrf": token, "name": "Evil", "action": "add"})
    form.add_field("file", SOUND, filename="x.wav")
    assert (await anna.ask("POST", "/announcements", data=form)).status == 404
    assert platform.self_service.greetings.announcements("") == ()


async def test_the_lamps_that_are_told_are_the_own_ones(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    async def told(browser: Browser) -> list[str]:
        async with browser.session.get(browser.base + "/lamps") as stream:
            await stream.content.readuntil(b"data: ")
            return sorted(json.loads(await stream.content.readline()))

    assert await told(anna) == [ANNA]
    async with Browser(platform) as boss:
        await boss.as_admin()
        assert await told(boss) == [ANNA, BERT, CARL]  # Bert's phone shows Anna's mailbox


async def test_a_change_tells_the_lamps_that_it_changes_and_no_others(
    platform: EmbeddedPlatform,
) -> None:
    async with Browser(platform) as boss:
        await boss.as_admin()
        async with boss.session.get(boss.base + "/lamps") as stream:

            async def told() -> dict:
                await stream.content.readuntil(b"data: ")
                return json.loads(await stream.content.readline())

            assert sorted(await told()) == [ANNA, BERT, CARL]
            platform.store.add(CARL, ANNA, bytes(16000), urgent=True)
            platform.store.add(CARL, ANNA, bytes(16000))
            assert await told() == {
                CARL: {
                    "number": CARL, "on": True, "new": 2, "urgent": 1,
                    "text": "Lampe an: 2 neu, davon 1 dringend",
                }
            }  # fmt: skip
            platform.store.add(ANNA, CARL, bytes(16000))
            found = await told()
            assert {number: one["new"] for number, one in found.items()} == {ANNA: 1, BERT: 1}
            await platform.set_mailbox_options(ANNA, MailboxOptions(mwi=False))
            found = await told()
            assert {number: one["on"] for number, one in found.items()} == {
                ANNA: False,
                BERT: False,
            }


async def test_streams_are_bounded_and_leave_nothing(platform: EmbeddedPlatform) -> None:
    lamps = platform._web._lamps  # type: ignore[union-attr]  # the page is there
    async with Browser(platform) as browser:
        await browser.as_user(platform.site.users[ANNA])
        streams = []
        for _ in range(7):
            stream = await browser.session.get(browser.base + "/lamps")
            await stream.content.readuntil(b"data: ")
            streams.append(stream)
        async with asyncio.timeout(10):
            for stream in streams[:2]:
                await stream.read()  # the oldest ones are ended
        for _ in range(500):
            if lamps.streams == 5:
                break
            await asyncio.sleep(0.02)
        assert lamps.streams == 5
        for stream in streams:
            stream.close()
        async with asyncio.timeout(10):
            while lamps.streams:
                platform.store.add(ANNA, CARL, bytes(1600))  # a write shows that nobody listens
                await asyncio.sleep(0.1)


# -- what is sent --------------------------------------------------------------------------

HOSTILE = "\"><script>alert(1)</script>{{ 7*7 }}{% x %}'&amp;<!--"


async def test_what_was_typed_is_text_and_never_markup_or_template(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    home = anna.home
    await anna.change(home + "/lists", "create", description=HOSTILE)
    pages = [
        await anna.open(home + "/lists"),
        await anna.open(home + "/lists/2"),
        await anna.change(home + "/aliases", "add", alias=HOSTILE),
        await anna.change(home + "/voice-management", zero="on", zero_number=HOSTILE),
        await anna.change(home + "/forwarding", busy="on", busy_target=HOSTILE),
        await anna.upload(home + "/announcements", HOSTILE, SOUND),
    ]
    platform.store.add(ANNA, HOSTILE, bytes(16000))
    pages.append(await anna.open(home + "/messages"))
    for page in pages:
        text = page.body.decode()
        assert "<script>alert" not in text
        assert "49" not in page.words.replace("+49", "").replace("490", "") or "{{ 7*7 }}" in text
        assert HOSTILE in page.tree.text_content() or HOSTILE in page.tree.xpath("//@value")
        assert all(src.startswith("/static/") for src in page.tree.xpath("//script/@src"))
        assert page.tree.xpath("//script[not(@src)] | //*[@style] | //style") == []
        assert [a for a in page.tree.xpath("//@*") if a.attrname.startswith("on")] == []


async def test_every_answer_forbids_what_a_page_of_ours_does_not_need(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    await anna.upload(anna.home + "/announcements", "Urlaub", spoken_tone())
    for path in (
        *(anna.home + page for page in PAGES), "/login", "/nowhere", "/static/style.css",
        "/static/lamps.js", "/static/nothing", f"{anna.home}/announcements/own/Urlaub.wav",
    ):  # fmt: skip
        page = await anna.open(path)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
    async with anna.session.get(anna.base + "/lamps") as stream:
        assert stream.headers["Cache-Control"] == "no-store"


async def test_only_own_names_reach_the_page(tmp_path: Path) -> None:
    web = {"host_names": ("phones.company.example",)}
    async with settings_platform(tmp_path, web=web) as platform, Browser(platform) as browser:
        for host, status in (
            ("evil.example", 421), ("127.0.0.1.evil.example:8080", 421), ("", 421),
            ("localhost.evil.example", 421), ("user@127.0.0.1", 421), ("127.0.0.1/x", 421),
            ("localhost", 200), ("127.0.0.1:99", 200), ("[::1]:99", 200), ("10.0.0.7", 200),
            ("Phones.Company.example:443", 200), ("2130706433", 421),
        ):  # fmt: skip
            page = await browser.ask("GET", "/login", headers={"Host": host})
            assert page.status == status, host


async def test_bodies_are_bounded_and_kinds_are_named(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    token = (await anna.open(anna.home)).csrf
    many = "&".join(f"f{i}=1" for i in range(150))

    async def pieces(count: int) -> AsyncIterator[bytes]:
        yield f"csrf={token}&x=".encode()
        for _ in range(count):
            yield b"x" * 10_000

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    for body, headers, status in (
        (pieces(20), kind, 413),
        (f"csrf={token}&{many}", kind, 400),
        (f"csrf={token}&name=%ff", kind, 400),
        ("{}", {"Content-Type": "application/json"}, 415),
        ("x", {"Content-Type": "text/plain"}, 415),
        ("nothing of the kind", multipart, 400),
        ("--b\r\n\r\nunfinished", multipart, 400),
        ("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n--b--", multipart, 400),
        ("x", {"Content-Type": "multipart/form-data"}, 400),
    ):
        page = await anna.ask("POST", anna.home + "/portal", data=body, headers=headers)
        assert page.status == status, (headers, page.words)
    page = await anna.upload(anna.home + "/announcements", "Big", bytes(21_000_000))
    assert page.status == 413
    assert (await anna.open(anna.home)).status == 200


async def test_a_body_that_does_not_come_is_not_waited_for(platform: EmbeddedPlatform) -> None:
    web = platform._web
    assert web is not None
    backend = web._backend
    slow = SettingsServer(
        backend, "127.0.0.1", 0, config=WebConfig(), mail=False, body_deadline_s=0.2
    )
    await slow.start()
    host, port = slow.address
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        f"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf=".encode()
    )
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()
    await slow.close()


async def test_a_fault_of_ours_is_a_page_in_words(
    platform: EmbeddedPlatform, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = platform._web
    assert web is not None
    with monkeypatch.context() as patch:
        patch.setattr(platform.store, "messages", lambda mailbox: 1 / 0)
        page = await anna.open(anna.home + "/messages")
    assert page.status == 500
    assert "Das ist unser Fehler" in page.words
    assert "division" not in page.body.decode()
    assert web.internal_errors == 1
    web.internal_errors = 0


async def test_what_cannot_be_kept_is_not_changed_and_the_page_says_so(
    platform: EmbeddedPlatform, anna: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = platform.store.add(ANNA, CARL, bytes(16000)).message_id
    await anna.upload(anna.home + "/announcements", "Urlaub", SOUND)

    def full(changes: object) -> None:
        raise StoreFailure("no space left on the device")

    async def tries() -> list[int]:
        pages = [
            await anna.change(anna.home + "/voice-management", all_calls="on"),
            await anna.change(anna.home + "/voice-management", zero="on", zero_number="104"),
            await anna.change(anna.home + "/do-not-disturb", active="on"),
            await anna.change(anna.home + "/aliases", "add", alias="777"),
            await anna.change(anna.home + "/lists", "create", description="Team"),
            await anna.change(anna.home + "/lists/1", "add", member="103"),
            await anna.change(anna.home + "/greetings/busy", greeting="own/Urlaub"),
            await anna.upload(anna.home + "/announcements", "Zwei", SOUND),
            await anna.change(anna.home + "/profile", pin="975310", pin_again="975310"),
            await anna.change(anna.home + "/messages", "heard", message=message),
        ]
        for page in pages:
            assert page.status == 200 or "Es wurde nichts geändert." in page.words
        return [page.status for page in pages]

    before = [(await anna.open(anna.home + path)).body for path in PAGES]
    with monkeypatch.context() as patch:
        patch.setattr(platform.store._database, "commit", full)
        assert await tries() == [503] * 10
    assert [(await anna.open(anna.home + path)).body for path in PAGES] == before
    assert platform.self_service.pins.check(ANNA, "135791")
    assert await tries() == [200] * 10


async def test_methods_and_paths_that_are_none_are_refused_in_words(anna: Browser) -> None:
    token = (await anna.open(anna.home)).csrf
    for method, path, status in (
        ("PUT", anna.home, 405), ("DELETE", anna.home + "/lists/1", 405), ("OPTIONS", "/", 405),
        ("GET", "/../../etc/passwd", 404), ("GET", "/static/..%2fpages%2fbase.html.j2", 404),
        ("GET", "/static/../pages/base.html.j2", 404), ("GET", "/static/%00", 404),
        ("GET", anna.home + "/greetings/other", 404), ("GET", anna.home + "/messages/x", 404),
        ("GET", anna.home + "/announcements/own/..%2f..%2fx.wav", 404),
        ("GET", "/logout", 200), ("GET", "/users//", 404),
    ):  # fmt: skip
        page = await anna.ask(method, path)
        assert page.status == status, (method, path)
    page = await anna.send(anna.home, {"csrf": token})
    assert page.status == 405
    for action in ("", "other"):
        for path in ("/messages", "/lists/1"):
            page = await anna.send(anna.home + path, {"csrf": token, "action": action})
            assert page.status in {400, 404}


async def test_a_language_link_leads_to_no_other_server(platform: EmbeddedPlatform) -> None:
    host, port = platform.web_address
    for target in (
        "//evil.example/?language=de",
        "/\\evil.example?language=de",
        "/%2f?language=de",
    ):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        writer.close()
        await writer.wait_closed()
        for line in head.split("\r\n"):
            if line.startswith("Location:"):
                place = line.removeprefix("Location:").strip()
                assert place.startswith("/")
                assert not place.startswith(("//", "/\\"))


async def test_the_page_is_there_only_when_wanted(tmp_path: Path) -> None:
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path)
    await platform.start()
    with pytest.raises(RigError, match="no settings page"):
        _ = platform.web_address
    await platform.stop()
    with pytest.raises(UsageError, match="web_port"):
        PlatformConfig(web_port=70000)


async def test_no_secret_reaches_the_log(
    platform: EmbeddedPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with Browser(platform) as browser:
        await browser.sign_in("101", "wrong-password-1")
        await browser.as_user(platform.site.users[ANNA])
        await browser.change(browser.home + "/profile", pin="975310", pin_again="975310")
    for secret in ("wrong-password-1", "secret-101", "975310"):
        assert secret not in caplog.text
