"""What does a site of ten thousand handsets cost, and what does it cost when nothing has changed?

The handsets are of all models in turn, one account each. Measured:

- processor time of ``render_many`` by one process, which checks every intent, fits it to its
  model, renders it, reads every file back and compares. It is a ratio to the same templates
  with the same values, already fitted, by a bare Jinja2 environment (no sandbox, no checks, not
  one file read back) in the same process. Both take the handsets of a model one after the
  other, both have their templates compiled before, neither writes files. They take turns by
  blocks of five hundred handsets, each time the other one first; the figure is the
  median of several rounds over all handsets;
- the same by as many processes as there are processors: time by the clock, as a ratio to one
  process. With other work on the machine this says little;
- an unchanged site: time to find out from the manifest that no handset must be rendered, as
  a share of rendering all in one process without writing; and what is written then (nothing);
- memory: the largest resident set of the process that holds all rendered files to write them.

The inventory is read once and its time told; it is the same in every case.

Run: ``python tests/benchmarks/bench_render_site.py [--quick] [--handsets N]``
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench_render import render_bare
from figures import arguments, report, report_median

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet, shipped_profiles
from provisioning.dialect import SharedFiles, load_dialect
from provisioning.diff import write_files
from provisioning.garbage import collector_passes_by
from provisioning.intent import HandsetIntent
from provisioning.inventory import parse_site
from provisioning.inventory_site import Site
from provisioning.loss import fit_to_model
from provisioning.manifest import (
    HandsetKeys,
    Manifest,
    kept_handset,
    load_manifest,
    save_manifest,
)
from provisioning.render import SiteFiles, render_handset
from provisioning.render_many import Outcome, render_many

HANDSETS, QUICK_HANDSETS = 10_000, 200
ROUNDS, BLOCK = 3, 500
TARGET_RATIO = 2.5
TARGET_UNCHANGED = 0.2
HEAD = """\
site:
  name: Benchmark
  demo: true
  domain: bench.example
  registrar: {host: sip.bench.example, port: 5060}
  voice_portal_number: +49 30 23125 9000
  provisioning: {url: "http://prov.bench.example", resync_interval_s: 86400}
  admin_password: demo:Kirschbaum-27-Leiter
users:
"""
USER = """\
  - name: User {n}
    number: +49 30 23125 {n}
    extension: {n}
    sip: {{user: user{n}, password: demo:quitte-{n}-secret}}
    mailbox: {{pin: demo:748159}}
