"""Keywords about mail: what the platform sent by SMTP, and what is heard in it."""

from __future__ import annotations

from datetime import timedelta

from robot.api import SkipExecution
from robot.api.deco import keyword

from rig.assertion import ProductFailure
from rig.errors import RigError, UsageError
from rig.mail_sink import MailSink
from rig.media.prompt_detector import PromptDetector
from rig.robotlib.arguments import seconds
from rig.robotlib.component import Component

SAMPLES_PER_S = 8000
SPEECH_S = 1.0
LOUD = 500
"""A sample of speech is louder than this, of 32767."""


class MailKeywords(Component):
    """The bench takes the platform's mail when it was opened with ``mail_sink=on``."""

    @keyword(tags=["mail"])
    def require_mail_sink(self) -> None:
        """Skips the test unless the bench takes the platform's mail; forgets earlier mail."""
        if self.bench.mail_sink is None:
            raise SkipExecution("this bench takes no mail")
        self.bench.mail_sink.mails.clear()

    @keyword(tags=["mail", "verdict"])
    def mail_should_have_come(
        self,
        address: str,
        audio: bool = False,  # noqa: FBT001, FBT002 - Robot gives it by name: ``audio=yes``
        timeout: timedelta = timedelta(seconds=8),
    ) -> None:
        """Waits for the one mail to an address, with the caller's speech attached or without.

        | `Mail Should Have Come` | anna@beispiel.example | audio=yes |
        """
        sink = self._sink
        try:
            mail = self.session.run(
                sink.wait_for(address, seconds(timeout)), takes_s=seconds(timeout)
            )
        except RigError as error:
            raise ProductFailure(str(error)) from error
        if len(self._sink.to(address)) > 1:
            raise ProductFailure(f"{len(self._sink.to(address))} mails to {address}, expected one")
        if bool(mail.audio) != audio:
            raise ProductFailure(
                f"mail to {address}: expected {'audio' if audio else 'no audio'}, "
                f"seen {len(mail.audio)} audio attachments"
            )
        for pcm in mail.audio:
            spoken_s = _loud_samples(pcm) / SAMPLES_PER_S
            if spoken_s < SPEECH_S or PromptDetector().feed(pcm):
                raise ProductFailure(
                    f"mail to {address}: expected {SPEECH_S:g} s of the caller's speech, "
                    f"seen {spoken_s:.1f} s"
                )

    @keyword(tags=["mail", "verdict"])
    def no_mail_should_have_come(self, address: str) -> None:
        """Asserts that nothing was mailed to an address up to now."""
        if self._sink.to(address):
            raise ProductFailure(f"expected no mail to {address}, seen one")

    @property
    def _sink(self) -> MailSink:
        sink = self.bench.mail_sink
        if sink is None:
            raise UsageError("this bench takes no mail: give mail_sink=on to Open Bench")
        return sink


def _loud_samples(pcm: bytes) -> int:
    """Samples in the stretches that hold sound, counted by blocks of 20 ms."""
    samples = memoryview(pcm).cast("h")
    blocks = [samples[i : i + 160] for i in range(0, len(samples), 160)]
    return sum(len(block) for block in blocks if max(block) > LOUD)
