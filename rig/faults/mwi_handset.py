"""Seeded faults of message waiting in handsets: how firmware takes news, and what lights lamps."""

from __future__ import annotations

import re
from dataclasses import replace

from rig.errors import ProtocolError
from rig.faults.compose import (
    NOTIFY,
    SUBSCRIBE,
    alter,
    body_bytes,
    drop,
    on_handset,
    on_platform,
    summary,
)
from rig.faults.seed import Seed
from rig.faults.sip_rule import Message
from rig.faults.sites import unsolicited
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.back_off import BackOff
from rig.sip.event import Flow
from rig.sip.message import Request
from rig.sip.message_summary import MessageSummary, parse_summary
from rig.sip.uri import Uri
from rig.timeline import LampState
from rig.verdict.fault_class import Component, FaultClass

_NO_URGENT = r"^(?![^(]*\(\d+/\d+\))"
"""A message summary without the optional urgent part."""


class LampByMissedCall(HandsetHook):
    """Firmware that lights the message lamp for a missed call, whatever it was told."""

    def __init__(self) -> None:
        self._missed = False

    def on_missed_call(self) -> None:
        """Remember it."""
        self._missed = True

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        """Light the common lamp from then on."""
        del cause
        return LampState.SLOW if self._missed and lamp == "message" else state


class LampByForwarding(HandsetHook):
    """Firmware whose message lamp also shows that calls are forwarded."""

    def __init__(self) -> None:
        self._forwards = False

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        """Light the common lamp while it forwards."""
        self._forwards = {"forward_on": True, "forward_off": False}.get(cause, self._forwards)
        return LampState.STEADY if self._forwards and lamp == "message" else state


class IconSticks(HandsetHook):
    """The icon beside the second line never goes out once it was lit."""

    def __init__(self) -> None:
        self._lit = LampState.OFF

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        """Keep that icon."""
        del cause
        if lamp != "account:2":
            return state
        self._lit = state if state.lit else self._lit
        return self._lit


class CrashesAtPush(HandsetHook):
    """Firmware that falls over its own feet at a NOTIFY which no subscription explains."""

    def __init__(self) -> None:
        self._crashed = False

    def incoming(self, message: Message, flow: Flow) -> Message | None:
        """Crash at the first message that is told so, without an answer."""
        del flow
        if self._crashed or not NOTIFY.where(body="Waiting: yes")(message, ""):
            return message
        self._crashed = True
        self.crash()
        return None


class WantsItsRegistersCallId(HandsetHook):
    """Firmware that takes a NOTIFY only with the Call-ID of its own REGISTER."""

    def __init__(self) -> None:
        self._call_ids: set[str] = set()

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """Remember the Call-ID."""
        del flow
        if isinstance(message, Request) and message.method == "REGISTER":
            self._call_ids.add(message.call_id)
        return message

    def notify_status(self, request: Request) -> int | None:
        """Refuse any other."""
        return None if request.call_id in self._call_ids else 481


class KeyDialsLastAccount(HandsetHook):
    """The message key dials the Message-Account that was told last, whatever number was set."""

    def __init__(self) -> None:
        self._account = ""

    def incoming(self, message: Message, flow: Flow) -> Message:
        """Remember the account."""
        del flow
        if NOTIFY(message, ""):
            try:
                self._account = parse_summary(message.body).account or self._account
            except ProtocolError:
                return message
        return message

    def message_key(self, number: str) -> str:
        """Dial it."""
        return Uri.parse(self._account).user or number if self._account else number


class RefusesForAWhile(PlatformHook):
    """A platform that has not loaded its accounts yet: 404 to the first so many SUBSCRIBEs."""

    def __init__(self, times: int) -> None:
        self._left = times
        self._refused: set[str] = set()

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """Refuse, and tell nothing in a dialog that was refused."""
        del flow
        if isinstance(message, Request):
            return None if message.call_id in self._refused else message
        if message.cseq.method == "SUBSCRIBE" and message.is_success:
            if self._left and message.call_id not in self._refused:
                self._left -= 1
                self._refused.add(message.call_id)
            if message.call_id in self._refused:
                message.status, message.reason = 404, "Not Found"
        return message


def _without_urgent(told: MessageSummary) -> MessageSummary:
    voice = told.voice
    if voice is None:
        return told
    return replace(told, voice=replace(voice, urgent_new=None, urgent_saved=None))


def _other_user(uri: str, user: str) -> str:
    return re.sub(r"sip:[^@]*@", f"sip:{user}@", uri)


