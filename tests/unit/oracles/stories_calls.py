"""The same for digest, calls, diversion, repetition and single messages."""

from __future__ import annotations

from stories_mwi import Pair, Story
from talk import CONTACT, OTHER, PHONE, PLATFORM, PROXY, Asked, Edits, Talk

from rig.timeline import Address, DeliveryRefused, Refusal, UnreadSeen, Wrapping

BUSY = "<sip:anna@b.example>;reason=user-busy;counter=1"
TREE = "<sip:anna@b.example>;index=1, <sip:vm@b.example;cause=486>;index=1.1;mp=1"


def challenge(nonce: str = "1", **params: str) -> str:
    fields = {"realm": '"r"', "nonce": f'"{nonce}"'} | params
    return "Digest " + ", ".join(f"{k}={v}" for k, v in fields.items() if v)


def credentials(nonce: str = "1", **params: str) -> str:
    fields = {
        "username": '"anna"',
        "realm": '"r"',
        "nonce": f'"{nonce}"',
        "uri": '"sip:anna@b.example"',
        "response": '"00"',
    } | params
    return "Authorization: Digest " + ", ".join(f"{k}={v}" for k, v in fields.items() if v)


def asked(t: Talk, answer: str = "", **more: object) -> Asked:
    rows = (answer,) if answer else ()
    return t.ask("OPTIONS", call="auth", rows=rows, **more)


def challenged(
    offer: str, answer: str, *, status: int = 200, again: str = "", **more: object
) -> Story:
    """A challenge, an answer to it, and how that ends."""

    def story(t: Talk) -> Talk:
        t.answer(asked(t), 401, rows=(f"WWW-Authenticate: {offer}",))
        rows = (f"WWW-Authenticate: {again or offer}",) if status == 401 else ()
        t.answer(asked(t, answer, **more), status, rows=rows)
        return t

    return story


def loop(stale: str = "") -> Story:
    def story(t: Talk) -> Talk:
        t.answer(asked(t), 401, rows=(f"WWW-Authenticate: {challenge('0')}",))
        for nonce in range(4):
            offer = challenge(str(nonce + 1), stale=stale)
            t.answer(asked(t, credentials(str(nonce))), 401, rows=(f"WWW-Authenticate: {offer}",))
        return t

    return story


def counted(*counts: str) -> Story:
    """One nonce, used with these counts."""

    def story(t: Talk) -> Talk:
        for count in counts:
            t.answer(asked(t, credentials(qop="auth", cnonce='"c"', nc=count)))
        return t

    return story


def realms(second: str) -> Story:
    def story(t: Talk) -> Talk:
        for realm in ('"r"', second):
            offer = challenge(realm=realm)
            t.answer(asked(t), 401, rows=(f"WWW-Authenticate: {offer}",))
            t.answer(asked(t, credentials(realm=realm)))
        return t

    return story


def stale(second: int) -> Story:
    """Credentials with the nonce of an earlier talk, challenged anew; then it succeeds or not."""

    def story(t: Talk) -> Talk:
        t.answer(asked(t, credentials("old")), 401, rows=(f"WWW-Authenticate: {challenge('2')}",))
        t.answer(asked(t, credentials("2")), second)
        return t

    return story


