"""The reference pages say what the program does now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import make_reference  # found by the line above

ROOT = Path(__file__).parents[2]


def test_the_pages_in_the_repository_are_up_to_date():
    result = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_reference.py", "--check"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_a_stale_page_is_noticed_and_written_again(tmp_path, monkeypatch, capsys):
    wanted = {"docs/reference/cli.md": "demo\n", "docs/reference/models/snom.md": "D785\n"}
    monkeypatch.setattr(make_reference, "ROOT", tmp_path)
    monkeypatch.setattr(make_reference, "documents", lambda: wanted)

    def tool(*arguments):
        monkeypatch.setattr(sys, "argv", ["make_reference.py", *arguments])
        return make_reference.main(), capsys.readouterr().out

    late = "{}: is out of date; run make docs\n"
    assert tool("--check") == (1, "".join(map(late.format, wanted)))
    assert not any(tmp_path.iterdir())
    assert tool() == (0, "".join(f"{name}: written\n" for name in wanted))
    assert {name: (tmp_path / name).read_text() for name in wanted} == wanted
    assert tool("--check") == (0, "")
    (tmp_path / "docs/reference/cli.md").write_text("dome\n")
    assert tool("--check") == (1, late.format("docs/reference/cli.md"))
