"""Names the tests that failed in the last run, in one line, from pytest's own cache."""

from __future__ import annotations

import json
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".pytest_cache" / "v" / "cache" / "lastfailed"


def main() -> None:
    """Print ``failed: ...``; nothing was recorded if the run broke before any test."""
    failed = sorted(json.loads(CACHE.read_text())) if CACHE.exists() else []
    print("failed:", *(failed or ["no test; see above"]))


if __name__ == "__main__":
    main()