MD5_OR_SHA = "SHA-256"
DIGEST: dict[str, Pair] = {
    "digest-no-challenge": (
        lambda t: (t.answer(asked(t), 401), t)[1],
        challenged(challenge(), credentials()),
    ),
    "digest-refused": (
        challenged(challenge(), credentials(), status=401, again=challenge("2")),
        challenged(challenge(), credentials(), status=401, again=challenge("2", stale="true")),
    ),
    "digest-loop": (loop(), loop("true")),
    "digest-realm-changed": (realms('"s"'), realms('"r"')),
    "digest-stale-missing": (stale(200), stale(403)),
    "digest-cseq": (
        challenged(challenge(), credentials(), cseq=1),
        challenged(challenge(), credentials(), cseq=9),
    ),
    "digest-realm": (
        challenged(challenge(), credentials(realm='"s"')),
        challenged(challenge(realm='"s"'), credentials(realm='"s"')),
    ),
    "digest-old-nonce": (
        challenged(challenge("2"), credentials("1")),
        challenged(challenge("2"), credentials("2")),
    ),
    "digest-algorithm": (
        challenged(challenge(), credentials(algorithm="SHA-256")),
        challenged(challenge(algorithm="MD5"), credentials()),
    ),
    "digest-weaker": (
        challenged(
            f"{challenge(algorithm='SHA-256')}\r\nWWW-Authenticate: {challenge(algorithm='MD5')}",
            credentials(algorithm="MD5"),
        ),
        challenged(
            f"{challenge(algorithm='SHA-256')}\r\nWWW-Authenticate: {challenge(algorithm='MD5')}",
            credentials(algorithm="SHA-256"),
        ),
    ),
    "digest-qop": (
        challenged(challenge(), credentials(qop="auth", nc="00000001", cnonce='"c"')),
        challenged(
            challenge(qop='"auth,auth-int"'),
            credentials(qop="auth", nc="00000001", cnonce='"c"'),
        ),
    ),
    "digest-no-qop": (
        challenged(challenge(qop='"auth"'), credentials()),
        challenged(challenge(), credentials()),
    ),
    "digest-opaque": (
        challenged(challenge(opaque='"o"'), credentials()),
        challenged(challenge(opaque='"o"'), credentials(opaque='"o"')),
    ),
    "digest-nc": (counted("00000002", "00000002"), counted("00000002", "0000000a")),
    "digest-nc-bad": (counted("one"), counted("0000000A")),
    "digest-uri": (
        challenged(challenge(), credentials(uri='"sip:192.0.2.1"')),
        challenged(challenge(), credentials(uri='"sip:b.example"')),
    ),
    "digest-unreadable": (
        challenged(challenge(), "Authorization: Digest"),
        challenged(challenge(), credentials()),
    ),
    "digest-unoffered": (
        lambda t: (t.answer(asked(t), 403), t.answer(asked(t, credentials())), t)[2],
        lambda t: (t.answer(asked(t, credentials(qop="auth", nc="00000005", cnonce='"c"'))), t)[1],
    ),
    "digest-not-needed": (
        challenged(challenge(), ""),
        challenged(challenge(), "", status=403),
    ),
    "digest-given-up": (
        lambda t: (
            t.answer(asked(t), 401, rows=(f"WWW-Authenticate: {challenge()}",)),
            t.wait(33).alive(),
        )[1],
        lambda t: challenged(challenge(), credentials())(t).wait(33).alive(),
    ),
}


def diverted(diversion: str = "", history: str = "", **more: object) -> Story:
    return lambda t: t.diverted(diversion, history, **more)


def after(status: int, reason: str, ring_s: float = -1.0, **more: object) -> Story:
    """A leg that ends so, then the call diverted with that reason."""
    entry = f"<sip:anna@b.example>;reason={reason}"
    return lambda t: t.leg(status, ring_s=ring_s, **more).wait(0.05).diverted(entry)


