"""Faults that no catalogue lists: each made by a hook, and what it must be called.

Nothing in :mod:`rig.verdict` knows them; they are named from evidence or the rules are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from rig.faults.network import PassPacket
from rig.faults.seed import Seed
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.diversion import DiversionEntry
from rig.sip.event import Flow
from rig.sip.history_info import HistoryEntry
from rig.sip.message import Request, Response
from rig.sip.message_summary import MessageSummary
from rig.sip.name_addr import NameAddr
from rig.timeline import LampState
from rig.verdict.fault_class import Component, FaultClass

Message = Request | Response


@dataclass(frozen=True)
class Composed:
    """One fault and its name.

    Attributes:
        seed: the fault; class and component are what the first finding must say.
        legal: nothing is wrong after all; the run must pass.
        unsolicited: the site uses unsolicited NOTIFY.
        callee: whose phone, or empty for the scenario's own.
    """

    seed: Seed
    legal: bool = False
    unsolicited: bool = False
    callee: str = ""


class Alter(PlatformHook):
    """Alters the bytes of NOTIFYs to one user just before they leave."""

    def __init__(self, alter: Callable[[bytes], bytes], start: bytes = b"NOTIFY ") -> None:
        self._alter, self._start = alter, start

    def outgoing(self, message: Message, flow: Flow) -> Message | bytes | None:
        del flow
        data = message.to_bytes()
        return self._alter(data) if data.startswith(self._start) else message


def body(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Alter a body and keep its length right."""

    def alter(data: bytes) -> bytes:
        head, _, old = data.partition(b"\r\n\r\n")
        new = change(old)
        head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(new), head)
        return head + b"\r\n\r\n" + new

    return alter


