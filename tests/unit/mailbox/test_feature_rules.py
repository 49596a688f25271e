"""Feature access codes as rules on data: what was dialled, what it does, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from call_kit import FACTORY_CODES
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import InputErrors
from provisioning.feature_code import (
    WITH_ARGUMENT,
    CodeError,
    DialledFeature,
    Feature,
    code_clashes,
    parse_feature_code,
    read_feature,
)
from provisioning.hunt_group import HuntPolicy
from provisioning.inventory import parse_site
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.calls.feature_rules import (
    FORWARDS,
    MAILBOX_FLAGS,
    USER_FLAGS,
    FeatureResult,
    feature_result,
)
from rig.media.prompt_ids import number_of

OPTIONS = MailboxOptions()
OWN, OTHER = "+493023125101", "+493023125104"


def target_of(dialled: str) -> str | None:
    return {"104": OTHER, "101": OWN, "03023125104": OTHER}.get(dialled)


def result(
    feature: Feature,
    argument: str = "",
    services: UserServices | None = None,
    options: MailboxOptions | None = OPTIONS,
) -> FeatureResult:
    found = feature_result(
        DialledFeature(feature, argument), OWN, services or UserServices(), options, target_of
    )
    assert found is not None
    return found


# -- reading what was dialled -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialled", "feature", "argument"),
    [
        ("*72104", Feature.FORWARD_ALWAYS_ON, "104"),
        ("*72*104#", Feature.FORWARD_ALWAYS_ON, "104"),
        ("*72", Feature.FORWARD_ALWAYS_ON, ""),
        ("*73", Feature.FORWARD_ALWAYS_OFF, ""),
        ("*73#", Feature.FORWARD_ALWAYS_OFF, ""),
        ("*21", Feature.MAILBOX_ALL_ON, ""),
        ("#21", Feature.MAILBOX_ALL_OFF, ""),
        ("*21*", Feature.FORWARD_ALWAYS_QUERY, ""),
        ("*61*", Feature.FORWARD_NO_ANSWER_QUERY, ""),
        ("*6105", Feature.NO_ANSWER_RINGS, "5"),
        ("*61020", Feature.NO_ANSWER_RINGS, "20"),
        ("*55103", Feature.MAILBOX_DEPOSIT, "103"),
        ("*86", Feature.VOICE_PORTAL, ""),
    ],
)
def test_vm_cfg_01_a_code_is_read_by_the_longest_that_fits(
    dialled: str, feature: Feature, argument: str
) -> None:
    assert read_feature(dialled, FACTORY_CODES) == DialledFeature(feature, argument)


@pytest.mark.parametrize("dialled", ["", "*", "#", "*7", "*73104", "*00", "104", "+4930", "*21**"])
def test_vm_cfg_01_anything_else_is_no_code(dialled: str) -> None:
    assert read_feature(dialled, FACTORY_CODES) is None


@given(st.text(alphabet="0123456789*#+", max_size=24))
def test_vm_cfg_01_no_code_without_a_table_and_no_code_that_was_not_dialled(dialled: str) -> None:
    assert read_feature(dialled, {}) is None
    found = read_feature(dialled, FACTORY_CODES)
    if found is not None:
        assert any(dialled.startswith(code) for code in FACTORY_CODES[found.feature])
        assert found.argument == "" or found.feature in WITH_ARGUMENT
        assert found.argument in dialled


@given(st.sampled_from(sorted(FACTORY_CODES)), st.text(alphabet="0123456789", max_size=15))
def test_vm_cfg_01_every_code_is_read_back(feature: Feature, digits: str) -> None:
    argument = digits if feature in WITH_ARGUMENT else ""
    for code in FACTORY_CODES[feature]:
        assert read_feature(code + argument, FACTORY_CODES) == DialledFeature(feature, argument)


@pytest.mark.parametrize("text", ["", "*", "**", "***7", "*a", "*1234567", "+49", "7 2", "*7*2"])
def test_a_code_that_no_telephone_could_dial_is_refused(text: str) -> None:
    with pytest.raises(CodeError, match="feature access code"):
        parse_feature_code(text)


def test_codes_of_a_site_are_unambiguous() -> None:
    assert code_clashes(FACTORY_CODES, ["101", "+493023125199"], "0") == []


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ({Feature.VOICE_PORTAL: ("*62",), Feature.CLEAR_MWI: ("*62",)}, "the same code"),
        ({Feature.VOICE_PORTAL: ("*62", "*62")}, "the same code"),
        ({Feature.VOICE_PORTAL: ("101",)}, "a number of the site"),
        ({Feature.MAILBOX_DEPOSIT: ("10",)}, "begins like 101"),
        ({Feature.MAILBOX_DEPOSIT: ("055",)}, "national number"),
        ({Feature.FORWARD_ALWAYS_ON: ("*7",), Feature.FORWARD_ALWAYS_OFF: ("*73",)}, "takes dig"),
    ],
)  # fmt: skip
def test_codes_that_collide_are_told_in_words(
    codes: dict[Feature, tuple[str, ...]], words: str
) -> None:
    (clash,) = code_clashes(codes, ["101"], "0")
    assert words in clash


SITE = """\
site:
  name: x
  demo: true
  domain: pbx.example
  voice_portal_number: 199
  provisioning: {url: "http://x.example"}
  admin_password: demo:long-enough-password
