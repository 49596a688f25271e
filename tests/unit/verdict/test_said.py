"""Each proof and each fault of the rig has its German; what only quotes stays as it is."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_rule_tables import ENGLISH, FAMILIAR, STAGES, firing

import rig.verdict
from rig import run
from rig.timeline import LampState
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.phrase import Said, Word
from rig.verdict.said import german, proof_texts, said

POINTING = {"packet", "absence", "Proof", "RigFault", "_file", "_fetch", "_sent"}
"""Calls whose text a reader sees."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

QUOTE = re.compile(r"(?:[A-Z][A-Za-z0-9./-]*|message-summary|check-sync|[:,;/() ])*")
"""Names of methods and headers, which are the same in every language."""


def modules() -> list[Path]:
    folder = Path(rig.verdict.__file__).parent
    return [*sorted(folder.glob("*.py")), Path(inspect.getfile(run))]


def constants(node: ast.expr) -> Iterator[str]:
    """Words written into an argument, but not those within a call of its own."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            for part in parts:
                yield from constants(part)
        case ast.BinOp(left=left, right=right):
            yield from constants(left)
            yield from constants(right)
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from constants(part)
        case ast.IfExp(body=one, orelse=other):
            yield from constants(one)
            yield from constants(other)


def written(function: ast.AST, argument: ast.expr) -> Iterator[str]:
    """Words written into an argument, or into the variable that it is."""
    yield from constants(argument)
    name = getattr(argument, "id", "")
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and name in {getattr(t, "id", None) for t in node.targets}:
            yield from constants(node.value)


def test_no_proof_and_no_rig_fault_is_written_in_one_language_alone() -> None:
    looked_at = 0
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (n for n in ast.walk(tree) if isinstance(n, FUNCTIONS)):
            for node in ast.walk(function):
                if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in POINTING:
                    continue
                looked_at += 1
                for argument in node.args:
                    for text in written(function, argument):
                        assert QUOTE.fullmatch(text), f"{path.name}:{node.lineno}: {text!r}"
    assert looked_at > 130


def keys_in_code() -> set[str]:
    found = {f"lamp_{state.value}" for state in LampState}
    for path in modules():
        source = path.read_text(encoding="utf-8")
        for words in re.findall(r"\bsaid\(\s*((?:\"[a-z_]+\"|[^,()])+)", source):
            found |= set(re.findall(r'"([a-z_]+)"', words))
    return found


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    assert keys_in_code() == set(proof_texts())


def test_every_text_has_a_german_one_with_the_same_placeholders() -> None:
    assert len(proof_texts()) > 100
    for key, text in proof_texts().items():
        assert text.placeholders("en") == text.placeholders("de"), key
        bare = re.sub(r"\{[^}]*\}", "", text.de)
        assert not ENGLISH.search(bare), key
        assert not FAMILIAR.search(bare), key
        quotes = re.fullmatch(r"(?:\{[^}]*\}|[A-Z][A-Za-z-]*|[:,; ])*", text.en)
        assert quotes or text.en != text.de or key in {"status", "found_expected"}, key


@pytest.mark.parametrize(("table", "rule"), list(STAGES))
def test_what_a_rule_points_at_is_said_in_german(table: str, rule: str) -> None:
    finding = firing(STAGES[table, rule]())[1]
    assert finding.proofs
    for proof in finding.proofs:
        where = german(proof.where)
        assert not ENGLISH.search(where), where
        assert proof.kind is not ProofKind.PACKET or where.startswith("Paket ")
        if not isinstance(proof.text, Said):
            assert not re.search(r"\b(?:answered|sent|told|after|nothing|absent)\b", proof.text)


def test_numbers_and_words_within_follow_the_language() -> None:
    text = said("again_in", times=27, span_s=3.04)
    assert (text, text.de) == (
        "SUBSCRIBE again, 27 times in 3.0 s",
        "erneut SUBSCRIBE, 27-mal in 3,0 s",
    )
    inner = said("sent_times", what=said("no_body"), times=2)
    assert (inner, inner.de) == ("no body, sent 2 times", "kein Inhalt, 2-mal gesendet")
    after = said("notify_after", trigger=Word("the deposit"))
    assert after.de == "NOTIFY message-summary nach dem Hinterlassen der Nachricht"
    with pytest.raises(KeyError):
        said("nobody_says_this")


def test_such_a_text_is_a_string_like_others() -> None:
    text = said("ringing")
    assert json.dumps({"text": text}) == '{"text": "ringing"}'
    for other in (copy.copy(text), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert (other, other.de) == ("ringing", "es läutet")
    assert str(Proof(ProofKind.PACKET, said("packet_number", number=7), text)) == (
        "packet 7: ringing"
    )
    assert german("Event: check-sync") == "Event: check-sync"
