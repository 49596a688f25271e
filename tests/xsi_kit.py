"""A platform with its API, and an outside view of it: plain HTTP, and XML by another parser."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote
from xml.etree import ElementTree as ET

import aiohttp
from platform_kit import make_site

from provisioning.inventory_model import User
from provisioning.inventory_site import Site
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

XSI = "{http://schema.broadsoft.com/xsi}"
AUDIO = bytes(16000)
ACTIONS = "/com.broadsoft.xsi-actions/v2.0/user/"
EVENTS = "/com.broadsoft.xsi-events/v2.0"
CHANNEL = "/com.broadsoft.async/com.broadsoft.xsi-events/v2.0/channel"
SUBSCRIPTION = (
    '<Subscription xmlns="http://schema.broadsoft.com/xsi"><targetIdType>User</targetIdType>'
    "<event>Voice Mail Message Summary</event><expires>600</expires>"
    "<channelSetId>one</channelSetId><applicationId>test</applicationId></Subscription>"
)
OPEN_CHANNEL = (
    '<?xml version="1.0" encoding="UTF-8"?><Channel xmlns="http://schema.broadsoft.com/xsi">'
    "<channelSetId>one</channelSetId><priority>1</priority><weight>50</weight>"
    "<expires>600</expires></Channel>"
)


@asynccontextmanager
async def running(
    folder: Path, site: Site | None = None, **config: Any
) -> AsyncIterator[EmbeddedPlatform]:
    """A platform with an API; must not fail inside."""
    platform = EmbeddedPlatform(
        site or make_site(),
        store_dir=folder / "store",
        config=PlatformConfig(**{"api_port": 0, "seconds_per_ring": 0.2, **config}),
    )
    await platform.start()
    try:
        yield platform
        assert platform.internal_errors == 0
    finally:
        await platform.stop()


def basic(name: str, password: str) -> dict[str, str]:
    token = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> ET.Element:
        assert b"<!" not in self.body
        return ET.fromstring(self.body)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def text(self, path: str) -> str | None:
        """Text of an element: names with a slash between."""
        return self.xml.findtext("/".join(XSI + name for name in path.split("/")))

    @property
    def fault(self) -> str:
        assert self.xml.tag == f"{XSI}ErrorInfo"
        assert self.text("errorCode") == str(self.status)
        return self.text("summaryEnglish") or ""


class Web:
    """A client of the API without knowledge of it.

    Args:
        platform: whose API.
        user: whose password.
    """

    def __init__(self, platform: EmbeddedPlatform, user: User) -> None:
        self.base = "http://{}:{}".format(*platform.api_address)
        self.user = user
        self.headers = basic(user.sip_user, user.password.reveal())

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        *,
        kind: str = "application/xml",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        used = dict(self.headers if headers is None else headers)
        if body is not None:
            used["Content-Type"] = kind
        data = body.encode() if isinstance(body, str) else body
        file = None if data is None else io.BytesIO(data)  # aiohttp wants large bodies as files
        async with self.session.request(method, self.base + path, data=file, headers=used) as got:
            return Answer(got.status, dict(got.headers), await got.read())

    async def actions(self, method: str, path: str, body: str | None = None) -> Answer:
        return await self.ask(method, f"{ACTIONS}{self.user.sip_user}{path}", body)

    async def put(self, service: str, fields: str) -> Answer:
        root = service.rpartition("/")[2]
        root = "VoiceMessagingGreetings" if root == "Greetings" else root
        body = f'<{root} xmlns="http://schema.broadsoft.com/xsi">{fields}</{root}>'
        return await self.actions("PUT", f"/services/{service}", body)

    async def get(self, service: str) -> Answer:
        return await self.actions("GET", f"/services/{service}")

    async def manage(self, method: str, path: str, body: object = None) -> Answer:
        text = None if body is None else json.dumps(body)
        number = quote(self.user.number, safe="")
        return await self.ask(
            method, f"/phonerig/v1/users/{number}{path}", text, kind="application/json"
        )

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Stream]:
        async with self.session.post(
            self.base + CHANNEL, data=OPEN_CHANNEL, headers=self.headers
        ) as response:
            assert response.status == 200
            yield Stream(response)


class Stream:
    """An open event channel; takes documents apart by the header that begins each."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.pending: list[bytes] = []

    async def next(self, timeout_s: float = 5.0) -> ET.Element | None:
        """The next document; None at the end of the stream."""
        async with asyncio.timeout(timeout_s):
            while not self.pending:
                octets = await self.response.content.readany()
                if not octets:
                    return None
                self.pending = octets.split(b'<?xml version="1.0" encoding="UTF-8"?>')[1:]
        return ET.fromstring(self.pending.pop(0))

    async def event(self, timeout_s: float = 5.0) -> ET.Element:
        """The next event, heartbeats passed over."""
        while True:
            document = await self.next(timeout_s)
            assert document is not None, "the stream ended"
            if document.tag == f"{XSI}Event":
                return document

    async def counters(self) -> tuple[int, ...]:
        """New, old, urgent new, urgent old of the next event."""
        summary = (await self.event()).find(f"{XSI}eventData/{XSI}messageSummary")
        assert summary is not None
        names = ("newMessages", "oldMessages", "newUrgentMessages", "oldUrgentMessages")
        return tuple(int(summary.findtext(XSI + name) or "-1") for name in names)
