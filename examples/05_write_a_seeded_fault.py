"""Make one thing wrong in five lines, and see the verdict name it.

The platform counts one message too many. Nothing tells the verdict so: it compares the NOTIFY
with the mailbox.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from rig.assertion import describe
from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.faults.seed import Seed
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.scenarios import scenarios
from rig.sip.message_summary import Counts, MessageSummary
from rig.verdict.fault_class import Component, FaultClass


class OneTooMany(PlatformHook):
    """Tells every phone of one more message than there is."""

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        """Add one to the new messages."""
        del mailbox, subscriber
        counts = summary.voice or Counts(0, 0)
        return replace(summary, waiting=True, voice=Counts(counts.new + 1, counts.saved))


def main() -> None:
    """Run the busy phone with the fault built in."""
    seed = Seed(
        name="one-too-many",
        title="the platform counts one message too many",
        component=Component.PLATFORM,
        fault_class=FaultClass.M5,
        scenario="busy",
        platform=OneTooMany(),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        BlockingBench(demo_config(Path(folder), seeds=(seed,))) as bench,
    ):
        print(describe(bench.run_scenario(scenarios()[seed.scenario])))


if __name__ == "__main__":
    main()
