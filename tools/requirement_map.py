"""Maps every requirement of the mailbox guide to its tests, and their results to it.

Requirements are data (docs/reference/requirements.yaml). A pytest function names those that it
proves by `test_r28_r41_...` or by the marker `requirement("R28")`; a Robot case by the tag R28.
Only pytest functions of the folders in SOCKET_FOLDERS count: those run over real sockets.

    requirement_map.py check                               every requirement has both kinds?
    requirement_map.py report FOLDER [--junit ...] ...     results as requirements.html and .json
"""

from __future__ import annotations

import argparse
import ast
import html
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml
from robot.api import ExecutionResult, ResultVisitor, TestSuite
from robot.result import TestCase

import provisioning

ROOT = Path(provisioning.__file__).resolve().parents[1]
DATA = "docs/reference/requirements.yaml"
SOCKET_FOLDERS = ("tests/e2e", "tests/interop")
SUITES = "robot_tests"

_ID = re.compile(r"R\d+[a-z]?")
_NAME = re.compile(r"test((?:_r\d+[a-z]?)+)(?:_|$)")
_OUTCOMES = ("pass", "skipped", "fail")
"""From good to bad."""


@dataclass(frozen=True)
class Requirement:
    """One promise of the guide; the fields are described in the data file."""

    id: str
    text: str
    quote: str
    observed: str
    mark: str
    choice: str
    group: str


@dataclass(frozen=True, order=True)
class Proof:
    """A test that names a requirement.

    Attributes:
        where: file of the function, or name of the suite, below the repository.
        name: of the function or case.
    """

    where: str
    name: str


Proofs = dict[str, list[Proof]]
"""Tests by identifier of the requirement."""


def load(root: Path = ROOT) -> list[Requirement]:
    """Read the requirements.

    Raises:
        SystemExit: a field is missing, unknown or empty, or an identifier is used twice.
    """
    path = root / DATA
    found: dict[str, Requirement] = {}
    for group in yaml.safe_load(path.read_text(encoding="utf-8")):
        for entry in group["requirements"]:
            try:
                one = Requirement(**{"choice": "", **entry}, group=group["group"])
            except TypeError as error:
                raise SystemExit(f"{path}: {entry.get('id', entry)}: {error}") from error
            empty = [k for k in ("text", "quote", "observed") if not str(entry[k]).strip()]
            if empty or not _ID.fullmatch(one.id) or one.mark not in {"stated", "inferred"}:
                raise SystemExit(f"{path}: {one.id}: empty {empty}, odd identifier or odd mark")
            if one.id in found:
                raise SystemExit(f"{path}: {one.id} stands there twice")
            found[one.id] = one
    return list(found.values())


def named(function: str) -> tuple[str, ...]:
    """Requirements that the name of a test function names."""
    match = _NAME.match(function)
    return tuple(f"R{part[1:]}" for part in match[1].split("_")[1:]) if match else ()


