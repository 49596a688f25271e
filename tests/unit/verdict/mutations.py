"""Generates everything that can be made wrong in a recorded clean run, one thing at a time.

Each mutation says beforehand what the verdict must be: one of some fault classes, legal (with
the reason), or blind (the rig lost its sight, so it must say so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from recording import Recording, change_body, change_head

from rig.capture.packet import CapturedPacket
from rig.fault_trial.legal import LEGAL_BODY, LEGAL_DIVERSION, LEGAL_HEAD
from rig.timeline import (
    CaptureHealth,
    LampSeen,
    LampState,
    MailboxSeen,
    RtpStreamSeen,
    Tap,
    TimelineEvent,
)
from rig.verdict.evidence import DiversionExpectation, LampExpectation
from rig.verdict.finding import Verdict
from rig.verdict.outcome import Outcome

Packets = list[CapturedPacket]
Events = list[TimelineEvent]


@dataclass(frozen=True)
class Mutation:
    """One thing made wrong.

    Attributes:
        label: for failures.
        judge: gives the verdict.
        fits: classes of which the first finding must have one; with ``?`` the verdict may also
            be inconclusive.
        legal: why nothing may be said, or empty.
        blind: the verdict must be inconclusive or error.
    """

    label: str
    judge: Callable[[], Verdict]
    fits: str = ""
    legal: str = ""
    blind: bool = False

    def complaint(self) -> str:
        """What is wrong with the verdict; empty if it is as it must be."""
        verdict = self.judge()
        named = [str(f.fault_class) for f in verdict.findings]
        got = f"{verdict.outcome} {named} {verdict.sentence}"
        unsure = verdict.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}
        if self.blind:
            return "" if unsure else f"rig blinded, yet {got}"
        if self.legal:
            right = verdict.outcome is Outcome.PASS and not named
            return "" if right else f"legal ({self.legal}), yet {got}"
        wanted = self.fits.replace("?", "").split()
        if "?" in self.fits and unsure:
            return ""
        right = verdict.outcome is Outcome.FAIL and named[:1] and named[0] in wanted
        return "" if right else f"expected {self.fits}, got {got}"


def lamp_expectations(recording: Recording) -> list[LampExpectation]:
    return [e for e in recording.evidence.expectations if isinstance(e, LampExpectation)]


def news(recording: Recording, wanted: LampExpectation) -> bytes | None:
    """The NOTIFY that must turn the lamp, by the mailbox that it is about."""
    user = next(
        a.user
        for i, box in recording.evidence.handsets[wanted.handset].mailboxes.items()
        for a in recording.evidence.handsets[wanted.handset].intent.accounts
        if box == wanted.mailbox and a.index == i
    )
    flag = b"Messages-Waiting: yes" if wanted.lit else b"Messages-Waiting: no"
    found = [
        p.payload
        for p in recording.packets
        if p.at >= wanted.since
        and p.payload.startswith(b"NOTIFY ")
        and flag in p.payload
        and f"To: <sip:{user}@".encode() in p.payload
    ]
    return found[0] if found else None


def branch(payload: bytes) -> bytes:
    return payload.partition(b"branch=")[2].partition(b"\r\n")[0].partition(b";")[0]


def without_transaction(recording: Recording, payload: bytes) -> Packets:
    mark = branch(payload)
    return [p for p in recording.packets if branch(p.payload) != mark]


def dark(recording: Recording, wanted: LampExpectation, events: Events | None = None) -> Events:
    """The lamps of the handset stay as they were before the trigger."""
    return [
        e
        for e in (recording.events if events is None else events)
        if not (isinstance(e, LampSeen) and e.handset == wanted.handset and e.at >= wanted.since)
    ]


NOTIFY_BODY: tuple[tuple[str, bytes, bytes, str], ...] = (
    ("flag turned", rb"Waiting: (yes|no)", b"Waiting: FLIP", "M5"),
    ("new + 1", rb"Voice-Message: \d+/", b"Voice-Message: PLUS/", "M5"),
    ("saved + 5", rb"(Voice-Message: \d+)/\d+", rb"\g<1>/5", "M5"),
    ("swapped counts", rb"Voice-Message: (\d+)/(\d+)", rb"Voice-Message: \2/\1", "M5"),
    ("negative count", rb"Voice-Message: \d+/", b"Voice-Message: -1/", "M4 M5"),
    ("count is a word", rb"Voice-Message: \d+/\d+", b"Voice-Message: one/none", "M4"),
    ("urgent beyond new", rb"\(0/0\)", b"(7/9)", "M4 M5"),
    ("urgent of nothing", rb"\(0/0\)", b"(1/0)", "M4 M5"),
    ("no status line", rb"Messages-Waiting: \w+\r\n", b"", "M4"),
    ("status is maybe", rb"Waiting: \w+", b"Waiting: maybe", "M4"),
    ("LF alone", rb"\r\n", b"\n", "M4"),
    ("no last CRLF", rb"\r\n\Z", b"", "M4"),
    ("all TAB", rb"[ -~]", b"\t", "M4"),
    ("line of its own", rb"\Z", b"Update-Reason: NEW\r\n", "M4"),
    ("status twice", rb"\A([^\r]*\r\n)", rb"\1\1", "M4"),
    ("counts before status", rb"\A([^\r]*\r\n)((?s:.*))\Z", rb"\2\1", "M4"),
    ("empty", rb"(?s:.+)", b"", "M4"),
    ("other account", rb"Message-Account: sip:[^@]+@", b"Message-Account: sip:david.dietz@", "M6"),
    ("account elsewhere", rb"(Message-Account: sip:[^@]+)@[^\r]+", rb"\1@PLATFORM:9", "M3"),
)

NOTIFY_HEAD: tuple[tuple[str, bytes, bytes, str], ...] = (
    ("other package", rb"^Event: .*?\r$", b"Event: presence\r", "M3"),
    ("no Event", rb"^Event: .*?\r\n", b"", "M3"),
    ("other event id", rb"^Event: (.*?)\r$", rb"Event: \1;id=77\r", "M3"),
    ("other media type", rb"^Content-Type: .*?\r$", b"Content-Type: text/plain\r", "M4"),
    ("no media type", rb"^Content-Type: .*?\r\n", b"", "M4"),
    ("no Subscription-State", rb"^Subscription-State: .*?\r\n", b"", "M8"),
    ("To another user", rb"^To: <sip:[^@]+@", b"To: <sip:nobody@", "M3 M6"),
    ("To without user", rb"^To: <sip:[^@]+@", b"To: <sip:", "M3"),
    ("To a bare domain", rb"^To: <[^>]+>", b"To: example.net", "M3"),
    ("Request-URI user", rb"\ANOTIFY sip:[^@]+@", b"NOTIFY sip:nobody@", "M3"),
    ("Request-URI host", rb"\A(NOTIFY sip:[^@]+@)[^ :;]+", rb"\g<1>10.9.8.7", "M3"),
    ("Request-URI port", rb"\A(NOTIFY sip:[^@]+@[^ :;]+):\d+", rb"\1:9", "M3"),
    ("other dialog", rb"^Call-ID: ", b"Call-ID: not-", "M3"),
    ("other To tag", rb"^(To: .*?;tag=)", rb"\1x", "M3"),
    ("CSeq stands still", rb"^CSeq: \d+", b"CSeq: 0", "M3"),
)


def notify_mutations(r: Recording, nr: int, wanted: LampExpectation) -> Iterator[Mutation]:
    payload = news(r, wanted)
    if payload is None:
        return
    where = f"{r.name}/{nr}"
    solicited = b"active" in payload
    opposite = b"no" if b"Waiting: yes" in payload else b"yes"
    host = next(iter(r.evidence.platform_addresses))[0].encode()
    for label, old, template, fits in NOTIFY_BODY:
        new = template.replace(b"FLIP", opposite).replace(b"PLUS", b"8")
        alter = change_body(old, new.replace(b"PLATFORM", host))
        if alter(payload) == payload:
            continue
        yield Mutation(f"{where} body: {label}", lambda a=alter: r.altered(payload, a), fits)
    for label, old, new, fits in NOTIFY_HEAD:
        alter = change_head(old, new)
        if alter(payload) == payload or (not solicited and "dialog" in label):
            continue
        if "CSeq" in label and b"CSeq: 1 NOTIFY" in payload:
            continue  # the first of its dialog may begin where it likes
        yield Mutation(f"{where} head: {label}", lambda a=alter: r.altered(payload, a), fits)
    for label, old, new in LEGAL_BODY:
        alter = change_body(old, new)
        yield Mutation(
            f"{where} body: {label}", lambda a=alter: r.altered(payload, a), legal="RFC 3842 5.2"
        )
    for label, old, new in LEGAL_HEAD:
        alter = change_head(old, new)
        yield Mutation(
            f"{where} head: {label}", lambda a=alter: r.altered(payload, a), legal="RFC 3261 7.3"
        )
    yield from notify_fate(r, where, wanted, payload, solicited=solicited)


def notify_fate(
    r: Recording, where: str, wanted: LampExpectation, payload: bytes, *, solicited: bool
) -> Iterator[Mutation]:
    gone = without_transaction(r, payload)
    mine = [p for p in r.packets if branch(p.payload) == branch(payload)]
    unlit = dark(r, wanted)
    yield Mutation(f"{where}: never sent, lamp untouched", lambda: r.judged(gone, unlit), "M1")
    yield Mutation(f"{where}: never sent, lamp turned", lambda: r.judged(gone), "M1 M10")
    yield Mutation(
        f"{where}: request missed by the capture",
        lambda: r.judged([p for p in r.packets if p.payload != payload]),
        blind=True,
    )
    lost = [p for p in mine if p.payload == payload and p.tap is Tap.PLATFORM]
    if lost:
        # As RFC 3261 17.1.2.2 has it, who hears nothing sends again after T1, and after 2 T1.
        lost += [replace(p, at=p.at + after) for p in lost for after in (0.5, 1.5)]
        end = max(r.ended_at, lost[-1].at + 0.1)
        seen = [replace(e, at=end) if isinstance(e, CaptureHealth) else e for e in unlit]
        yield Mutation(
            f"{where}: lost on the way", lambda: r.judged(gone + lost, seen, ended_at=end), "M11"
        )
    yield Mutation(
        f"{where}: retransmitted",
        lambda: r.judged([*r.packets, *(replace(p, at=p.at + 0.1) for p in mine)]),
        legal="RFC 3261 17.1.2",
    )
    again = [
        replace(
            p,
            at=p.at + 0.05,
            payload=p.payload.replace(branch(payload), b"z9hG4bKagain").replace(
                b" NOTIFY\r\n", b"0 NOTIFY\r\n"
            ),
        )
        for p in mine
    ]
    yield Mutation(f"{where}: sent twice", lambda: r.judged([*r.packets, *again]), "M2")
    other = [
        replace(
            p,
            payload=p.payload.replace(b"Call-ID: ", b"Call-ID: old-"),
        )
        for p in again
    ]
    yield Mutation(
        f"{where}: second dialog to one contact", lambda: r.judged([*r.packets, *other]), "M2 M3"
    )
    last_word = r.ended_at - wanted.until < 1.0
    delays = ((0.15, "", "in budget"), (3.0, "M1", "")) if last_word else ()
    for delay_s, fits, legal in delays:
        end = r.ended_at + delay_s + 1
        moved = [replace(p, at=p.at + delay_s) for p in mine]
        events = [
            replace(e, at=e.at + delay_s)
            if isinstance(e, LampSeen) and e.at >= wanted.since and e not in unlit
            else replace(e, at=end - 0.01)
            if isinstance(e, CaptureHealth)
            else e
            for e in r.events
        ]
        later = [
            replace(e, until=end - 0.1) if e.since >= wanted.since - 1e-6 else e
            for e in r.evidence.expectations
        ]
        yield Mutation(
            f"{where}: {delay_s} s late",
            lambda m=moved, v=events, x=later, n=end: r.judged(
                gone + m, v, expectations=x, ended_at=n
            ),
            fits,
            legal,
        )
    for status, fits in (
        (489, "M3 M7 M8"), (481, "M3 M7 M8"), (415, "M4 M7 M9 M3"), (400, "M4 M7 M9 M3"),
        (500, "M3 M7 M9"), (404, "M3 M7 M8"),
    ):  # fmt: skip
        refused = [
            replace(p, payload=p.payload.replace(b"SIP/2.0 200", b"SIP/2.0 %d" % status))
            for p in mine
        ]
        yield Mutation(
            f"{where}: answered {status}", lambda m=refused: r.judged(gone + m, unlit), fits
        )
    quiet = [p for p in mine if p.payload == payload]
    more = [replace(p, at=p.at + 0.1) for p in quiet]
    yield Mutation(
        f"{where}: phone never answers", lambda: r.judged(gone + quiet + more, unlit), "M7 M9 M11"
    )
    if solicited:
        for reason in ("timeout", "noresource", "deactivated"):
            alter = change_head(
                rb"^Subscription-State: .*?\r$",
                f"Subscription-State: terminated;reason={reason}\r".encode(),
            )
            yield Mutation(
                f"{where}: terminated {reason}", lambda a=alter: r.altered(payload, a), "M8"
            )


def lamp_mutations(r: Recording, nr: int, wanted: LampExpectation) -> Iterator[Mutation]:
    where = f"{r.name}/{nr}"
    mine = [
        e
        for e in r.events
        if isinstance(e, LampSeen) and (e.handset, e.lamp) == (wanted.handset, wanted.lamp)
    ]
    edges = [e for e in mine if e.at >= wanted.since and e.at <= wanted.until]
    rest = [e for e in r.events if e not in edges]
    lit = LampSeen(
        at=wanted.until - 0.05,
        handset=wanted.handset,
        lamp=wanted.lamp,
        state=LampState.STEADY if not wanted.lit else LampState.OFF,
    )
    yield Mutation(
        f"{where} lamp: wrong at the end", lambda: r.judged(None, [*r.events, lit]), "M9 M10"
    )
    yield Mutation(
        f"{where} lamp: sensor lost",
        lambda: r.judged(None, [*r.events, replace(lit, state=LampState.UNKNOWN)]),
        blind=True,
    )
    yield Mutation(
        f"{where} lamp: no sensor",
        lambda: r.judged(None, [e for e in r.events if not isinstance(e, LampSeen)]),
        blind=True,
    )
    back = replace(lit, at=lit.at + 0.01, state=LampState.STEADY if wanted.lit else LampState.OFF)
    yield Mutation(
        f"{where} lamp: flickers", lambda: r.judged(None, [*r.events, lit, back]), "M9 M10"
    )
    if len(edges) == 1:
        yield Mutation(f"{where} lamp: stays", lambda: r.judged(None, rest), "M9")
        for delay_s, fits, legal in ((0.2, "", "in budget"), (-0.8, "M9 M10 ?", "")):
            moved = replace(edges[0], at=edges[0].at + delay_s)
            yield Mutation(
                f"{where} lamp: edge {delay_s:+} s",
                lambda m=moved: r.judged(None, [*rest, m]),
                fits,
                legal,
            )
        if r.ended_at - wanted.until > 1.0:
            return  # what happens later in this scenario would be torn apart
        end = r.ended_at + 5
        late = replace(edges[0], at=edges[0].at + 3)
        events = [replace(e, at=end - 0.01) if isinstance(e, CaptureHealth) else e for e in rest]
        expectations = [
            replace(e, until=end - 0.1) if e.since >= wanted.since - 1e-6 else e
            for e in r.evidence.expectations
        ]
        yield Mutation(
            f"{where} lamp: 3 s late",
            lambda: r.judged(None, [*events, late], expectations=expectations, ended_at=end),
            "M9",
        )


def mailbox_mutations(r: Recording, nr: int, wanted: LampExpectation) -> Iterator[Mutation]:
    where = f"{r.name}/{nr} mailbox"
    mine = [e for e in r.events if isinstance(e, MailboxSeen) and e.mailbox == wanted.mailbox]
    changes = [e for e in mine if e.at >= wanted.since]
    if not changes:
        return
    last = changes[-1]
    rest = [e for e in r.events if e is not last]
    for label, changed, fits in (
        ("new + 1", replace(last, new=last.new + 1), "M5"),
        ("new - 1", replace(last, new=max(0, last.new - 1)), "M5 D7"),
        ("saved + 1", replace(last, saved=last.saved + 1), "M5"),
        ("another mailbox", replace(last, mailbox="+499999"), "D7 M6 M5"),
    ):
        if changed == last:
            continue
        yield Mutation(f"{where}: {label}", lambda c=changed: r.judged(None, [*rest, c]), fits)
    yield Mutation(
        f"{where}: change not told by the platform", lambda: r.judged(None, rest), "M5 D7 ?"
    )
    yield Mutation(
        f"{where}: told 50 ms later",
        lambda: r.judged(None, [*rest, replace(last, at=last.at + 0.05)]),
        legal="the platform's own word may lag",
    )


def capture_mutations(r: Recording) -> Iterator[Mutation]:
    health = [e for e in r.events if isinstance(e, CaptureHealth)]
    others = [e for e in r.events if not isinstance(e, CaptureHealth)]
    for one in health:
        rest = [e for e in r.events if e is not one]
        where = f"{r.name} capture {one.tap}"
        for label, changed in (
            ("stopped", replace(one, running=False)),
            ("dropped", replace(one, dropped=3)),
        ):
            yield Mutation(
                f"{where} {label}", lambda c=changed, s=rest: r.judged(None, [*s, c]), blind=True
            )
        yield Mutation(f"{where}: no health", lambda s=rest: r.judged(None, s), blind=True)
        yield Mutation(
            f"{where}: saw nothing",
            lambda t=one.tap: r.judged([p for p in r.packets if p.tap is not t]),
            blind=True,
        )
        half = r.started_at + 0.3 * (r.ended_at - r.started_at)
        yield Mutation(
            f"{where}: went silent half-way",
            lambda t=one.tap, h=half: r.judged(
                [p for p in r.packets if p.tap is not t or p.at < h]
            ),
            blind=True,
        )
    yield Mutation(f"{r.name} capture: none", lambda: r.judged(None, others), blind=True)
    yield Mutation(f"{r.name} capture: no packets", lambda: r.judged([]), blind=True)
    if len(health) > 1:
        for skew_s in (-2.0, -0.2, 0.2, 2.0):
            yield Mutation(
                f"{r.name} clock of the handset tap {skew_s:+} s",
                lambda s=skew_s: r.judged(
                    replace(p, at=p.at + s) if p.tap is Tap.HANDSET else p for p in r.packets
                ),
                blind=True,
            )


DIVERSION: tuple[tuple[str, bytes, bytes, str], ...] = (
    *(
        (f"reason={word}", rb"(Diversion: .*?;reason=)[\w\"-]+", rb"\1" + word.encode(), "D2")
        for word in (
            "user-busy", "no-answer", "unconditional", "unavailable", "deflection", "away",
            "time-of-day", "follow-me", "out-of-service", "unknown", "because",
        )
    ),
    ("no reason", rb"(Diversion: [^\r]*?);reason=[\w\"-]+", rb"\1", "D2"),
    ("party is somebody", rb"(Diversion: [^\r]*?<sip:)[^@>]+", rb"\1somebody", "D3"),
    ("party is the portal", rb"(Diversion: [^\r]*?<sip:)[^@>]+", rb"\g<1>+493023125900", "D3"),
    ("no Diversion", rb"Diversion: [^\r]*\r\n", b"", "D1"),
    ("open quote", rb"Diversion: ", b'Diversion: "A ', "D4"),
    ("no URI", rb"Diversion: [^\r]*?<[^>]*>", b"Diversion: Anna", "D4"),
    ("wrong order", rb"Diversion: ", b"Diversion: <sip:first@x.example>;reason=unknown, ", "D3"),
    ("counter 9", rb"(Diversion: [^\r]*?);counter=\d+", rb"\1;counter=9", "D3"),
    ("no History-Info", rb"History-Info: [^\r]*\r\n", b"", "D1"),
    ("history without index", rb";index=1\.1", b"", "D4"),
    ("history index gap", rb";index=1\.1", b";index=1.3", "D4"),
    ("history index twice", rb";index=1\.1", b";index=1", "D4"),
    ("history starts at 2", rb";index=1(?![.\d])", b";index=2", "D4"),
    (
        "history party",
        rb"(History-Info: <sip:)[^@?;>]+(@[^\r]*?;index=1(?![.\d]))",
        rb"\1nobody\2",
        "D3",
    ),
    *(
        (f"history cause={n}", rb"(History-Info: [^\r]*?;cause=)\d+", rb"\g<1>%d" % n, "D2")
        for n in (302, 404, 408, 480, 486, 487, 503)
    ),
    ("history cause 999", rb"(History-Info: [^\r]*?;cause=)\d+", rb"\g<1>999", "D2 D4"),
)  # fmt: skip


def diverted_leg(r: Recording) -> bytes | None:
    found = [p for p in r.messages("INVITE ") if b"Diversion:" in p]
    return found[0] if found else None


def diversion_mutations(r: Recording) -> Iterator[Mutation]:
    wanted = next(
        (e for e in r.evidence.expectations if isinstance(e, DiversionExpectation)), None
    )
    leg = diverted_leg(r)
    if wanted is None or leg is None:
        return
    for label, old, new, fits in DIVERSION:
        alter = change_head(old, new)
        if alter(leg) == leg:
            continue
        yield Mutation(f"{r.name}: {label}", lambda a=alter: r.altered(leg, a), fits)
    for label, old, new in LEGAL_DIVERSION:
        alter = change_head(old, new)
        yield Mutation(
            f"{r.name}: {label}", lambda a=alter: r.altered(leg, a), legal="RFC 5806, 7044"
        )
    gone = without_transaction(r, leg)
    yield Mutation(f"{r.name}: no diverted leg", lambda: r.judged(gone), "D6")
    answers = [p for p in r.packets if branch(p.payload) == branch(leg)]
    busy = [replace(p, payload=p.payload.replace(b"SIP/2.0 200", b"SIP/2.0 486")) for p in answers]
    yield Mutation(f"{r.name}: target refuses", lambda: r.judged(gone + busy), "D6 D7")
    elsewhere = [
        replace(
            p,
            source=("127.9.9.9", 5060) if p.payload.startswith(b"SIP/2.0") else p.source,
            destination=p.destination if p.payload.startswith(b"SIP/2.0") else ("127.9.9.9", 5060),
            payload=change_head(rb"\AINVITE sip:[^ ]+", b"INVITE sip:stranger@127.9.9.9:5060")(
                p.payload
            ),
        )
        for p in answers
    ]
    yield Mutation(f"{r.name}: went to a stranger", lambda: r.judged(gone + elsewhere), "D6")
    both = [
        replace(
            p,
            payload=p.payload.replace(branch(leg), b"z9hG4bKfork").replace(
                b"Call-ID: ", b"Call-ID: 2"
            ),
        )
        for p in elsewhere
    ]
    yield Mutation(
        f"{r.name}: a stranger was called too", lambda: r.judged([*r.packets, *both]), "D6"
    )
    yield from callee_mutations(r, wanted, leg)
    yield from greeting_mutations(r, wanted)


def callee_mutations(r: Recording, wanted: DiversionExpectation, leg: bytes) -> Iterator[Mutation]:
    sdp = leg.partition(b"o=")[2].partition(b"\r\n")[0]
    callee = r.evidence.handsets[wanted.callee].sip_addresses
    rung = [
        p.payload
        for p in r.packets
        if p.payload.startswith(b"INVITE") and sdp in p.payload and p.destination in callee
        and p.at >= wanted.since
    ]  # fmt: skip
    if not rung:
        return
    mine = [p for p in r.packets if branch(p.payload) == branch(rung[0])]
    yield Mutation(
        f"{r.name}: callee not rung", lambda: r.judged(without_transaction(r, rung[0])), "D6"
    )
    unasked = change_head(rb"^CSeq:", b"Diversion: <sip:x@x.example>;reason=unknown\r\nCSeq:")
    yield Mutation(f"{r.name}: Diversion before any", lambda: r.altered(rung[0], unasked), "D3")
    if wanted.ring_s is None:
        return
    for late_s, fits, legal in ((0.9, "D6", ""), (0.1, "", "tolerance")):
        moved = [
            replace(p, at=p.at + late_s) if b"180 Ringing" in p.payload and p in mine else p
            for p in r.packets
        ]
        yield Mutation(f"{r.name}: rang {late_s} s less", lambda m=moved: r.judged(m), fits, legal)
    longer = [
        replace(e, ring_s=wanted.ring_s - 0.9) if e is wanted else e
        for e in r.evidence.expectations
    ]
    yield Mutation(f"{r.name}: rang longer", lambda: r.judged(expectations=longer), "D6")


def greeting_mutations(r: Recording, wanted: DiversionExpectation) -> Iterator[Mutation]:
    if not wanted.greeting:
        return
    streams = [
        e for e in r.events if isinstance(e, RtpStreamSeen) and wanted.greeting in e.prompts
    ]
    rest = [e for e in r.events if e not in streams]
    one = streams[-1]
    other = {"greeting.busy", "greeting.unavailable"} - {wanted.greeting}
    for label, prompts in (
        ("other greeting", (*other, "beep")),
        ("a beep alone", ("beep",)),
        ("silence", ()),
        ("the owner's menu", ("portal.enter_pin",)),
        ("beep before greeting", ("beep", wanted.greeting)),
        ("both greetings", (wanted.greeting, *other, "beep")),
    ):
        changed = [replace(e, prompts=prompts) for e in streams]
        named = "D6" if label == "the owner's menu" else "D7"
        yield Mutation(f"{r.name}: {label}", lambda c=changed: r.judged(None, [*rest, *c]), named)
    yield Mutation(f"{r.name}: no audio at all", lambda: r.judged(None, rest), "D7 ?")
    away = [replace(one, destination=("127.9.9.9", 9))]
    yield Mutation(
        f"{r.name}: audio to somebody else", lambda: r.judged(None, [*rest, *away]), "D7 ?"
    )


def generate(r: Recording) -> Iterator[Mutation]:
    """Everything for one recording."""
    yield Mutation(f"{r.name} untouched", r.judged, legal="nothing is wrong")
    seen: set[tuple[str, str, bool]] = set()
    for nr, wanted in enumerate(lamp_expectations(r)):
        yield from lamp_mutations(r, nr, wanted)
        key = (wanted.handset, wanted.mailbox, wanted.lit)
        if wanted.notify and key not in seen:
            yield from notify_mutations(r, nr, wanted)
            yield from mailbox_mutations(r, nr, wanted)
        seen.add(key)
    yield from capture_mutations(r)
    yield from diversion_mutations(r)
