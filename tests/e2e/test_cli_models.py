"""``phonerig models``: filters by vendor and feature, as a table and as data."""

from __future__ import annotations

import json

import pytest
from cli_runner import run_cli
from typer.testing import CliRunner

from rig.cli import app


def run(*arguments):
    return CliRunner().invoke(app, ["models", *arguments])


def names(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return {row["model"]: row for row in json.loads(result.stdout)["models"]}


def test_all_models_with_their_lamp_and_limits():
    rows = names()
    assert {"T46U", "D785", "VVX450", "GRP2614"} <= set(rows)
    assert rows["T46U"]["accounts"] == 16
    assert (rows["T46U"]["expansion_modules"], rows["T46U"]["module_keys"]) == (3, 60)
    assert rows["T46U"]["lamp"]["on_message"] == "slow"
    assert "ringing" in rows["T46U"]["lamp"]["shared_with"]
    assert rows["T30"]["line_keys"] == 0


def test_vendor_and_features_narrow_it_down_together():
    yealink = names("--vendor", "Yealink")
    assert {row["vendor"] for row in yealink.values()} == {"yealink"}
    modules = names("--vendor", "yealink", "--feature", "expansion_modules")
    assert "T46U" in modules
    assert "T42U" not in modules
    assert set(modules) == {name for name, row in yealink.items() if row["expansion_modules"]}
    both = names("--feature", "outbound_proxy", "--feature", "vlan")
    assert "VVX450" in both
    assert "T46U" not in both


def test_as_a_table_with_a_count():
    result = run("--vendor", "poly")
    assert "VVX450" in result.output
    assert "T46U" not in result.output
    assert "of 1 vendor" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--vendor", "acme"), "no vendor 'acme'; known are "),
        (("--feature", "teleport"), "no feature 'teleport'; known are"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(arguments, text):
    result = run(*arguments)
    assert result.exit_code == 2
    assert text in " ".join(result.output.split())


def test_the_table_fits_a_terminal_of_80_columns():
    lines = run_cli("models", "--vendor", "yealink", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = [line for line in lines if " T46U " in line]
    assert " ".join(row.split()) == "yealink T46U 16 27 3 x 60 power_indicator, red, slow"
    count = len(names("--vendor", "yealink"))
    assert lines[-1] == f"{count} models of 1 vendor, booted in emulation"