%s
users:
  - {name: A, number: 030 23125101, extension: 101, sip: {user: a, password: demo:aaaaaaaaaa}}
  - {name: B, number: 030 23125102, extension: 102, sip: {user: b, password: demo:bbbbbbbbbb}}
%s
"""


def site(codes: str = "", rest: str = "") -> object:
    return parse_site((SITE % (codes, rest)).encode(), Path("site.yaml"))


def test_inventory_reads_codes_and_groups_and_assumes_none() -> None:
    plain = site()
    assert plain.feature_codes == {}
    assert plain.hunt_groups == {}
    full = site(
        '  feature_codes: {voice_portal: ["*62", "*86"], clear_mwi: "*99"}',
        "hunt_groups:\n  - {name: G, number: 030 23125120, extension: 120, members: [101, 102],"
        " ring: in_order, rings: 3, no_answer: 101}\n",
    )
    assert full.feature_codes[Feature.VOICE_PORTAL] == ("*62", "*86")
    group = full.hunt_groups["+493023125120"]
    assert group.members == ("+493023125101", "+493023125102")
    assert (group.policy, group.rings, group.no_answer) == (HuntPolicy.IN_ORDER, 3, "101")


@pytest.mark.parametrize(
    ("codes", "rest", "words"),
    [
        ('  feature_codes: {voice_portal: "101"}', "", "also a number of the site"),
        ('  feature_codes: {no_such_thing: "*1"}', "", "unknown key 'no_such_thing'"),
        ('  feature_codes: {clear_mwi: "x"}', "", "feature access code"),
        ("", "hunt_groups: [{name: G, number: 030 23125101, members: [102]}]", "number of user A"),
        ("", "hunt_groups: [{name: G, number: 030 23125120, extension: 199, members: [102]}]",
         "number of the voice portal"),
        ("", "hunt_groups: [{name: G, number: 030 23125120, members: [102, 102]}]", "twice"),
        ("", "hunt_groups: [{name: G, number: 030 23125120, members: [777]}]", "names no user"),
        ("", "hunt_groups: [{name: G, number: 030 23125120}]", "has 0 members"),
    ],
)  # fmt: skip
def test_inventory_says_what_is_wrong_with_codes_and_groups(
    codes: str, rest: str, words: str
) -> None:
    with pytest.raises(InputErrors, match=words):
        site(codes, rest)


# -- what it does -----------------------------------------------------------------------------


@pytest.mark.parametrize("feature", [f for f, (_, what) in FORWARDS.items() if what == "on"])
def test_r30b_forwarding_is_switched_on_with_its_target(feature: Feature) -> None:
    name, _ = FORWARDS[feature]
    found = result(feature, "104")
    assert found.services is not None
    rule: ForwardRule = getattr(found.services, name)
    assert (rule.active, rule.target) == (True, OTHER)
    others = {"always", "busy", "no_answer", "not_reachable"} - {name}
    assert all(getattr(found.services, other) == ForwardRule() for other in others)
    assert found.prompts[0] == "feature.activated"


@pytest.mark.parametrize(
    ("argument", "prompt"),
    [("101", "feature.own_number"), ("9", "feature.bad_number"), ("", "feature.no_number")],
)
def test_r30b_a_target_that_cannot_be_is_refused_and_nothing_changes(
    argument: str, prompt: str
) -> None:
    found = result(Feature.FORWARD_ALWAYS_ON, argument)
    assert found == FeatureResult((prompt,))


def test_r30b_off_keeps_the_number_and_on_without_one_takes_it_again() -> None:
    on = UserServices(busy=ForwardRule(active=True, target=OTHER, rings=4))
    off = result(Feature.FORWARD_BUSY_OFF, services=on).services
    assert off is not None
    assert off.busy == ForwardRule(active=False, target=OTHER, rings=4)
    assert result(Feature.FORWARD_BUSY_ON, services=off).services == on


def test_interrogation_says_the_number_and_changes_nothing() -> None:
    on = UserServices(always=ForwardRule(active=True, target="+49"))
    told = result(Feature.FORWARD_ALWAYS_QUERY, services=on)
    assert told == FeatureResult(("feature.forwarded_to", "spoken.plus", "spoken.4", "spoken.9"))
    kept = UserServices(always=ForwardRule(active=False, target=OTHER))
    assert result(Feature.FORWARD_ALWAYS_QUERY, services=kept).prompts == ("feature.is_off",)


@pytest.mark.parametrize("feature", sorted(MAILBOX_FLAGS))
def test_r27_r28_r29_mailbox_options_by_code(feature: Feature) -> None:
    name, value = MAILBOX_FLAGS[feature]
    start = replace(MailboxOptions(), **{name: not value})
    found = result(feature, options=start)
    assert found.options == replace(start, **{name: value})
    assert found.services is None
    for none in (None, replace(start, active=False)):
        assert result(feature, options=none) == FeatureResult(("feature.no_mailbox",))


@pytest.mark.parametrize("feature", sorted(USER_FLAGS))
def test_r28_do_not_disturb_and_call_waiting_by_code(feature: Feature) -> None:
    name, value = USER_FLAGS[feature]
    start = replace(UserServices(), **{name: not value})
    assert result(feature, services=start).services == replace(start, **{name: value})


@given(st.text(alphabet="0123456789*#", max_size=4))
def test_r30_ring_counts_are_0_or_2_to_20(argument: str) -> None:
    found = result(Feature.NO_ANSWER_RINGS, argument)
    allowed = argument.isdecimal() and len(argument) <= 2 and int(argument) in {0, *range(2, 21)}
    if not allowed:
        assert found == FeatureResult(("feature.bad_rings",))
    else:
        assert found.options is not None
        assert found.services is not None
        assert found.options.rings == found.services.no_answer.rings == int(argument)


@given(
    st.sampled_from(sorted(Feature)),
    st.sampled_from(["", "104", "101", "5", "junk"]),
    st.booleans(),
)
def test_codes_only_ever_say_prompts_that_exist_and_change_one_thing(
    feature: Feature, argument: str, with_mailbox: bool
) -> None:
    options = MailboxOptions() if with_mailbox else None
    found = feature_result(
        DialledFeature(feature, argument), OWN, UserServices(), options, target_of
    )
    if found is None:
        assert feature in {Feature.VOICE_PORTAL, Feature.MAILBOX_DEPOSIT, Feature.CLEAR_MWI}
        return
    assert found.prompts
    assert all(number_of(prompt) is not None for prompt in found.prompts)
    if found.services is not None:
        for name in ("always", "busy", "no_answer", "not_reachable"):
            rule: ForwardRule = getattr(found.services, name)
            assert rule.target or not rule.active, "forwarding without a number"
            assert rule.target != OWN