DIVERSION: dict[str, Pair] = {
    "div-malformed": (diverted('"A <sip:anna@b.example>'), diverted(f'"Doe, A" {BUSY}')),
    "div-no-reason": (diverted("<sip:anna@b.example>"), diverted(BUSY)),
    "div-reason-unknown": (
        diverted("<sip:anna@b.example>;reason=gone-fishing"),
        diverted("<sip:anna@b.example>;reason=AWAY"),
    ),
    "div-reason-quoted": (
        diverted('<sip:anna@b.example>;reason="user-busy"'),
        diverted("<sip:anna@b.example> ; reason=user-busy"),
    ),
    "div-counter": (
        diverted("<sip:anna@b.example>;reason=user-busy;counter=0"),
        diverted("<sip:anna@b.example>;reason=user-busy"),
    ),
    "div-limit": (
        diverted("<sip:anna@b.example>;reason=user-busy;counter=3;limit=2"),
        diverted("<sip:anna@b.example>;reason=user-busy;counter=2;limit=2"),
    ),
    "div-word": (
        diverted('<sip:anna@b.example>;reason=user-busy;privacy="no way"'),
        diverted("<sip:anna@b.example>;reason=user-busy;privacy=full;screen=yes"),
    ),
    "div-party-target": (diverted("<sip:vm@b.example>;reason=user-busy"), diverted(BUSY)),
    "div-party-caller": (diverted("<sip:emil@b.example>;reason=unknown"), diverted(BUSY)),
    "div-doubled": (
        diverted(f"{BUSY}, {BUSY}"),
        diverted(f"<sip:bert@b.example>;reason=unconditional, {BUSY}"),
    ),
    "hist-syntax": (
        diverted(history="<sip:anna@b.example>"),
        diverted(history=TREE),
    ),
    "hist-index": (
        diverted(history=TREE.replace("1.1", "1.2")),
        diverted(
            history=TREE.replace("vm", "bert") + ", <sip:vm@b.example;cause=408>;index=1.2;mp=1"
        ),
    ),
    "hist-reference": (
        diverted(history=TREE.replace("mp=1", "mp=2")),
        diverted(history=TREE.replace("mp=1", "rc=1")),
    ),
    "hist-cause": (
        diverted(history=TREE.replace("486", "999")),
        diverted(history=TREE.replace("486", "408")),
    ),
    "hist-target": (
        diverted(history=TREE.replace("sip:vm", "sip:xy")),
        diverted(history=TREE, uri="sip:vm@b.example;transport=udp"),
    ),
    "agree-cause": (diverted(BUSY, TREE.replace("486", "302")), diverted(BUSY, TREE)),
    "agree-party": (diverted(BUSY, TREE.replace("anna", "bert")), diverted(BUSY, TREE)),
    "agree-count": (
        diverted(f"<sip:bert@b.example>;reason=user-busy, {BUSY}", TREE),
        diverted(BUSY, TREE),
    ),
    "div-absent": (diverted(history=TREE), diverted(BUSY, TREE)),
    "cause-other": (after(486, "no-answer"), after(486, "user-busy")),
    "cause-not-carried": (
        after(302, "unconditional", rows=(f"Diversion: {BUSY}", "Contact: <sip:vm@b.example>")),
        after(302, "user-busy", rows=(f"Diversion: {BUSY}", "Contact: <sip:vm@b.example>")),
    ),
    "cause-short-ring": (
        after(487, "no-answer", ring_s=0.4),
        after(487, "no-answer", ring_s=12.0),
    ),
    "cause-not-tried": (
        lambda t: t.register().diverted("<sip:anna@b.example>;reason=no-answer"),
        lambda t: t.register().diverted("<sip:anna@b.example>;reason=unconditional"),
    ),
}


def accepted(t: Talk, *, answer: Edits = (), **more: object) -> Asked:
    return t.accept(t.invite(**more), edits=answer)


def refused_with_ack(t: Talk, **more: object) -> None:
    sent = t.answer(t.invite(), 486)
    how = {"source": PLATFORM, "destination": PHONE, "caller": "emil", "to_tag": "n"}
    t.ask("ACK", call="call", **(how | {"cseq": 1, "branch": str(t.branches)} | more))
    del sent


def talked(t: Talk, *, status: int = 200, **more: object) -> Talk:
    """A whole call, hung up by the caller."""
    t.acknowledge(accepted(t)).wait(5)
    how = {"source": PLATFORM, "destination": PHONE, "caller": "emil", "to_tag": "n"}
    more = how | {"uri": "sip:anna@192.0.2.10:5060"} | more
    t.answer(t.ask("BYE", call="call", **more), status)
    return t


def cancelled(**more: object) -> Story:
    def story(t: Talk) -> Talk:
        rings = t.answer(t.invite(), 180)
        how = {"source": PLATFORM, "destination": PHONE, "caller": "emil", "call": "call"}
        t.answer(t.ask("CANCEL", **(how | {"cseq": 1, "branch": str(t.branches)} | more)))
        t.answer(rings, 487)
        return t

    return story


def spoken(*ways: tuple[tuple[str, int], tuple[str, int]], direction: str = "sendrecv") -> Story:
    """A call of ten seconds with sound on these ways."""

    def sdp(host: str) -> dict[str, object]:
        text = f"v=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio 4000 RTP/AVP 8\n"
        data = f"{text}a={direction}\n".replace("\n", "\r\n").encode()
        return {"body": data, "kind": "application/sdp"}

    def story(t: Talk) -> Talk:
        t.acknowledge(t.accept(t.invite(**sdp("192.0.2.1")), **sdp("192.0.2.10")))
        for source, destination in ways:
            t.stream(source, destination)
        t.wait(10)
        return t

    return story


