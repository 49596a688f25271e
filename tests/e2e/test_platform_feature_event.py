"""Feature keys by ``as-feature-event``: told at once, set by the phone, never another's."""

from __future__ import annotations

from email import message_from_bytes
from pathlib import Path

import pytest
from call_kit import Talker, call_lab, with_codes
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from platform_kit import ANNA, CARL, DOMAIN, DORA, make_site

from rig.mailbox_platform.base import ForwardRule, UserServices
from rig.mailbox_platform.embedded.calls.feature_event import (
    MEDIA_TYPE,
    NAMESPACE,
    PACKAGE,
    feature_documents,
    read_feature_request,
)
from rig.mailbox_platform.xsi_document import DocumentError
from rig.sip.message import Response

pytestmark = pytest.mark.waits

SET_DND = f'<SetDoNotDisturb xmlns="{NAMESPACE}"><device>x</device>{{}}</SetDoNotDisturb>'
FORWARD = (
    f'<SetForwarding xmlns="{NAMESPACE}"><device>x</device><activateForward>{{on}}'
    "</activateForward><forwardingType>{kind}</forwardingType><forwardDN>{target}</forwardDN>"
    "<ringCount>{rings}</ringCount></SetForwarding>"
)


def dnd(on: str) -> bytes:
    return SET_DND.format(f"<doNotDisturbOn>{on}</doNotDisturbOn>").encode()


async def subscribe(
    phone: Talker, body: bytes = b"", target: str = "", media_type: str = MEDIA_TYPE
) -> Response:
    rows = [("Event", PACKAGE), ("Contact", phone.contact), ("Expires", "300")]
    rows += [("Accept", MEDIA_TYPE)]
    rows += [("Content-Type", media_type)] if body else []
    uri = f"sip:{target}@{DOMAIN}" if target else phone.aor
    return await phone.send("SUBSCRIBE", uri, rows, body=body)


def states(phone: Talker) -> list[dict[str, dict[str, str]]]:
    """States that a phone was told, in order: values by element, by service."""
    found = []
    for notify in phone.notifies:
        if notify.headers.get("Event") != PACKAGE:
            continue
        head = f"Content-Type: {notify.headers.get('Content-Type')}\r\n\r\n".encode()
        state = {}
        for part in message_from_bytes(head + notify.body).get_payload():
            assert part.get_content_type() == MEDIA_TYPE
            root = etree.fromstring(part.get_payload(decode=True))
            values = {etree.QName(child).localname: child.text or "" for child in root}
            assert etree.QName(root).namespace == NAMESPACE
            state[values.get("forwardingType", etree.QName(root).localname)] = values
        found.append(state)
    return found


