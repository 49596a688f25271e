"""A phone at its SIP port: takes a NOTIFY as vendors' documents say, or does not."""

from __future__ import annotations

import hashlib
import re

from rig.sip.header import Headers
from rig.sip_transport.stack import SipStack
from vendor_fakes.base import PASSWORD


class FakeSipPhone:
    """Answers with a status; ``challenge`` makes it ask for its account's password first.

    Attributes:
        told: requests that it obeyed.
        event: the only one that it knows.
    """

    def __init__(self, event: str, *, status: int = 200, challenge: bool = False, deaf=False):
        self.event, self.status, self.challenge, self.deaf = event, status, challenge, deaf
        self.told = []
        self.stack = SipStack(product="a phone")

    async def __aenter__(self):
        await self.stack.listen("127.0.0.1")
        self.stack.on_request = self._take
        return self

    async def __aexit__(self, *_):
        await self.stack.close()

    @property
    def contact(self) -> str:
        return f"sip:101@127.0.0.1:{self.stack.address[1]}"

    def _take(self, incoming) -> None:
        request = incoming.request
        if self.deaf:
            return
        if request.method == "OPTIONS":
            incoming.respond(200)
        elif request.headers.get("Event") != self.event:
            incoming.respond(489)
        elif self.challenge and not self._proven(request):
            offer = 'Digest realm="phone", nonce="abc", algorithm=MD5, qop="auth"'
            incoming.respond(401, headers=Headers([("WWW-Authenticate", offer)]))
        else:
            if self.status < 300:
                self.told.append(request)
            incoming.respond(self.status)

    def _proven(self, request) -> bool:
        value = request.headers.get("Authorization") or ""
        said = {n: q or p for n, q, p in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]*))', value)}

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        if said.get("username") != "101":
            return False
        one, two = md5(f"101:phone:{PASSWORD}"), md5(f"NOTIFY:{said['uri']}")
        line = ":".join((one, "abc", said["nc"], said["cnonce"], said["qop"], two))
        return said["response"] == md5(line)
