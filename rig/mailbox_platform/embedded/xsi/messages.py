"""The messages of a mailbox: list, fetch as WAV, mark, delete. Lamps follow at once."""

from __future__ import annotations

import base64
from collections.abc import Callable

from aiohttp import web

from rig.mailbox_platform.embedded.store.store import MessageState, MessageStore, StoredMessage
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.embedded.xsi.route import ACTIONS, Call, Handler, Route
from rig.mailbox_platform.embedded.xsi.services import require_options
from rig.mailbox_platform.xsi_document import Element, leaf
from rig.media.wav import to_wav

_MESSAGES = f"{ACTIONS}/VoiceMessagingMessages"
_ONE = f"{_MESSAGES}/{{messageId}}"


def message_routes() -> list[Route]:
    """Routes below ``/VoiceMessagingMessages``; the fixed names before the variable one."""
    heard, new = MessageStore.mark_heard, MessageStore.mark_new
    return [
        Route("GET", _MESSAGES, _list_messages, "userId"),
        Route("PUT", f"{_MESSAGES}/MarkAllAsRead", _mark_all(heard), "userId"),
        Route("PUT", f"{_MESSAGES}/MarkAllAsUnread", _mark_all(new), "userId"),
        Route("GET", _ONE, _get_message, "userId"),
        Route("DELETE", _ONE, _delete_message, "userId"),
        Route("PUT", f"{_ONE}/MarkAsRead", _mark(heard), "userId"),
        Route("PUT", f"{_ONE}/MarkAsUnread", _mark(new), "userId"),
    ]


async def _list_messages(call: Call) -> web.StreamResponse:
    require_options(call)
    backend = call.backend
    user_id = backend.user_id(call.user)
    newest_first = sorted(
        backend.store.messages(call.user.number), key=lambda message: -message.at
    )
    infos = tuple(_info(message, backend, user_id) for message in newest_first)
    infos_list = Element("messageInfoList", children=infos)
    return call.reply(Element("VoiceMessagingMessages", children=(infos_list,)))


def _info(message: StoredMessage, backend: Backend, user_id: str) -> Element:
    flags = []
    if message.state is MessageState.SAVED:
        flags.append(Element("read"))
    if message.urgent:
        flags.append(Element("urgent"))
    return Element(
        "messageInfo",
        children=(
            leaf("duration", round(message.duration_s * 1000)),
            Element("callingPartyInfo", children=_calling_party(message.caller, backend)),
            leaf("time", round(message.at * 1000)),
            leaf("messageId", f"/v2.0/user/{user_id}/voicemessagingmessages/{message.message_id}"),
            *flags,
        ),
    )


def _calling_party(caller: str, backend: Backend) -> tuple[Element, ...]:
    user = backend.directory.user(caller)
    if user is not None:
        known = (leaf("name", user.name), leaf("userId", backend.user_id(user)))
        return (*known, leaf("address", f"tel:{caller}"))
    if caller:
        return (leaf("address", f"tel:{caller}"),)
    return (leaf("name", "Unavailable"),)


def _find(call: Call) -> StoredMessage:
    """The message that the path names, if it is the caller's own and not deleted."""
    require_options(call)
    message = call.backend.store.message(call.params["messageId"])
    if (
        message is None
        or message.mailbox != call.user.number
        or message.state is MessageState.DELETED
    ):
        raise ApiFault(404, "There is no such message in this mailbox.")
    return message


async def _get_message(call: Call) -> web.StreamResponse:
    message = _find(call)
    wav = to_wav(call.backend.store.audio(message.message_id))
    content = Element(
        "messageMediaContent",
        children=(
            leaf("description", f"{message.duration_s:.1f} s"),
            leaf("mediaType", "WAV"),
            leaf("content", base64.b64encode(wav).decode("ascii")),
        ),
    )
    return call.reply(Element("VoiceMessage", children=(content,)))


async def _delete_message(call: Call) -> web.StreamResponse:
    message = _find(call)
    store = call.backend.store
    with store.together() as kept:
        store.delete(message.message_id)
        store.expunge([message.message_id])
    await kept
    return web.Response()


def _mark(change: Callable[[MessageStore, str], bool]) -> Handler:
    async def mark(call: Call) -> web.StreamResponse:
        message = _find(call)
        with call.backend.store.together() as kept:
            change(call.backend.store, message.message_id)
        await kept
        return web.Response()

    return mark


def _mark_all(change: Callable[[MessageStore, str], bool]) -> Handler:
    async def mark_all(call: Call) -> web.StreamResponse:
        require_options(call)
        store = call.backend.store
        with store.together() as kept:
            for message in store.messages(call.user.number):
                change(store, message.message_id)
        await kept
        return web.Response()

    return mark_all
