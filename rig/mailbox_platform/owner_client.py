"""Changes what the owner of a mailbox sets, through the HTTP API of the platform.

Aliases and PIN by the management paths, the number behind the caller's 0 by Xsi, which has a
known path for it; ``docs/reference/openapi.yaml`` describes both.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import aiohttp

from provisioning.inventory_model import User
from provisioning.secret import Secret
from rig.errors import RigError
from rig.mailbox_platform.xsi_document import DocumentError, Element, from_xml, leaf, to_xml
from rig.timeline import Address

_MANAGEMENT = "/phonerig/v1/users"
_ACTIONS = "/com.broadsoft.xsi-actions/v2.0/user"
_TIMEOUT_S = 10.0


class OwnerRefusedError(RigError):
    """The platform did not take a change; nothing was changed.

    Attributes:
        status: HTTP status.
    """

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what)
        self.status = status


class OwnerClient:
    """One owner at the platform's API.

    Args:
        address: where the API listens.
        user: the owner; signs in by SIP user and password.
    """

    def __init__(self, address: Address, user: User) -> None:
        self._base = f"http://{address[0]}:{address[1]}"
        self._user = user

    async def add_alias(self, written: str) -> str:
        """Add an alias, as written; gives the number that it means.

        Raises:
            OwnerRefusedError: it breaks a rule, or opens a mailbox already.
        """
        return str((await self._manage("POST", "/aliases", {"alias": written}))["alias"])

    async def remove_alias(self, written: str) -> None:
        """Remove an alias, in any spelling.

        Raises:
            OwnerRefusedError: it is none.
        """
        await self._manage("DELETE", f"/aliases/{quote(written, safe='')}")

    async def aliases(self) -> list[str]:
        """The aliases of the mailbox, in normal form."""
        return list((await self._manage("GET", "/aliases"))["aliases"])

    async def change_pin(self, pin: Secret, again: Secret | None = None) -> None:
        """Change the PIN; it is given twice, as a person types it.

        Raises:
            OwnerRefusedError: the two differ, or a rule is broken.
        """
        second = pin if again is None else again
        body = {"pin": pin.reveal(), "pin_again": second.reveal()}
        await self._manage("PUT", "/pin", body)

    async def suggest_pin(self) -> Secret:
        """Have the platform make a PIN; nothing changes."""
        return Secret(str((await self._manage("POST", "/pin/suggestion"))["pin"]))

    async def set_transfer(self, written: str, *, on: bool = True) -> None:
        """Set where a caller gets by pressing 0, or switch that off.

        Raises:
            OwnerRefusedError: it is no number.
        """
        fields = [leaf("transferOnZeroToPhoneNumber", str(on).lower())]
        if on:
            fields.append(leaf("transferPhoneNumber", written))
        document = Element("VoiceMessaging", children=tuple(fields))
        await self._actions("PUT", to_xml(document))

    async def transfer(self) -> str:
        """Where a caller gets by pressing 0; empty for nowhere."""
        found = await self._actions("GET", None)
        try:
            document = from_xml(found)
        except DocumentError as error:
            raise RigError(f"the platform's API answered with no document: {error}") from error
        texts = {child.name: child.text for child in document.children}
        on = texts.get("transferOnZeroToPhoneNumber") == "true"
        return texts.get("transferPhoneNumber") or "" if on else ""

    async def _manage(self, method: str, path: str, body: object = None) -> Any:
        number = quote(self._user.number, safe="")
        content = None if body is None else json.dumps(body).encode()
        answer = await self._ask(
            method, f"{_MANAGEMENT}/{number}{path}", content, "application/json"
        )
        return json.loads(answer) if answer else {}

    async def _actions(self, method: str, content: bytes | None) -> bytes:
        name = quote(self._user.sip_user, safe="")
        path = f"{_ACTIONS}/{name}/services/VoiceMessaging"
        return await self._ask(method, path, content, "application/xml")

    async def _ask(self, method: str, path: str, content: bytes | None, kind: str) -> bytes:
        auth = aiohttp.BasicAuth(self._user.sip_user, self._user.password.reveal())
        limit = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        headers = {} if content is None else {"Content-Type": kind}
        try:
            async with (
                aiohttp.ClientSession(auth=auth, timeout=limit) as session,
                session.request(method, self._base + path, data=content, headers=headers) as got,
            ):
                answer = await got.read()
                if got.status >= 400:
                    raise OwnerRefusedError(_summary(answer), got.status)
                return answer
        except (aiohttp.ClientError, TimeoutError) as error:
            raise RigError(f"the platform's API at {self._base}: {error}") from error


def _summary(answer: bytes) -> str:
    """The platform's sentence about what it refuses, from JSON or XML."""
    try:
        return str(json.loads(answer)["summary"])
    except (ValueError, KeyError, TypeError):
        pass
    try:
        texts = {child.name: child.text for child in from_xml(answer).children}
    except DocumentError:
        return "the platform's API refused without a reason"
    return texts.get("summaryEnglish") or "the platform's API refused without a reason"
