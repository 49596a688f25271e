"""Feature access codes: what a telephone dials to set its user's services. Pure rules on text.

Which code stands for what is set by the administrator of a platform, so codes are data of the
inventory; none is assumed. A code is read from what was dialled by the longest one that fits,
so ``*61*`` and ``*61`` can stand for different things.

Source: BroadWorks has a main and an alternate code per service (``FeatureAccessCodeEntry`` in
its public OCI schema). Which codes a carrier uses is not documented there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from provisioning.phone_number import NumberError

_CODE = re.compile(r"[*#]{0,2}[0-9]{1,6}[*#]?")
_EXPECTED = "1 to 6 digits with up to two * or # in front and one behind, such as *72"


class Feature(StrEnum):
    """What a code does; the words are the keys of the inventory."""

    FORWARD_ALWAYS_ON = "forward_always_on"
    FORWARD_ALWAYS_OFF = "forward_always_off"
    FORWARD_ALWAYS_QUERY = "forward_always_query"
    FORWARD_BUSY_ON = "forward_busy_on"
    FORWARD_BUSY_OFF = "forward_busy_off"
    FORWARD_BUSY_QUERY = "forward_busy_query"
    FORWARD_NO_ANSWER_ON = "forward_no_answer_on"
    FORWARD_NO_ANSWER_OFF = "forward_no_answer_off"
    FORWARD_NO_ANSWER_QUERY = "forward_no_answer_query"
    FORWARD_NOT_REACHABLE_ON = "forward_not_reachable_on"
    FORWARD_NOT_REACHABLE_OFF = "forward_not_reachable_off"
    FORWARD_NOT_REACHABLE_QUERY = "forward_not_reachable_query"
    MAILBOX_ALL_ON = "mailbox_all_on"
    MAILBOX_ALL_OFF = "mailbox_all_off"
    MAILBOX_BUSY_ON = "mailbox_busy_on"
    MAILBOX_BUSY_OFF = "mailbox_busy_off"
    MAILBOX_NO_ANSWER_ON = "mailbox_no_answer_on"
    MAILBOX_NO_ANSWER_OFF = "mailbox_no_answer_off"
    NO_ANSWER_RINGS = "no_answer_rings"
    DO_NOT_DISTURB_ON = "do_not_disturb_on"
    DO_NOT_DISTURB_OFF = "do_not_disturb_off"
    CALL_WAITING_ON = "call_waiting_on"
    CALL_WAITING_OFF = "call_waiting_off"
    VOICE_PORTAL = "voice_portal"
    MAILBOX_DEPOSIT = "mailbox_deposit"
    CLEAR_MWI = "clear_mwi"


WITH_ARGUMENT = frozenset(
    {
        Feature.FORWARD_ALWAYS_ON,
        Feature.FORWARD_BUSY_ON,
        Feature.FORWARD_NO_ANSWER_ON,
        Feature.FORWARD_NOT_REACHABLE_ON,
        Feature.NO_ANSWER_RINGS,
        Feature.MAILBOX_DEPOSIT,
    }
)
"""Features whose code is followed by a number, or by a count of rings."""

FeatureCodes = Mapping[Feature, tuple[str, ...]]
"""Codes by what they do; main code first, then the alternate one."""


@dataclass(frozen=True, slots=True)
class DialledFeature:
    """A code as somebody dialled it.

    Attributes:
        feature: what it does.
        argument: what was dialled after it, without separators; may be empty.
    """

    feature: Feature
    argument: str = ""


class CodeError(NumberError):
    """A code that cannot be used; the message says why."""


def parse_feature_code(text: str) -> str:
    """Read one code.

    Args:
        text: as written, for example ``*72``.

    Raises:
        CodeError: no telephone could dial it as a code.
    """
    code = text.strip()
    if not _CODE.fullmatch(code):
        raise CodeError("this is no feature access code", _EXPECTED)
    return code


def read_feature(dialled: str, codes: FeatureCodes) -> DialledFeature | None:
    """Say which feature somebody dialled.

    Args:
        dialled: ``*7203023125104``, ``*72*104#`` or ``*73``.
        codes: of the platform.

    Returns:
        None when no code fits: an unknown one, or none at all. A code that takes nothing
        after it must stand alone, but for a closing ``#``.
    """
    found: DialledFeature | None = None
    longest = 0
    for feature, spellings in codes.items():
        for code in spellings:
            if len(code) <= longest or not dialled.startswith(code):
                continue
            rest = dialled[len(code) :]
            argument = rest.removesuffix("#")
            if feature in WITH_ARGUMENT:
                argument = argument.removeprefix("*")
            elif argument:
                continue
            found, longest = DialledFeature(feature, argument), len(code)
    return found


def code_clashes(codes: FeatureCodes, numbers: Iterable[str], trunk_prefix: str) -> list[str]:
    """Say in words which codes cannot be told from other things that are dialled.

    Args:
        codes: of the platform.
        numbers: extensions and service numbers of the site, as dialled.
        trunk_prefix: of national numbers; may be empty.

    Returns:
        One sentence per clash; empty when every code is unambiguous.
    """
    owners = [(code, feature) for feature, spellings in codes.items() for code in spellings]
    clashes = []
    for index, (code, feature) in enumerate(owners):
        clashes += [
            f"{feature.value} and {other.value} have the same code {code}"
            for again, other in owners[index + 1 :]
            if again == code
        ]
        open_ended = feature in WITH_ARGUMENT
        if open_ended:
            clashes += [
                f"{code} ({feature.value}) takes digits after it, so {longer} "
                f"({other.value}) could be that code with a number"
                for longer, other in owners
                if longer != code and longer.startswith(code) and longer[len(code)].isdecimal()
                and other not in WITH_ARGUMENT
            ]  # fmt: skip
        clashes += [
            f"{code} ({feature.value}) begins like {number}, which is a number of the site"
            if open_ended
            else f"{code} ({feature.value}) is also a number of the site"
            for number in numbers
            if number == code or (open_ended and number.startswith(code))
        ]
        if trunk_prefix and code.startswith(trunk_prefix):
            clashes.append(
                f"{code} ({feature.value}) begins like a national number, with {trunk_prefix}"
            )
    return clashes