def forwards(state: dict[str, dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {
        kind: (values["forwardStatus"], values["forwardTo"])
        for kind, values in state.items()
        if kind != "DoNotDisturbEvent"
    }


async def test_vm_cfg_01_a_phone_gets_the_whole_state_and_then_every_change(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        dora = lab.phones[DORA]
        assert (await subscribe(dora)).status == 200
        await dora.until(lambda: len(states(dora)) == 1)
        (first,) = states(dora)
        assert first["DoNotDisturbEvent"] == {"device": "104", "doNotDisturbOn": "false"}
        kinds = ("forwardImmediate", "forwardBusy", "forwardNoAns")
        assert forwards(first) == dict.fromkeys(kinds, ("false", ""))
        # A code, dialled from the same user's phone.
        await dora.talk_to("*78")
        await dora.until(lambda: states(dora)[-1]["DoNotDisturbEvent"]["doNotDisturbOn"] == "true")
        # Any other way.
        services = UserServices(busy=ForwardRule(active=True, target=ANNA), do_not_disturb=True)
        await lab.platform.set_services(DORA, services)
        await dora.until(lambda: forwards(states(dora)[-1])["forwardBusy"] == ("true", ANNA))
        before = len(states(dora))
        await lab.platform.set_services(CARL, UserServices(do_not_disturb=True))
        await lab.platform.set_services(DORA, UserServices())
        await dora.until(lambda: forwards(states(dora)[-1])["forwardBusy"] == ("false", ""))
        assert len(states(dora)) == before + 1, "nothing of others"


async def press(phone: Talker, body: bytes) -> dict[str, dict[str, str]]:
    """Press a feature key; gives back what the platform says to it."""
    before = len(states(phone))
    assert (await subscribe(phone, body)).status == 200
    # One state for the subscription, and one for the request.
    await phone.until(lambda: len(states(phone)) >= before + 2)
    return states(phone)[-1]


async def test_vm_cfg_01_a_key_sets_a_service(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora, anna = lab.phones[DORA], lab.phones[ANNA]
        state = await press(dora, dnd("true"))
        assert state["DoNotDisturbEvent"]["doNotDisturbOn"] == "true"
        assert (await (await anna.call(DORA)).result()).status == 486
        body = FORWARD.format(on="true", kind="forwardNoAns", target="101", rings=5).encode()
        state = await press(dora, body)
        assert state["forwardNoAns"]["ringCount"] == "5"
        rule = lab.platform._settings.services(DORA).no_answer
        assert rule == ForwardRule(active=True, target=ANNA, rings=5)


@pytest.mark.parametrize(
    ("target", "rings"), [("104", 3), ("", 3), ("abc", 3), ("101", 1), ("101", 21)]
)
async def test_a_key_that_asks_for_the_impossible_is_told_how_things_are(
    tmp_path: Path, target: str, rings: int
) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        body = FORWARD.format(on="true", kind="forwardNoAns", target=target, rings=rings)
        state = await press(dora, body.encode())
        assert state["forwardNoAns"]["forwardStatus"] == "false"
        assert lab.platform._settings.services(DORA) == UserServices()


async def test_services_of_others_are_neither_shown_nor_set(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        assert (await subscribe(dora, dnd("true"), target="u103")).status == 403
        assert not lab.platform._settings.services(CARL).do_not_disturb
        assert states(dora) == []
        wrong = await dora.send("SUBSCRIBE", dora.aor, [("Event", PACKAGE)], password="wrong")
        assert wrong.status == 403


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"<x", MEDIA_TYPE, 400),
        (dnd("maybe"), MEDIA_TYPE, 400),
        (dnd("true"), "text/plain", 415),
        (b"<SetDoNotDisturb><doNotDisturbOn/></SetDoNotDisturb>", MEDIA_TYPE, 400),
        (FORWARD.format(on="1", kind="forwardAll", target="1", rings=3).encode(), MEDIA_TYPE, 400),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + dnd("true"), MEDIA_TYPE, 400),
        (dnd("true") + b" " * 5000, MEDIA_TYPE, 400),
    ],
)
async def test_unreadable_requests_change_nothing(
    tmp_path: Path, body: bytes, media_type: str, status: int
) -> None:
    async with call_lab(tmp_path) as lab:
        assert (await subscribe(lab.phones[DORA], body, media_type=media_type)).status == status
        assert lab.platform._settings.services(DORA) == UserServices()


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(body: bytes) -> None:
    try:
        found = read_feature_request(body)
    except DocumentError:
        return
    assert found.service in {"do_not_disturb", "always", "busy", "no_answer"}


@given(st.text(max_size=20), st.booleans(), st.integers(0, 20))
def test_state_documents_are_well_formed_whatever_the_target_is(
    target: str, active: bool, rings: int
) -> None:
    target = "".join(c for c in target if c.isprintable())
    rule = ForwardRule(active=active, target=target, rings=rings)
    services = UserServices(always=rule, no_answer=rule)
    user = make_site().users[DORA]
    documents = feature_documents(user, services)
    root = etree.fromstring(documents["no_answer"])
    assert root.findtext(f"{{{NAMESPACE}}}forwardTo", "") == target
    assert root.findtext(f"{{{NAMESPACE}}}ringCount") == str(rings)
