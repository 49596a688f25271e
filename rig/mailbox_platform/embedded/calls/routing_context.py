"""What a call needs of the platform, in one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rig.clock import Clock, now
from rig.mailbox_platform.base import MailboxOptions, UserServices
from rig.mailbox_platform.embedded.calls.call_party import CallRegistry
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.registrar import Registrar
from rig.mailbox_platform.embedded.settings import Settings
from rig.sip_transport.stack import SipStack
from rig.timeline import Address


@dataclass(slots=True, kw_only=True)
class RoutingContext:
    """Everything a call needs of the platform.

    Attributes:
        stack: our endpoint.
        directory: whose number is whose.
        registrar: where the handsets are.
        settings: what users have switched on.
        config: limits and switches.
        hook: may alter behaviour.
        seconds_per_ring: length of one ring.
        voicemail: address of the mailbox's own SIP endpoint.
        on_bye: called when a BYE has been passed on.
        clock: for bindings.
        cancel_reasons: Reason of CANCELs by Call-ID.
        calls: who is in which call.
        set_options: replaces the options of a mailbox.
        set_services: replaces the services of a user.
        clear_mwi: puts out the lamps of a mailbox, whatever waits there.
    """

    stack: SipStack
    directory: Directory
    registrar: Registrar
    settings: Settings
    config: PlatformConfig
    hook: PlatformHook
    seconds_per_ring: float
    voicemail: Address
    on_bye: Callable[[], None]
    set_options: Callable[[str, MailboxOptions], Awaitable[None]]
    set_services: Callable[[str, UserServices], Awaitable[None]]
    clear_mwi: Callable[[str], None]
    clock: Clock = now
    cancel_reasons: dict[str, str] = field(default_factory=dict)
    calls: CallRegistry = field(default_factory=CallRegistry)