"""


def make_site(count: int, profiles: ProfileSet) -> Site:
    """Users and handsets of all models in turn."""
    return parse_site(site_text(count, profiles).encode(), Path("site.yaml"))


def site_text(count: int, profiles: ProfileSet) -> str:
    """The inventory of such a site."""
    models = list(profiles)
    lines = [HEAD, *(USER.format(n=10_000 + index) for index in range(count)), "handsets:\n"]
    for index in range(count):
        profile = profiles[models[index % len(models)]]
        mac = Mac(profile.identify.mac_oui[0].replace(":", "") + f"{index:06x}")
        lines.append(
            f"  - {{name: h{index}, model: '{profile.model}', mac: '{mac}', "
            f"accounts: [{10_000 + index}]}}\n"
        )
    return "".join(lines)


Wanted = tuple[HandsetIntent, HandsetIntent]
"""What a handset must be told, and the same fitted to its model."""


def wanted_of(site: Site, profiles: ProfileSet) -> list[Wanted]:
    """All handsets, those of a model one after the other; every template is compiled then."""
    wanted = [site.intent(handset.name) for handset in site.handsets]
    wanted.sort(key=lambda one: one.model)
    pairs = []
    for one in wanted:
        profile = profiles[one.model]
        tables = load_dialect(profile.render.dialect, profile.render.format).tables
        pairs.append((one, fit_to_model(one, profile, tables)[0]))
    for one, fitted in {one.model: (one, fitted) for one, fitted in pairs}.values():
        render_handset(one, profiles[one.model])
        render_bare(fitted, profiles[one.model])
    return pairs


def against_bare(pairs: list[Wanted], profiles: ProfileSet) -> tuple[float, float]:
    """Processor time of all handsets with every proof, and bare, seconds."""
    for profile in profiles.values():  # what a round before this one found out does not count
        dialect = load_dialect(profile.render.dialect, profile.render.format)
        dialect.shared = SharedFiles(dialect.format)
    spent = {proven_block: 0.0, bare_block: 0.0}
    for number, start in enumerate(range(0, len(pairs), BLOCK)):
        for one in list(spent)[:: 1 if number % 2 else -1]:
            begin = time.process_time()
            one(pairs[start : start + BLOCK], profiles)
            spent[one] += time.process_time() - begin
    return spent[proven_block], spent[bare_block]


def proven_block(block: list[Wanted], profiles: ProfileSet) -> None:
    """With every proof, as ``phonerig render`` does it by one process."""
    intents = {one.name: one for one, _ in block}
    models = {name: one.model for name, one in intents.items()}
    for outcome in render_many(models, intents.__getitem__, profiles, processes=1):
        if not outcome.files:
            raise SystemExit(f"{outcome.handset}: {'; '.join(outcome.complaints)}")


def bare_block(block: list[Wanted], profiles: ProfileSet) -> None:
    """Templates and values only."""
    with collector_passes_by():  # as render_many does
        for _, fitted in block:
            render_bare(fitted, profiles[fitted.model])


def models_of(site: Site) -> dict[str, str]:
    """Model of each handset."""
    return {handset.name: handset.model for handset in site.handsets}


def rendered(site: Site, profiles: ProfileSet, processes: int) -> float:
    """Render everything and keep nothing; seconds by the clock."""
    begin = time.perf_counter()
    for outcome in render_many(models_of(site), site.intent, profiles, processes=processes):
        if not outcome.files:
            raise SystemExit(f"{outcome.handset}: {'; '.join(outcome.complaints)}")
    return time.perf_counter() - begin


def write_all(site: Site, profiles: ProfileSet, folder: Path, processes: int) -> float:
    """Render everything, write it and remember it; seconds by the clock."""
    begin = time.perf_counter()
    outcomes = list(render_many(models_of(site), site.intent, profiles, processes=processes))
    write_files(SiteFiles(outcomes), folder)
    remember(site, profiles, folder, outcomes)
    return time.perf_counter() - begin


def remember(site: Site, profiles: ProfileSet, folder: Path, outcomes: list[Outcome]) -> None:
    """Write the manifest."""
    keys = HandsetKeys()
    handsets = {
        item.handset: kept_handset(
            keys.key(intent := site.intent(item.handset), profiles[intent.model]),
            item.files,
            item.losses,
        )
        for item in outcomes
    }
    save_manifest(folder, Manifest(handsets))


def unchanged(site: Site, profiles: ProfileSet, folder: Path) -> tuple[float, int]:
    """Find out what must be rendered; seconds by the clock, and how many."""
    begin = time.perf_counter()
    keys, kept, stale = HandsetKeys(), load_manifest(folder).handsets, 0
    for handset in site.handsets:
        found = kept.get(handset.name)
        key = keys.key(site.intent(handset.name), profiles[handset.model])
        if found is None or found.key != key or not found.is_on_disk(folder):
            stale += 1
    return time.perf_counter() - begin, stale


def main() -> None:
    """Measure and print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--handsets", type=int, help=f"default {HANDSETS}")
    options = parser.parse_args()
    count = options.handsets or (QUICK_HANDSETS if options.quick else HANDSETS)
    profiles = shipped_profiles()
    begin = time.perf_counter()
    site = make_site(count, profiles)
    read_s = time.perf_counter() - begin
    report("handsets", count, "handsets", note=f"{len(profiles)} models in turn")
    report("inventory_s", read_s, "s", note="read once, the same in every case")
    pairs = wanted_of(site, profiles)
    taken = [against_bare(pairs, profiles) for _ in range(1 if options.quick else ROUNDS)]
    each_ms = [1000 * proven / count for proven, _ in taken]
    report_median("site_proven_ms", each_ms, "ms", note="processor time a handset")
    report_median("site_bare_ms", [1000 * bare / count for _, bare in taken], "ms")
    ratios = [proven / bare for proven, bare in taken]
    report_median("site_proven_vs_bare", ratios, "x", at_most=TARGET_RATIO)
    del pairs
    alone_s = rendered(site, profiles, 1)
    report("site_rendered_s", alone_s, "s", note="one process, nothing written")
    cores = max(len(os.sched_getaffinity(0)), 2)
    together_s = rendered(site, profiles, cores)
    report("processes_vs_one", together_s / alone_s, "x", note=f"{cores} processes")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "site"
        written_s = write_all(site, profiles, folder, cores)
        report("site_written_s", written_s, "s", note="written and remembered")
        old = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        unchanged_s, stale = unchanged(site, profiles, folder)
        report("unchanged_vs_full", unchanged_s / alone_s, "x", at_most=TARGET_UNCHANGED)
        report("unchanged_rendered", stale, "handsets", at_most=0)
        new = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        report("unchanged_written", len(dict(new.items() - old.items())), "files", at_most=0)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1000
    report("peak_mb", peak_kb / 1000, "MB", note="all rendered files of the site held at once")


if __name__ == "__main__":
    sys.exit(main())