def pytest_proofs(root: Path = ROOT) -> Proofs:
    """Test functions over real sockets, by the requirements that they name."""
    proofs: Proofs = {}
    for folder in SOCKET_FOLDERS:
        for path in sorted((root / folder).glob("test_*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    proof = Proof(path.relative_to(root).as_posix(), node.name)
                    for one in dict.fromkeys((*named(node.name), *_marked(node))):
                        proofs.setdefault(one, []).append(proof)
    return {one: sorted(found) for one, found in proofs.items()}


def _marked(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Attribute)
            and decorator.func.attr == "requirement"
        ):
            yield from (arg.value for arg in decorator.args if isinstance(arg, ast.Constant))


def robot_proofs(root: Path = ROOT) -> Proofs:
    """Robot cases, by the requirements that their tags name."""
    proofs: Proofs = {}
    for suite in TestSuite.from_file_system(root / SUITES).suites:
        for case in suite.tests:
            for tag in case.tags:
                if _ID.fullmatch(tag):
                    where = Path(suite.source).relative_to(root).as_posix()
                    proofs.setdefault(tag, []).append(Proof(where, case.name))
    return {one: sorted(found) for one, found in proofs.items()}


def faults(root: Path = ROOT) -> Iterator[str]:
    """What is wrong with the map: requirements without proof, and names of nothing."""
    known = [one.id for one in load(root)]
    for kind, proofs in (
        (f"pytest function in {' or '.join(SOCKET_FOLDERS)}", pytest_proofs(root)),
        (f"Robot case in {SUITES}", robot_proofs(root)),
    ):
        yield from (f"{one}: no {kind} names it" for one in known if one not in proofs)
        for one in sorted(set(proofs) - set(known)):
            for proof in proofs[one]:
                yield f"{proof.where}: {proof.name!r} names {one}, which is not in {DATA}"


# -- the page --------------------------------------------------------------------------------


def page() -> Iterator[str]:
    """The map as a Markdown page: what is wanted, and which tests prove it."""
    requirements, tests, cases = load(), pytest_proofs(), robot_proofs()
    yield "# Requirements and their tests"
    yield ""
    yield "Generated by `make docs` from [requirements.yaml](requirements.yaml) and from the names"
    yield "and tags of the tests; change those, not this page. `make requirements` runs the tests"
    yield "that are named here and writes the result of each requirement into the report folder."
    yield ""
    yield "The requirements are what the mailbox guide of the hosted platform promises to its"
    yield "users. *Stated* means that the guide says so, *inferred* that it follows from it. *Left"
    yield "open* is what the guide does not say and how the embedded platform decides it: a choice"
    yield "of ours, not a fact about the real platform. The pytest functions run over real"
    yield "sockets; one that names a requirement and sends nothing through a socket fails."
    yield ""
    group = ""
    for one in requirements:
        if one.group != group:
            group = one.group
            yield f"## {group}"
            yield ""
        yield f"### {one.id}"
        yield ""
        yield f"{one.text} *{one.mark.capitalize()}.*"
        yield ""
        yield f"> {one.quote}"
        yield ""
        yield f"- Observed: {one.observed}"
        if one.choice:
            yield f"- Left open: {one.choice}"
        yield from _listed("Tests", tests.get(one.id, []), code="`")
        yield from _listed("Robot", cases.get(one.id, []), code="*")
        yield ""


def _listed(title: str, proofs: list[Proof], *, code: str) -> Iterator[str]:
    by_file: dict[str, list[str]] = {}
    for proof in proofs:
        by_file.setdefault(proof.where, []).append(f"{code}{proof.name}{code}")
    for where, names in by_file.items():
        yield f"- {title}: [{where}](../../{where}): {', '.join(names)}"


# -- results ---------------------------------------------------------------------------------


def junit_results(paths: Iterable[Path]) -> dict[Proof, str]:
    """Worst outcome of every test function in JUnit files that pytest wrote."""
    results: dict[Proof, str] = {}
    for path in paths:
        for case in ET.parse(path).getroot().iter("testcase"):  # noqa: S314 - written by our own pytest
            where = case.get("classname", "").replace(".", "/") + ".py"
            proof = Proof(where, case.get("name", "").partition("[")[0])
            kinds = {child.tag for child in case}
            outcome = "skipped" if "skipped" in kinds else "pass"
            outcome = "fail" if kinds & {"failure", "error"} else outcome
            results[proof] = max(results.get(proof, "pass"), outcome, key=_OUTCOMES.index)
    return results


class _Cases(ResultVisitor):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.results: dict[Proof, str] = {}

    def visit_test(self, test: TestCase) -> None:
        where = Path(test.source).resolve().relative_to(self.root).as_posix()
        outcome = "skipped" if test.skipped else "pass" if test.passed else "fail"
        proof = Proof(where, test.name)
        self.results[proof] = max(self.results.get(proof, "pass"), outcome, key=_OUTCOMES.index)


def robot_results(paths: Iterable[Path], root: Path = ROOT) -> dict[Proof, str]:
    """Outcome of every Robot case in files that Robot wrote."""
    cases = _Cases(root)
    for path in paths:
        ExecutionResult(path).visit(cases)
    return cases.results


def outcome_of(proofs: list[Proof], results: dict[Proof, str]) -> str:
    """Outcome of one requirement by one kind of test.

    Fail if one fails or one that was due did not run at all; a skip is no proof, so at least
    one must pass.
    """
    seen = [results.get(proof, "not run") for proof in proofs]
    for bad in ("fail", "not run"):
        if bad in seen:
            return bad
    return "pass" if "pass" in seen else "skipped" if seen else "no test"


def report(
    folder: Path, junit: dict[Proof, str], robot: dict[Proof, str], root: Path = ROOT
) -> bool:
    """Write requirements.html and requirements.json.

    Returns:
        Whether every requirement passed by both kinds of test.
    """
    tests, cases = pytest_proofs(root), robot_proofs(root)
    rows = []
    for one in load(root):
        own = {"tests": tests.get(one.id, []), "robot": cases.get(one.id, [])}
        rows.append(
            {
                "id": one.id,
                "text": one.text,
                "mark": one.mark,
                "choice": one.choice,
                "tests": outcome_of(own["tests"], junit),
                "robot": outcome_of(own["robot"], robot),
                "proofs": [
                    {"where": p.where, "name": p.name, "outcome": results.get(p, "not run")}
                    for kind, results in (("tests", junit), ("robot", robot))
                    for p in own[kind]
                ],
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows, ensure_ascii=False, indent=1)
    (folder / "requirements.json").write_text(text + "\n", encoding="utf-8")
    (folder / "requirements.html").write_text("\n".join(_html(rows)) + "\n", encoding="utf-8")
    return all(row["tests"] == row["robot"] == "pass" for row in rows)


def _html(rows: list[dict[str, object]]) -> Iterator[str]:
    good = sum(row["tests"] == row["robot"] == "pass" for row in rows)
    yield "<!doctype html><html lang='en'><meta charset='utf-8'><title>Requirements</title>"
    yield "<style>body{font:14px/1.4 sans-serif;margin:2em}td,th{padding:.3em .6em;"
    yield "text-align:left;vertical-align:top;border-bottom:1px solid #ccc}"
    yield ".pass{background:#d9f2d9}"
    yield ".fail{background:#f6c9c9}.other{background:#f6ecc0}ul{margin:0}</style>"
    yield f"<h1>Requirements</h1><p>{good} of {len(rows)} are proven by both kinds of test.</p>"
    yield "<table><tr><th>id<th>requirement<th>pytest<th>Robot<th>tests</tr>"
    for row in rows:
        cells = [f"<td>{html.escape(str(row[key]))}" for key in ("id", "text")]
        for key in ("tests", "robot"):
            word = str(row[key])
            kind = word if word in {"pass", "fail"} else "other"
            cells.append(f"<td class='{kind}'>{html.escape(word)}")
        items = "".join(
            f"<li>{html.escape(p['where'])}: {html.escape(p['name'])}: {html.escape(p['outcome'])}"
            for p in row["proofs"]  # type: ignore[attr-defined]  # a list of the rows above
        )
        yield f"<tr>{''.join(cells)}<td><ul>{items}</ul></tr>"
    yield "</table></html>"


def main(arguments: list[str] | None = None) -> int:
    """Check the map, or write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="say what has no test, and which names mean nothing")
    writer = verbs.add_parser("report", help="write requirements.html and requirements.json")
    writer.add_argument("folder", type=Path)
    writer.add_argument("--junit", type=Path, nargs="*", default=[])
    writer.add_argument("--robot", type=Path, nargs="*", default=[])
    chosen = parser.parse_args(arguments)
    found = list(faults())
    for fault in found:
        print(fault)
    if chosen.verb == "check":
        return 1 if found else 0
    passed = report(chosen.folder, junit_results(chosen.junit), robot_results(chosen.robot))
    print(f"results: {chosen.folder / 'requirements.html'}")
    return 0 if passed and not found else 1


if __name__ == "__main__":
    sys.exit(main())
