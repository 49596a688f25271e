"""``phonerig explain``: every class in both languages, rules, seeded faults, vendors' settings."""

from __future__ import annotations

import json

import pytest

from provisioning.device_profile import shipped_profiles
from rig import fault_guide
from rig.cli import run
from rig.errors import UsageError
from rig.faults.catalogue import seeds
from rig.verdict.fault_class import FaultClass, class_texts
from rig.verdict.phrase import LANGUAGES

SERIES = {"T46U", "D785", "GRP2614", "VVX450", "Maxwell4"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_class_is_explained(lang: str) -> None:
    heads = fault_guide._HEADS[lang]
    for fault, text in class_texts().items():
        lines = list(fault_guide.explain_class(fault, lang))
        assert lines[0].text == f"{fault} {fault.slug}"
        said = "\n".join(line.text for line in lines)
        assert text.seen.in_language(lang) in said
        assert all(cause.in_language(lang) in said for cause in text.causes)
        assert all(
            heads[head] in said for head in ("seen", "causes", "remedies", "rules", "seeds")
        )
        assert "{" not in said
        proving = [seed for seed in seeds().values() if seed.fault_class is fault]
        assert all(f"`{seed.name}`" in said for seed in proving)
        naming = [rule.id for rule, _ in fault_guide.rules() if rule.fault_class is fault]
        assert all(f"`{rule}`" in said for rule in naming)


def test_the_settings_of_a_class_are_fields_of_the_maps() -> None:
    profiles = [p for p in shipped_profiles().values() if p.model in SERIES]
    for text in class_texts().values():
        for field in text.settings:
            assert fault_guide.vendor_settings(field, profiles), field


@pytest.mark.parametrize(
    ("field", "model", "said"),
    [
        ("mwi_mode", "T46U", "account.N.subscribe_mwi (1: subscribe; absent: unsolicited)"),
        ("mwi_mode", "D785", "user_mailbox[N]"),
        ("on_message", "VVX450", "msg.mwi.1.led (0: false; 1: true; absent: true)"),
        ("on_message", "D785", "led_message_usage (PhoneHasVoiceMessages: true; absent: true)"),
        ("diversion_header", "T46U", "features.fwd_diversion_enable"),
    ],
)
def test_a_vendors_setting_is_that_of_its_map(field: str, model: str, said: str) -> None:
    (setting,) = fault_guide.vendor_settings(field, [shipped_profiles()[model]])
    assert str(setting).startswith(said)


def test_names_of_several_models_are_counted() -> None:
    profiles = [p for p in shipped_profiles().values() if p.vendor == "fanvil"]
    (setting,) = fault_guide.vendor_settings("mwi_mode", profiles)
    assert 0 < setting.models < setting.of_models == len(profiles)
    assert str(setting).endswith(f"{setting.models} of {len(profiles)} models)")


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("m5", ("M5 count-wrong", "count_wrong", "yes-with-nothing-new")),
        ("count-wrong", ("M5 count-wrong",)),
        ("count_wrong", ("blames: platform", "needs: the platform's port", "nothing can be said")),
        ("b07", ("phonerig faults run B07", "fusionpbx", "M5 count-wrong")),
        ("", ("M11 notify-lost", "P9 wrong-device")),
    ],
)
def test_a_topic_is_found_by_any_of_its_names(
    topic: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", *([topic] if topic else [])]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in words), said


def test_german_and_one_vendor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "M9", "--lang", "de", "--vendor", "Snom"]) == 0
    said = capsys.readouterr().out
    assert "Woran man es sieht" in said
    assert "led_message_usage" in said
    assert "yealink" not in said
    assert run(["explain", "--language", "de", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["lines"]) == len(FaultClass)


@pytest.mark.parametrize(
    "words",
    [["M12"], ["M9", "--lang", "fr"], ["--lang", "fr"], ["M9", "--vendor", "nobody"]],
)
def test_what_cannot_be_explained_is_a_usage_error(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", *words]) == 2
    assert "internal error" not in capsys.readouterr().err


def test_an_empty_word_is_no_seed_without_number() -> None:
    with pytest.raises(UsageError):
        fault_guide.find_topic("")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--class", "m5"], lambda s: s.fault_class is FaultClass.M5),
        (["--class", "D"], lambda s: s.fault_class.value.startswith("D")),
        (["--component", "network"], lambda s: s.component.value == "network"),
    ],
)
def test_the_list_of_faults_is_filtered(words, wanted, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faults", "list", *words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["faults"]
    assert rows
    assert [row["name"] for row in rows] == [s.name for s in seeds().values() if wanted(s)]
    assert {"id", "source", "component", "class"} <= rows[0].keys()


def test_wrong_filters_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["faults", "list", "--class", "M99"]) == 2
    assert run(["faults", "list", "--component", "cat"]) == 2
    assert "known: platform" in capsys.readouterr().err
