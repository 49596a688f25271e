"""What is odd and right: nothing above a note may be said about any of it."""

from __future__ import annotations

import pytest
from stories_calls import BUSY, TREE, diverted, relayed
from stories_mwi import Story
from talk import CONTACT, OTHER, PHONE, PROXY, Talk

from rig.verdict.oracles.finding import Severity

COMPACT = (
    (rb"^Via:", b"v:"),
    (rb"^From:", b"f:"),
    (rb"^To:", b"t:"),
    (rb"^Call-ID:", b"i:"),
    (rb"^Contact:", b"m:"),
    (rb"^Event:", b"o:"),
)
FOLDED = (
    (rb"^From: ", b"From:\r\n "),
    (rb"^Event: ", b"Event:\r\n\t"),
    (rb"^Contact: ", b"Contact:\r\n "),
)
HERE6, THERE6 = ("2001:db8::10", 5060), ("2001:db8::1", 5060)
CONTACT6 = "sip:anna@[2001:db8::10]:5060"


def notify_first(t: Talk) -> Talk:
    """The NOTIFY overtakes the 2xx."""
    asked = t.ask(
        "SUBSCRIBE",
        call="sub",
        from_tag="s",
        rows=("Event: message-summary", f"Contact: <{CONTACT}>", "Expires: 600"),
    )
    t.notify(state="active;expires=600")
    t.answer(asked, rows=("Expires: 600", "Contact: <sip:mwi@192.0.2.1>"))
    return t.wait(40).alive()


def by_ipv6(t: Talk) -> Talk:
    how = {"source": HERE6, "destination": THERE6, "contact": CONTACT6}
    t.register(**how).subscribe(**how)
    return t.notify(source=THERE6, destination=HERE6, uri=CONTACT6)


def anew_after_481(t: Talk) -> Talk:
    t.healthy().wait(60).subscribe(call="b").notify(call="b")
    return t.notify(1, status=481, state="active").notify(1, call="b").wait(70).alive()


def behind_one_proxy(t: Talk) -> Talk:
    """Two phones of one user: the same source, another Contact each."""
    homes = {f"s{nth}": f"sip:anna@10.0.0.{nth}:5060" for nth in (1, 2)}
    for call, uri in homes.items():
        hop = b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKproxy" + call.encode() + b"\r\nVia: "
        t.subscribe(call=call, contact=uri, source=PROXY, edits=((rb"^Via: ", hop),))
        t.notify(call=call, uri=uri, destination=PROXY)
    for call in ("s2", "s1"):
        t.notify(1, call=call, uri=homes[call], destination=PROXY)
    return t.wait(40).alive()


def lost_once(t: Talk) -> Talk:
    asked = t.ask("OPTIONS")
    t.answer(t.again(asked) and asked)
    return t.wait(40).alive()


