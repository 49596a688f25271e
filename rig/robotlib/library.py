"""The Robot library: keyword groups, one session, and the listener that cuts and attaches."""

from __future__ import annotations

import importlib.metadata
import re
from typing import Any

from robot import result as robot_result
from robot import running
from robot.api import logger
from robotlibcore import DynamicCore

from rig.assertion import InconclusiveError, ProductFailure, RigFaultError, describe
from rig.errors import PhonerigError, RigError
from rig.robotlib.arguments import CONVERTERS
from rig.robotlib.attachment import attachment
from rig.robotlib.bench_keywords import BenchKeywords
from rig.robotlib.call_keywords import CallKeywords
from rig.robotlib.capture_keywords import CaptureKeywords
from rig.robotlib.diversion_keywords import DiversionKeywords
from rig.robotlib.greeting_keywords import GreetingKeywords
from rig.robotlib.handset_keywords import HandsetKeywords
from rig.robotlib.lamp_keywords import LampKeywords
from rig.robotlib.list_keywords import ListKeywords
from rig.robotlib.mail_keywords import MailKeywords
from rig.robotlib.mailbox_keywords import MailboxKeywords
from rig.robotlib.owner_keywords import OwnerKeywords
from rig.robotlib.platform_keywords import PlatformKeywords
from rig.robotlib.portal_keywords import PortalKeywords
from rig.robotlib.provisioning_keywords import ProvisioningKeywords
from rig.robotlib.session import Session, slug
from rig.verdict.outcome import Outcome

_KINDS = {
    "RigFaultError: ": "rig-fault",
    "InconclusiveError: ": "inconclusive",
    "UsageError: ": "usage",
    "InputErrors: ": "usage",
    "ValueError: Argument ": "usage",
}
"""By what Robot writes of an error: whose fault a failed test is, if not the product's."""
_REQUIREMENT = re.compile(r"R\d+[a-z]?", re.IGNORECASE)