HERE, THERE = ("192.0.2.1", 4000), ("192.0.2.10", 4000)
DIALOG: dict[str, Pair] = {
    "call-no-contact": (
        lambda t: t.acknowledge(t.answer(t.invite())),
        talked,
    ),
    "cancel-differs": (cancelled(callee="bert"), cancelled()),
    "dialog-tags": (lambda t: talked(t, to_tag="x"), talked),
    "dialog-cseq": (lambda t: talked(t, cseq=1), lambda t: talked(t, cseq=7)),
    "dialog-target": (lambda t: talked(t, uri="sip:anna@192.0.2.99"), talked),
    "ack-cseq": (lambda t: t.acknowledge(accepted(t), cseq=2), talked),
    "ack-differs": (
        lambda t: (refused_with_ack(t, to_tag="x"), t)[1],
        lambda t: (refused_with_ack(t), t)[1],
    ),
    "ack-unasked": (
        lambda t: t.acknowledge(t.answer(t.invite(), 180)),
        talked,
    ),
    "bye-refused": (
        lambda t: talked(t, status=481),
        lambda t: talked(t, status=200),
    ),
    "moved-nowhere": (
        lambda t: (t.answer(t.invite(), 302), t)[1],
        lambda t: (t.answer(t.invite(), 302, rows=("Contact: <sip:vm@b.example>",)), t)[1],
    ),
    "contact-many": (
        lambda t: (t.answer(t.invite(rows=("Contact: <sip:emil@192.0.2.7>",)), 404), t)[1],
        lambda t: (t.answer(t.invite(), 404), t)[1],
    ),
    "call-target-nobody": (
        lambda t: (t.register(), t.answer(t.invite(uri="sip:x@192.0.2.10:5060"), 404), t)[2],
        lambda t: (t.register(), t.answer(t.invite(uri="sip:anna@192.0.2.10"), 404), t)[2],
    ),
    "ack-missing": (
        lambda t: (accepted(t), t.alive(PLATFORM).wait(33).alive(PLATFORM))[1],
        lambda t: talked(t).wait(33).alive(PLATFORM),
    ),
    "answer-differs": (
        lambda t: (
            t.answer(t.ask("OPTIONS"), edits=((rb"^From: <sip:anna", b"From: <sip:x"),)),
            t,
        )[1],
        lambda t: (t.answer(t.ask("OPTIONS"), edits=((rb"^From: ", b"f: "),)), t)[1],
    ),
    "answer-no-tag": (
        lambda t: (t.answer(t.ask("OPTIONS"), tag=""), t)[1],
        lambda t: (t.answer(t.ask("OPTIONS"), 100, tag=""), t)[1],
    ),
    "rtp-one-way": (spoken((HERE, THERE)), spoken((HERE, THERE), (THERE, HERE))),
}


def many(method: str, count: int, gap_s: float) -> Story:
    def story(t: Talk) -> Talk:
        for nth in range(count):
            t.answer(t.ask(method, call=f"x{nth}"))
            t.wait(gap_s)
        return t

    return story


def late_answer(times: int, gap_s: float) -> Story:
    def story(t: Talk) -> Talk:
        t.again(t.answer(t.ask("OPTIONS")), times, gap_s)
        return t

    return story


def relayed(*steps: tuple[tuple[str, int], str, int]) -> Story:
    """A request of the phone, sent on by whom, with which Request-URI and Max-Forwards."""

    def story(t: Talk) -> Talk:
        first = t.ask("MESSAGE", destination=PROXY, uri="sip:anna@b.example")
        for nth, (source, uri, hops) in enumerate(steps):
            t.put(
                first.data.replace(
                    b"\r\nVia:",
                    b"\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bKr%d\r\nVia:"
                    % (source[0].encode(), nth),
                    1,
                )
                .replace(b"sip:anna@b.example SIP", uri.encode() + b" SIP", 1)
                .replace(b"Forwards: 70", b"Forwards: %d" % hops),
                source,
                PLATFORM,
            )
        return t

    return story


def ring(*names: str) -> Story:
    def story(t: Talk) -> Talk:
        for nth, name in enumerate(names):
            t.answer(t.invite(callee=name, call=f"ring{nth}"), 404)
        return t

    return story


REQUEST = b"NOTIFY sip:anna@192.0.2.10:5060 SIP/2.0\r\n"


