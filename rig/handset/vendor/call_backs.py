"""Takes the call-backs of real phones: URLs that they ask for when something happens.

What a phone says so is its own word, not its lamp: verdicts rank it below every lamp sensor. It
is also only as good as whoever knows the URL, which therefore holds a secret part.

Source: action URLs of the vendors' documents, see ``descriptions/*.yaml``; state polling of the
Web Application Developer's Guide of UC Software, which posts ``CallLineInfo``.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterable

from aiohttp import web

from provisioning.secret import Secret
from provisioning.transport.listen_error import listen_error
from rig.clock import Clock, now
from rig.errors import UsageError
from rig.handset.vendor.description import Description
from rig.handset.vendor.poly import read_call_lines
from rig.timeline import PhoneSaid

logger = logging.getLogger(__name__)

MOST_OCTETS = 64 * 1024
MWI = "mwi"
CALLS = "calls"
_WAITING = {MWI: True, "mwi_on": True, "mwi_off": False}
_EVENT = re.compile(r"[a-z][a-z_]{0,40}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SHOWN = ("ip", "mac", "user", "number")


class CallBackReceiver:
    """An HTTP server that phones tell what has happened.

    Args:
        take: called with every word of a phone.
        handsets: names of the handsets that may call.
        host: address to listen at; this machine alone unless told otherwise.
        port: 0 for any.
        token: secret part of the URLs; None makes one.
        clock: gives instants.
    """

    def __init__(
        self,
        take: Callable[[PhoneSaid], None],
        handsets: Iterable[str],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: Secret | None = None,
        clock: Clock = now,
    ) -> None:
        self._take = take
        self._handsets = frozenset(handsets)
        self._host, self._port = host, port
        self._token = token or Secret(secrets.token_urlsafe(18))
        if not _TOKEN.fullmatch(self._token.reveal()):
            raise UsageError(
                "the token of call-backs is none; expected 16 to 128 letters, digits, _ and -"
            )
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Listen.

        Raises:
            RigError: the port is taken, or the address is not ours.
        """
        app = web.Application(client_max_size=MOST_OCTETS)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self.close()
            raise listen_error("call-backs", self._host, self._port, error) from error
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop; safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def url(self, handset: str, event: str, query: str = "") -> str:
        """Where a handset tells of an event; holds the token, so it is a secret to show with care.

        Args:
            handset: its name.
            event: neutral name of what happens.
            query: variables of the vendor, as they stand in its setting.
        """
        host = f"[{self._host}]" if ":" in self._host else self._host
        path = f"http://{host}:{self._port}/{self._token.reveal()}/{handset}/{event}"
        return f"{path}?{query}" if query else path

    def settings(self, handset: str, vendor: Description) -> dict[str, str]:
        """What a phone must be told so that it calls: URLs by the vendor's names of settings."""
        return {
            back.setting: self.url(
                handset,
                back.event,
                "&".join(f"{name}={word}" for name, word in back.variables.items()),
            )
            for back in vendor.call_backs
        }

    async def _answer(self, request: web.Request) -> web.Response:
        parts = request.path.strip("/").split("/")
        known = len(parts) == 3 and hmac.compare_digest(
            parts[0].encode(), self._token.reveal().encode()
        )
        if not known or parts[1] not in self._handsets or not _EVENT.fullmatch(parts[2]):
            logger.debug("a call-back that is none of ours")
            return web.Response(status=404)
        event = parts[2]
        said = {name: request.query[name][:100] for name in _SHOWN if name in request.query}
        text = ", ".join(f"{name} {value}" for name, value in said.items())
        if event == CALLS:
            try:
                lines = read_call_lines(await request.read())
            except ValueError:
                return web.Response(status=400)
            text = ", ".join(f"line {c.line} {c.state} {c.number}".strip() for c in lines)
        self._take(
            PhoneSaid(
                at=self._clock(),
                handset=parts[1],
                what=event,
                waiting=_WAITING.get(event),
                text=text,
                client=str(request.remote or ""),
            )
        )
        return web.Response(status=200)
