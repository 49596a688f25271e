"""Stages of the rules on subscriptions, on who is told, and on phones that do odd things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from staging import (
    BOX,
    CALLER,
    CONTACT,
    NOTIFY_HEAD,
    PHONE,
    PLATFORM,
    VOICEMAIL,
    Stage,
    healthy,
    intent,
    summary,
)

from provisioning.intent import MwiMode
from rig.timeline import Address, FeatureSeen, FetchSeen, LampState
from rig.verdict.evidence import ConfigDifference

RELAY: Address = ("127.1.1.3", 40000)
STRANGER: Address = ("127.1.1.4", 40001)
PRIVATE: Address = ("192.168.1.10", 5060)
SUBSCRIBING = f"{CONTACT}Event: message-summary\nExpires: 3600\n"


def registered() -> Stage:
    """A phone that is registered and knows of no message; one comes at 5 s."""
    stage = Stage()
    stage.mailbox(-1.0, 0, cause="start")
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.mailbox(5.001, 1)
    stage.expect_lamp(lit=True)
    return stage


def subscribed() -> Stage:
    """The same, and it has subscribed and was told so."""
    stage = registered()
    stage.subscribe()
    stage.notify(0.15, summary(0))
    return stage


def refused_often(gap_s: float = 0.2, times: int = 5) -> Stage:
    stage = registered()
    for number in range(times):
        stage.subscribe(0.1 + number * gap_s, 404, call_id=f"try{number}")
    return stage


def watching(user: str, status: int, *, by_file: bool = False, times: int = 1) -> Stage:
    stage = registered()
    for number in range(times):
        at = 0.1 + number * 0.2
        stage.transaction(
            at, "SUBSCRIBE", PHONE, PLATFORM, status=status, call_id=f"sub{number}",
            headers=SUBSCRIBING, uri=f"sip:{user}@beispiel.example",
            answer_headers="Expires: 3600\n",
        )  # fmt: skip
    if by_file:
        line = ConfigDifference(
            "accounts[1].mwi.mailbox_uri", "None", f"sip:{user}@b", "001565000001.cfg", 30, "mwi"
        )
        stage.facts = replace(stage.facts, differences=(line,))
    return stage


def logged_off(*, politely: bool = False) -> Stage:
    stage = subscribed()
    stage.expectations.clear()
    if politely:
        stage.subscribe(3.0, expires_s=0)
        ended = NOTIFY_HEAD.replace("active;expires=3600", "terminated;reason=timeout")
        stage.notify(3.01, summary(0), headers=ended)
    stage.transaction(3.1, "REGISTER", PHONE, PLATFORM, headers=f"{CONTACT}Expires: 0\n")
    if not politely:
        stage.notify(5.002, summary(1), status=481)
    stage.expect_lamp(lit=False, notify=False, trigger="the log-off")
    return stage


def stranger(*, refused: bool = True) -> Stage:
    stage = healthy()
    contact = f"Contact: <sip:anna@{STRANGER[0]}:{STRANGER[1]}>\n"
    stage.transaction(
        6.0, "REGISTER", STRANGER, PLATFORM, status=403 if refused else 200, call_id="odd",
        headers=contact,
    )  # fmt: skip
    stage.notify(6.1, summary(1), to=STRANGER, call_id="leak")
    return stage


def behind_nat(*, to: Address = PRIVATE) -> Stage:
    stage = registered()
    contact = f"Contact: <sip:anna@{PRIVATE[0]}:{PRIVATE[1]}>\n"
    stage.transaction(
        0.1, "SUBSCRIBE", PHONE, RELAY, call_id="sub", answer_headers="Expires: 3600\n",
        headers=f"{contact}Event: message-summary\nExpires: 3600\n",
    )  # fmt: skip
    asked = next(p for p in stage.packets if p.payload.startswith(b"SUBSCRIBE"))
    stage.packets.append(replace(asked, at=asked.at + 1e-4, source=RELAY, destination=PLATFORM))
    uri = f"sip:anna@{PRIVATE[0]}:{PRIVATE[1]}"
    stage.notify(0.15, summary(0), to=RELAY, uri=uri)
    stage.notify(5.002, summary(1), status=None, transmissions=3, to=to, uri=uri)
    return stage


def below_zero() -> Stage:
    stage = subscribed()
    stage.notify(5.002, "Messages-Waiting: yes\r\nVoice-Message: -1/0 (0/0)\r\n")
    stage.lamp(5.01, LampState.SLOW)
    return stage


def crash(*, call_id: str = "fresh") -> Stage:
    """It fetches and registers right after an unsolicited NOTIFY, and then all is well."""
    stage = registered()
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.notify(5.002, summary(1), status=None, call_id="push")
    stage.events.append(
        FetchSeen(
            at=5.2, transport="http", client=PHONE, path="/001565000001.cfg", handset="anna",
            status=200, octets=1, duration_s=0.1,
        )
    )  # fmt: skip
    stage.transaction(5.4, "REGISTER", PHONE, PLATFORM, headers=CONTACT, call_id=call_id)
    stage.notify(5.41, summary(1), call_id="push2")
    stage.lamp(5.42, LampState.SLOW)
    return stage


def other_port(*, same: bool = False) -> Stage:
    stage = Stage()
    stage.mailbox(-1.0, 0, cause="start")
    stage.lamp(0.0, LampState.OFF)
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.caller = replace(stage.caller, mailboxes={1: f"{BOX}7"})
    stage.transaction(0.0, "REGISTER", PHONE, PLATFORM, headers=CONTACT)
    there = PLATFORM if same else VOICEMAIL
    contact = f"Contact: <sip:emil@{CALLER[0]}:{CALLER[1]}>\n"
    stage.transaction(0.1, "REGISTER", CALLER, there, user="emil", headers=contact, call_id="emil")
    stage.mailbox(5.001, 1)
    stage.transaction(
        5.002, "NOTIFY", there, CALLER, user="emil", body=summary(0), headers=NOTIFY_HEAD,
        uri=f"sip:emil@{CALLER[0]}:{CALLER[1]}",
    )  # fmt: skip
    stage.expect_lamp(lit=True)
    return stage


def other_account(new: int = 1) -> Stage:
    stage = registered()
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.transaction(
        5.002, "NOTIFY", PLATFORM, PHONE, user="712", body=summary(new), status=404,
        headers=NOTIFY_HEAD, uri=f"sip:712@{PHONE[0]}:{PHONE[1]}",
    )  # fmt: skip
    return stage


def silence_after_subscribe() -> Stage:
    stage = registered()
    stage.subscribe(status=202)
    return stage


def lost_then_silence() -> Stage:
    stage = subscribed()
    stage.mailbox(2.0, 1)
    stage.notify(2.001, summary(1), status=None, transmissions=3, to=RELAY)
    stage.mailbox(5.001, 2)
    stage.expectations.clear()
    stage.expect_lamp(lit=True, new=2)
    return stage


def deaf_platform(times: int = 3) -> Stage:
    """The phone answers every time, and the answers stay on its side of the relay."""
    stage = subscribed()
    stage.notify(5.002, summary(1), status=None, transmissions=times, to=RELAY)
    sent = [p for p in stage.packets if p.destination == RELAY]
    for packet in sent:
        stage.packets.append(replace(packet, at=packet.at + 1e-4, source=RELAY, destination=PHONE))
        head = packet.payload.partition(b"\r\nMax-Forwards")[0].partition(b"\r\n")[2]
        answer = b"SIP/2.0 200 OK\r\n" + head + b"\r\nContent-Length: 0\r\n\r\n"
        stage.packets.append(
            replace(packet, at=packet.at + 2e-4, source=PHONE, destination=RELAY, payload=answer)
        )
    stage.lamp(5.01, LampState.SLOW)
    return stage


def rewritten(body: bytes = b"") -> Stage:
    """The relay passes another body on than it has got."""
    stage = subscribed()
    stage.notify(5.002, summary(1), to=RELAY)
    sent = next(p for p in stage.packets if p.destination == RELAY)
    head = sent.payload.partition(b"Content-Length")[0]
    payload = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    stage.packets.append(
        replace(sent, at=sent.at + 1e-4, source=RELAY, destination=PHONE, payload=payload)
    )
    return stage


def told_again(state: str = "terminated;reason=timeout") -> Stage:
    stage = subscribed()
    stage.notify(1.0, summary(0), headers=NOTIFY_HEAD.replace("active;expires=3600", state))
    stage.notify(5.002, summary(1), status=481)
    return stage


def forwards(lit_at: float = 5.52) -> Stage:
    stage = registered()
    stage.events = [e for e in stage.events if e.at < 5]
    stage.expectations.clear()
    stage.subscribe()
    stage.notify(0.15, summary(0))
    stage.events.append(
        FeatureSeen(
            at=5.5, handset="anna", account=1, service="always", active=True, target="106",
        )
    )  # fmt: skip
    stage.lamp(lit_at, LampState.STEADY)
    stage.expect_lamp(lit=False, new=0, notify=False, trigger="the forwarding")
    return stage


MORE_STAGES: dict[str, Callable[[], Stage]] = {
    "subscribe_storm": refused_often,
    "wrong_mailbox_refused": lambda: watching("*97", 404),
    "wrong_mailbox_watched": lambda: watching("otto", 200, by_file=True),
    "subscription_left_behind": logged_off,
    "told_stranger": stranger,
    "sent_to_private_contact": behind_nat,
    "answer_lost": deaf_platform,
    "body_altered": rewritten,
    "count_negative": below_zero,
    "phone_crashed": crash,
    "untold_behind_port": other_port,
    "told_after_end": told_again,
    "told_unknown_account": other_account,
    "first_notify_missing": silence_after_subscribe,
    "forgotten_after_loss": lost_then_silence,
    "lamp_by_forwarding": forwards,
}
