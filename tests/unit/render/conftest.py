"""Makes the intents of this folder importable."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from provisioning.device_profile import ProfileSet, shipped_profiles
from provisioning.resources import device_profiles_dir


@pytest.fixture(scope="session")
def profiles() -> ProfileSet:
    return shipped_profiles()


FEW = ("GRP2614", "VVX450", "D785", "T30", "T31", "T41S", "T42U", "T43U", "T46U")


@pytest.fixture
def folder(tmp_path):
    """Profiles of a few models of four vendors, with all that they extend, to be changed."""
    copy = tmp_path / "device_profiles"
    copy.mkdir()
    for path in device_profiles_dir().glob("_*.yaml"):
        shutil.copy(path, copy)
    for model in FEW:
        (found,) = device_profiles_dir().glob(f"*/{model}.yaml")
        vendor = copy / found.parent.name
        if not vendor.exists():
            vendor.mkdir()
            for path in found.parent.glob("_*.yaml"):
                shutil.copy(path, vendor)
        shutil.copy(found, vendor)
    return copy
