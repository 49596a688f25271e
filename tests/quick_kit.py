"""Compares the quick way to read a message of a capture with the careful one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rig.capture.correlate import transaction_key
from rig.capture.quick_reader import QuickReader, is_clean, quick_transaction
from rig.errors import ProtocolError
from rig.sip.lint import lint
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.timeline import Observation, SipSeen, Tap
from rig.verdict.oracles.view import (
    aor_of,
    contact_uri,
    content_type_of,
    event_of,
    expires_of,
    hops_left_of,
    view_of,
)

ENDS = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def viewed(message: Request | Response) -> object:
    """What the oracles take from a message."""
    seen = Observation(at=1.0, tap=Tap.WIRE, source=ENDS[0], destination=ENDS[1], number=1)
    event = SipSeen(
        at=1.0, message=message, raw=message.raw, transport="UDP", observations=(seen,)
    )
    try:
        view = view_of(event)
    except ProtocolError as error:
        return str(error)
    for end, address in ((view.sender, message.from_), (view.receiver, message.to)):
        uri = address.uri
        assert end.tag == (address.tag or "")
        assert end.aor == aor_of(address)
        assert end.name == (uri.user_unescaped or uri.host or str(uri))
    about = (contact_uri, expires_of, event_of, content_type_of, hops_left_of)
    return replace(view, message=Request("X", "x")), [tell(message) for tell in about]


def by_both(data: bytes, reader: QuickReader) -> bool:
    """Read both ways; says whether the quick one called it clean."""
    try:
        careful = parse_message(data)
    except ProtocolError as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            reader.read(data, datagram=True)
        return False
    quick = reader.read(data, datagram=True)
    assert quick == careful
    assert quick.raw == careful.raw
    for name, _ in careful.headers:
        assert quick.headers.get_all(name) == careful.headers.get_all(name)
        assert quick.headers.get_list_raw(name) == careful.headers.get_list_raw(name)
    key = quick_transaction(quick)
    if key:
        assert key == transaction_key(careful)
    for _ in range(2):  # made, and remembered
        assert viewed(quick) == viewed(careful)
    if is_clean(quick):
        assert lint(careful) == []
        return True
    return False
