"""Profiles: inheritance, strict keys with file and line, explain, lint, schema."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path

import pytest
from render_intents import representatives

from provisioning.address import Mac
from provisioning.device_profile import (
    ProfileSet,
    UnknownModelError,
    load_profiles,
    profile_schema,
    shipped_profiles,
)
from provisioning.errors import InputErrors
from provisioning.profile_limits import LimitsOfModels
from provisioning.profile_lint import LintLevel, lint_profiles
from provisioning.profile_model import Maturity
from provisioning.resources import device_profiles_dir

PROFILES = shipped_profiles()
MODELS = representatives(PROFILES)
MAC = Mac("805ec01a2b3c")


@cache
def shipped_findings():
    return lint_profiles(PROFILES)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(folder):
    with pytest.raises(InputErrors) as caught:
        load_profiles(folder)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_one_model_of_each_first_vendor_is_there_and_none_claims_a_real_phone():
    assert set(PROFILES) >= {"D785", "GRP2614", "T46U", "VVX450"}
    assert Maturity.SEEN not in {profile.maturity for profile in PROFILES.values()}


def test_no_fault_in_the_shipped_profiles():
    assert PROFILES.faults() == []
    assert [str(item) for item in shipped_findings() if item.level is LintLevel.FAULT] == []


def test_unverified_facts_are_listed_with_their_place():
    listed = {(item.model, item.path): item for item in shipped_findings()}
    accounts = listed["GRP2614", "limits.accounts"]
    assert accounts.level is LintLevel.UNVERIFIED
    assert accounts.position.file.endswith("GRP2614.yaml")
    assert accounts.position.line > 0
    assert ("T42U", "limits.expansion_modules") in listed
    assert ("T46U", "limits.accounts") not in listed


def test_child_wins_mappings_merge_lists_replace(folder):
    change(
        folder / "yealink" / "T46U.yaml",
        "limits: {accounts: 16,",
        "identify: {mac_oui: ['00:15:65']}\nlimits: {value_length: 99, accounts: 16,",
    )
    profile = load_profiles(folder)["T46U"]
    assert profile.limits.value_length == 99
    assert profile.limits.line_keys == 27
    assert profile.identify.mac_oui == ("00:15:65",)
    assert len(profile.identify.samples) == 2


def test_explain_gives_file_and_line_of_every_value():
    shown = {item.path: item for item in PROFILES.explain("T46U")}
    assert shown["limits.accounts"].position.file.endswith("yealink/T46U.yaml")
    assert shown["mwi.off"].position.file.endswith("yealink/_vendor.yaml")
    assert shown["maturity"].position.file.endswith("_base.yaml")
    for item in shown.values():
        lines = Path(item.position.file).read_text(encoding="utf-8").split("\n")
        assert item.position.line <= len(lines)
    text = str(shown["limits.accounts"])
    assert re.fullmatch(r"limits\.accounts = 16  \(.*T46U\.yaml:\d+\)", text)


def test_explain_can_be_narrowed():
    assert [item.path for item in PROFILES.explain("D785", "limits")] == [
        "limits.value_length",
        "limits.expansion_modules",
        "limits.accounts",
        "limits.line_keys",
        "limits.module_keys",
    ]


def test_an_unknown_key_is_a_fault_with_its_line(folder):
    change(folder / "snom" / "D785.yaml", "limits:", "colour: black\nlimits:")
    (fault,) = faults(folder)
    assert fault == (
        "snom/D785.yaml:4:1: unknown key 'colour'; expected a key of the schema. "
        "Remove it or correct its spelling."
    )


def test_an_unknown_key_of_a_parent_points_into_the_parent(folder):
    change(folder / "yealink" / "_t4u.yaml", "firmware: {", "firmware: {size: big, ")
    (fault,) = faults(folder)
    assert fault.startswith("yealink/_t4u.yaml:5:12: unknown key 'size'")


def test_wrong_and_missing_values_are_faults(folder):
    change(folder / "poly" / "VVX450.yaml", "accounts: 12", "accounts: many")
    change(folder / "poly" / "_vendor.yaml", "mwi: slow", "mwi: dancing")
    change(folder / "snom" / "_vendor.yaml", "vendor: snom\n", "")
    found = faults(folder)
    assert any("limits.accounts; got 'many'" in fault for fault in found)
    assert any(fault.startswith("poly/_vendor.yaml:") and "dancing" in fault for fault in found)
    assert any("vendor" in fault for fault in found)


def test_a_circle_of_parents_is_an_error(folder):
    change(folder / "_base.yaml", "abstract: true", "abstract: true\nextends: yealink/_t4u.yaml")
    with pytest.raises(InputErrors, match="extend each other in a circle"):
        load_profiles(folder)


def test_a_parent_that_is_not_there_is_an_error(folder):
    change(folder / "snom" / "D785.yaml", "_d7xx.yaml", "_d9xx.yaml")
    with pytest.raises(InputErrors, match=r"D785.yaml:2:10: extends a file that does not exist"):
        load_profiles(folder)


def test_file_name_must_be_the_model_and_models_are_unique(folder):
    shutil.copy(folder / "snom" / "D785.yaml", folder / "snom" / "D786.yaml")
    found = faults(folder)
    assert any("the file name is not the model" in fault for fault in found)
    assert any("a second profile of this model" in fault for fault in found)


def test_only_what_is_asked_for_is_read(folder):
    change(folder / "poly" / "VVX450.yaml", "accounts: 12", "accounts: many")
    change(folder / "snom" / "_vendor.yaml", "vendor: snom", "vendor: [")
    known = ProfileSet(folder)
    assert known["T46U"].limits.accounts == 16
    assert {"D785", "T46U", "VVX450"} <= set(known)
    assert "_vendor" not in known
    with pytest.raises(InputErrors, match=r"VVX450.yaml:\d+:\d+: limits.accounts; got 'many'"):
        known["VVX450"]
    with pytest.raises(InputErrors, match=r"snom/_vendor.yaml:"):
        known.get("D785")
    assert len({fault.position.file for fault in known.faults()}) == 2


def test_a_name_that_says_other_than_the_file_is_a_fault(folder):
    shutil.copy(folder / "snom" / "D785.yaml", folder / "snom" / "_D785.yaml")
    (folder / "poly" / "Parent.yaml").write_text("schema: 1\nabstract: true\n")
    found = faults(folder)
    assert any(
        fault.startswith("snom/_D785.yaml:1: the name is that of a parent") for fault in found
    )
    assert any(
        fault.startswith("poly/Parent.yaml:1: the name is that of a model") for fault in found
    )


def test_limits_are_those_of_the_profiles():
    limits = LimitsOfModels(PROFILES)
    assert set(limits) == set(PROFILES)
    assert len(limits) == len(PROFILES)
    assert "T46" not in limits
    assert (limits["T46U"].accounts, limits["T46U"].line_keys) == (16, 27)
    assert (limits["T46U"].expansion_modules, limits["T46U"].module_keys) == (3, 60)
    with pytest.raises(KeyError):
        limits["T46"]


def test_a_key_written_twice_is_an_error(folder):
    change(folder / "snom" / "D785.yaml", "model: D785", "model: D785\nmodel: D785")
    with pytest.raises(InputErrors, match="given twice"):
        load_profiles(folder)


def test_an_unknown_model_names_near_ones():
    with pytest.raises(UnknownModelError, match="Did you mean VVX450") as caught:
        PROFILES.get("VVX-450")
    assert caught.value.near[0] == "VVX450"
    assert "'phonerig models --vendor poly'" in str(caught.value)
    assert len(str(caught.value)) < 200
    with pytest.raises(KeyError, match="None of the known ones is like it; add a profile file"):
        PROFILES["nothing of the kind"]
    assert "nothing of the kind" not in PROFILES
    assert PROFILES.get("nothing of the kind", PROFILES["T46U"]).model == "T46U"


def test_a_missing_source_is_a_lint_fault(folder):
    change(folder / "yealink" / "_vendor.yaml", "  resync: {mark", "  resyncs: {mark")
    texts = [str(item) for item in lint_profiles(load_profiles(folder))]
    assert any("fault: T46U resync.event: has no source" in text for text in texts)
    assert any("sources.resyncs: names no value of the profile" in text for text in texts)


def test_a_sample_that_does_not_match_is_a_lint_fault(folder):
    change(folder / "snom" / "_vendor.yaml", "compatible; snom870-SIP", "compatible; snom870")
    change(folder / "poly" / "_vendor.yaml", "Polycom(?:VVX|", "Polycom(?:XVV|")
    texts = [str(item) for item in lint_profiles(load_profiles(folder))]
    assert any("D785 identify.samples: does not match" in text for text in texts)
    assert any("VVX450 boot.user_agent: identify.user_agent does not match" in t for t in texts)


def test_a_file_the_model_never_asks_for_is_a_lint_fault(folder):
    change(
        folder / "grandstream" / "_vendor.yaml",
        '- {path: "cfg{mac}.xml", group',
        '- {path: "cfg{mac_upper}.xml", group',
    )
    change(folder / "yealink" / "_vendor.yaml", "yealink/model.cfg.j2", "yealink/nothing.j2")
    texts = [str(item) for item in lint_profiles(load_profiles(folder))]
    assert any("the model never asks for cfg000413a1b2c3.xml" in text for text in texts)
    assert any("there is no template yealink/nothing.j2" in text for text in texts)


@pytest.mark.parametrize("model", MODELS)
def test_user_agent_tells_model_firmware_and_where_sent_the_mac(model):
    profile = PROFILES[model]
    match = re.search(profile.identify.user_agent, profile.user_agent(MAC))
    assert match["model"] == profile.hardware.name
    assert match["firmware"] == profile.firmware.sample
    if match["mac"]:
        assert Mac.parse(match["mac"]) == MAC


def test_samples_without_a_mac_stay_without():
    pattern = re.compile(PROFILES["D785"].identify.user_agent)
    match = pattern.search(PROFILES["D785"].identify.samples[1])
    assert (match["model"], match["firmware"], match["mac"]) == ("870", "8.4.35", None)


def test_boot_requests_in_order_with_names_filled():
    assert [request.path for request in PROFILES["T46U"].boot_requests(MAC)] == [
        "805ec01a2b3c.boot",
        "y000000000000.boot",
        "y000000000108.cfg",
        "805ec01a2b3c.cfg",
        "805ec01a2b3c-local.cfg",
    ]
    assert [request.path for request in PROFILES["D785"].boot_requests(MAC)] == [
        "snomD785.htm",
        "snomD785-805EC01A2B3C.htm",
    ]


def test_an_unknown_placeholder_is_an_error():
    with pytest.raises(KeyError):
        PROFILES["T46U"].fill("{serial}", MAC)


def test_the_kept_schema_is_the_one_that_is_checked():
    kept = json.loads((device_profiles_dir() / "schema.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(profile_schema()))
