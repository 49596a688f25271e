"""A fraction (1 in 200) of the million that ``tools/fuzz_http.py`` runs by default."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.http_fuzz import HttpFuzz

EXECUTIONS = {
    "targets": (1700, {"served", "name", "nothing"}),
    "digest headers": (1700, {"harmless change", "refused"}),
    "certificate names": (1700, {"a MAC", "none"}),
}


@pytest.mark.parametrize("kind", EXECUTIONS)
def test_damaged_input_is_judged_and_harms_nobody(kind: str, tmp_path: Path) -> None:
    executions, reached = EXECUTIONS[kind]
    fuzz = HttpFuzz(7, tmp_path)
    fuzz.run(kind, executions)
    seen = {outcome.partition(": ")[2] for outcome in fuzz.outcomes}
    assert reached <= seen, "input that reaches one outcome only finds nothing"
