"""What every verb shares: consoles, exit codes, the profile set, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console

from provisioning.device_profile import ProfileSet, load_profiles
from provisioning.inventory import load_site
from provisioning.inventory_model import ModelLimits
from provisioning.inventory_site import Site
from provisioning.resources import demo_site_dir, device_profiles_dir
from rig.errors import InputErrors, PhonerigError

out = Console()
err = Console(stderr=True)

DEMO = "demo"
"""The word that stands for the built-in demo site wherever a SITE is asked for."""


@contextmanager
def clear_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn our errors into one clear message and the right exit code; never a traceback."""
    try:
        yield
    except InputErrors as error:
        if as_json:
            print_json({"faults": [fault_data(fault) for fault in error.faults]})
        for fault in error.faults:
            err.print(str(fault), style="red", markup=False, highlight=False, soft_wrap=True)
        err.print(f"{len(error.faults)} fault(s); nothing was written", markup=False)
        raise typer.Exit(error.exit_code) from None
    except PhonerigError as error:
        if as_json:
            print_json({"error": str(error)})
        err.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None


def fault_data(fault: Any) -> dict[str, Any]:
    """One input fault as plain data."""
    return {
        "file": fault.position.file,
        "line": fault.position.line,
        "column": fault.position.column,
        "what": fault.what,
        "got": fault.got,
        "expected": fault.expected,
        "fix": fault.fix,
    }


def print_json(data: Any) -> None:
    """Print data as JSON on standard output."""
    json.dump(data, sys.stdout, indent=1, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def profiles() -> ProfileSet:
    """The device profiles that phonerig ships."""
    return load_profiles(device_profiles_dir())


def model_limits(profile_set: ProfileSet) -> dict[str, ModelLimits]:
    """What the inventory check needs to know of each model."""
    return {
        model: ModelLimits(
            accounts=profile.limits.accounts or 0, line_keys=profile.limits.line_keys or 0
        )
        for model, profile in profile_set.items()
    }


def read_site(site: str) -> Site:
    """Load an inventory, or the demo site.

    Args:
        site: path of the YAML file or of its folder, or ``demo``.
    """
    from pathlib import Path

    path = demo_site_dir() if site == DEMO and not Path(site).exists() else Path(site)
    if path.is_dir():
        path /= "site.yaml"
    return load_site(path, models=model_limits(profiles()))
