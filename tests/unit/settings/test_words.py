"""The texts: both languages say everything, and every complaint of a rule has German words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from provisioning import distribution_list, email_address, phone_number
from rig.errors import UsageError
from rig.mailbox_platform.embedded.voicemail import alias_book
from rig.mailbox_platform.embedded.web import checks, words
from rig.mailbox_platform.embedded.web.words import choose_language, load_words

WEB = Path(words.__file__).parent
ALL = load_words()
NOT_SAID_HERE = {
    # `exactly 15` places is a fault of a program, not of a reader.
    "{} places for lists",
}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    german, english = ALL["de"].texts, ALL["en"].texts
    assert list(german) == list(english)
    for key, text in german.items():
        assert set(re.findall(r"\{\w*\}", text)) == set(re.findall(r"\{\w*\}", english[key])), key


def used_keys() -> set[str]:
    """Keys that templates and modules ask for by their whole name."""
    found: set[str] = set()
    for path in (*WEB.glob("*.py"), *(WEB / "pages").iterdir()):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"""\bt\(['"]([a-z_.-]+[a-z_0-9])['"][,)]""", text))
        found |= set(re.findall(r'(?:text|fault|done)\(\s*"([a-z_-]+\.[a-z_.]+)"', text))
        found |= set(re.findall(r'fault\("\w+", "([a-z_.]+)"', text))
        found |= {f"refused.{key}" for key in re.findall(r'Refusal\(\d+, "(\w+)"', text)}
    return found


def test_every_text_that_is_asked_for_is_there() -> None:
    keys = used_keys()
    assert len(keys) > 100
    assert sorted(keys - set(ALL["de"].texts)) == []


def sentences(module: object, *errors: str) -> list[str]:
    """Messages that a module's rules may raise, ``{}`` where a value stands."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))  # type: ignore[attr-defined]  # a module has a file
    found = []
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in errors and call.args:
            found += texts_of(call.args[0])
        if isinstance(call, ast.Return) and call.value is not None:
            function = texts_of(call.value)
            found += [text for text in function if text.startswith(("the number", "a spread"))]
    return [text for text in found if text]


def texts_of(node: ast.expr) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=values):
            return ["".join(v.value if isinstance(v, ast.Constant) else "{}" for v in values)]
        case ast.IfExp(body=body, orelse=orelse):
            return texts_of(body) + texts_of(orelse)
        case ast.BoolOp(values=values):
            return [text for value in values for text in texts_of(value)]
    return []


RULES = [
    *((text, "; expected x") for text in sentences(phone_number, "NumberError")),
    *((text, "; expected x") for text in sentences(distribution_list, "ListRuleError")),
    *((text, "; expected at most x") for text in sentences(email_address, "EmailAddressError")),
    *((text, "") for text in sentences(alias_book, "AliasConflictError")),
]


def test_the_rules_of_the_project_were_found() -> None:
    assert len(RULES) >= 30


@pytest.mark.parametrize(("sentence", "rest"), RULES)
def test_every_complaint_of_a_rule_has_german_words(sentence: str, rest: str) -> None:
    if sentence in NOT_SAID_HERE:
        return
    rest = "; expected 1 to 80 characters" if "the description has" in sentence else rest
    said = sentence.replace("{}", "7") + rest
    german = ALL["de"].fault(said)
    assert german != said
    assert "expected" not in german
    assert "{" not in german


def test_values_in_a_complaint_come_through() -> None:
    said = ALL["de"].fault("+49301 has a mailbox of its own; one number opens one mailbox.")
    assert said == "+49301 hat eine eigene Mailbox und kann keine zweite öffnen."
    assert ALL["de"].fault("something new") == "something new"


def test_values_are_never_filled_in_twice() -> None:
    text = ALL["de"].text("list.title", number="{number}{x}")
    assert text == "Mailbox-Verteilerliste {number}{x}"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("texts: {no.such.key: x}", "nobody asks for 'no.such.key'"),
        ("texts: {list.title: Liste}", "places differ; expected number"),
        ("texts: [a]", "texts by key"),
        ("texts: {save: 7}", "texts by key"),
        ("other: {}", "expected the parts"),
        ("- a", "expected the parts"),
        ("a: {", "not YAML"),
        ("!!python/object/apply:os.system ['x']", "not YAML"),
    ],
)
def test_texts_of_ones_own_that_cannot_be_used_are_refused(
    tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "de.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(says)):
        load_words(tmp_path)


def test_texts_of_ones_own_replace_ours_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text("texts: {save: Keep}\nfaults: {bad: Worse}")
    found = load_words(tmp_path)
    assert found["en"].text("save") == "Keep"
    assert found["en"].text("add") == "Add"
    assert found["en"].fault("bad") == "Worse"
    assert found["de"].text("save") == "Speichern"


@pytest.mark.parametrize(
    ("wanted", "accepted", "fallback", "chosen"),
    [
        ("en", "de", "de", "en"),
        ("", "en-GB,en;q=0.9,de;q=0.8", "de", "en"),
        ("", "fr, de;q=0.5, en;q=0.4", "en", "de"),
        ("", "de;q=0, en;q=0.1", "de", "en"),
        ("xx", "", "en", "en"),
        ("", "q=;;,,;q=x,de;q=2", "en", "en"),
        ("", "*", "it", "de"),
        ("", "en;q=0.001" + "," * 100_000, "de", "en"),
    ],
)
def test_the_language_is_the_readers(
    wanted: str, accepted: str, fallback: str, chosen: str
) -> None:
    assert choose_language(wanted, accepted, fallback) == chosen


def test_the_offered_rings_are_those_of_the_rule() -> None:
    for rings in range(-1, 25):
        try:
            checks.check_rings(rings, "x")
        except UsageError:
            assert rings not in checks.RING_CHOICES
        else:
            assert rings in checks.RING_CHOICES
