"""What the server keeps of one edition of the site for the next; its socket stays closed."""

from __future__ import annotations

from handset_lab import profiles

from provisioning.address import Mac
from provisioning.secret import Secret
from provisioning.transport.walk_guard import WalkGuard
from rig.pnp.desk import DeskHandset, PnpDesk
from rig.pnp.server import PnpServer, PnpTold

PHONE = ("192.0.2.50", 5060)
OLD, NEW = "http://192.0.2.1/old", "http://192.0.2.1/new"


def desk(url: str) -> PnpDesk:
    known = profiles()
    anna = DeskHandset("anna", Mac("805ec01a2b01"), known["T46U"])
    return PnpDesk([anna], known.values(), url_of=lambda _name: Secret(url), guard=WalkGuard())


def question(call_id: str) -> bytes:
    user = "sip:MAC%3a805ec01a2b01@224.0.1.75"
    return (
        f"SUBSCRIBE {user} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bK{call_id}\r\n"
        f"From: <{user}>;tag=t\r\nTo: <{user}>\r\nCall-ID: {call_id}\r\nCSeq: 1 SUBSCRIBE\r\n"
        'Contact: <sip:192.0.2.50>\r\nEvent: ua-profile;vendor="Yealink";model="T46U"\r\n'
        "Accept: application/url\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_the_next_edition_decides_anew_within_the_limits_of_the_last_one() -> None:
    told: list[PnpTold] = []
    server = PnpServer(desk(OLD), "192.0.2.1", on_told=told.append, clock=lambda: 0.0)
    assert all(server._admit(question("a"), PHONE) for _ in range(2))
    assert [one.url for one in told] == [OLD], "what is asked once more is one question"
    server.publish(desk(NEW))
    assert server._admit(question("a"), PHONE)
    assert [one.url for one in told] == [OLD, NEW]
    asked = [server._admit(question(f"b{number}"), PHONE) for number in range(10)]
    assert asked == [True] * 7 + [False] * 3, "a reload is no fresh burst"
    assert server.limited == 3
