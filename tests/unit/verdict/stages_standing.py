"""Stages of the rules on subscriptions that do not stand any more when a message comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stages_mwi import RELAY, registered, subscribed
from staging import CONTACT, NOTIFY_HEAD, PHONE, PLATFORM, Stage, summary

from provisioning.secret import Secret
from rig.sip.digest import compute_response
from rig.verdict.evidence import ConfigDifference

REALM, NONCE = "beispiel.example", "n0"


def state(value: str) -> str:
    """Headers of a NOTIFY that says so of its subscription."""
    return NOTIFY_HEAD.replace("active;expires=3600", value)


def granted_for(seconds: int, *, refreshed_at: float | None = None) -> Stage:
    stage = registered()
    for at in (0.1, *(() if refreshed_at is None else (refreshed_at,))):
        stage.subscribe(at, expires_s=seconds)
        stage.notify(at + 0.05, summary(0), headers=state(f"active;expires={seconds}"))
    return stage


def given_up(*, by_file: bool = False) -> Stage:
    stage = registered()
    stage.subscribe(expires_s=0)
    stage.notify(0.15, summary(0), headers=state("terminated;reason=timeout"))
    if by_file:
        line = ConfigDifference("accounts[1].mwi.expires_s", "3600", "0", "001565000001.cfg", 34)
        stage.facts = replace(stage.facts, differences=(line,))
    return stage


def granted_nothing() -> Stage:
    stage = registered()
    stage.transaction(
        0.1, "SUBSCRIBE", PHONE, PLATFORM, call_id="sub", answer_headers="Expires: 0\n",
        headers=f"{CONTACT}Event: message-summary\nExpires: 3600\n",
    )  # fmt: skip
    stage.notify(0.15, summary(0), headers=state("terminated;reason=timeout"))
    return stage


def ended(value: str = "terminated;reason=deactivated", *, again: bool = False) -> Stage:
    stage = subscribed()
    stage.notify(1.0, summary(0), headers=state(value))
    if again:
        stage.subscribe(1.1, call_id="newer")
        stage.notify(
            1.15, summary(0), call_id="newer", to_tag="fSUBSCRIBE", headers=state("active")
        )
    return stage


def pending(body: str = "") -> Stage:
    stage = registered()
    stage.subscribe()
    stage.notify(0.15, "", headers=state("pending;expires=3600"))
    stage.notify(5.002, body, headers=state("pending;expires=3600"))
    return stage


def challenged(*, again: bool = False) -> Stage:
    stage = registered()
    stage.subscribe(status=401)
    if again:
        stage.subscribe(0.2)
    return stage


def credentials(method: str, password: str) -> str:
    """An Authorization header of anna for a request to the platform."""
    uri = f"sip:{REALM}"
    response = compute_response(
        username="anna",
        realm=REALM,
        password=Secret(password),
        method=method,
        uri=uri,
        nonce=NONCE,
    )
    return (
        f'Authorization: Digest username="anna", realm="{REALM}", nonce="{NONCE}", '
        f'uri="{uri}", response="{response}"\n'
    )


def with_password(
    subscribes: str, *, registers: str = "x", status: int = 403, registered_by: int = 200
) -> Stage:
    """The phone's file says ``x``; it registers and subscribes by these passwords."""
    stage = registered()
    stage.packets.clear()
    stage.transaction(
        0.0, "REGISTER", PHONE, PLATFORM, status=registered_by,
        headers=CONTACT + credentials("REGISTER", registers),
    )  # fmt: skip
    stage.transaction(
        0.1, "SUBSCRIBE", PHONE, PLATFORM, status=status, call_id="sub",
        headers=f"{CONTACT}Event: message-summary\nExpires: 3600\n"
        + credentials("SUBSCRIBE", subscribes),
    )  # fmt: skip
    return stage


def told_longer(seconds: int = 3600) -> Stage:
    """The platform grants 2 s; the relay on the way back writes another time."""
    stage = registered()
    stage.subscribe(expires_s=2, to=RELAY)
    asked = next(p for p in stage.packets if b"SUBSCRIBE sip" in p.payload)
    answer = next(p for p in stage.packets if p.source == RELAY)
    stage.packets.remove(answer)
    stage.packets += [
        replace(asked, at=asked.at + 1e-4, source=RELAY, destination=PLATFORM),
        replace(answer, at=asked.at + 2e-4, source=PLATFORM, destination=RELAY),
        replace(
            answer,
            at=asked.at + 3e-4,
            payload=answer.payload.replace(b"Expires: 2", b"Expires: %d" % seconds),
        ),
    ]
    stage.notify(0.15, summary(0), headers=state("active"))
    return stage


STANDING_STAGES: dict[str, Callable[[], Stage]] = {
    "subscription_run_out": lambda: granted_for(2),
    "granted_time_altered": told_longer,
    "subscription_given_up": given_up,
    "subscription_not_granted": granted_nothing,
    "not_subscribed_again": ended,
    "subscription_pending": pending,
    "challenge_unanswered": challenged,
    "subscribe_credentials_wrong": lambda: with_password("y"),
}