ODD: dict[str, Story] = {
    "two phones behind one proxy": behind_one_proxy,
    "202": lambda t: t.register().subscribe(status=202).notify(),
    "compact forms": lambda t: (
        t.register(edits=COMPACT[:5]).subscribe(edits=COMPACT).notify(edits=COMPACT)
    ),
    "folded headers": lambda t: t.register().subscribe(edits=FOLDED).notify(edits=FOLDED),
    "NOTIFY before the 2xx": notify_first,
    "no urgent part": lambda t: t.healthy().notify(
        body=b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n"
    ),
    "flag alone": lambda t: t.healthy().notify(body=b"Messages-Waiting: yes\r\n"),
    "several diversions in one row": diverted(
        f"<sip:bert@b.example>;reason=no-answer;counter=1, {BUSY}"
    ),
    "several diversions in several rows": lambda t: t.diverted(
        "<sip:bert@b.example>;reason=no-answer",
        rows=("Diversion: <sip:bert@b.example>;reason=no-answer", f"Diversion: {BUSY}"),
    ),
    "an older hop that History-Info does not know": diverted(
        f"{BUSY}, <sip:emma@old.example>;reason=unconditional", TREE
    ),
    "a user part in one header, the number in the other": diverted(
        BUSY, TREE.replace("sip:anna", "sip:+493012345"), uri="sip:vm@b.example"
    ),
    "history in several rows": lambda t: t.diverted(
        rows=(*(f"History-Info: {e}" for e in TREE.split(", ")), f"Diversion: {BUSY}")
    ),
    "retransmitted": lost_once,
    "TCP": lambda t: (
        t.register(transport="TCP").subscribe(transport="TCP").notify(transport="TCP")
    ),
    "large NOTIFY by TCP": lambda t: t.register().subscribe().notify(transport="TCP"),
    "IPv6": by_ipv6,
    "fetch": lambda t: (
        t.register().subscribe(wish=0).notify(state="terminated;reason=timeout").wait(70).alive()
    ),
    "polled": lambda t: [
        t.subscribe(wish=0, call=f"f{n}")
        .notify(state="terminated;reason=timeout", call=f"f{n}")
        .wait(30)
        .alive()
        for n in range(4)
    ][-1],
    "an old dialog ends with 481 after a new one": anew_after_481,
    "unsolicited": lambda t: t.register().notify(
        1, call="u", to_tag="", state="terminated;reason=timeout"
    ),
    "unsolicited with the Call-ID of the REGISTER": lambda t: [
        t.register(),
        *(t.notify(n, call="reg", to_tag="", state="active", from_tag="p") for n in (1, 0, 1)),
    ][-1],
    "pending, then active": lambda t: (
        t.register().subscribe().notify(body=b"", state="pending;expires=3600").notify()
    ),
    "two accounts on one phone": lambda t: (
        t.register()
        .register(caller="bert", callee="bert", contact="sip:bert@192.0.2.10:5060", call="r2")
        .subscribe()
        .subscribe(caller="bert", callee="bert", contact="sip:bert@192.0.2.10:5060", call="s2")
        .notify(1)
        .notify(1, call="s2", callee="bert", uri="sip:bert@192.0.2.10:5060")
    ),
    "two phones of one user": lambda t: (
        t.register()
        .register(contact="sip:anna@192.0.2.11:5060", call="r2", source=OTHER)
        .subscribe()
        .subscribe(contact="sip:anna@192.0.2.11:5060", call="s2", source=OTHER)
        .notify(1)
        .notify(1, call="s2", uri="sip:anna@192.0.2.11:5060", destination=OTHER)
    ),
    "through a proxy": relayed((PROXY, "sip:anna@192.0.2.10:5060", 69)),
    "begins in the middle": lambda t: t.notify(1).notify(2).subscribe(to_tag="n").notify(2),
    "moves to another address": lambda t: (
        t.healthy()
        .subscribe(to_tag="n", contact="sip:anna@192.0.2.10:5099")
        .notify(1, uri="sip:anna@192.0.2.10:5099", destination=("192.0.2.10", 5099))
    ),
    "the phone is switched off": lambda t: (
        t.register(wish=60, granted=60)
        .subscribe(wish=60)
        .notify(state="active;expires=60")
        .wait(900)
        .alive(OTHER)
    ),
    "ends while it rings": lambda t: t.leg(487, ring_s=12),
    "blanks in the counts": lambda t: t.healthy().notify(
        body=b"Messages-Waiting:yes\r\nVoice-Message:\t1 / 0 ( 0 / 0 )\r\n"
    ),
    "the mailbox is a telephone number": lambda t: t.healthy().notify(
        body=b"Messages-Waiting: yes\r\nMessage-Account: tel:+493023125101\r\n"
        b"Voice-Message: 1/0\r\n"
    ),
    "a fax alone": lambda t: t.healthy().notify(
        body=b"Messages-Waiting: yes\r\nFax-Message: 1/0 (0/0)\r\n"
    ),
    "a private line": lambda t: t.healthy().notify(
        body=b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nX-Vendor-Store: 7\r\n"
    ),
    "words in other case": lambda t: t.healthy().notify(
        state="Active;Expires=3580", body=b"MESSAGES-WAITING: Yes\r\nvoice-message: 1/0\r\n"
    ),
    "charset": lambda t: t.healthy().notify(
        kind="application/simple-message-summary;charset=utf-8"
    ),
    "headers beside": lambda t: t.healthy().notify(
        edits=((rb"^CSeq:", b"Server: x\r\nAllow-Events: presence\r\nMIME-Version: 1.0\r\nCSeq:"),)
    ),
    "NOTIFY answered by 202": lambda t: t.healthy().notify(1, status=202),
    "granted less": lambda t: (
        t.register().subscribe(granted=600).notify(state="active;expires=600").wait(40).alive()
    ),
    "no time in the NOTIFY": lambda t: t.register().subscribe().notify(state="active"),
    "asked for anew after deactivated": lambda t: (
        t.healthy()
        .notify(state="terminated;reason=deactivated")
        .wait(0.1)
        .subscribe(call="b")
        .notify(call="b")
        .notify(1, call="b")
    ),
    "instance in the Contact": lambda t: (
        t.register()
        .subscribe(edits=((rb"^(Contact: <[^>]*>)", rb'\1;+sip.instance="<urn:uuid:0>"'),))
        .notify()
        .notify(1)
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_said_of_it(name: str) -> None:
    findings = ODD[name](Talk()).findings()
    loud = [f for f in findings if f.severity is not Severity.NOTE]
    assert not loud, "\n".join(f"{f.oracle} {f.packets}: {f}" for f in loud)


def test_the_phone_is_the_one_that_is_meant() -> None:
    assert ODD["IPv6"](Talk()).packets[0].source == HERE6
    assert PHONE in {p.source for p in ODD["fetch"](Talk()).packets}
