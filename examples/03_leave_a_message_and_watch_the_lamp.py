"""Leave a message for a busy phone, watch its lamp, hear the message, watch the lamp again."""

import asyncio
import tempfile
from pathlib import Path

from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.handset.base import AnswerMode
from rig.report.record import ScenarioRecord
from rig.trial import Trial


def show(record: ScenarioRecord) -> None:
    """Print what was measured, and the verdict."""
    for measurement in record.measurements:
        print(f"  {measurement['name']} = {measurement['value']} {measurement['unit']}")
    print(f"  {record.outcome.value}: {record.sentence}")


async def main() -> None:
    """Emil calls Anna, who is busy."""
    with tempfile.TemporaryDirectory() as folder:
        async with Bench(demo_config(Path(folder))) as bench:
            trial = Trial(bench, "by hand")
            await trial.reset()
            await bench.answer_mode("anna", AnswerMode.BUSY)

            print("Emil leaves a message:")
            await trial.leave_message("emil", "anna")
            show(await trial.lamp("anna", lit=True, within_s=2, new=1))

            print("Anna presses the message key:")
            await trial.hear_messages("anna")
            show(await trial.lamp("anna", lit=False, within_s=2, new=0, saved=1))


if __name__ == "__main__":
    asyncio.run(main())