def turned_back(why: Refusal, to: Address = PHONE, quoted: bytes = REQUEST, **more: int) -> Story:
    """A phone that is heard, and what the network says of a packet to somebody."""

    def story(t: Talk) -> Talk:
        t.alive()
        t.streams.append(
            DeliveryRefused(
                at=t.now,
                numbers=(2,),
                why=why,
                reporter="192.0.2.254",
                source=PLATFORM,
                destination=to,
                transport="UDP" if quoted else "TCP",
                quoted=quoted,
                **more,
            )
        )
        return t

    return story


def wrapped(kind: Wrapping, port: int) -> Story:
    """A phone that speaks SIP in the clear, and something beside it that nobody can read."""

    def story(t: Talk) -> Talk:
        t.alive()
        client, server = (PHONE[0], 40000), (PLATFORM[0], port)
        t.streams.append(
            UnreadSeen(at=t.now, numbers=(2,), kind=kind, client=client, server=server)
        )
        return t

    return story


UNREAD: dict[str, Pair] = {
    "unread-tls": (wrapped(Wrapping.TLS, 5061), wrapped(Wrapping.TLS, 443)),
    "unread-websocket": (wrapped(Wrapping.WEBSOCKET, 8088), wrapped(Wrapping.DTLS, 443)),
}

PRINTER: Address = ("192.0.2.77", 9100)
TFTP: Address = ("192.0.2.1", 69)
DELIVERY: dict[str, Pair] = {
    "refused-port": (turned_back(Refusal.PORT), turned_back(Refusal.PORT, PRINTER, b"\x80\x08")),
    "refused-fetch": (
        turned_back(Refusal.PORT, TFTP, b"\0\1a.cfg"),
        turned_back(Refusal.PORT, (TFTP[0], 70), b"\0\1a.cfg"),
    ),
    "refused-host": (turned_back(Refusal.HOST), turned_back(Refusal.HOST, PRINTER, b"\x80\x08")),
    "refused-filter": (
        turned_back(Refusal.FILTER),
        turned_back(Refusal.FILTER, PRINTER, b"\x80\x08"),
    ),
    "refused-size": (
        turned_back(Refusal.SIZE, mtu=1280),
        turned_back(Refusal.SIZE, PRINTER, b"\x80\x08", mtu=1280),
    ),
    "refused-connection": (
        turned_back(Refusal.CONNECTION, ("192.0.2.1", 5061), b""),
        turned_back(Refusal.CONNECTION, PRINTER, b""),
    ),
    "connection-silent": (
        turned_back(Refusal.SILENCE, ("192.0.2.1", 5061), b""),
        turned_back(Refusal.SILENCE, PRINTER, b""),
    ),
    "connection-reset": (
        turned_back(Refusal.RESET, PHONE, b""),
        turned_back(Refusal.RESET, PRINTER, b""),
    ),
}


def large(octets: int, *, sends: int = 5) -> Story:
    """A phone that answers, and an INVITE to it that is repeated in vain."""

    def story(t: Talk) -> Talk:
        t.alive()
        asked = t.invite(body=b"x" * octets, kind="text/plain")
        return t.again(asked, sends - 1)

    return story


def back_to(t: Talk, receiver: Address) -> Talk:
    """A SUBSCRIBE that the platform passes on to somebody."""
    asked = t.ask("SUBSCRIBE", rows=("Event: message-summary", f"Contact: <{CONTACT}>"))
    onward = asked.data.replace(
        b"\r\nVia:", b"\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\nVia:", 1
    ).replace(b"Forwards: 70", b"Forwards: 69")
    t.put(onward, PLATFORM, receiver)
    return t


