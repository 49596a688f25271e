"""Makes the intents of this folder importable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from provisioning.device_profile import ProfileSet, shipped_profiles


@pytest.fixture(scope="session")
def profiles() -> ProfileSet:
    return shipped_profiles()
