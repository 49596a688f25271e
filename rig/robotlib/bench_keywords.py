"""Keywords about the bench as a whole: open, close, capabilities, scenarios, verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from robot.api import SkipExecution, logger
from robot.api.deco import keyword

from provisioning.inventory import load_site
from provisioning.known_names import known_names
from provisioning.resources import demo_site_dir
from rig.assertion import ProductFailure, demand, describe
from rig.bench_config import TAP, BenchConfig
from rig.bench_file import load_bench
from rig.demo_bench import ROLES, scenario_roles
from rig.errors import UsageError
from rig.faults.catalogue import find_seed
from rig.handset.base import HandsetCapability
from rig.lamp.wiring import LampWiring, load_wiring
from rig.report.record import ScenarioRecord
from rig.robotlib.arguments import seconds
from rig.robotlib.component import Component
from rig.run import run_scenario
from rig.scenario import Scenario
from rig.scenarios import DIVERSION_CASES, MWI_CASES, scenarios
from rig.verdict.fault_class import Component as Blamed
from rig.verdict.fault_class import FaultClass
from rig.verdict.outcome import Outcome

DEMO = "demo"


class BenchKeywords(Component):
    """Open and close the bench, run scenarios, ask for verdicts."""

    @keyword(tags=["bench"])
    def open_bench(  # noqa: PLR0913 - settings of a bench, each by name
        self,
        site: str = DEMO,
        *,
        roles: dict[str, str] | None = None,
        scenario_callees: dict[str, str] | None = None,
        drivers: dict[str, str] | None = None,
        capture: str = TAP,
        fetch_by: str = "http",
        seconds_per_ring: float = 1.0,
        digest_algorithms: list[str] | None = None,
        lamp_limit: timedelta = timedelta(seconds=2),
        mail_sink: bool = False,
        lamps: str = "",
        fault: str = "",
    ) -> None:
        """Brings up platform, provisioning, capture and handsets; returns when all are ready.

        A bench with the same settings that is up already stays, so every suite may call this.

        - ``site``: an inventory file, or ``demo``.
        - ``roles``: handset name by role: caller, callee, target, twin, alias.
        - ``scenario_callees``: another callee for single scenarios.
        - ``drivers``: driver by handset name, ``emulated`` where none is named.
        - ``capture``: ``tap``, or an interface such as ``lo``.
        - ``mail_sink``: take the platform's mail, for `Mail Should Have Come`.
        - ``lamps``: wiring file of lamp boards, which are believed and not the drivers.
        - ``fault``: a seeded fault by name, to prove the verdicts.

        | `Open Bench` | drivers=${{ {'greta': 'softphone'} }} | seconds_per_ring=0.5 |
        """
        if site == DEMO and roles is None and scenario_callees is None:
            scenario_callees = {name: cast["callee"] for name, cast in scenario_roles().items()}
        for name in scenario_callees or {}:
            scenario(name)
        config = BenchConfig(
            site=load_site(demo_site_dir() / "site.yaml" if site == DEMO else Path(site)),
            out_dir=Path(),
            roles=ROLES if roles is None else dict(roles),
            scenario_roles={
                scenario: {"callee": callee}
                for scenario, callee in (scenario_callees or {}).items()
            },
            drivers=dict(drivers or {}),
            capture=capture,
            fetch_by=fetch_by,
            seconds_per_ring=seconds_per_ring,
            lamp_limit_s=seconds(lamp_limit),
            mail_sink=mail_sink,
            lamp_wiring=load_wiring(Path(lamps)) if lamps else LampWiring(),
            seeds=(find_seed(fault),) if fault else (),
        )
        if digest_algorithms:
            config = replace(config, digest_algorithms=tuple(digest_algorithms))
        self.session.open(config, (site, replace(config, seeds=(), out_dir=Path()), fault))

    @keyword(tags=["bench"])
    def open_bench_from_file(self, file: str, *, fault: str = "") -> None:
        """Brings up the bench that a file describes: handsets, sensors, power, taps, limits.

        One from the same file that is up already stays. The file is tested as a whole by
        ``phonerig bench check FILE``.

        - ``file``: the bench file.
        - ``fault``: a seeded fault by name, to prove the verdicts.

        | `Open Bench From File` | examples/bench/emulated.yaml |
        | `Run Scenario`         | power_cut                    |
        """
        path = Path(file).resolve()
        plan = load_bench(path)
        seeds = (find_seed(fault),) if fault else ()
        config = replace(plan.config(Path()), seeds=seeds)
        self.session.open(config, (path, path.stat().st_mtime_ns, fault))

    @keyword(tags=["bench"])
    def close_bench(self) -> None:
        """Takes the bench down; the library does so itself at the end of the run."""
        self.session.close()

    @keyword(tags=["bench"])
    def reset_bench(self) -> None:
        """Brings mailboxes, options, forwarding and answer modes back to the inventory.

        What the test expects and shows begins here.
        """
        self.session.run(self.trial.reset())

    @keyword(tags=["bench"])
    def require_capability(self, role: str, *capabilities: HandsetCapability) -> None:
        """Skips the test before it starts unless a role's handset can do all of this.

        | [Setup] | `Require Capability` | callee | busy | lamp |
        """
        if role not in self.bench.roles:
            raise SkipExecution(f"no handset plays {role} on this bench")
        lacks = sorted(c.value for c in set(capabilities) - self.bench.capabilities_of(role))
        if lacks:
            raise SkipExecution(f"{self.bench.name_of(role)} ({role}) cannot {', '.join(lacks)}")

    @keyword(tags=["bench", "scenario"])
    def run_scenario(self, name: str) -> ScenarioRecord:
        """Runs a built-in scenario and judges it; `Verdict Should Be` asserts.

        Skips the test before anything is tried if the bench lacks what the scenario needs.
        A verdict other than pass that nobody asks for fails the test.

        | `Run Scenario`     | busy |
        | `Verdict Should Be` | pass |
        """
        return self.session.take(self.session.run(run_scenario(self.bench, scenario(name))))

    @keyword(tags=["bench", "verdict"])
    def get_verdict(self) -> ScenarioRecord:
        """Returns the verdict: of the scenario that ran, else of all that this test expected."""
        return self.session.verdict()

    @keyword(tags=["bench", "verdict"])
    def verdict_should_be(self, expected: Outcome = Outcome.PASS) -> None:
        """Asserts the verdict: pass, fail, inconclusive or error; the message names the fault."""
        demand(self.session.verdict(), expected)

    @keyword(tags=["bench", "verdict"])
    def fault_should_be_named(self, fault_class: FaultClass, component: Blamed) -> None:
        """Asserts that the verdict names a fault and who is to blame; to prove the rig itself.

        | `Fault Should Be Named` | M9 | handset |
        """
        record = self.session.verdict()
        named = [(f["class"], f["component"]) for f in record.findings]
        if (fault_class.value, component.value) not in named:
            wanted = f"{fault_class.value} {fault_class.slug} ({component.value})"
            raise ProductFailure(f"expected {wanted}, seen: {describe(record)}")

    @keyword("Verify MWI", tags=["bench", "verdict"])
    def verify_mwi(self) -> list[ScenarioRecord]:
        """Runs every scenario about message waiting that this bench can do; all must pass."""
        return self._verify(MWI_CASES)

    @keyword(tags=["bench", "verdict"])
    def verify_diversion(self) -> list[ScenarioRecord]:
        """Runs every scenario about diversion that this bench can do; all must pass."""
        return self._verify(DIVERSION_CASES)

    @keyword(tags=["bench"])
    def get_environment(self) -> dict[str, Any]:
        """Returns what on this bench is emulated and what is real, by part."""
        return dict(self.bench.environment())

    def _verify(self, cases: tuple[str, ...]) -> list[ScenarioRecord]:
        records = []
        for name in cases:
            record = self.session.run(run_scenario(self.bench, scenario(name)))
            if record.outcome is Outcome.SKIPPED:
                logger.info(f"{name}: skipped: {record.sentence}")
                continue
            demand(self.session.take(record))
            records.append(record)
        if not records:
            raise SkipExecution("this bench can do none of: " + ", ".join(cases))
        self.session.asserted = True
        return records


def scenario(name: str) -> Scenario:
    """Look a scenario up.

    Raises:
        UsageError: there is none of that name; the message names the nearest.
    """
    known = scenarios()
    if name not in known:
        raise UsageError(f"no scenario {name!r}; {known_names(name, known)}")
    return known[name]
