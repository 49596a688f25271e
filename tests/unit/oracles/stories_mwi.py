"""For each oracle of registration, subscription, NOTIFY and body: one story in which it must
speak, and one close to it in which nothing above a note may be said."""

from __future__ import annotations

from collections.abc import Callable

from talk import CONTACT, OTHER, PLATFORM, Talk

Story = Callable[[Talk], Talk]
Pair = tuple[Story, Story]

BEHIND_NAT = ("198.51.100.7", 4000)
HOME = "sip:anna@192.168.1.5:5060"
NEVER = "terminated;reason=noresource"
NO_EVENT = ((rb"^Event: .*\r\n", b""),)
NO_CONTACT = ((rb"^Contact: .*\r\n", b""),)
NO_STATE = ((rb"^Subscription-State: .*\r\n", b""),)


def body(text: str) -> Story:
    """A NOTIFY with this body."""
    data = text.replace("\n", "\r\n").encode()
    return lambda t: t.register().subscribe().notify(body=data)


def refused(status: int, count: int, gap_s: float, *rows: str) -> Story:
    def story(t: Talk) -> Talk:
        for nth in range(count):
            t.subscribe(status=status, call=f"s{nth}", rows=rows).wait(gap_s)
        return t

    return story


def called(t: Talk, status: int) -> Talk:
    """Somebody calls, and the platform answers."""
    t.answer(t.invite(source=OTHER, destination=PLATFORM), status)
    return t


def unsolicited(t: Talk, **more: object) -> Talk:
    how = {"call": f"u{t.now}", "to_tag": "", "state": "terminated;reason=timeout"}
    return t.notify(**(how | more))


def resubscribed(t: Talk) -> Talk:
    """The phone rebooted: a second subscription beside the first."""
    return t.healthy().wait(5).subscribe(call="sub2").notify(call="sub2")


def behind_nat(t: Talk, **more: object) -> Talk:
    t.register(contact=HOME, source=BEHIND_NAT).subscribe(contact=HOME, source=BEHIND_NAT)
    return t.notify(uri=HOME, **more)


AT_OTHER = "sip:anna@192.0.2.11:5060"


def challenged_subscribe(t: Talk) -> Talk:
    return t.subscribe(status=401, rows=('WWW-Authenticate: Digest realm="r", nonce="1"',))


def two_phones(t: Talk) -> Talk:
    """One account at two phones, of which the first has subscribed."""
    return t.healthy().wait(5).register(call="r2", contact=AT_OTHER, source=OTHER)


