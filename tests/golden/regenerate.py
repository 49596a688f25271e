"""Writes the expected files of the golden cases again, or the first ones of a new model.

    .venv/bin/python tests/golden/regenerate.py              every case
    .venv/bin/python tests/golden/regenerate.py T46U         one model

A profile without a case gets one from ``site.yaml.in``. Look at the difference before it is
committed: it is what handsets will be told.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from provisioning.device_profile import ProfileSet, load_profiles
from provisioning.inventory import load_site
from provisioning.render import RenderedSet, render_site
from provisioning.resources import device_profiles_dir

HERE = Path(__file__).parent


def case_dir(model: str) -> Path:
    """Folder of one case."""
    return HERE / model


def render_case(model: str, profiles: ProfileSet) -> RenderedSet:
    """Render the one handset of a case."""
    site = load_site(case_dir(model) / "site.yaml")
    (handset,) = site.handsets
    return render_site(site, profiles).of_handset(handset.name)


def losses_text(rendered: RenderedSet) -> str:
    """The loss report of a case as it is kept."""
    losses = [loss.to_json() for loss in rendered.losses]
    return json.dumps(losses, ensure_ascii=False, indent=2) + "\n"


def regenerate(model: str, profiles: ProfileSet) -> None:
    """Write one case."""
    folder = case_dir(model)
    site = folder / "site.yaml"
    if not site.exists():
        mac = profiles[model].identify.mac_oui[0] + ":1a:2b:3c"
        folder.mkdir()
        text = (HERE / "site.yaml.in").read_text(encoding="utf-8")
        site.write_text(text.format(model=model, mac=mac), encoding="utf-8")
    rendered = render_case(model, profiles)
    files = folder / "files"
    for old in files.glob("*"):
        old.unlink()
    files.mkdir(exist_ok=True)
    for file in rendered.files:
        (files / file.path).write_bytes(file.content)
    (folder / "losses.json").write_text(losses_text(rendered), encoding="utf-8")


def main(models: list[str]) -> None:
    """Write the cases of some models, or of all."""
    profiles = load_profiles(device_profiles_dir())
    for model in models or list(profiles):
        regenerate(model, profiles)


if __name__ == "__main__":
    main(sys.argv[1:])
