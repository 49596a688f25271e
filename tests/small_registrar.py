"""A registrar and notifier of a hundred lines, so that handsets can be tried by themselves.

It accepts everybody, and keeps what it was asked. It is no judge of anything: tests judge.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rig.sip.message import Request, Response
from rig.sip_transport.stack import IncomingRequest, SipStack

SUMMARY = "application/simple-message-summary"


def body(new: int, saved: int = 0) -> bytes:
    """A message summary as our platform writes it."""
    flag = "yes" if new else "no"
    return f"Messages-Waiting: {flag}\r\nVoice-Message: {new}/{saved} (0/0)\r\n".encode()


@dataclass
class Subscribed:
    """One subscription, server side."""

    incoming: IncomingRequest
    cseq: int = 0

    @property
    def request(self) -> Request:
        return self.incoming.request


@dataclass
class SmallRegistrar:
    """Accepts every REGISTER and SUBSCRIBE."""

    stack: SipStack = field(default_factory=SipStack)
    first_body: bytes = b""
    requests: list[Request] = field(default_factory=list)
    contacts: dict[str, str] = field(default_factory=dict)
    flows: dict[str, object] = field(default_factory=dict)
    subscriptions: list[Subscribed] = field(default_factory=list)
    _tasks: set = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        await self.stack.listen(host, port)
        self.stack.on_request = self._requested

    @property
    def address(self) -> tuple[str, int]:
        return self.stack.address

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    async def wait_for(self, method: str, count: int = 1, timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while self.count(method) < count:
                await self._next_news()

    async def wait_subscribed(self, timeout_s: float = 10) -> Subscribed:
        async with asyncio.timeout(timeout_s):
            while not self.subscriptions:
                await self._next_news()
        return self.subscriptions[-1]

    async def _next_news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def notify(
        self, content: bytes, *, content_type: str = SUMMARY, state: str = "active", headers=()
    ):
        """NOTIFY inside the newest subscription; returns the status."""
        subscribed = self.subscriptions[-1]
        subscribed.cseq += 1
        asked = subscribed.request
        rows = [
            ("From", f"{asked.to};tag=small"),
            ("To", str(asked.from_)),
            ("Call-ID", asked.call_id),
            ("CSeq", f"{subscribed.cseq} NOTIFY"),
            ("Contact", self._contact),
            ("Event", "message-summary"),
            ("Subscription-State", f"{state};expires=600"),
            *headers,
        ]
        request = Request("NOTIFY", str(asked.contacts[0].uri), rows, content)
        if content:
            request.headers.add("Content-Type", content_type)
        return await self._send(request, subscribed.incoming.flow)

    async def notify_unsolicited(
        self, user: str, content: bytes, *, content_type: str = SUMMARY, headers=()
    ):
        """NOTIFY outside every subscription; returns the status."""
        rows = [
            ("From", f"<sip:{user}@demo.example>;tag=small"),
            ("To", f"<sip:{user}@demo.example>"),
            ("Contact", self._contact),
            ("Event", "message-summary"),
            ("Subscription-State", "active;expires=600"),
            *headers,
        ]
        request = Request("NOTIFY", self.contacts[user], rows, content)
        if content:
            request.headers.add("Content-Type", content_type)
        return await self._send(request, self.flows[user])

    async def send(self, request: Request, user: str) -> Response:
        """Any request to a registered contact."""
        return await self.stack.request(request, self.flows[user]).final(5)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self.stack.close()

    @property
    def _contact(self) -> str:
        host, port = self.address
        return f"<sip:{host}:{port}>"

    async def _send(self, request: Request, flow) -> int:
        return (await self.stack.request(request, flow).final(30)).status

    def _requested(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.requests.append(request)
        self._news.set()
        if request.method == "REGISTER":
            user = request.to.uri.user or ""
            if request.contacts:
                self.contacts[user] = str(request.contacts[0].uri)
                self.flows[user] = incoming.flow
            rows = [("Contact", contact) for contact in request.headers.get_list("Contact")]
            incoming.respond(200, headers=[*rows, ("Expires", "60")])
        elif request.method == "SUBSCRIBE":
            task = asyncio.get_running_loop().create_task(self._subscribe(incoming))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif request.method == "INVITE":
            incoming.respond(486)
        else:
            incoming.respond(200)

    async def _subscribe(self, incoming: IncomingRequest) -> None:
        tagged = incoming.request.to.tag is not None
        expires = incoming.request.headers.get("Expires", "600")
        rows = [("Expires", expires), ("Contact", self._contact)]
        incoming.respond(200, headers=rows, to_tag=None if tagged else "small")
        if not tagged:
            self.subscriptions.append(Subscribed(incoming))
            self._news.set()
        ended = expires == "0"
        await self.notify(self.first_body, state="terminated" if ended else "active")