SUBSCRIPTION: dict[str, Pair] = {
    "sub-no-notify": (
        lambda t: t.register().subscribe().wait(33).alive(),
        lambda t: t.register().subscribe().wait(31).notify(state="active").wait(40).alive(),
    ),
    "sub-notify-awaited": (
        lambda t: t.register().subscribe().wait(5),
        lambda t: t.register().subscribe().wait(2),
    ),
    "sub-expiry-longer": (
        lambda t: t.subscribe(wish=600, granted=601).notify(state="active"),
        lambda t: t.subscribe(wish=600, granted=599).notify(state="active;expires=599"),
    ),
    "sub-expiry-missing": (
        lambda t: t.subscribe(answer=((rb"^Expires: .*\r\n", b""),)).notify(),
        lambda t: t.subscribe(status=202).notify(),
    ),
    "sub-event-missing": (
        lambda t: t.subscribe(status=489, edits=NO_EVENT),
        lambda t: t.subscribe(edits=((rb"^Event: ", b"o: "),)).notify(),
    ),
    "sub-no-contact": (
        lambda t: t.subscribe(edits=NO_CONTACT).notify(),
        lambda t: t.subscribe(edits=((rb"^Contact: ", b"m: "),)).notify(),
    ),
    "sub-too-soon": (
        lambda t: t.subscribe().notify(state=NEVER).wait(5).subscribe(call="b").notify(call="b"),
        lambda t: (
            t.subscribe()
            .notify(state="terminated;reason=deactivated")
            .wait(1)
            .subscribe(call="b")
            .notify(call="b")
        ),
    ),
    "sub-423-ignored": (
        lambda t: (
            t.subscribe(wish=60, status=423, rows=("Min-Expires: 600",))
            .subscribe(wish=60, call="b")
            .notify(call="b", state="active;expires=59")
        ),
        lambda t: (
            t.subscribe(wish=60, status=423, rows=("Min-Expires: 600",))
            .subscribe(wish=600, call="b")
            .notify(call="b", state="active;expires=599")
        ),
    ),
    "sub-423-bare": (
        lambda t: t.subscribe(wish=60, status=423),
        lambda t: t.subscribe(wish=60, status=423, rows=("Min-Expires: 600",)),
    ),
    "sub-423-wrong": (
        lambda t: t.subscribe(wish=3600, status=423, rows=("Min-Expires: 7200",)),
        lambda t: t.subscribe(wish=3599, status=423, rows=("Min-Expires: 3600",)),
    ),
    "sub-no-notify-nat": (
        lambda t: t.subscribe(contact=HOME, source=BEHIND_NAT).wait(5),
        lambda t: behind_nat(t, destination=BEHIND_NAT).wait(5),
    ),
    "sub-forbidden": (refused(403, 1, 60), challenged_subscribe),
    "sub-no-mailbox": (refused(404, 1, 60), challenged_subscribe),
    "sub-not-offered": (refused(489, 1, 60), challenged_subscribe),
    "mwi-one-of-two": (
        lambda t: two_phones(t).wait(2).notify(1).wait(1).alive(),
        lambda t: (
            two_phones(t)
            .subscribe(call="o", source=OTHER, contact=AT_OTHER)
            .notify(call="o", destination=OTHER, uri=AT_OTHER)
            .wait(2)
            .notify(1)
            .notify(1, call="o", destination=OTHER, uri=AT_OTHER)
        ),
    ),
    "mwi-never": (
        lambda t: t.register().wait(4),
        lambda t: t.register().wait(4).subscribe().notify(),
    ),
    "sub-refused": (
        refused(500, 1, 60),
        lambda t: t.subscribe(status=401, rows=('WWW-Authenticate: Digest realm="r", nonce="1"',)),
    ),
    "sub-refresh-481": (
        lambda t: (
            t.healthy()
            .wait(60)
            .subscribe(status=481, to_tag="n")
            .subscribe(call="b")
            .notify(call="b")
        ),
        lambda t: t.healthy().wait(60).subscribe(to_tag="n").notify(),
    ),
    "sub-no-back-off": (refused(500, 3, 1), refused(500, 2, 1)),
    "sub-not-refreshed": (
        lambda t: (
            t.subscribe(wish=60)
            .notify(state="active;expires=60")
            .wait(95)
            .alive()
            .wait(70)
            .alive()
        ),
        lambda t: (
            t.subscribe(wish=60)
            .notify(state="active;expires=60")
            .wait(50)
            .subscribe(wish=60, to_tag="n")
            .notify(state="active;expires=60")
            .wait(50)
            .alive()
        ),
    ),
    "sub-not-renewed": (
        lambda t: (
            t.healthy()
            .notify(state="terminated;reason=deactivated")
            .wait(60)
            .alive()
            .wait(9)
            .alive()
        ),
        lambda t: (
            t.healthy()
            .notify(state="terminated;reason=deactivated")
            .subscribe(call="b")
            .notify(call="b")
            .wait(70)
            .alive()
        ),
    ),
    "sub-left-behind": (
        lambda t: t.healthy().register(wish=0),
        lambda t: (
            t.healthy()
            .subscribe(wish=0, to_tag="n")
            .notify(state="terminated;reason=timeout")
            .register(wish=0)
        ),
    ),
}

SUBSCRIPTION |= {
    "sub-event-other": (
        lambda t: t.healthy().subscribe(to_tag="n", edits=((rb"^(Event: .*)\r", rb"\1;id=7\r"),)),
        lambda t: t.healthy().subscribe(to_tag="n", edits=((rb"^Event: ", b"o: "),)).notify(),
    ),
    "sub-target-other": (
        lambda t: t.register().subscribe(uri="sip:*97@b.example").notify(),
        lambda t: t.register().subscribe(uri="sip:anna@192.0.2.1").notify(),
    ),
    "sub-ended-early": (
        lambda t: t.healthy().wait(60).notify(state="terminated;reason=noresource"),
        lambda t: (
            t.subscribe(wish=60)
            .notify(state="active;expires=60")
            .wait(59)
            .notify(state="terminated;reason=timeout")
        ),
    ),
    "notify-from-other": (
        lambda t: t.register().subscribe().notify(from_tag="x").wait(33).alive(),
        lambda t: t.register().subscribe().notify(from_tag="x").notify().wait(33).alive(),
    ),
}

