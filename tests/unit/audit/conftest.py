"""The shipped profiles, read once."""

from __future__ import annotations

import pytest

from provisioning.device_profile import load_profiles
from provisioning.resources import device_profiles_dir


@pytest.fixture(scope="session")
def profiles():
    return load_profiles(device_profiles_dir())