class PhonerigLibrary(DynamicCore):  # type: ignore[misc]  # robotlibcore has no types
    """Proves message waiting and call diversion of IP desk phones, on the wire and at the lamp.

    `Open Bench` brings up platform, provisioning servers, handsets and capture; one bench serves
    the whole run. Handsets are meant by role (``caller``, ``callee``) or by name (``anna``).

    | `Open Bench`       |           |         |           |
    | `Set Answer Mode`  | anna      | busy    |           |
    | `Leave Message`    | from=emil | to=anna |           |
    | `Lamp Should Be`   | anna      | lit     | within=2s |

    = Outcomes =

    A failed assertion means that the product is wrong; its message names the fault class, the
    component to blame and the proof. When the rig itself could not do its work, the test fails
    with ``RigFaultError`` and the tag ``rig-fault``; when the evidence does not decide, with
    ``InconclusiveError`` and the tag ``inconclusive``; when the test asks for what cannot be, with
    ``UsageError`` and the tag ``usage``. A test whose capture has stopped does not pass, whatever
    it asked. What the bench cannot do is skipped before it starts.

    = Captures =

    The packets of each test stand in ``captures/<test>.pcapng`` in Robot's output folder, without
    secrets; the comment of a frame is its number in messages (``packet 151``). A failed test
    shows ladder and lamp track in ``log.html``.
    """

    ROBOT_LIBRARY_SCOPE = "GLOBAL"
    ROBOT_LIBRARY_VERSION = importlib.metadata.version("phonerig")
    ROBOT_LIBRARY_DOC_FORMAT = "ROBOT"
    ROBOT_LIBRARY_CONVERTERS = CONVERTERS
    ROBOT_LISTENER_API_VERSION = 3
    ROBOT_AUTO_KEYWORDS = False

    def __init__(self) -> None:
        self.session = Session()
        self.ROBOT_LIBRARY_LISTENER = self
        groups = (
            BenchKeywords,
            ProvisioningKeywords,
            HandsetKeywords,
            LampKeywords,
            MailboxKeywords,
            DiversionKeywords,
            PortalKeywords,
            CaptureKeywords,
            CallKeywords,
            OwnerKeywords,
            GreetingKeywords,
            ListKeywords,
            MailKeywords,
            PlatformKeywords,
        )
        super().__init__([group(self.session) for group in groups])

    # -- the dynamic library interface -----------------------------------------------------

    def get_keyword_arguments(self, name: str) -> list[Any]:
        """Arguments as Robot shows them: ``from`` and ``for`` without their underscore."""
        return [
            (_shown(item[0]), *item[1:]) if isinstance(item, tuple) else _shown(item)
            for item in super().get_keyword_arguments(name)
        ]

    def get_keyword_types(self, name: str) -> Any:
        """Types of arguments, by the names that Robot shows."""
        types = super().get_keyword_types(name)
        return {_shown(k): v for k, v in types.items()} if isinstance(types, dict) else types

    def run_keyword(
        self, name: str, args: list[Any], kwargs: dict[str, Any] | None = None
    ) -> object:
        """Run a keyword; a fault of the rig is marked as one.

        Raises:
            ProductFailure: the product is wrong.
            RigFaultError: the rig could not do its work.
            InconclusiveError: the evidence does not decide.
        """
        named = {_python(key): value for key, value in (kwargs or {}).items()}
        try:
            return super().run_keyword(name, args, named)
        except (InconclusiveError, RigFaultError):
            raise
        except RigError as error:
            raise RigFaultError(str(error)) from error

    # -- the listener ------------------------------------------------------------------------

    def start_test(self, data: running.TestCase, result: robot_result.TestCase) -> None:
        """Begin the window of a test."""
        requirements = tuple(tag for tag in data.tags if _REQUIREMENT.fullmatch(tag))
        self.session.begin(slug(result.full_name), data.name, requirements)

    def end_test(self, data: running.TestCase, result: robot_result.TestCase) -> None:
        """Cut the capture, and show a failed test's evidence in the log."""
        del data
        record = self.session.record
        if record is not None and not self.session.asserted and result.passed:
            unasked = record.outcome is not Outcome.PASS
            result.status = "FAIL" if unasked else "PASS"
            result.message = f"nobody asked for this verdict: {describe(record)}" * unasked
        # What is shown is judged before anything is written: writing may hold up the bench's loop.
        for deed in (self._undo, self._doubt, self._show, self._link_capture):
            try:
                deed(result)
            except (PhonerigError, OSError) as error:
                logger.warn(f"the evidence of this test could not be written: {error}")

    def close(self) -> None:
        """Take the bench down at the end of the run."""
        self.session.close()

    def _undo(self, result: robot_result.TestCase) -> None:
        del result
        self.session.undo()

    def _doubt(self, result: robot_result.TestCase) -> None:
        """Let no test pass whose capture has stopped, whatever it asked."""
        blind = self.session.capture_stopped() if result.passed else ""
        if blind:
            result.status, result.message = "FAIL", f"RigFaultError: {blind}"

    def _link_capture(self, result: robot_result.TestCase) -> None:
        if result.skipped:
            return
        path = self.session.write_capture()
        if path is not None:
            link = f"{path.parent.name}/{path.name}"
            logger.info(f'capture of this test: <a href="{link}">{path.name}</a>', html=True)

    def _show(self, result: robot_result.TestCase) -> None:
        if not result.failed:
            return
        result.tags.add(kinds_of_failure(result.message))
        record = self.session.final_record(result.message)
        if record is None:
            return
        if record.sentence not in result.message and record.outcome is not Outcome.NONE:
            result.message += f"\n\nVerdict: {record.sentence}"
        logger.info(attachment(record), html=True)


def kinds_of_failure(message: str) -> list[str]:
    """Tags that say whose fault it is; none when the product failed.

    The message is asked and not the keyword: an error that a test expects is no failure, and one
    of a suite's setup fails every test of the suite.
    """
    return sorted({tag for words, tag in _KINDS.items() if words in message})


def _shown(name: str) -> str:
    return name.removesuffix("_")


def _python(name: str) -> str:
    return f"{name}_" if name in {"from", "for"} else name


__all__ = ["PhonerigLibrary", "ProductFailure"]
