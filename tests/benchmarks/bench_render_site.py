"""What does a site of ten thousand handsets cost, and what does it cost when nothing has changed?

The handsets are of all models in turn, one account each. Measured:

- processor time to render them and read them back in one process, as a ratio to the same
  templates with the same values by bare Jinja2 in the same run, block by block;
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

from bench_render import BLOCK, render_bare
from figures import arguments, report

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet, shipped_profiles
from provisioning.diff import write_files
from provisioning.garbage import collector_passes_by
from provisioning.intent import HandsetIntent
from provisioning.inventory import parse_site
from provisioning.inventory_site import Site
from provisioning.manifest import HandsetKeys, kept_handset, load_manifest, save_manifest
from provisioning.render import SiteFiles, render_handset
from provisioning.render_many import Outcome, render_many

HANDSETS, QUICK_HANDSETS = 10_000, 200
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
    models = list(profiles)
    lines = [HEAD, *(USER.format(n=10_000 + index) for index in range(count)), "handsets:\n"]
    for index in range(count):
        profile = profiles[models[index % len(models)]]
        mac = Mac(profile.identify.mac_oui[0].replace(":", "") + f"{index:06x}")
        lines.append(
            f"  - {{name: h{index}, model: '{profile.model}', mac: '{mac}', "
            f"accounts: [{10_000 + index}]}}\n"
        )
    return parse_site("".join(lines).encode(), Path("site.yaml"))


def against_bare(site: Site, profiles: ProfileSet) -> tuple[float, float]:
    """Processor time with every proof, and bare, seconds; block by block in turn."""
    proven = bare = 0.0
    for profile in profiles.values():  # templates are compiled once, however many handsets
        find = next((h for h in site.handsets if h.model == profile.model), None)
        if find is not None:
            render_bare(render_handset(site.intent(find.name), profile).fitted, profile)
    names = [handset.name for handset in site.handsets]
    intents = [site.intent(name) for name in names]
    with collector_passes_by():  # as it does for render_many
        for start in range(0, len(intents), BLOCK):
            proven_s, bare_s = one_block(intents[start : start + BLOCK], profiles)
            proven += proven_s
            bare += bare_s
    return proven, bare


def one_block(wanted: list[HandsetIntent], profiles: ProfileSet) -> tuple[float, float]:
    """Processor time of some handsets with every proof, and bare, seconds."""
    block = [(one, profiles[one.model]) for one in wanted]
    begin = time.process_time()
    fitted = [(render_handset(one, profile).fitted, profile) for one, profile in block]
    middle = time.process_time()
    for one, profile in fitted:
        render_bare(one, profile)
    return middle - begin, time.process_time() - middle


def rendered(names: list[str], site: Site, profiles: ProfileSet, processes: int) -> float:
    """Render everything and keep nothing; seconds by the clock."""
    begin = time.perf_counter()
    for outcome in render_many(names, site.intent, profiles, processes=processes):
        if not outcome.files:
            raise SystemExit(f"{outcome.handset}: {'; '.join(outcome.complaints)}")
    return time.perf_counter() - begin


def write_all(site: Site, profiles: ProfileSet, folder: Path, processes: int) -> float:
    """Render everything, write it and remember it; seconds by the clock."""
    names = [handset.name for handset in site.handsets]
    begin = time.perf_counter()
    outcomes = list(render_many(names, site.intent, profiles, processes=processes))
    write_files(SiteFiles(outcomes), folder)
    remember(site, profiles, folder, outcomes)
    return time.perf_counter() - begin


def remember(site: Site, profiles: ProfileSet, folder: Path, outcomes: list[Outcome]) -> None:
    """Write the manifest."""
    keys = HandsetKeys()
    save_manifest(
        folder,
        {
            item.handset: kept_handset(
                keys.key(intent := site.intent(item.handset), profiles[intent.model]),
                item.files,
                item.losses,
            )
            for item in outcomes
        },
    )


def unchanged(site: Site, profiles: ProfileSet, folder: Path) -> tuple[float, int]:
    """Find out what must be rendered; seconds by the clock, and how many."""
    begin = time.perf_counter()
    keys, kept, stale = HandsetKeys(), load_manifest(folder), 0
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
    proven, bare = against_bare(site, profiles)
    report("site_proven_ms", 1000 * proven / count, "ms", note="processor time a handset")
    report("site_proven_vs_bare", proven / bare, "x", at_most=TARGET_RATIO)
    names = [handset.name for handset in site.handsets]
    alone_s = rendered(names, site, profiles, 1)
    report("site_rendered_s", alone_s, "s", note="one process, nothing written")
    cores = max(len(os.sched_getaffinity(0)), 2)
    together_s = rendered(names, site, profiles, cores)
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
