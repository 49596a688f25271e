"""What Xsi has no known path for: aliases, PIN, and the bare facts of a mailbox; plain JSON.

Paths, bodies and answers are described in ``docs/reference/openapi.yaml``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from provisioning.phone_number import alias_notes
from provisioning.secret import Secret
from rig.mailbox_platform.embedded.store.store import StoredMessage
from rig.mailbox_platform.embedded.voicemail.alias_book import AliasConflictError
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.embedded.xsi.route import MANAGEMENT, Call, Route, read_body
from rig.mailbox_platform.embedded.xsi.services import require_options

_NUMBER_CHARS = 64


def management_routes() -> list[Route]:
    """Routes of the management API."""
    return [
        Route("GET", f"{MANAGEMENT}/mailbox", _get_mailbox, "number"),
        Route("GET", f"{MANAGEMENT}/aliases", _get_aliases, "number"),
        Route("POST", f"{MANAGEMENT}/aliases", _add_alias, "number"),
        Route("DELETE", f"{MANAGEMENT}/aliases/{{alias}}", _delete_alias, "number"),
        Route("PUT", f"{MANAGEMENT}/pin", _put_pin, "number"),
        Route("POST", f"{MANAGEMENT}/pin/suggestion", _suggest_pin, "number"),
    ]


def json_response(data: object, status: int = 200, **headers: str) -> web.Response:
    """Answer with plain JSON."""
    return web.Response(
        status=status,
        body=json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"),
        content_type="application/json",
        headers={"Cache-Control": "no-store", **headers},
    )


async def _json(call: Call, *names: str) -> dict[str, str]:
    """The body: an object with exactly these texts."""
    content = await read_body(call.request)
    try:
        data: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ApiFault(400, "The body is not JSON.") from error
    wanted = ", ".join(names)
    if not isinstance(data, dict) or set(data) != set(names):
        raise ApiFault(400, f"The body is not an object with exactly: {wanted}.")
    if not all(isinstance(value, str) for value in data.values()):
        raise ApiFault(400, f"The values of {wanted} are texts.")
    return data


# -- the mailbox -------------------------------------------------------------------------


async def _get_mailbox(call: Call) -> web.StreamResponse:
    require_options(call)
    store = call.backend.store
    number = call.user.number
    counts = store.counts(number)
    return json_response(
        {
            "mailbox": number,
            "new": counts.new,
            "saved": counts.saved,
            "urgent_new": counts.urgent_new,
            "urgent_saved": counts.urgent_saved,
            "wrong_pins_in_a_row": store.login_failures(number).count,
            "messages": [_facts(message) for message in store.messages(number)],
        }
    )


def _facts(message: StoredMessage) -> dict[str, object]:
    return {
        "id": message.message_id,
        "caller": message.caller,
        "left_at": datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds"),
        "duration_s": round(message.duration_s, 3),
        "urgent": message.urgent,
        "state": message.state.value,
    }


# -- aliases -----------------------------------------------------------------------------


def _short(text: str) -> str:
    if len(text) > _NUMBER_CHARS:
        raise ApiFault(400, f"The alias is longer than {_NUMBER_CHARS} characters.")
    return text


async def _get_aliases(call: Call) -> web.StreamResponse:
    require_options(call)
    number = call.user.number
    return json_response({"mailbox": number, "aliases": list(call.backend.aliases.get(number))})


async def _add_alias(call: Call) -> web.StreamResponse:
    require_options(call)
    text = _short((await _json(call, "alias"))["alias"])
    try:
        alias = call.backend.aliases.add(call.user.number, text)
    except AliasConflictError as error:
        raise ApiFault(409, str(error)) from error
    return json_response({"alias": alias, "notes": list(alias_notes(text))}, 201)


async def _delete_alias(call: Call) -> web.StreamResponse:
    require_options(call)
    text = _short(call.params["alias"])
    if not call.backend.aliases.remove(call.user.number, text):
        raise ApiFault(404, f"{call.backend.aliases.read(text)} is no alias of this mailbox.")
    return web.Response(status=204)


# -- PIN ---------------------------------------------------------------------------------


async def _put_pin(call: Call) -> web.StreamResponse:
    require_options(call)
    body = await _json(call, "pin", "pin_again")
    if body["pin"] != body["pin_again"]:
        raise ApiFault(400, "The two PINs differ; nothing was changed.")
    pins, number = call.backend.self_service.pins, call.user.number
    if pins.check(number, body["pin"]):
        raise ApiFault(400, "This is the PIN that the mailbox has now; nothing was changed.")
    faults = pins.faults_in_words(number, body["pin"])
    if faults:
        raise ApiFault(400, "; ".join(faults) + ". Nothing was changed.")
    with call.backend.store.together() as kept:
        pins.change(number, Secret(body["pin"]))
    await kept
    return web.Response(status=204)


async def _suggest_pin(call: Call) -> web.StreamResponse:
    require_options(call)
    return json_response({"pin": call.backend.self_service.pins.suggest(call.user.number)})
