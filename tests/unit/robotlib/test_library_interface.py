"""The library as Robot sees it: names, argument names, types, converters, documentation."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from robot.libdocpkg import LibraryDocumentation

from provisioning.secret import Secret
from rig.assertion import RigFaultError
from rig.errors import UsageError
from rig.robotlib import PhonerigLibrary
from rig.robotlib.arguments import seconds, to_bool, to_counts, to_secret
from rig.robotlib.bench_keywords import scenario
from rig.robotlib.library import kinds_of_failure
from rig.robotlib.session import slug
from rig.sip.message_summary import Counts
from rig.trial_steps import DiversionReason


@pytest.fixture(scope="module")
def library() -> PhonerigLibrary:
    return PhonerigLibrary()


def test_keyword_is_python_method(library: PhonerigLibrary) -> None:
    for name, keyword in library.keywords.items():
        assert getattr(library, keyword.__name__).__func__ is keyword.__func__, name


def test_every_keyword_is_tagged_documented_and_fully_typed(library: PhonerigLibrary) -> None:
    assert len(library.get_keyword_names()) >= 38
    for name in library.get_keyword_names():
        assert library.get_keyword_tags(name), name
        assert library.get_keyword_documentation(name).endswith((".", "|", "``")), name
        keyword = library.keywords[name]
        parameters = inspect.signature(keyword).parameters
        assert all(p.annotation is not p.empty for p in parameters.values()), name


def test_helpers_are_no_keywords(library: PhonerigLibrary) -> None:
    names = {name.lower().replace(" ", "_") for name in library.get_keyword_names()}
    assert not names & {"start_test", "end_test", "close", "session", "bench", "trial"}


@pytest.mark.parametrize("name", ["rig.robotlib.PhonerigLibrary", "rig.robotlib"])
def test_libdoc_describes_it(name: str) -> None:
    documented = LibraryDocumentation(name)
    names = {keyword.name for keyword in documented.keywords}
    assert {"Leave Message", "Lamp Should Be", "Verify MWI", "Run Scenario"} <= names
    assert documented.scope == "GLOBAL"
    (leave,) = [k for k in documented.keywords if k.name == "Leave Message"]
    assert [argument.name for argument in leave.args] == ["from", "to", "account"]
    types = {type_doc.name for type_doc in documented.type_docs}
    assert {"AnswerMode", "Lamp", "DiversionReason", "Outcome", "Counts", "Secret"} <= types


def test_reserved_words_lose_their_underscore_for_robot_only(library: PhonerigLibrary) -> None:
    assert library.get_keyword_arguments("leave_message")[0] == ("from", "caller")
    assert library.get_keyword_types("lamp_should_stay")["for"] is timedelta
    with pytest.raises(RigFaultError, match="Open Bench"):
        library.run_keyword("leave_message", [], {"from": "emil", "to": "anna"})


def test_without_a_bench_the_rig_is_at_fault(library: PhonerigLibrary) -> None:
    for name, arguments in (("reset_bench", []), ("verdict_should_be", []), ("call", [])):
        with pytest.raises(RigFaultError, match="no bench is open: use Open Bench"):
            library.run_keyword(name, arguments)
    library.run_keyword("close_bench", [])


@pytest.mark.parametrize(
    ("message", "tags"),
    [
        ("M9 lamp-contradicts-wire (handset): dark", []),
        ("RigFaultError: no bench is open", ["rig-fault"]),
        ("Parent suite setup failed:\nInputErrors: bench.yaml:3: ...", ["usage"]),
        ("Suite setup failed:\nUsageError: drivers names", ["usage"]),
        ("ValueError: Argument 'within' got value '1,5s' that cannot be converted", ["usage"]),
        (
            "Several failures occurred:\n\n1) InconclusiveError: a\n\n2) RigFaultError: b",
            ["inconclusive", "rig-fault"],
        ),
    ],
)
def test_the_tags_of_a_failed_test_say_whose_fault_it_is(message: str, tags: list[str]) -> None:
    assert kinds_of_failure(message) == tags


def test_an_unknown_scenario_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no scenario 'busi'; the nearest of \d+: .*busy"):
        scenario("busi")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("1/0", Counts(1, 0)),
        (" 2 / 8 ", Counts(2, 8)),
        ("2/8 (0/2)", Counts(2, 8, 0, 2)),
    ],
)
def test_counts_are_read_as_rfc_3842_writes_them(text: str, counts: Counts) -> None:
    assert to_counts(text) == counts


@pytest.mark.parametrize("text", ["", "one", "1", "1/0\r\nMessages-Waiting: yes", "-1/0"])
def test_other_counts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected new/saved"):
        to_counts(text)


class _RobotSecret:
    def __init__(self, value: str) -> None:
        self.value = value


_RobotSecret.__name__ = "Secret"


def test_a_secret_is_taken_from_robot_or_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_PIN", "748159")
    assert to_secret("env:PORTAL_PIN") == Secret("748159")
    assert to_secret(_RobotSecret("748159")) == Secret("748159")
    assert to_secret(Secret("748159")) == Secret("748159")
    with pytest.raises(ValueError, match="not written in test data") as refused:
        to_secret("748159")
    assert "748159" not in str(refused.value)


def test_causes_of_reasons() -> None:
    causes = {reason.value: reason.cause for reason in DiversionReason}
    assert causes == {
        "user-busy": 486,
        "no-answer": 408,
        "unconditional": 302,
        "do-not-disturb": 486,
    }
    assert [r.value for r in DiversionReason if r.by_handset] == ["user-busy", "no-answer"]


def test_a_file_name_of_a_test() -> None:
    assert slug("Robot Tests.03 Lamp.Off: 1/0!") == "robot-tests-03-lamp-off-1-0"
    assert slug("Robot Tests.03 Lamp.Grüße: 1/0!").startswith("robot-tests-03-lamp-gr-e-1-0-")
    assert len(slug("x" * 300)) == 120
    names = ["Grüße", "Größe", "日本", "中国", "x" * 300, "y" + "x" * 300]
    assert len({slug(name) for name in names}) == len(names)
    assert all(slug(name).isascii() for name in names)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("yes", True), ("An", True), ("ja", True), (" ON ", True), (1, True), ("TRUE", True)),
        *(("no", False), ("aus", False), ("Nein", False), ("off", False), (False, False)),
    ],
)
def test_yes_and_no_are_read_in_english_and_german(text: object, value: bool) -> None:
    assert to_bool(text) is value


@pytest.mark.parametrize("text", ["", "maybe", "oui", "yess", "2"])
def test_another_word_is_neither_yes_nor_no(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of .*aus.*nein"):
        to_bool(text)


def test_a_time_that_has_passed_is_no_limit() -> None:
    assert seconds(timedelta(seconds=1.5)) == 1.5
    with pytest.raises(UsageError, match="-2 s has passed"):
        seconds(timedelta(seconds=-2))
