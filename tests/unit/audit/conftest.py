"""The shipped profiles, read once."""

from __future__ import annotations

import pytest

from provisioning.device_profile import shipped_profiles


@pytest.fixture(scope="session")
def profiles():
    return shipped_profiles()
