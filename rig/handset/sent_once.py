"""Keeps aiohttp from sending again by itself what somebody may have read already.

It repeats a GET whenever the other end hangs up before it has answered, which is right for pages:
here it would be a second press of a key, or a second fetch that no handset has made.
"""

from __future__ import annotations

from types import SimpleNamespace

import aiohttp


def sent_once() -> aiohttp.TraceConfig:
    """What a session needs so that none of its requests begins a second connection of its own.

    The second one ends with :class:`aiohttp.ServerDisconnectedError`. Where a redirect leads is
    another request. On a connection that was kept from an earlier request the other end may have
    hung up before this one came, without a word: such a request goes once more over a new one.

    Source: RFC 9112 section 9.3.1 (retrying requests), 9.6 (a server need not announce a close).
    """
    once = aiohttp.TraceConfig()
    once.on_connection_create_start.append(_begins)
    once.on_request_redirect.append(_goes_on)
    return once


async def _begins(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionCreateStartParams,
) -> None:
    del session, params
    if getattr(context, "has_begun", False):
        raise aiohttp.ServerDisconnectedError
    context.has_begun = True


async def _goes_on(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestRedirectParams,
) -> None:
    del session, params
    context.has_begun = False