NOTIFY: dict[str, Pair] = {
    "notify-event-missing": (
        lambda t: t.register().subscribe().notify(edits=NO_EVENT),
        lambda t: t.register().subscribe().notify(edits=((rb"^Event: ", b"o:"),)),
    ),
    "notify-state-missing": (
        lambda t: t.register().subscribe().notify(edits=NO_STATE),
        lambda t: t.register().subscribe().notify(edits=((rb"-State: ", b"-State:\r\n "),)),
    ),
    "notify-state-malformed": (
        lambda t: t.register().subscribe().notify(state="alive;expires=60"),
        lambda t: t.register().subscribe().notify(state="ACTIVE; expires=60"),
    ),
    "notify-expiry-longer": (
        lambda t: t.register().subscribe(granted=600).notify(state="active;expires=3600"),
        lambda t: t.register().subscribe(granted=600).notify(state="active;expires=601"),
    ),
    "notify-end-not-told": (
        lambda t: t.healthy().subscribe(wish=0, to_tag="n").wait(1).notify(state="active"),
        lambda t: (
            t.healthy().subscribe(wish=0, to_tag="n").notify(state="terminated;reason=timeout")
        ),
    ),
    "notify-event-other": (
        lambda t: t.register().subscribe().notify(edits=((rb"^(Event: .*)\r", rb"\1;id=7\r"),)),
        lambda t: (
            t.register()
            .subscribe(edits=((rb"^(Event: .*)\r", rb"\1;id=7\r"),))
            .notify(edits=((rb"^(Event: .*)\r", rb"\1;id=7\r"),))
        ),
    ),
    "notify-wrong-dialog": (
        lambda t: t.register().subscribe().notify(to_tag="x", status=481),
        lambda t: t.register().subscribe().notify(from_tag="fork"),
    ),
    "notify-cseq-order": (
        lambda t: t.healthy().notify(1, cseq=1),
        lambda t: t.healthy().notify(1, cseq=5),
    ),
    "notify-after-end": (
        lambda t: t.healthy().notify(state="terminated;reason=rejected").notify(1),
        lambda t: t.healthy().notify(1, state="terminated;reason=rejected"),
    ),
    "notify-after-refusal": (
        lambda t: t.healthy().notify(1, status=481).notify(2, status=481),
        lambda t: resubscribed(t).notify(1, status=481).notify(1, call="sub2"),
    ),
    "notify-after-expiry": (
        lambda t: t.subscribe(wish=60).notify(state="active;expires=60").wait(99).notify(1),
        lambda t: t.subscribe(wish=600).notify(state="active").wait(99).notify(1, state="active"),
    ),
    "notify-twice": (
        lambda t: resubscribed(t).wait(5).notify(1, call="sub2").notify(1),
        lambda t: resubscribed(t).wait(5).notify(1, call="sub2"),
    ),
    "notify-481": (
        lambda t: t.healthy().notify(1, status=481),
        lambda t: resubscribed(t).wait(5).notify(1, status=481),
    ),
    "notify-refused": (
        lambda t: t.healthy().notify(1, status=415),
        lambda t: t.healthy().notify(1, status=202),
    ),
    "notify-turned-back": (
        lambda t: unsolicited(t.register(), destination=PLATFORM, source=OTHER, status=404),
        lambda t: unsolicited(t.register()),
    ),
    "notify-unsolicited-refused": (
        lambda t: unsolicited(t.register(), status=489),
        lambda t: unsolicited(t.register()),
    ),
    "notify-no-contact": (
        lambda t: t.register().subscribe().notify(edits=NO_CONTACT),
        lambda t: t.register().subscribe().notify(edits=((rb"^Contact: ", b"m:"),)),
    ),
    "notify-target": (
        lambda t: t.register().subscribe().notify(uri="sip:bob@192.0.2.10:5060"),
        lambda t: t.register().subscribe().notify(uri="sip:anna@192.0.2.10"),
    ),
    "notify-to-other": (
        lambda t: t.register().subscribe().notify(callee="bert"),
        lambda t: t.register().subscribe().notify(edits=((rb"^To: ", b'To: "Anna" '),)),
    ),
    "notify-to-nobody": (
        lambda t: unsolicited(t.register(), callee="bert"),
        lambda t: unsolicited(
            t.register().register(caller="bert", callee="bert", call="r2"), callee="bert"
        ),
    ),
    "notify-target-nobody": (
        lambda t: unsolicited(t.register(), uri="sip:bert@192.0.2.10:5060"),
        lambda t: unsolicited(
            t.register(contact="sip:line1@192.0.2.10:5060"), uri="sip:line1@192.0.2.10:5060"
        ),
    ),
    "notify-to-unregistered": (
        lambda t: unsolicited(t.register().register(wish=0).wait(1)),
        lambda t: unsolicited(t.register().register(wish=0).register(call="r2").wait(1)),
    ),
    "notify-private-address": (
        lambda t: behind_nat(t, destination=("192.168.1.5", 5060), status=0),
        lambda t: behind_nat(t, destination=BEHIND_NAT),
    ),
    "notify-transport": (
        lambda t: t.register(transport="TCP").subscribe(transport="TCP").notify(),
        lambda t: t.register(transport="TCP").subscribe(transport="TCP").notify(transport="TCP"),
    ),
    "account-port": (
        lambda t: (
            t.register()
            .subscribe()
            .notify(
                source=("192.0.2.1", 5070),
                body=b"Messages-Waiting: no\r\nMessage-Account: sip:a@192.0.2.1:5080\r\n",
            )
        ),
        lambda t: (
            t.register()
            .subscribe()
            .notify(
                source=("192.0.2.1", 5070),
                body=b"Messages-Waiting: no\r\nMessage-Account: sip:a@192.0.2.1:5060\r\n",
            )
        ),
    ),
    "account-changed": (
        lambda t: (
            t.register()
            .subscribe()
            .notify(body=b"Messages-Waiting: no\r\nMessage-Account: sip:a@b.example\r\n")
            .notify(body=b"Messages-Waiting: no\r\nMessage-Account: sip:c@b.example\r\n")
        ),
        lambda t: (
            t.register()
            .subscribe()
            .notify(body=b"Messages-Waiting: no\r\nMessage-Account: sip:a@b.example\r\n")
            .notify()
        ),
    ),
}

