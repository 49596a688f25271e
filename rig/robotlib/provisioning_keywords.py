"""Keywords about provisioning: what was fetched, and whether it said what was wanted."""

from __future__ import annotations

from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.robotlib.component import Component
from rig.trial_facts import booting_from_files, differences_of, fetches_of, without_file


class ProvisioningKeywords(Component):
    """Only handsets that boot from files are meant; a softphone is told its account directly."""

    @keyword(tags=["provisioning"])
    def every_handset_should_have_fetched_its_file(self) -> None:
        """Asserts that each handset asked for a file and got one."""
        evidence = self.session.run(self.bench.evidence(self.trial.started_at, []))
        missing = without_file(self.bench, evidence)
        if missing:
            asked = {name: [f.path for f in fetches_of(evidence, name)] for name in missing}
            raise ProductFailure(
                "; ".join(
                    f"{name}: expected a file, seen requests for {', '.join(paths) or 'none'}"
                    for name, paths in asked.items()
                )
            )

    @keyword(tags=["provisioning"])
    def get_fetched_files(self, role: str) -> list[str]:
        """Returns the paths that a handset fetched with success, in order."""
        evidence = self.session.run(self.bench.evidence(self.trial.started_at, []))
        name = self.bench.name_of(role)
        return [f.path for f in fetches_of(evidence, name) if f.status == 200]

    @keyword(tags=["provisioning"])
    def fetched_files_should_match_inventory(self) -> None:
        """Asserts that what each handset reads from its files is what the inventory wants."""
        evidence = self.session.run(self.bench.evidence(self.trial.started_at, []))
        wrong = [
            f"{name}: {d.field}: expected {d.wanted}, seen {d.got} in {d.file}:{d.line} {d.key}"
            for name in booting_from_files(self.bench)
            for d in differences_of(evidence, name)
        ]
        if wrong:
            raise ProductFailure("\n".join(wrong))

    @keyword(tags=["provisioning"])
    def get_losses(self) -> list[dict[str, str]]:
        """Returns what models on this bench cannot express: handset, field, reason."""
        return self.bench.losses()
