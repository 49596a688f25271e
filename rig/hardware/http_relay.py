"""Switches a phone's power supply by a relay board that speaks HTTP, and reads it back.

What a board wants to hear is data (:mod:`rig.hardware.relay_board`). Redirects are not followed,
and no proxy is used: a command goes to the board or nowhere.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.hardware.power import (
    PowerError,
    PowerLimits,
    PowerReading,
    PowerState,
    VerifiedPort,
)
from rig.hardware.relay_board import RelayBoard, RelayLogin, RelayRequest

REQUEST_LIMIT_S = 4.0
MAX_ANSWER_BYTES = 65536
RELAY_LIMITS = PowerLimits(off_s=5.0, on_s=5.0)


@dataclass(frozen=True, slots=True)
class RelayDevice:
    """One board on the network.

    Attributes:
        name: for messages.
        url: ``http://HOST[:PORT]`` or ``https://...``, without a path.
        board: how it speaks.
        user: to log in as; empty for nobody.
        password: likewise.
        limits: how long a contact may take.
        timeout_s: for one answer.
    """

    name: str
    url: str
    board: RelayBoard
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    limits: PowerLimits = RELAY_LIMITS
    timeout_s: float = REQUEST_LIMIT_S


def check_url(text: str) -> str:
    """Check the address of a board.

    Raises:
        ValueError: it is none, or holds a password.
    """
    form = "http://HOST[:PORT] or https://HOST[:PORT], without user, path or query"
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(form) from None
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if not usable or extra or parts.password or parts.scheme not in {"http", "https"}:
        raise ValueError(form)
    return text.rstrip("/")


class HttpRelayPort(VerifiedPort):
    """One contact of a relay board."""

    def __init__(
        self, device: RelayDevice, channel: str, *, normally_closed: bool = False
    ) -> None:
        """Describe it; nothing is contacted yet.

        Args:
            device: whose contact.
            channel: which, as the board counts.
            normally_closed: the phone has power while the relay is at rest.

        Raises:
            UsageError: the board wants a login and has none.
        """
        super().__init__(f"{device.name} channel {channel}", device.limits)
        if device.user and device.board.login is RelayLogin.NONE:
            raise UsageError(
                f"{device.name}: {device.board.title} knows no login, and a user is given; "
                "remove it, or name the kind of board that has one"
            )
        self._device = device
        self._channel = channel
        self._inverted = normally_closed

    async def _switch(self, *, on: bool) -> None:
        board = self._device.board
        await self._ask(board.on if on is not self._inverted else board.off)

    async def state(self) -> PowerReading:
        """Ask the board.

        Raises:
            PowerError: it does not answer, or not as its description says.
        """
        board = self._device.board
        closed, said = board.meaning(await self._ask(board.state), self._channel)
        if closed is None:
            raise PowerError(
                f"{self.name}: {self._device.url} says {said!r}, expected {board.on_value!r} or "
                f"{board.off_value!r}; is it a {board.title}, and is the channel right?"
            )
        on = closed is not self._inverted
        contact = f"relay {'on' if closed else 'off'} ({said})"
        wiring = ", wired so that power flows at rest" if self._inverted else ""
        return PowerReading(PowerState.ON if on else PowerState.OFF, contact + wiring)

    async def _ask(self, request: RelayRequest) -> str:
        device = self._device
        wanted = request.at(self._channel)
        try:
            async with (
                self._session() as session,
                session.request(
                    wanted.method.upper(),
                    device.url + wanted.path,
                    data=wanted.body or None,
                    headers={"Content-Type": "application/json"} if wanted.body else None,
                    allow_redirects=False,
                ) as answer,
            ):
                status = answer.status
                body = b""
                # Small boards send an answer in pieces, and a read gives what is there by then.
                async for piece in answer.content.iter_any():
                    body += piece
                    if len(body) > MAX_ANSWER_BYTES:
                        break
        except TimeoutError:
            raise PowerError(
                f"{self.name}: {device.url} does not answer within {device.timeout_s:g} s; is the "
                "board up?"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise PowerError(f"{self.name}: no HTTP with {device.url}: {error}") from None
        if status in {401, 403}:
            raise PowerError(
                f"{self.name}: {device.url} lets nobody in with this user and password "
                f"({status}); the board wants {device.board.login} login"
            )
        if status // 100 != 2:
            raise PowerError(
                f"{self.name}: {device.url} answers {wanted.path} with {status}; is it a "
                f"{device.board.title}, and is the channel right?"
            )
        if len(body) > MAX_ANSWER_BYTES:
            raise PowerError(
                f"{self.name}: {device.url} answers more than {MAX_ANSWER_BYTES} octets; is it a "
                f"{device.board.title}?"
            )
        return body.decode("utf-8", "replace")

    def _session(self) -> aiohttp.ClientSession:
        device = self._device
        headers = {}
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
        if device.user and device.board.login is RelayLogin.BASIC:
            pair = f"{device.user}:{device.password.reveal()}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        elif device.user:
            middlewares = (aiohttp.DigestAuthMiddleware(device.user, device.password.reveal()),)
        return aiohttp.ClientSession(
            headers=headers,
            middlewares=middlewares,
            timeout=aiohttp.ClientTimeout(total=device.timeout_s),
            trust_env=False,
        )
