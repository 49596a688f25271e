"""The management API over real HTTP, its effect on calls, and its description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, PORTAL, Phone, TalkingCall
from xsi_kit import AUDIO, Web, running

from provisioning.pin import check_pin
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

DESCRIPTION = Path(__file__).parents[2] / "docs/reference/openapi.yaml"
DUESSELDORF = "+492115551111"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path) as one:
        yield one


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[ANNA]) as web:
        yield web


async def asked_for(platform: EmbeddedPlatform, caller: str) -> str:
    """What the portal asks a caller for."""
    phone = await Phone(platform, platform.site.users[caller]).open()
    await phone.register()
    talk = await TalkingCall(phone).place(PORTAL)
    prompt = await talk.stream.wait_prompt("portal.enter", 5)
    await talk.hang_up()
    await phone.close()
    return prompt


@pytest.mark.parametrize("text", ["+49 2115551111", "02115551111", "0211-555-1111"])
async def test_the_guides_three_spellings_are_one_alias(anna: Web, text: str) -> None:
    added = await anna.manage("POST", "/aliases", {"alias": text})
    assert added.status == 201
    assert added.json["alias"] == DUESSELDORF
    assert bool(added.json["notes"]) == (" " in text)
    assert (await anna.manage("GET", "/aliases")).json == {
        "mailbox": ANNA,
        "aliases": [BERT, DUESSELDORF],
    }
    again = await anna.manage("POST", "/aliases", {"alias": "0211 5551111"})
    assert again.status == 409
    assert (await anna.manage("DELETE", f"/aliases/{text.replace(' ', '%20')}")).status == 204
    assert (await anna.manage("DELETE", f"/aliases/{text.replace(' ', '%20')}")).status == 404


@pytest.mark.parametrize(
    ("alias", "status"),
    [
        ("0049211", 400),
        ("49+211", 400),
        ("0211--555", 400),
        ("-", 400),
        ("", 400),
        ("abc", 400),
        ("1" * 24, 400),
        ("1" * 500, 400),
        (ANNA, 409),
        ("101", 409),
        (BERT, 409),
        (CARL, 409),
    ],
)
async def test_aliases_that_break_a_rule(anna: Web, alias: str, status: int) -> None:
    refused = await anna.manage("POST", "/aliases", {"alias": alias})
    assert refused.status == status
    assert refused.json["status"] == status
    assert refused.json["summary"]
    assert (await anna.manage("GET", "/aliases")).json["aliases"] == [BERT]


async def test_alias_of_another_mailbox_is_refused(platform: EmbeddedPlatform, anna: Web) -> None:
    async with Web(platform, platform.site.users[CARL]) as carl:
        assert (await carl.manage("POST", "/aliases", {"alias": BERT})).status == 409
        assert (await carl.manage("POST", "/aliases", {"alias": DORA})).status == 201
    assert (await anna.manage("POST", "/aliases", {"alias": DORA})).status == 409


@pytest.mark.requirement("R20")
async def test_alias_changes_what_the_portal_asks_for(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    assert await asked_for(platform, DORA) == "portal.enter_mailbox"
    assert (await anna.manage("POST", "/aliases", {"alias": DORA})).status == 201
    assert await asked_for(platform, DORA) == "portal.enter_pin"
    assert (await anna.manage("DELETE", f"/aliases/{DORA}")).status == 204
    assert await asked_for(platform, DORA) == "portal.enter_mailbox"


async def test_alias_may_watch_the_lamp(platform: EmbeddedPlatform, anna: Web) -> None:
    dora = await Phone(platform, platform.site.users[DORA]).open()

    async def watch() -> int:
        answer = await dora.send(
            "SUBSCRIBE",
            f"sip:u101@{DOMAIN}",
            [("Contact", dora.contact), ("Event", "message-summary"), ("Expires", "60")],
        )
        return answer.status

    assert await watch() == 404
    assert (await anna.manage("POST", "/aliases", {"alias": DORA})).status == 201
    assert await watch() == 200
    await dora.close()


async def test_aliases_outlive_the_program(tmp_path: Path) -> None:
    async with running(tmp_path) as platform, Web(platform, platform.site.users[ANNA]) as anna:
        await anna.manage("POST", "/aliases", {"alias": "0211-5551111"})
        await anna.manage("DELETE", f"/aliases/{BERT}")
    async with running(tmp_path) as platform, Web(platform, platform.site.users[ANNA]) as anna:
        assert (await anna.manage("GET", "/aliases")).json["aliases"] == [DUESSELDORF]


async def test_pin_is_typed_twice_keeps_the_rules_and_opens_the_mailbox(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    pins = platform.self_service.pins

    async def put(pin: object, again: object) -> int:
        return (await anna.manage("PUT", "/pin", {"pin": pin, "pin_again": again})).status

    for bad in ("12357", "123456", "654321", "12a567", "123499", "1" * 31, "", "135791"):
        refused = await anna.manage("PUT", "/pin", {"pin": bad, "pin_again": bad})
        assert refused.status == 400
        assert not bad or bad not in refused.json["summary"]
    assert await put("123567", "123568") == 400
    assert await put(123567, 123567) == 400
    assert pins.check(ANNA, "135791")
    assert await put("123567", "123567") == 204
    assert pins.check(ANNA, "123567")
    assert not pins.check(ANNA, "135791")
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    await phone.register()
    talk = await TalkingCall(phone).place(PORTAL)
    await talk.stream.wait_prompt("portal.enter_pin", 5)
    await talk.stream.send_digits("123567#")
    assert await talk.stream.wait_prompt("portal.main", 5) == "portal.main"
    await talk.hang_up()
    await phone.close()


async def test_suggested_pin_keeps_the_rules_and_changes_nothing(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    pins = [(await anna.manage("POST", "/pin/suggestion")).json["pin"] for _ in range(20)]
    assert all(check_pin(pin) == [] for pin in pins)
    assert len(set(pins)) > 1
    assert platform.self_service.pins.check(ANNA, "135791")


async def test_facts_of_the_mailbox(platform: EmbeddedPlatform, anna: Web) -> None:
    message = platform.store.add(ANNA, CARL, AUDIO, urgent=True, at=1_700_000_000.25)
    platform.store.note_login(ANNA, succeeded=False)
    assert (await anna.manage("GET", "/mailbox")).json == {
        "mailbox": ANNA,
        "new": 1,
        "saved": 0,
        "urgent_new": 1,
        "urgent_saved": 0,
        "wrong_pins_in_a_row": 1,
        "messages": [
            {
                "id": message.message_id,
                "caller": CARL,
                "left_at": "2023-11-14T22:13:20.250+00:00",
                "duration_s": 1.0,
                "urgent": True,
                "state": "new",
            }
        ],
    }


@pytest.mark.parametrize("path", ["/aliases", "/mailbox"])
async def test_user_without_mailbox(platform: EmbeddedPlatform, path: str) -> None:
    async with Web(platform, platform.site.users[DORA]) as dora:
        refused = await dora.manage("GET", path)
        assert refused.status == 404
        assert "not assigned" in refused.json["summary"]


@pytest.mark.parametrize(
    "body", [[], {}, {"alias": 5}, {"alias": None}, {"alias": "1", "more": "2"}, "text", None]
)
async def test_bodies_of_another_shape(anna: Web, body: object) -> None:
    assert (await anna.manage("POST", "/aliases", body)).status == 400


# -- the description ---------------------------------------------------------------------


def described() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(DESCRIPTION.read_text())
    return content


async def test_description_names_every_route_and_no_other(platform: EmbeddedPlatform) -> None:
    served = {
        (route.method.lower(), route.template)
        for route in platform._api.routes  # type: ignore[union-attr]  # the platform is up: the part is there
    }
    found = {
        (method, path)
        for path, item in described()["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert found == served


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def test_description_is_whole() -> None:
    content = described()
    assert content["openapi"].startswith("3.1.")
    for reference in references(content):
        target: Any = content
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]
        assert target
    for path, item in content["paths"].items():
        variables = {part.strip("{}") for part in path.split("/") if part.startswith("{")}
        shared = [
            content["components"]["parameters"][p["$ref"].rpartition("/")[2]]["name"]
            for p in item.get("parameters", [])
        ]
        assert set(shared) == variables, path
        for method, operation in item.items():
            if method == "parameters":
                continue
            assert operation["operationId"]
            assert {"401", "429"} <= set(operation["responses"]), (path, method)
    identifiers = [
        operation["operationId"]
        for item in content["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(identifiers) == len(set(identifiers))


def test_description_marks_what_is_known_how_well() -> None:
    marks = {
        operation.get("x-known-from")
        for item in described()["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }
    assert marks == {"P", "2", "NF"}