def _seed(number: str, name: str, fault: str, scenario: str, title: str, **more: object) -> Seed:
    return Seed(
        id=number,
        name=name,
        title=title,
        component=Component.HANDSET,
        fault_class=FaultClass(fault),
        scenario=scenario,
        **more,  # type: ignore[arg-type]  # the fields of Seed by name
    )


def handset_seeds() -> tuple[Seed, ...]:
    """Every fault of this module, freshly made."""
    return (
        _seed(
            "", "lamp-stuck-off", "M9", "busy", "the callee's lamp is dead",
            handsets={"callee": on_handset(lamp=lambda *_: LampState.OFF)},
        ),
        _seed(
            "B52", "lamp-by-missed-call", "M10", "missed_call",
            "the callee's message lamp is lit by a missed call",
            source="https://github.com/fusionpbx/fusionpbx/pull/2624",
            handsets={"callee": LampByMissedCall()},
        ),
        _seed(
            "B53", "lamp-by-forwarding", "M10", "call_forward",
            "the callee's message lamp is lit while calls are forwarded",
            source="https://manualshive.com/en/manual/aastra/clearspan-6757i/449822?page=202",
            handsets={"callee": LampByForwarding()},
        ),
        _seed(
            "B55", "urgent-part-refused", "M9", "message",
            "the callee's phone refuses a NOTIFY that tells of urgent messages",
            source="https://github.com/asterisk/asterisk/commit/da7a35a1cc",
            handsets={
                "callee": on_handset(
                    notify_status=lambda request: 400 if b"(0/0)" in request.body else None
                )
            },
        ),
        _seed(
            "B56", "icon-of-line-2-sticks", "M9", "two_mailboxes_emptied",
            "the icon beside the second line never goes out",
            source="https://github.com/chan-sccp/chan-sccp/issues/239",
            handsets={"twin": IconSticks()},
        ),
        _seed(
            "B58", "flood-after-404", "M8", "message",
            "the callee's phone asks again at once when its SUBSCRIBE is refused",
            source="https://github.com/baresip/baresip/issues/2726",
            platform=RefusesForAWhile(times=30),
            handsets={"callee": on_handset(back_off=lambda: BackOff(base_s=0.1, max_s=0.1))},
        ),
        _seed(
            "B59", "leaves-subscription-behind", "M8", "message_while_away",
            "the callee's phone logs off without ending its subscription",
            source="https://github.com/baresip/baresip/pull/1918",
            handsets={"callee": on_handset(drop(SUBSCRIBE.where(headers={"Expires": "^0$"})))},
        ),
        _seed(
            "B61", "push-refused", "M7", "message",
            "the callee's phone answers 489 to a NOTIFY that it has not asked for",
            source="https://github.com/thevoiceguy/siphon-ai/pull/487", site=unsolicited,
            handsets={"callee": on_handset(notify_status=lambda _: 489)},
        ),
        _seed(
            "B62", "crash-at-push", "M9", "message",
            "the callee's phone crashes at a NOTIFY that it has not asked for",
            source="https://github.com/pjsip/pjproject/issues/1753", site=unsolicited,
            handsets={"callee": CrashesAtPush()},
        ),
        _seed(
            "B64", "wants-registers-call-id", "M3", "message",
            "the callee's phone takes a NOTIFY only with the Call-ID of its REGISTER",
            source="https://github.com/signalwire/freeswitch/commit/53b0ecce60", site=unsolicited,
            handsets={"callee": WantsItsRegistersCallId()},
        ),
        _seed(
            "B65", "subscribes-to-its-key", "M7", "message",
            "the callee's phone subscribes to what stands on its mailbox key",
            source="https://github.com/asterisk/asterisk/commit/2b3261cd36",
            handsets={"callee": on_handset(watched=lambda uri: _other_user(uri, "*97"))},
        ),
        _seed(
            "B70", "wants-urgent-part", "M9", "message",
            "the callee's phone ignores a NOTIFY without the optional urgent part",
            source="https://github.com/openhab/openhab1-addons/pull/1076",
            platform=on_platform(alter(NOTIFY, summary(_without_urgent))),
            handsets={
                "callee": on_handset(
                    alter(
                        NOTIFY.where(towards="handset", body=_NO_URGENT),
                        body_bytes(lambda _: b""),
                    )
                )
            },
        ),
        _seed(
            "B71", "key-dials-account", "M6", "heard_by_portal",
            "the callee's message key dials the account that it was told last",
            source="https://azmanual.top/manuals/848310/planet-vip-350pt.html?page=123",
            handsets={"callee": KeyDialsLastAccount()},
        ),
    )  # fmt: skip
