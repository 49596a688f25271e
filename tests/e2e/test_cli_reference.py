"""The reference pages say what the program does now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_tool(root, *arguments):
    return subprocess.run(
        [sys.executable, root / "tools" / "make_reference.py", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_the_pages_in_the_repository_are_up_to_date():
    result = run_tool(ROOT, "--check")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_stale_page_is_noticed_and_written_again(tmp_path):
    (tmp_path / "tools").mkdir()
    for tool in ("make_reference.py", "oracle_page.py", "requirement_map.py"):
        (tmp_path / "tools" / tool).write_text((ROOT / "tools" / tool).read_text())
    assert run_tool(tmp_path, "--check").returncode == 1
    assert run_tool(tmp_path).returncode == 0
    assert run_tool(tmp_path, "--check").returncode == 0
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        written = tmp_path / "docs" / "reference" / page.name
        assert not written.exists() or written.read_text() == page.read_text()
    page = tmp_path / "docs" / "reference" / "cli.md"
    page.write_text(page.read_text().replace("phonerig demo", "phonerig dome"))
    stale = run_tool(tmp_path, "--check")
    assert stale.returncode == 1
    assert stale.stdout == "docs/reference/cli.md: is out of date; run make docs\n"