BODY: dict[str, Pair] = {
    "summary-line-end": (
        lambda t: t.register().subscribe().notify(body=b"Messages-Waiting: no"),
        body("Messages-Waiting: no\n"),
    ),
    "summary-order": (
        body("Voice-Message: 0/0\nMessages-Waiting: no\n"),
        body("Messages-Waiting: no\nMessage-Account: sip:a@b.example\nVoice-Message: 0/0\n"),
    ),
    "summary-doubled": (
        body("Messages-Waiting: no\nVoice-Message: 0/0\nVoice-Message: 0/0\n"),
        body("Messages-Waiting: no\nVoice-Message: 0/0\nFax-Message: 0/0\n"),
    ),
    "summary-unknown-line": (
        body("Messages-Waiting: no\nUpdate-Reason: NEW\n"),
        body("Messages-Waiting: yes\n\nTo: <sip:a@b.example>\nSubject: hello\n"),
    ),
    "summary-flag": (body("Messages-Waiting: 1\n"), body("messages-waiting: YES\n")),
    "summary-flag-counts": (
        body("Messages-Waiting: yes\nVoice-Message: 0/2\n"),
        body("Messages-Waiting: yes\nVoice-Message: 0/2\nFax-Message: 1/0\n"),
    ),
    "summary-counts": (
        body("Messages-Waiting: yes\nVoice-Message: -1/0\n"),
        body("Messages-Waiting: yes\nVoice-Message: 4294967295/0\n"),
    ),
    "summary-urgent": (
        body("Messages-Waiting: yes\nVoice-Message: 1/0 (2/0)\n"),
        body("Messages-Waiting: yes\nVoice-Message: 2/0 (2/0)\n"),
    ),
    "summary-saved-missing": (
        body("Messages-Waiting: yes\nVoice-Message: 1\n"),
        body("Messages-Waiting: yes\nVoice-Message: 1/0\n"),
    ),
    "summary-account": (
        body("Messages-Waiting: no\nMessage-Account: anna\n"),
        body("Messages-Waiting: no\nMessage-Account: tel:+49211\n"),
    ),
    "summary-header": (
        body("Messages-Waiting: yes\n\nTo whom: it may concern\n"),
        body("Messages-Waiting: yes\n\nTo: it may concern\n"),
    ),
    "summary-type": (
        lambda t: t.register().subscribe().notify(kind="text/plain"),
        lambda t: t.register().subscribe().notify(kind="Application/Simple-Message-Summary"),
    ),
    "summary-empty": (
        lambda t: t.healthy().notify(body=b""),
        lambda t: t.register().subscribe().notify(body=b"").notify(),
    ),
}