def head(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Alter a header by a pattern."""
    return lambda data: re.sub(old, new, data, count=1, flags=re.MULTILINE)


class Summary(PlatformHook):
    """Says something else about a mailbox."""

    def __init__(self, change: Callable[[MessageSummary], MessageSummary]) -> None:
        self._change = change

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        del mailbox, subscriber
        return self._change(summary)


def more_new(summary: MessageSummary) -> MessageSummary:
    voice = summary.voice
    return summary if voice is None else replace(
        summary, waiting=True, voice=replace(voice, new=voice.new + 1)
    )  # fmt: skip


def flag_of_all(summary: MessageSummary) -> MessageSummary:
    voice = summary.voice
    return replace(summary, waiting=voice is not None and voice.new + voice.saved > 0)


def first_says_nothing(data: bytes) -> bytes:
    """The first NOTIFY of a dialog counts nothing."""
    if b"CSeq: 1 NOTIFY" not in data:
        return data
    return body(lambda b: b.replace(b"yes", b"no").replace(b"1/0", b"0/0"))(data)


class Untold(PlatformHook):
    """Tells nobody of any change."""

    def before_notify(self, mailbox: str) -> bool:
        del mailbox
        return False


class NoFirstNotify(PlatformHook):
    """Takes a SUBSCRIBE and never sends a NOTIFY."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        del flow
        return None if isinstance(message, Request) and message.method == "NOTIFY" else message


class RefuseSubscribe(NoFirstNotify):
    """Answers every SUBSCRIBE 404."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        kept = super().outgoing(message, flow)
        if isinstance(kept, Response) and kept.cseq.method == "SUBSCRIBE" and kept.status == 200:
            kept.status, kept.reason = 404, "No voicemail service"
        return kept


class DiversionHook(PlatformHook):
    """Alters the Diversion entries."""

    def __init__(self, change: Callable[[list[DiversionEntry]], list[DiversionEntry]]) -> None:
        self._change = change

    def diversion(self, entries: list[DiversionEntry]) -> list[DiversionEntry]:
        return self._change(entries)


def party_is_portal(entries: list[DiversionEntry]) -> list[DiversionEntry]:
    portal = NameAddr.parse("<sip:+493023125900@beispiel.example>")
    return [replace(e, name_addr=portal) for e in entries]


class HistoryHook(PlatformHook):
    """Alters the History-Info entries."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    def history(self, entries: list[HistoryEntry]) -> list[HistoryEntry]:
        return [HistoryEntry.parse(re.sub(self._old, self._new, str(e))) for e in entries]


class OtherGreeting(PlatformHook):
    """Plays the other greeting."""

    def greeting(self, kind: str) -> str:
        return {"greeting.busy": "greeting.unavailable"}.get(kind, "greeting.busy")


class RingsLonger(PlatformHook):
    """Ignores the number of rings."""

    def ring_seconds(self, value: float) -> float:
        return value + 1.6


class Refuses(HandsetHook):
    """Refuses every NOTIFY with one status."""

    def __init__(self, status: int) -> None:
        self._status = status

    def notify_status(self, request: Request) -> int | None:
        del request
        return self._status


class Mute(HandsetHook):
    """Takes no notice of NOTIFYs: no answer, no lamp."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        del flow
        if isinstance(message, Response) and message.cseq.method == "NOTIFY":
            return None
        return message

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del lamp, state, cause
        return LampState.OFF


class LampStuckOn(HandsetHook):
    """The LED is lit whatever the firmware decides."""

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del lamp, state, cause
        return LampState.STEADY


class IconDead(HandsetHook):
    """The icon beside account 2 never lights."""

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del cause
        return LampState.OFF if lamp == "account:2" else state


class ForgetsOff(HandsetHook):
    """Never puts the lamp out again once it was lit."""

    def __init__(self) -> None:
        self._lit = LampState.OFF

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del cause
        if lamp == "message" and state.lit:
            self._lit = state
        return self._lit if lamp == "message" else state


def lose(count: int, start: bytes = b"NOTIFY ") -> PassPacket:
    """Lose the first so many packets of a kind after the registration."""
    seen = {b"": 0}

    def hook(payload: bytes, towards_handset: bool) -> bytes | None:
        if not towards_handset or not payload.startswith(start) or b"Waiting: yes" not in payload:
            return payload
        seen[b""] += 1
        return None if seen[b""] <= count else payload

    return hook


def lose_subscribe(payload: bytes, towards_handset: bool) -> bytes | None:
    """Lose every SUBSCRIBE on its way to the platform."""
    return None if not towards_handset and payload.startswith(b"SUBSCRIBE ") else payload


def in_file(old: bytes, new: bytes) -> Callable[[str, bytes], bytes]:
    """Alter what is served."""

    def alter(name: str, content: bytes) -> bytes:
        del name
        return re.sub(old, new, content, flags=re.MULTILINE)

    return alter


def _seed(name: str, fault: str, component: str, scenario: str, **how: object) -> Seed:
    return Seed(
        name=name,
        title=name,
        component=Component(component),
        fault_class=FaultClass(fault),
        scenario=scenario,
        **how,  # type: ignore[arg-type]  # the fields of Seed
    )


def _platform(name: str, fault: str, hook: PlatformHook, scenario: str = "busy") -> Composed:
    return Composed(_seed(name, fault, "platform", scenario, platform=hook))


def _handset(
    name: str, fault: str, hook: HandsetHook, scenario: str = "busy", *, role: str = "callee"
) -> Composed:
    return Composed(_seed(name, fault, "handset", scenario, handsets={role: hook}))


def composed() -> list[Composed]:
    """All of them, freshly made."""
    return [
        _platform(
            "To names another user", "M3", Alter(head(rb"^To: <sip:[^@]+@", b"To: <sip:x@"))
        ),
        _platform("To without user", "M3", Alter(head(rb"^To: <sip:[^@]+@", b"To: <sip:"))),
        _platform(
            "Request-URI of nobody", "M3", Alter(head(rb"\ANOTIFY sip:[^@]+", b"NOTIFY sip:x"))
        ),
        _platform("other package", "M3", Alter(head(rb"^Event: .*?\r$", b"Event: presence\r"))),
        _platform("body of TABs", "M4", Alter(body(lambda b: re.sub(rb"[ -~]", b"\t", b)))),
        _platform("no last CRLF", "M4", Alter(body(lambda b: b.removesuffix(b"\r\n")))),
        _platform(
            "internal line leaks", "M4", Alter(body(lambda b: b + b"Update-Reason: NEW\r\n"))
        ),
        _platform(
            "text/plain",
            "M4",
            Alter(head(rb"^Content-Type: .*?\r$", b"Content-Type: text/plain\r")),
        ),
        _platform("one too many", "M5", Summary(more_new)),
        _platform("saved ones light it", "M5", Summary(flag_of_all), "heard_by_portal"),
        _platform(
            "first NOTIFY says 0",
            "M5",
            Alter(first_says_nothing),
            "reboot",
        ),
        _platform(
            "account of somebody else",
            "M6",
            Summary(lambda s: replace(s, account="sip:david.dietz@beispiel.example")),
        ),
        _platform("nobody is told", "M1", Untold()),
        _platform("202 and silence", "M1", NoFirstNotify()),
        _platform("SUBSCRIBE refused", "M7", RefuseSubscribe()),
        _platform(
            "subscription ended at once",
            "M8",
            Alter(
                head(
                    rb"^Subscription-State: .*?\r$",
                    b"Subscription-State: terminated;reason=noresource\r",
                )
            ),
        ),
        _platform("no Diversion", "D1", DiversionHook(lambda _: [])),
        _platform("party is the target", "D3", DiversionHook(party_is_portal)),
        _platform(
            "reason in free words",
            "D2",
            DiversionHook(lambda e: [replace(x, reason="gone fishing") for x in e]),
        ),
        _platform("cause of another event", "D2", HistoryHook(r"cause=486>", "cause=302>")),
        _platform("index jumps", "D4", HistoryHook(r"index=1\.1", "index=1.4")),
        _platform(
            "Diversion unreadable",
            "D4",
            Alter(head(rb"^Diversion: ", b'Diversion: "'), b"INVITE "),
        ),
        _platform("other greeting", "D7", OtherGreeting()),
        _platform("rings longer", "D6", RingsLonger(), "unanswered"),
        _handset("refuses what it does not like", "M9", Refuses(415)),
        _handset("has lost its subscription", "M8", Refuses(481)),
        _handset("answers nothing", "M9", Mute()),
        _handset("lamp stuck on", "M9", LampStuckOn(), "missed_call"),
        _handset("never goes out", "M9", ForgetsOff(), "heard_by_portal"),
        _handset("icon of line 2 dead", "M9", IconDead(), "two_mailboxes", role="twin"),
        Composed(
            _seed(
                "489 to unsolicited", "M7", "handset", "busy", handsets={"callee": Refuses(489)}
            ),
            unsolicited=True,
        ),
        Composed(_seed("three lost", "M11", "network", "busy", network={"callee": lose(4)})),
        Composed(
            _seed("SUBSCRIBE lost", "M8", "network", "busy", network={"callee": lose_subscribe})
        ),
        Composed(
            _seed(
                "lamp policy off",
                "M9",
                "config",
                "busy",
                file=in_file(rb"(mail_power_led_flash_enable = )1", rb"\g<1>0"),
            )
        ),
        Composed(
            _seed(
                "wrong number on the message key",
                "P4",
                "config",
                "heard_by_portal",
                file=in_file(rb"(voice_mail.number.1 = ).*", rb"\g<1>+493023125106"),
            ),
            callee="anna",
        ),
        Composed(
            _seed(
                "line 2 disabled",
                "P5",
                "config",
                "two_mailboxes",
                file=in_file(rb"^(account.2.enable = )1", rb"\g<1>0"),
            )
        ),
        # -- nothing is wrong ---------------------------------------------------------------
        Composed(
            _seed("two lost, one through", "M11", "network", "busy", network={"callee": lose(2)}),
            legal=True,
        ),
        Composed(
            _seed(
                "another phone's lamp is dead",
                "M9",
                "handset",
                "busy",
                handsets={"lena": LampStuckOn()},
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "another phone loses NOTIFYs", "M11", "network", "busy", network={"lena": lose(99)}
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "quoted reason",
                "D2",
                "platform",
                "busy",
                platform=Alter(head(rb"reason=([\w-]+)", rb'reason="\1"'), b"INVITE "),
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "no urgent part",
                "M4",
                "platform",
                "busy",
                platform=Alter(body(lambda b: re.sub(rb" \(\d+/\d+\)", b"", b))),
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "no Message-Account",
                "M4",
                "platform",
                "busy",
                platform=Summary(lambda s: replace(s, account=None)),
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "202 to SUBSCRIBE",
                "M7",
                "platform",
                "busy",
                platform=Alter(
                    head(
                        rb"\ASIP/2.0 200 OK(?=(?s:.*)CSeq: \d+ SUBSCRIBE)", b"SIP/2.0 202 Accepted"
                    ),
                    b"SIP/2.0 200",
                ),
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "compact headers",
                "M3",
                "platform",
                "busy",
                platform=Alter(
                    lambda d: (
                        d.replace(b"\r\nEvent: ", b"\r\no: ")
                        .replace(b"\r\nTo: ", b"\r\nt: ")
                        .replace(b"\r\nCall-ID: ", b"\r\ni: ")
                    )
                ),
            ),
            legal=True,
        ),
        Composed(
            _seed(
                "folded headers",
                "M3",
                "platform",
                "busy",
                platform=Alter(
                    lambda d: d.replace(b"\r\nEvent: ", b"\r\nEvent:\r\n ").replace(
                        b"\r\nTo: ", b"\r\nTo:\r\n\t"
                    )
                ),
            ),
            legal=True,
        ),
        Composed(
            _seed("unsolicited site", "M7", "platform", "busy"), legal=True, unsolicited=True
        ),
    ]
