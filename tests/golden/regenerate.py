"""Writes what the golden tests expect: one case per series in full, a digest per model.

    .venv/bin/python tests/golden/regenerate.py              every vendor
    .venv/bin/python tests/golden/regenerate.py yealink      one vendor

A vendor's folder holds ``digests.yaml`` (model, its case, a digest of everything rendered for
it) and one folder per case: the files of the model that stands for it, and ``case.json`` with
that model and its losses. A case is named after the file that its models extend. Look at
the difference before it is committed: it is what handsets will be told.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from provisioning.device_profile import ProfileSet, shipped_profiles
from provisioning.formats.registry import rule_of
from provisioning.inventory import parse_site
from provisioning.inventory_site import Site
from provisioning.profile_model import Profile
from provisioning.render import RenderedSet, render_handset

HERE = Path(__file__).parent
USERS = ("101", "102")
LINE_KEYS = """\
    line_keys:
      - {{kind: line, account: 1}}
      - {{kind: line, account: {last}}}
      - {{position: 4, kind: blf, value: 103, label: "Büro {dq}Süd{dq}"}}
      - {{position: 5, kind: speed_dial, value: +49 30 23125 104, label: "A & B"}}
      - {{position: 6, kind: voicemail, label: Mailbox}}
"""
MODULE_KEY = (
    '      - {{position: {p}, kind: blf, account: {last}, value: 105, label: "Modul <{p}>"}}\n'
)


def case_site(profile: Profile) -> Site:
    """The site of a model: as much of the common one as the model can hold."""
    limits = profile.limits
    accounts = USERS[: limits.accounts]
    modules = min(limits.modules, 2)
    # Files that end a value by a quote cannot hold one; an apostrophe tempts them instead.
    quoted = '"' in rule_of(profile.render.format, limits.value_length).forbidden
    keys = ""
    if limits.line_keys:
        keys = LINE_KEYS.format(last=len(accounts), dq="'" if quoted else '\\"')
        places = [max(limits.line_keys + 1, 7), limits.line_keys + modules * limits.module_keys]
        for place in places if modules else ():
            keys += MODULE_KEY.format(p=place, last=len(accounts))
    text = (HERE / "site.yaml.in").read_text(encoding="utf-8")
    text = text.format(
        model=profile.model,
        mac=profile.identify.mac_oui[0] + ":1a:2b:3c",
        accounts=", ".join(accounts),
        modules=modules,
        q="''" if quoted else '"',
        line_keys=keys,
    )
    return parse_site(text.encode(), HERE / "site.yaml.in")


def render_case(profile: Profile) -> RenderedSet:
    """Render the one handset of a model's site."""
    return render_handset(case_site(profile).intent("probe"), profile)


@lru_cache(maxsize=4)
def shipped() -> ProfileSet:
    """The profiles, read once."""
    return shipped_profiles()


def case_name(model: str, profiles: ProfileSet) -> str:
    """Name of a model's case: the file that its profile extends."""
    return profiles.merged(model).parent.lstrip("_")


def losses_of(rendered: RenderedSet) -> list[dict[str, str]]:
    """The loss report of a case as it is kept."""
    return [loss.to_json() for loss in rendered.losses]


def digest(rendered: RenderedSet) -> str:
    """One word for everything that was rendered, and for the losses."""
    state = hashlib.sha256(json.dumps(losses_of(rendered), sort_keys=True).encode())
    for file in rendered.files:
        state.update(f"\n{file.path} {len(file.content)}\n".encode())
        state.update(file.content)
    return state.hexdigest()[:16]


def by_vendor(profiles: ProfileSet) -> dict[str, list[str]]:
    """Models of each vendor."""
    vendors: dict[str, list[str]] = {}
    for model, profile in profiles.items():
        vendors.setdefault(profile.vendor, []).append(model)
    return vendors


def kept_model(folder: Path) -> str:
    """The model that stands for a case; empty for a new case."""
    path = folder / "case.json"
    return str(json.loads(path.read_text(encoding="utf-8"))["model"]) if path.is_file() else ""


def regenerate(vendor: str, models: list[str], profiles: ProfileSet) -> None:
    """Write everything of one vendor."""
    cases: dict[str, list[str]] = {}
    for model in models:
        cases.setdefault(case_name(model, profiles), []).append(model)
    folder = HERE / vendor
    for old in folder.glob("*/") if folder.is_dir() else ():
        if old.name not in cases:
            shutil.rmtree(old)
    rendered = {model: render_case(profiles[model]) for model in models}
    for name, members in sorted(cases.items()):
        standing = kept_model(folder / name)
        standing = standing if standing in members else members[0]
        write_case(folder / name, standing, rendered[standing])
    (folder / "digests.yaml").write_text(
        "".join(digest_lines(rendered, profiles)), encoding="utf-8"
    )


def digest_lines(rendered: dict[str, RenderedSet], profiles: ProfileSet) -> Iterator[str]:
    """One line per model."""
    yield "# Written by tests/golden/regenerate.py: case and digest of each model.\n"
    for model, item in rendered.items():
        case = case_name(model, profiles)
        yield f'"{model}": {{case: {case}, digest: {digest(item)}}}\n'


def write_case(folder: Path, model: str, rendered: RenderedSet) -> None:
    """Write the files and losses of the model that stands for a case."""
    files = folder / "files"
    shutil.rmtree(files, ignore_errors=True)
    for file in rendered.files:
        path = files / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    kept = {"model": model, "losses": losses_of(rendered)}
    text = json.dumps(kept, ensure_ascii=False, indent=2) + "\n"
    (folder / "case.json").write_text(text, encoding="utf-8")


def main(wanted: list[str]) -> None:
    """Write what is expected of some vendors, or of all."""
    vendors = by_vendor(shipped())
    for vendor in wanted or vendors:
        if vendor not in vendors:
            sys.exit(f"no vendor {vendor}; known are {', '.join(vendors)}")
        regenerate(vendor, vendors[vendor], shipped())


if __name__ == "__main__":
    main(sys.argv[1:])