REGISTRATION: dict[str, Pair] = {
    "reg-wildcard": (
        lambda t: t.register(status=400, edits=((rb"^Contact: .*\r", b"Contact: *\r"),)),
        lambda t: t.register(wish=0, edits=((rb"^Contact: .*\r", b"Contact: *\r"),)),
    ),
    "reg-423-ignored": (
        lambda t: t.register(wish=60, status=423, answer=LEAST).register(wish=60),
        lambda t: t.register(wish=60, status=423, answer=LEAST).register(wish=600, granted=600),
    ),
    "reg-423-bare": (
        lambda t: t.register(wish=60, status=423),
        lambda t: t.register(wish=60, status=423, answer=LEAST),
    ),
    "reg-423-wrong": (
        lambda t: t.register(wish=3600, status=423, answer=LEAST),
        lambda t: t.register(wish=3599, status=423, answer=LEAST),
    ),
    "reg-cseq": (
        lambda t: t.register(cseq=5).register(cseq=4),
        lambda t: t.register(cseq=5).register(cseq=4, call="another"),
    ),
    "reg-refused": (
        lambda t: t.register(status=403),
        lambda t: t.register(status=401, answer=CHALLENGE),
    ),
    "reg-no-back-off": (
        lambda t: [t.register(status=503).wait(1) for _ in range(4)][-1],
        lambda t: [t.register(status=401, answer=CHALLENGE).register().wait(1) for _ in range(4)][
            -1
        ],
    ),
    "reg-contact-missing": (
        lambda t: t.register(answer=NO_CONTACT),
        lambda t: t.register(answer=((rb"@192\.0\.2\.10:", b"@198.51.100.7:"),)),
    ),
    "reg-not-removed": (
        lambda t: t.register().register(
            wish=0,
            answer=((rb"^Content-L", b"Contact: <" + CONTACT.encode() + b">\r\nContent-L"),),
        ),
        lambda t: t.register().register(wish=0),
    ),
    "reg-contact-rewritten": (
        lambda t: t.register(answer=((rb"@192\.0\.2\.10:", b"@198.51.100.7:"),)),
        lambda t: t.register(),
    ),
    "reg-expiry-missing": (
        lambda t: t.register(answer=((rb";expires=3600", b""),)),
        lambda t: t.register(answer=((rb";expires=3600\r", b"\r\nExpires: 3600\r"),)),
    ),
    "reg-expiry-longer": (
        lambda t: t.register(wish=600, granted=601),
        lambda t: t.register(wish=600, granted=600),
    ),
    "reg-expiry-shorter": (
        lambda t: t.register(wish=600, granted=60),
        lambda t: t.register(wish=600, granted=600),
    ),
    "reg-refresh-late": (
        lambda t: t.register(wish=60, granted=60).wait(75).register(wish=60, granted=60),
        lambda t: t.register(wish=60, granted=60).wait(55).register(wish=60, granted=60),
    ),
    "reg-lapsed": (
        lambda t: called(t.register(wish=3600, granted=60).wait(65), 480),
        lambda t: called(t.register(wish=3600, granted=60).wait(55), 480),
    ),
    "reg-not-refreshed": (
        lambda t: t.register(wish=60, granted=60).wait(70).alive().wait(60).alive(),
        lambda t: t.register(wish=60, granted=60).wait(30).register(wish=0).wait(99).alive(),
    ),
    "reg-contact-moved": (
        lambda t: t.register().register(contact="sip:anna@192.0.2.10:5099", call="r2"),
        lambda t: t.register().register(
            contact="sip:anna@192.0.2.11:5060", call="r2", source=OTHER
        ),
    ),
}

LEAST = ((rb"^Content-Length", b"Min-Expires: 600\r\nContent-Length"),)
CHALLENGE = (
    (rb"^Content-Length", b'WWW-Authenticate: Digest realm="r", nonce="1"\r\nContent-Length'),
)

MWI_STORIES: dict[str, Pair] = SUBSCRIPTION | NOTIFY | BODY | REGISTRATION

__all__ = ["CONTACT", "MWI_STORIES", "PLATFORM", "Pair", "Story"]
