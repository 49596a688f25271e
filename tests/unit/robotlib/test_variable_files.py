"""Every bench of the suites sets the same variables, and its roles are of its inventory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig.scenarios import scenarios

FOLDER = Path(__file__).parents[3] / "robot_tests" / "variables"


def variables(name: str) -> dict[str, object]:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["softphone.yaml", "lab.yaml"])
def test_the_names_are_those_of_the_emulated_bench(name: str) -> None:
    assert set(variables(name)) == set(variables("emulated.yaml"))


@pytest.mark.parametrize("name", ["emulated.yaml", "softphone.yaml"])
def test_roles_and_scenarios_exist(name: str) -> None:
    found = variables(name)
    handsets = {h.name for h in load_site(demo_site_dir() / "site.yaml").handsets}
    assert {*found["ROLES"].values(), *found["SCENARIO_CALLEES"].values()} <= handsets
    assert set(found["DRIVERS"]) <= set(found["ROLES"].values())
    assert set(found["SCENARIO_CALLEES"]) <= set(scenarios())


def test_the_softphone_is_the_handset_under_test() -> None:
    found = variables("softphone.yaml")
    assert found["DRIVERS"] == {found["ROLES"]["callee"]: "softphone"}


def test_every_suite_imports_the_library_by_one_name() -> None:
    """Under two names Robot makes two libraries, and the second knows nothing of the bench."""
    root = Path(__file__).parents[3]
    files = [
        path
        for folder in ("robot_tests", "examples")
        for suffix in ("*.robot", "*.resource")
        for path in (root / folder).rglob(suffix)
    ]
    names = re.findall(
        r"^Library +(rig\S+)",
        "\n".join(p.read_text(encoding="utf-8") for p in files),
        re.MULTILINE,
    )
    assert len(files) >= 17
    assert len(names) >= 3
    assert set(names) == {"rig.robotlib"}
