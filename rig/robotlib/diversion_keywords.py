"""Keywords about diversion: forwarding, do-not-disturb, reasons, greetings."""

from __future__ import annotations

from robot.api.deco import keyword

from rig.assertion import InconclusiveError, ProductFailure
from rig.robotlib.arguments import Greeting
from rig.robotlib.component import Component
from rig.trial_steps import DiversionReason, ForwardCondition


class DiversionKeywords(Component):
    """Assertions are about the last call of the test."""

    @keyword(tags=["diversion"])
    def set_forwarding(
        self, role: str, when: ForwardCondition, target: str, rings: int = 3
    ) -> None:
        """Has the platform forward calls to another role: always, busy or no_answer.

        | `Set Forwarding` | callee | busy | target |
        """
        self.session.run(self.trial.set_forwarding(role, when, target, rings=rings))

    @keyword(tags=["diversion"])
    def clear_forwarding(self, role: str) -> None:
        """Switches forwarding and do-not-disturb off, also those of the inventory."""
        self.session.run(self.trial.clear_forwarding(role))

    @keyword(tags=["diversion"])
    def set_do_not_disturb(self, role: str, on: bool = True) -> None:  # noqa: FBT001, FBT002 - Robot gives it by position: ``Set Do Not Disturb  anna  off``
        """Switches do-not-disturb of a role on the platform."""
        self.session.run(self.trial.set_do_not_disturb(role, on=on))

    @keyword(tags=["diversion", "verdict"])
    def diversion_reason_should_be(
        self,
        reason: DiversionReason,
        greeting: Greeting | None = None,
        rings: int | None = None,
        target: str = "",
    ) -> None:
        """Asserts why the last call was diverted, in Diversion and in History-Info.

        Reasons: user-busy, no-answer, unconditional, do-not-disturb. With ``rings``, the callee
        must have rung that long; with ``target``, that role must have got the call, else the
        mailbox.

        | `Diversion Reason Should Be` | user-busy | greeting=busy |
        """
        self.session.demand(
            self.session.run(
                self.trial.diverted(
                    reason,
                    greeting=greeting.value if greeting else "",
                    rings=rings,
                    target=target,
                )
            )
        )

    @keyword(tags=["diversion", "mailbox"])
    def greeting_should_be(self, greeting: Greeting) -> None:
        """Asserts which greeting the caller heard: busy or unavailable, from the audio."""
        case = self.session.run(self.trial.diversion_case())
        self.session.demand_sight()
        if not case.media_seen:
            raise InconclusiveError("no audio towards the caller was captured")
        if greeting.value not in case.greetings:
            raise ProductFailure(
                f"expected {greeting.value}, heard {', '.join(case.greetings) or 'nothing known'}"
            )
