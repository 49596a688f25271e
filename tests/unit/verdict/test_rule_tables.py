"""The rule tables: complete, the same in both languages, and in words that a person can read."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from diversion_stages import FEATURE_STAGES, LOOP_STAGES, PLAIN_STAGES
from staging import Stage, summary
from test_every_rule import DIVERSION_STAGES, MWI_STAGES, firing, told

from rig import scenarios
from rig.timeline import LampState
from rig.verdict import (
    diversion_rules,
    feature,
    feature_facts,
    loop,
    mwi_address,
    mwi_rules,
    plain_call,
    provisioning_rules,
)
from rig.verdict.diversion_facts import DiversionCase
from rig.verdict.diversion_rules import diversion_book
from rig.verdict.finding import Finding
from rig.verdict.mangling import MANGLINGS
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_rules import mwi_book
from rig.verdict.phrase import LANGUAGES, Text, Word, Wording, phrase, phrase_keys
from rig.verdict.provisioning import ProvisioningCase
from rig.verdict.provisioning_rules import provisioning_book
from rig.verdict.rule_book import RuleBook, predicates
from rig.verdict.rule_table import (
    RuleTable,
    Source,
    common_words,
    parse_rule_table,
    rule_table,
    rule_text,
)

BOOKS: dict[str, RuleBook] = {
    "mwi": mwi_book(),
    "diversion": diversion_book(),
    "loop": loop.loop_book(),
    "plain_call": plain_call.plain_call_book(),
    "feature": feature.feature_book(),
    "provisioning": provisioning_book(),
}
MODULES = {
    "mwi": (*mwi_rules.MODULES, mwi_address),
    "diversion": diversion_rules.MODULES,
    "loop": (loop,),
    "plain_call": (plain_call,),
    "feature": (feature,),
    "provisioning": (*provisioning_rules.MODULES,),
}
CASES = {
    "mwi": LampCase,
    "diversion": DiversionCase,
    "loop": loop.LoopCase,
    "plain_call": plain_call.PlainCase,
    "feature": feature_facts.FeatureCase,
    "provisioning": ProvisioningCase,
}
ENGLISH = re.compile(r"\b(the|and|with|which|its|does|not|phone|mailbox|sent)\b", re.IGNORECASE)
FAMILIAR = re.compile(r"\b(du|dein\w*|dir|dich|prüfe|suche|schalte|vergleiche|stelle)\b")


def texts(table: RuleTable) -> Iterator[tuple[str, Text]]:
    for rule in table.rules:
        yield f"{rule.id} says", rule.says
        yield f"{rule.id} remedy", rule.remedy
    for key, text in table.phrases.items():
        yield f"phrase {key}", text
    for key, link in table.links.items():
        yield f"link {key}", link.name


ALL = [(f"{name}: {label}", text) for name, book in BOOKS.items()
       for label, text in texts(book.table)]  # fmt: skip
COMMON = common_words()
ALL += [(f"words: {key}", text) for key, text in chain(
    COMMON.sources.items(), COMMON.components.items(),
    {"lacks": COMMON.lacks, "hides": COMMON.hides}.items())]  # fmt: skip


@pytest.mark.parametrize("name", list(BOOKS))
def test_a_row_without_predicate_and_a_predicate_without_row_are_refused(name: str) -> None:
    book = BOOKS[name]
    assert [rule.id for rule in book.table.rules]
    first = book.table.rules[0].id
    text = rule_text(name).replace(f"\n  {first}:\n", "\n  nobody:\n", 1)
    with pytest.raises(ValueError, match=f"{first}, nobody|nobody, {first}"):
        RuleBook(parse_rule_table(name, text), CASES[name], MODULES[name])


def test_only_public_functions_from_a_case_to_what_was_found_are_predicates() -> None:
    names = predicates(LampCase, mwi_rules.MODULES).keys()
    assert "count_wrong" in names
    assert not names & {"_refused", "says", "found", "misaddressed"}


def test_both_languages_have_the_same_placeholders() -> None:
    assert len(ALL) > 150
    differ = [label for label, text in ALL
              if text.placeholders("en") != text.placeholders("de")
              or bool(text.en) != bool(text.de)]  # fmt: skip
    assert not differ


def test_german_is_german_and_polite() -> None:
    for label, text in ALL:
        bare = re.sub(r"\{[^}]*\}|Request-URI|Subscription-State", "", text.de)
        assert not ENGLISH.search(bare), label
        assert not FAMILIAR.search(bare), label
        if label.endswith("remedy") and "{" not in text.de:
            assert re.search(r"\bSie\b|\bmuss\b|steht in|verlangt|passt zum", text.de), label


def phrases_in_code(name: str) -> set[str]:
    source = "\n".join(inspect.getsource(module) for module in MODULES[name])
    called = re.findall(r"phrase\(\s*([^,()]*(?:\"[a-z_]+\"[^,()]*)+)", source)
    return {key for words in called for key in re.findall(r'"([a-z_]+)"', words)}


@pytest.mark.parametrize("name", list(BOOKS))
def test_every_phrase_is_used_and_every_used_phrase_is_there(name: str) -> None:
    chosen = MANGLINGS if name == "provisioning" else set()
    assert phrases_in_code(name) | chosen == set(rule_table(name).phrases)


STAGES = {
    **{("mwi", rule): story for rule, story in MWI_STAGES.items()},
    **{("diversion", rule): story for rule, story in DIVERSION_STAGES.items()},
    **{("loop", rule): story for rule, story in LOOP_STAGES.items()},
    **{("plain_call", rule): story for rule, story in PLAIN_STAGES.items()},
    **{("feature", rule): story for rule, story in FEATURE_STAGES.items()},
}


RIG = Path(scenarios.__file__).parent


@pytest.mark.parametrize(("table", "rule"), list(STAGES))
def test_what_a_rule_finds_fills_its_sentences(table: str, rule: str) -> None:
    finding = firing(STAGES[table, rule]())[1]
    row = next(r for r in BOOKS[table].table.rules if r.id == rule)
    for text in (row.says, row.remedy):
        assert text.placeholders("en") <= finding.facts.keys()
    assert set(phrase_keys(finding.facts)) <= BOOKS[table].table.phrases.keys()
    assert finding.component in row.components
    for lang in LANGUAGES:
        said = f"{finding.sentence(lang)} {finding.remedy(lang)} {finding.hides(lang)}"
        assert "{" not in said
        assert "Phrase" not in said
    assert finding.sentence("en") != finding.sentence("de")


def test_a_decimal_mark_and_a_trigger_follow_the_language() -> None:
    finding = firing(MWI_STAGES["notify_late"]())[1]
    assert "2.5 s after the deposit" in finding.sentence()
    assert "2,5 s nach dem Hinterlassen der Nachricht" in finding.sentence("de")


def test_every_trigger_of_the_scenarios_has_a_translation() -> None:
    triggers = {"the deposit"}
    for file in (*RIG.glob("scenario*.py"), *RIG.glob("trial*.py")):
        module = importlib.import_module(f"rig.{file.stem}")
        source = inspect.getsource(module)
        triggers |= set(re.findall(r'trigger="([^"]+)"', source))
        triggers |= {getattr(module, name) for name in re.findall(r"trigger=([A-Z]+)", source)}
        triggers |= set(re.findall(r'Trigger\([^",\n]+, "([^"]+)"', source))
        named = re.findall(r"Trigger\([^\",\n]+, ([A-Z]+)\b", source)
        triggers |= {getattr(module, name) for name in named}
    assert {"the registration", "the storing of the message", "the start"} <= triggers
    assert triggers <= common_words().words.keys()


def test_a_finding_says_which_evidence_it_lacks() -> None:
    stage: Stage = MWI_STAGES["count_wrong"]()
    whole = firing(stage)[1]
    assert (whole.certain, whole.lacks) == (True, ())
    stage = MWI_STAGES["subscribe_refused"]()
    assert firing(stage)[1].certain
    stage = DIVERSION_STAGES["wrong_greeting"]()
    heard = firing(stage)[1]
    assert (heard.certain, heard.lacks) == (True, ())
    stage.events = [e for e in stage.events if type(e).__name__ != "RtpStreamSeen"]
    deaf: Finding = firing(stage)[1]
    assert (deaf.certain, deaf.lacks) == (False, (Source.CALLER_AUDIO,))
    assert deaf.sentence().endswith("(not certain: the audio to the caller could not be seen)")
    assert "(nicht sicher: der Ton zum Anrufer" in deaf.sentence("de")


def test_faults_of_a_table_are_told_with_file_and_row() -> None:
    text = rule_text("mwi")
    for old, new, complaint in (
        ("class: M7", "class: M99", r"rules/mwi.yaml: wrong_mailbox_refused.class: .*'M11'"),
        ("link: lamp\n", "link: bulb\n", "rules/mwi.yaml: .* names no link bulb"),
        ("leaves: [source]", "leaves: [sun]", "rules/mwi.yaml: link config leaves no link sun"),
        ("weakness: absence", "strength: none", "rules/mwi.yaml: .*strength: Extra inputs"),
    ):
        assert old in text
        with pytest.raises(ValueError, match=complaint):
            parse_rule_table("mwi", text.replace(old, new, 1))


def test_there_is_no_third_language() -> None:
    wording = Wording(rule_table("mwi").phrases, {})
    assert wording.say(Text(en="{a} {b}", de=""), {"a": phrase("lit"), "b": Word("x")}, "en")
    with pytest.raises(ValueError, match="no words in 'fr'; there are en and de"):
        wording.say(Text(en="", de=""), {}, "fr")


def test_a_second_fault_that_the_first_does_not_explain_is_named_too() -> None:
    stage = told(summary(2), lit=False)
    findings = stage.judge().findings
    assert [f.rule for f in findings] == ["count_wrong", "lamp_contradicts"]
    assert "whether the lamp follows" not in findings[0].hides()


def test_a_fault_hides_what_cannot_be_seen_while_it_lasts() -> None:
    refused = MWI_STAGES["subscribe_refused"]().judge().findings
    assert [f.rule for f in refused] == ["subscribe_refused"]
    table = rule_table("mwi")
    rows = {rule.id: rule for rule in table.rules}
    assert {"network", "count", "lamp"} <= set(table.hidden(rows["subscribe_refused"]))
    assert {"address", "network", "body", "lamp"} <= set(table.hidden(rows["notify_missing"]))
    assert not {"config", "subscription", "source"} & set(table.hidden(rows["notify_missing"]))
    assert "whether the lamp follows" in refused[0].hides()
    assert "ob die Nachrichtenlampe folgt" in refused[0].hides("de")
    assert rows["lamp_contradicts"].link in table.hidden(rows["notify_lost"])


def test_what_a_fault_hides_on_a_phone_it_hides_for_its_other_lamps() -> None:
    stage = told(summary(2), lit=False)
    first = stage.expectations[0]
    stage.expectations = [first, replace(first, lamp="account:1")]
    stage.lamp(0.0, LampState.OFF, "account:1")
    assert [f.rule for f in stage.judge().findings] == ["count_wrong", "lamp_contradicts"]