REPETITION: dict[str, Pair] = {
    "request-waiting": (
        lambda t: t.alive().again(t.ask("OPTIONS", source=PLATFORM, destination=PHONE), 3),
        lambda t: t.alive().again(t.ask("OPTIONS", source=PLATFORM, destination=PHONE), 2),
    ),
    "request-large-unanswered": (large(1800), large(1800, sends=3)),
    "request-storm": (many("OPTIONS", 10, 0.05), many("OPTIONS", 10, 0.2)),
    "retransmission-stream": (
        lambda t: (
            t.answer(t.again(t.ask("OPTIONS", transport="TCP"), 1) and t.ask("OPTIONS")),
            t,
        )[1],
        lambda t: (t.answer(t.ask("OPTIONS", transport="TCP")), t)[1],
    ),
    "retransmission-early": (late_answer(1, 0.05), late_answer(1, 0.5)),
    "retransmission-storm": (late_answer(11, 0.5), late_answer(3, 0.5)),
    "answer-not-heard": (late_answer(5, 2.0), late_answer(2, 0.5)),
    "answer-two": (
        lambda t: (t.answer(t.answer(t.ask("OPTIONS")), 500), t)[1],
        lambda t: (t.answer(t.answer(t.ask("OPTIONS"))), t)[1],
    ),
    "request-unanswered": (
        lambda t: t.alive().again(t.ask("OPTIONS"), 2).wait(33).alive(),
        lambda t: t.alive().again(t.ask("OPTIONS"), 2),
    ),
    "request-sent-back": (
        lambda t: back_to(t, PHONE),
        lambda t: back_to(t, OTHER),
    ),
    "loop-via": (
        lambda t: (t.answer(t.ask("OPTIONS", edits=((rb"^(Via: .*)$", rb"\1\n\1"),))), t)[1],
        relayed((PROXY, "sip:anna@b.example", 69)),
    ),
    "loop-same-uri": (
        relayed((PROXY, "sip:anna@b.example", 69), (PROXY, "sip:anna@b.example", 68)),
        relayed((PROXY, "sip:anna@b.example", 69), (PROXY, "sip:bert@b.example", 68)),
    ),
    "hops-not-counted": (
        relayed((PROXY, "sip:anna@b.example", 70)),
        relayed((PROXY, "sip:anna@b.example", 69)),
    ),
    "hops-low": (
        lambda t: (t.answer(t.invite(edits=((rb"ds: 70", b"ds: 3"),)), 404), t)[1],
        lambda t: (t.answer(t.invite(edits=((rb"ds: 70", b"ds: 20"),)), 404), t)[1],
    ),
    "loop-answer": (
        lambda t: (t.answer(t.invite(), 482), t)[1],
        lambda t: (t.answer(t.invite(), 404), t)[1],
    ),
    "loop-party": (
        diverted(f"{BUSY}, <sip:bert@b.example>;reason=user-busy, {BUSY}"),
        diverted(f"<sip:bert@b.example>;reason=user-busy, {BUSY}"),
    ),
    "loop-ring": (
        ring("a", "b", "a", "b", "a", "b"),
        ring("a", "b", "c", "d", "e", "f"),
    ),
}

MESSAGE: dict[str, Pair] = {
    "sip-syntax": (
        lambda t: (t.answer(t.ask("OPTIONS", edits=((rb"^CSeq: 1 OPTIONS", b"CSeq: 1 X"),))), t)[
            1
        ],
        lambda t: (t.answer(t.ask("OPTIONS", edits=((rb"^CSeq: 1 ", b"CSeq:   1  "),))), t)[1],
    ),
    "sip-unreadable": (
        lambda t: (t.ask("OPTIONS", edits=((rb"^Via: .*\r\n", b""),)), t)[1],
        lambda t: (t.answer(t.ask("OPTIONS", edits=((rb"^Via: ", b"v: "),))), t)[1],
    ),
    "sdp-broken": (
        lambda t: (
            t.answer(t.invite(body=b"v=0\r\nnonsense\r\n", kind="application/sdp"), 488),
            t,
        )[1],
        spoken(),
    ),
    "hole-one-way": (
        lambda t: (
            [t.answer(Talk(branches=n).ask("OPTIONS", call=f"o{n}")) for n in (70, 80, 90)],
            t,
        )[1],
        lambda t: (
            [t.answer(Talk(branches=n).ask("OPTIONS", call=f"o{n}")) for n in (70, 80)],
            t.alive(),
        )[1],
    ),
    "hole-orphan-answer": (
        lambda t: (
            t.alive().wait(40).answer(Talk(branches=70).ask("OPTIONS")),
            t,
        )[1],
        lambda t: t.alive().wait(40).alive(),
    ),
    "hole-no-retransmission": (
        lambda t: (t.ask("OPTIONS"), t.wait(33).alive())[1],
        lambda t: (t.ask("OPTIONS"), t.wait(3).alive())[1],
    ),
}

CALL_STORIES: dict[str, Pair] = (
    DIGEST | DIVERSION | DIALOG | DELIVERY | UNREAD | REPETITION | MESSAGE
)

__all__ = ["CALL_STORIES", "CONTACT", "OTHER"]
