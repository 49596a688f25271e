"""What does it cost to prove every rendered file by reading it back?

Renders 1,000 handsets (the four models in turn, two accounts and their keys each) with all
checks, and the same templates with the same values by a bare Jinja2 environment: compiled
templates, autoescape where the files are XML, no sandbox, no checks, no reading back. Both
run in turn in blocks of handsets; the figure is, per round over all handsets, the ratio of the
medians of processor time per handset.

Run: ``python tests/benchmarks/bench_render.py [--quick] [--handsets N] [--rounds N]``
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from figures import arguments, report, report_median
from jinja2 import Environment, FileSystemLoader, StrictUndefined

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "render"))

from render_intents import account, diverting, intent

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.intent import HandsetIntent
from provisioning.loss import fit_to_model
from provisioning.profile_model import FileScope, Profile
from provisioning.render import render_handset
from provisioning.resources import templates_dir
from provisioning.template_context import template_context
from provisioning.template_environment import FILTERS

HANDSETS, QUICK_HANDSETS = 1000, 40
MODELS = ("D785", "GRP2614", "T46U", "VVX450")
"""Always the same four, so that figures of other days can be compared."""
ROUNDS = 5
TARGET_RATIO = 3.0
BLOCK = 20


def bare_environment(*, xml: bool) -> Environment:
    """Jinja2 as anybody would set it up for these templates."""
    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        undefined=StrictUndefined,
        autoescape=xml,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    return environment


BARE = {xml: bare_environment(xml=xml) for xml in (True, False)}


def render_bare(wanted: HandsetIntent, profile: Profile) -> int:
    """Only the templates, from an intent that is already fitted."""
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    environment = BARE[dialect.format.xml]
    size = 0
    for file in profile.render.files:
        context = template_context(wanted, profile, dialect.tables)
        if file.scope is FileScope.MODEL:
            context = {"profile": profile, "tables": dialect.tables}
        size += len(environment.get_template(file.template).render(context).encode())
    return size


def make_handsets(count: int) -> list[tuple[HandsetIntent, HandsetIntent, Profile]]:
    """Intents, the same fitted, and profiles, the models in turn."""
    profiles = shipped_profiles()
    models = MODELS
    handsets = []
    for number in range(count):
        profile = profiles[models[number % len(models)]]
        base = intent(profile)
        base = replace(base, accounts=(account(1, diverts=diverting()), *base.accounts[1:]))
        mac = Mac(f"{base.mac.oui}{number:06x}")
        wanted = replace(base, name=f"h{number}", mac=mac)
        dialect = load_dialect(profile.render.dialect, profile.render.format)
        handsets.append((wanted, fit_to_model(wanted, profile, dialect.tables)[0], profile))
    return handsets


def one_round(handsets: list[tuple[HandsetIntent, HandsetIntent, Profile]]) -> tuple[float, float]:
    """Processor time per handset, seconds: with every proof, and bare."""
    proven: list[float] = []
    bare: list[float] = []
    for start in range(0, len(handsets), BLOCK):
        block = handsets[start : start + BLOCK]
        begin = time.process_time()
        for wanted, _, profile in block:
            render_handset(wanted, profile)
        middle = time.process_time()
        for _, fitted, profile in block:
            render_bare(fitted, profile)
        end = time.process_time()
        proven.append((middle - begin) / len(block))
        bare.append((end - middle) / len(block))
    return statistics.median(proven), statistics.median(bare)


def main() -> None:
    """Measure and print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--handsets", type=int, help=f"default {HANDSETS}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    options = parser.parse_args()
    count = options.handsets or (QUICK_HANDSETS if options.quick else HANDSETS)
    rounds = options.rounds or (2 if options.quick else ROUNDS)
    handsets = make_handsets(count)
    for wanted, fitted, profile in handsets[:8]:
        render_handset(wanted, profile)
        render_bare(fitted, profile)
    taken = [one_round(handsets) for _ in range(rounds)]
    report("handsets", count, "handsets", note="the models in turn, two accounts each")
    report_median("render_proven_ms", [1000 * proven for proven, _ in taken], "ms")
    report_median("render_bare_ms", [1000 * bare for _, bare in taken], "ms", note="the reference")
    ratios = [proven / bare for proven, bare in taken]
    report_median("render_proven_vs_bare", ratios, "x", at_most=TARGET_RATIO)


if __name__ == "__main__":
    main()
