"""The run record as JUnit XML, for continuous integration.

``fail`` becomes a failure, ``error`` and ``inconclusive`` become errors, so that no CI
server shows a blind rig in green.
"""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from rig.report.record import RunRecord, ScenarioRecord
from rig.verdict.outcome import Outcome

UNDECIDED = {Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NONE}


def write_junit(record: RunRecord, path: Path) -> None:
    """Write a record as JUnit XML.

    Args:
        record: finished run.
        path: file to write.
    """
    outcomes = [scenario.outcome for scenario in record.scenarios]
    suite = etree.Element(
        "testsuite",
        name=_clean(f"phonerig {record.title}"),
        tests=str(len(outcomes)),
        failures=str(outcomes.count(Outcome.FAIL)),
        errors=str(
            sum(o in {Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.NONE} for o in outcomes)
        ),
        skipped=str(outcomes.count(Outcome.SKIPPED)),
        time=f"{record.duration_s:.3f}",
    )
    for scenario in record.scenarios:
        suite.append(_case(scenario))
    tree = etree.ElementTree(suite)
    tree.write(str(path), xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _case(scenario: ScenarioRecord) -> etree._Element:
    case = etree.Element(
        "testcase",
        name=_clean(scenario.name),
        classname="phonerig",
        time=f"{scenario.duration_s:.3f}",
    )
    tag = {
        Outcome.FAIL: "failure",
        Outcome.ERROR: "error",
        Outcome.INCONCLUSIVE: "error",
        Outcome.NONE: "error",
        Outcome.SKIPPED: "skipped",
    }.get(scenario.outcome)
    if tag is not None:
        first = scenario.findings[0] if scenario.findings else {}
        result = etree.SubElement(case, tag, message=_clean(scenario.sentence))
        result.set("type", _clean(first.get("class", scenario.outcome.value)))
        proofs = [f"{p['where']}: {p['text']}" for f in scenario.findings for p in f["proofs"]]
        proofs += [
            f"{rule['severity']}, {rule['clause']}: {rule['sentence']}"
            for rule, _ in scenario.told_once
        ]
        result.text = _clean("\n".join([scenario.sentence, *proofs]))
    output = etree.SubElement(case, "system-out")
    output.text = _clean(
        "\n".join(f"{m['name']} = {m['value']} {m['unit']}" for m in scenario.measurements)
    )
    return case


def _clean(text: str) -> str:
    """Leave out what XML 1.0 cannot hold."""
    return "".join(c for c in text if c in "\t\n\r" or " " <= c < "\ud800" or c >= "\ue000")
