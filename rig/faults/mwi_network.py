"""Seeded faults of message waiting on the way: proxies, NAT, loss."""

from __future__ import annotations

from collections.abc import Callable

from rig.clock import Clock, now
from rig.faults.compose import NOTIFY, alter, drop, header, on_handset, on_network
from rig.faults.network import Passed
from rig.faults.seed import Seed
from rig.faults.sip_rule import Match, Message
from rig.faults.sites import unsolicited
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.uri import Uri
from rig.verdict.fault_class import Component, FaultClass

NAT_BINDING_S = 1.5
"""How long the NAT of the lab keeps a binding without a packet from inside; real ones, 30 s up."""

BEHIND_NAT = "127.250.0.10"
"""What a phone behind NAT takes for its address: nobody on the bench is there."""

_OUTSIDE_DIALOGS = NOTIFY.where(headers={"To": r"^(?!.*;tag=)"}, towards="handset")


class NatCloses:
    """A NAT that lets packets in for a while after the last one from inside.

    Args:
        binding_s: for how long, seconds.
        clock: tells the time.
    """

    def __init__(self, binding_s: float = NAT_BINDING_S, clock: Clock = now) -> None:
        self._binding_s, self._clock = binding_s, clock
        self._last_at = float("-inf")

    def __call__(self, payload: bytes, towards_handset: bool) -> Passed:  # noqa: FBT001 - PassPacket
        """Let a packet pass, or not."""
        at = self._clock()
        if not towards_handset:
            self._last_at = at
        return payload if at - self._last_at < self._binding_s else None


class SendsToContact(PlatformHook):
    """Sends NOTIFYs to the Contact as written, not to where the phone's requests come from."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """Leave the flow aside."""
        if not isinstance(message, Request) or not NOTIFY(message, ""):
            return message
        contact = Uri.parse(message.uri)
        address = (contact.host, contact.port or 5060)
        if address == flow.remote:
            return message
        self.send(message.to_bytes(), Flow(flow.transport, flow.local, address))
        return None


class ForgetsAfterLoss(PlatformHook):
    """Forgets a subscription whose NOTIFY was sent so many times without an answer.

    Args:
        transmissions: how many times.
    """

    def __init__(self, transmissions: int) -> None:
        self._most = transmissions
        self._sent: dict[str, int] = {}
        self._forgotten: set[str] = set()

    def incoming(self, message: Message, flow: Flow) -> Message:
        """An answer: all is well."""
        del flow
        if isinstance(message, Response) and message.cseq.method == "NOTIFY":
            self._sent.pop(message.call_id, None)
        return message

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """Count; say nothing more in a dialog that is forgotten."""
        del flow
        if not isinstance(message, Request) or not NOTIFY(message, ""):
            return message
        call_id = message.call_id
        if call_id in self._forgotten or self._sent.get(call_id, 0) >= self._most:
            self._forgotten.add(call_id)
            return None
        self._sent[call_id] = self._sent.get(call_id, 0) + 1
        return message


def drop_notify(match: Match = NOTIFY) -> Callable[[bytes, bool], Passed]:
    """Lose every NOTIFY on its way to the phone; everything else passes."""
    return on_network(drop(match.where(towards="handset")))


def _seed(number: str, name: str, fault: str, scenario: str, title: str, **more: object) -> Seed:
    return Seed(
        id=number,
        name=name,
        title=title,
        component=Component.NETWORK,
        fault_class=FaultClass(fault),
        scenario=scenario,
        **more,  # type: ignore[arg-type]  # the fields of Seed by name
    )


def network_seeds() -> tuple[Seed, ...]:
    """Every fault of this module, freshly made."""
    return (
        _seed(
            "", "notify-lost", "M11", "busy", "the network loses every NOTIFY to the callee",
            network={"callee": drop_notify()},
        ),
        _seed(
            "B109", "proxy-drops-push", "M11", "message",
            "a proxy does not relay a NOTIFY outside of a dialog",
            source="https://github.com/irontec/ivozprovider/pull/902", site=unsolicited,
            network={"callee": drop_notify(_OUTSIDE_DIALOGS)},
        ),
        _seed(
            "B110", "nat-closes", "M11", "message_after_quiet",
            "the NAT before the callee's phone closes, since the phone keeps nothing alive",
            source="https://github.com/wazo-platform/wazo-provd-plugins/pull/32",
            network={"callee": NatCloses()},
        ),
        _seed(
            "B112", "sent-to-private-contact", "M3", "message",
            "NOTIFYs go to the private Contact of a phone behind NAT",
            source="https://github.com/dOpensource/dsiprouter/issues/383",
            network={"callee": on_network()}, platform=SendsToContact(),
            handsets={
                "callee": on_handset(
                    alter(Match(kind="request"), header("Contact", r"@[^:;>]+", f"@{BEHIND_NAT}"))
                )
            },
        ),
        _seed(
            "B113", "forgotten-after-loss", "M8", "two_messages",
            "one NOTIFY is lost, and the platform forgets the subscription",
            source="https://github.com/OpenSIPS/opensips/issues/380",
            network={
                "callee": on_network(
                    drop(NOTIFY.where(towards="handset", body="Waiting: yes"), times=1)
                )
            },
            platform=ForgetsAfterLoss(3),
        ),
    )  # fmt: skip
