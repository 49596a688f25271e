"""Boots as the model does: fetches its files in its order and understands them.

What the handset knows afterwards comes from the files alone, read back by the parser of the
vendor's own syntax. How the model behaves comes from its profile.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from provisioning.address import Mac
from provisioning.device_profile import Profile
from provisioning.intent import HandsetIntent, LampPolicyIntent
from provisioning.profile_model import Lamp, LampPattern
from provisioning.readback import read_back_places
from rig.errors import PhonerigError, RigError
from rig.handset.emulated.boot_sequence import BootSequence
from rig.handset.emulated.fetcher import Fetcher
from rig.handset.emulated.lamp_rule import COMMON_LAMP, LampRules
from rig.timeline import Address, LampState

_ACCOUNT_ICON = "account"
_SIP_PORT = 5060


async def fetch_and_read(
    profile: Profile, mac: Mac, url: str, host: str
) -> tuple[HandsetIntent, tuple[str, ...]]:
    """Fetch every file that the model asks for and understand them.

    Args:
        profile: of the model.
        mac: of the handset.
        url: provisioning URL.
        host: numeric local address to fetch from.

    Returns:
        What the files say, and their names in the order of fetching.

    Raises:
        RigError: a required file is missing, the server does not answer, or the files cannot
            be understood; names the file.
    """
    sequence = BootSequence(profile.boot_requests(mac), mac, url)
    user_agent = profile.user_agent(mac)
    async with Fetcher(url, host) as fetcher:
        while (request := sequence.next_request()) is not None:
            content = await fetcher.fetch(request.path, user_agent)
            if content is None:
                sequence.missing(request)
            else:
                sequence.fetched(request, content)
    names = tuple(sequence.files)
    if not names:
        raise RigError(f"boot: {url} serves none of the files that a {profile.model} asks for")
    try:
        read = read_back_places(sequence.files, profile, mac)
    except (PhonerigError, ValueError) as error:
        raise RigError(f"boot: cannot read {', '.join(names)}: {error}") from error
    if read.unreadable:
        raise RigError(f"boot: malformed file: {read.unreadable[0]}")
    if not read.intent.accounts:
        raise RigError(f"boot: {', '.join(names)} configure no account")
    return read.intent, names


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
