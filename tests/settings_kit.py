"""A platform with its settings page, and a browser of plain HTTP that knows forms, not pages."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from lxml import html
from platform_kit import make_site

from provisioning.inventory_model import User
from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.web.web_config import WebConfig
from rig.media.tones import tone
from rig.media.wav import to_wav

ADMIN_PASSWORD = "administrator-of-tests"
SOUND = to_wav(bytes(16000))


@asynccontextmanager
async def settings_platform(
    folder: Path, site: Site | None = None, *, web: dict[str, Any] | None = None, **config: Any
) -> AsyncIterator[EmbeddedPlatform]:
    """A platform with a settings page; must not fail inside."""
    platform = EmbeddedPlatform(
        site or make_site(),
        store_dir=folder / "store",
        config=PlatformConfig(
            web_port=0,
            web=WebConfig(**{"admin_password": Secret(ADMIN_PASSWORD), **(web or {})}),
            **{"seconds_per_ring": 0.2, **config},
        ),
    )
    await platform.start()
    try:
        yield platform
        assert platform.internal_errors == 0
    finally:
        await platform.stop()


@dataclass
class Page:
    """An answer, as a reader sees it."""

    status: int
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return html.document_fromstring(self.body.decode())

    @property
    def heading(self) -> str:
        return self.tree.xpath("string(//h1)").strip()

    @property
    def words(self) -> str:
        """The text of the page, blanks joined."""
        return " ".join(self.tree.xpath("string(//main)").split())

    @property
    def csrf(self) -> str:
        return self.tree.xpath("//input[@name='csrf']/@value")[0]

    @property
    def faults(self) -> dict[str, str]:
        """What is said beside each field; the summary must say the same and lead there."""
        found = {
            one.get("id").removesuffix("-error"): " ".join(one.text_content().split()[1:])
            for one in self.tree.xpath("//p[@class='error']")
        }
        listed = {
            one.get("href").removeprefix("#"): " ".join(one.text_content().split())
            for one in self.tree.xpath("//div[@class='errors']//a")
        }
        assert found == listed
        for name in found:
            (field,) = self.tree.xpath("//*[@id=$name]", name=name)
            described = field.get("aria-describedby", "")
            assert field.tag not in {"input", "select"} or f"{name}-error" in described
        return found

    @property
    def done(self) -> list[str]:
        return [one.text_content().strip() for one in self.tree.xpath("//div[@class='done']/p")]

    def fields(self, button: str = "save") -> dict[str, str]:
        """The form that a button sends, as a browser would fill it in."""
        (form, *_) = self.tree.xpath("//form[.//button[@value=$button]]", button=button)
        values = {**dict(form.form_values()), "action": button}
        values.pop("file", None)
        return values

    def entries(self) -> list[str]:
        """The rows of lists of entries."""
        return [
            " ".join(one.text_content().split())
            for one in self.tree.xpath("//ul[@class='entries']/li/*[1]")
        ]


class Browser:
    """A browser without script; keeps cookies, follows redirects.

    Args:
        platform: whose settings page.
        language: that the reader prefers.
    """

    def __init__(self, platform: EmbeddedPlatform, language: str = "de") -> None:
        self.base = "http://{}:{}".format(*platform.web_address)
        self._headers = {"Accept-Language": language}

    async def __aenter__(self) -> Self:
        jar = aiohttp.CookieJar(unsafe=True)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),  # no state of a connection helps
            cookie_jar=jar,
            headers=self._headers,
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    async def ask(self, method: str, path: str, **kwargs: Any) -> Page:
        async with self.session.request(method, self.base + path, **kwargs) as got:
            body = await got.read()
            assert b"Traceback" not in body
            return Page(got.status, got.url.path, dict(got.headers), body)

    async def open(self, path: str) -> Page:
        return await self.ask("GET", path)

    async def send(self, path: str, values: dict[str, str], **kwargs: Any) -> Page:
        return await self.ask("POST", path, data=values, **kwargs)

    async def sign_in(self, name: str, password: str) -> Page:
        page = await self.open("/login")
        return await self.send("/login", {"csrf": page.csrf, "name": name, "password": password})

    async def as_user(self, user: User) -> Self:
        page = await self.sign_in(user.extension, user.password.reveal())
        assert page.status == 200, page.words
        assert page.path == f"/users/{user.number}"
        self.home = page.path
        return self

    async def as_admin(self) -> Self:
        page = await self.sign_in("admin", ADMIN_PASSWORD)
        assert (page.status, page.path) == (200, "/users")
        return self

    async def change(
        self, path: str, button: str = "save", leave_out: tuple[str, ...] = (), **values: str
    ) -> Page:
        """Open a page, change some of its fields, press a button."""
        page = await self.open(path)
        assert page.status == 200, page.words
        fields = {**page.fields(button), **values}
        return await self.send(path, {k: v for k, v in fields.items() if k not in leave_out})

    async def upload(
        self, path: str, name: str, content: bytes | None, *, filename: str = "any.wav"
    ) -> Page:
        page = await self.open(path)
        form = aiohttp.FormData()
        for key, value in {**page.fields("add"), "name": name}.items():
            form.add_field(key, value)
        if content is not None:
            form.add_field(
                "file", io.BytesIO(content), filename=filename, content_type="audio/wav"
            )
        return await self.ask("POST", path, data=form)


def spoken_tone(frequency_hz: float = 700.0, seconds: float = 0.5) -> bytes:
    """A WAV file with a tone in it."""
    return to_wav(tone((frequency_hz,), seconds))
