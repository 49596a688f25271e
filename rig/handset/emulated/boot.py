"""What a booted handset makes of its files: how its lamps behave, where its registrar is."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from provisioning.device_profile import Profile
from provisioning.intent import LampPolicyIntent
from provisioning.profile_model import Lamp, LampPattern
from rig.errors import RigError
from rig.handset.emulated.lamp_rule import COMMON_LAMP, LampRules
from rig.timeline import Address, LampState

_ACCOUNT_ICON = "account"
_SIP_PORT = 5060


def lamp_rules(profile: Profile, policy: LampPolicyIntent) -> LampRules:
    """How this model, told this policy, shows its state.

    Args:
        profile: of the model.
        policy: as read back from the files.
    """
    has_lamp = profile.message_lamp is not None
    return LampRules(
        message_pattern=_pattern(profile, COMMON_LAMP),
        account_pattern=_pattern(profile, _ACCOUNT_ICON),
        on_message=policy.on_message and has_lamp,
        on_missed_call=policy.on_missed_call and has_lamp,
    )


def _pattern(profile: Profile, lamp: str) -> LampState:
    """A pattern that nobody has verified is shown steadily lit."""
    found = profile.lamps.get(lamp)
    if not isinstance(found, Lamp) or found.mwi is LampPattern.UNVERIFIED:
        return LampState.STEADY
    return LampState(found.mwi.value)


async def resolve(host: str, port: int) -> Address:
    """Numeric address of a registrar.

    Args:
        host: name or numeric address.
        port: 0 for the usual one.

    Raises:
        RigError: the name is unknown.
    """
    port = port or _SIP_PORT
    try:
        return (str(ipaddress.ip_address(host)), port)
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
    except OSError as error:
        raise RigError(f"register: no address for {host!r}: {error.strerror}") from None
    return (str(found[0][4][0]), port)
