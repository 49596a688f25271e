"""The how-to shows what the program says: its files are audited, and the output compared."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cli_runner import error_lines, run_cli

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "audit_foreign_files.md"
SAMPLES = Path(__file__).parent / "samples"


def shown():
    text = PAGE.read_text(encoding="utf-8")
    files = re.findall(r"```cfg\n(.*?)```", text, re.DOTALL)
    names = ("y000000000108.cfg", "805ec01a2b03.cfg")
    assert all(f"`{name}`" in text for name in names)
    output = re.search(r"```text\n(.*?)```", text, re.DOTALL)
    return dict(zip(names, files, strict=True)), output[1]


def test_the_example_says_what_the_page_says(tmp_path):
    files, output = shown()
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    result = run_cli("audit", ".", cwd=tmp_path)
    assert result.stdout == output
    assert error_lines(result) == []
    assert result.returncode == 1


def test_json_holds_the_same_findings_and_a_good_folder_ends_with_0():
    faulty = run_cli("audit", "--json", SAMPLES / "two_faults" / "faulty")
    assert faulty.returncode == 1
    data = json.loads(faulty.stdout)
    told = {(row["rule"], Path(row["file"]).name) for row in data["findings"]}
    assert told == {
        ("placeholder-left", "805ec01a2b03.cfg"),
        ("mwi-subscription-off", "805ec01a2b03.cfg"),
        ("default-admin-password", "y000000000108.cfg"),
    }
    assert {row["vendor"] for row in data["files"]} == {"yealink"}
    assert data["files"][0]["models"] == ["T46U"]
    healed = run_cli("audit", SAMPLES / "two_faults" / "healed")
    assert healed.stdout == "2 files judged: nothing found\n"
    assert healed.returncode == 0


def test_ignored_rules_are_silent_and_bad_arguments_are_one_line(tmp_path):
    faulty = SAMPLES / "lamp_off" / "faulty"
    assert run_cli("audit", faulty, "--ignore", "lamp-off").returncode == 0
    for arguments in (
        (tmp_path / "none",),
        (faulty, "--ignore", "lamp"),
        (faulty, "--model", "X"),
    ):
        result = run_cli("audit", *arguments)
        assert result.returncode == 2
        assert len(error_lines(result)) == 1


def test_a_file_that_nobody_knows_is_said_to_be_unknown(tmp_path):
    (tmp_path / "notes.txt").write_text("buy bread\n")
    result = run_cli("audit", tmp_path)
    assert "notes.txt: not recognised" in result.stdout
    assert "0 files judged: nothing found" in result.stdout
    assert result.returncode == 0


def test_a_folder_without_files_is_no_clean_bill(tmp_path):
    result = run_cli("audit", tmp_path)
    assert result.returncode == 2
    assert "holds no file; expected the files of handsets" in result.stderr
