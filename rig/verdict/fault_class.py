"""The names of faults: what the rig says when something is wrong.

Classes are the rows of the fault catalogue: M for message waiting, D for diversion, P for
provisioning. A finding always carries one of them, the component it blames, and its proof.
"""

from __future__ import annotations

from enum import StrEnum


class Component(StrEnum):
    """Part of the system that a finding blames."""

    PLATFORM = "platform"
    HANDSET = "handset"
    CONFIG = "config"
    PROVISIONING_SERVER = "provisioning server"
    NETWORK = "network"
    RIG = "rig"


class FaultClass(StrEnum):
    """Class of a fault; the value is its code."""

    M1 = "M1"
    M2 = "M2"
    M3 = "M3"
    M4 = "M4"
    M5 = "M5"
    M6 = "M6"
    M7 = "M7"
    M8 = "M8"
    M9 = "M9"
    M10 = "M10"
    M11 = "M11"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"
    D4 = "D4"
    D5 = "D5"
    D6 = "D6"
    D7 = "D7"
    D8 = "D8"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"
    P6 = "P6"
    P7 = "P7"
    P8 = "P8"
    P9 = "P9"

    @property
    def slug(self) -> str:
        """Short name, e.g. ``count-wrong``."""
        return _TABLE[self][0]

    @property
    def meaning(self) -> str:
        """What it means, in one clause."""
        return _TABLE[self][1]


_TABLE: dict[FaultClass, tuple[str, str]] = {
    FaultClass.M1: ("notify-missing", "something changed and no NOTIFY was sent"),
    FaultClass.M2: ("notify-excess", "NOTIFYs repeated, in a storm, or to somebody not entitled"),
    FaultClass.M3: ("notify-misaddressed", "a NOTIFY went to the wrong place or dialog"),
    FaultClass.M4: ("body-malformed", "the message summary breaks the RFC 3842 grammar"),
    FaultClass.M5: ("count-wrong", "flag or counts differ from the mailbox"),
    FaultClass.M6: ("account-wrong", "wrong mailbox, line or account"),
    FaultClass.M7: ("subscribe-refused", "a SUBSCRIBE or an unsolicited NOTIFY was refused"),
    FaultClass.M8: ("subscription-lifecycle", "a subscription was dropped, leaked or not renewed"),
    FaultClass.M9: ("lamp-contradicts-wire", "the NOTIFY is right and arrived, the lamp is wrong"),
    FaultClass.M10: ("lamp-false-source", "the lamp is driven by something else than messages"),
    FaultClass.M11: ("notify-lost", "the platform sent a NOTIFY that the phone never got"),
    FaultClass.D1: ("diversion-missing", "a diverted leg carries no diversion information"),
    FaultClass.D2: ("diversion-reason", "the reason does not fit what happened"),
    FaultClass.D3: ("diversion-party", "wrong diverting party, order or missing hop"),
    FaultClass.D4: ("diversion-malformed", "the header cannot be parsed"),
    FaultClass.D5: ("loop-guard", "a loop was not stopped, or seen where there is none"),
    FaultClass.D6: ("divert-decision", "not diverted, wrong target or wrong time"),
    FaultClass.D7: ("mailbox-greeting", "wrong mailbox, or wrong or no greeting"),
    FaultClass.D8: ("feature-desync", "phone and server disagree about forwarding"),
    FaultClass.P1: ("name-mismatch", "the file that was asked for has another name"),
    FaultClass.P2: ("file-malformed", "the file is not what the phone can read"),
    FaultClass.P3: ("value-mangled", "a value was changed by escaping, charset or template"),
    FaultClass.P4: ("key-missing-or-ignored", "a needed key is absent, wrong or unknown"),
    FaultClass.P5: ("index-wrong", "a line or key number is shifted, missing or too high"),
    FaultClass.P6: ("precedence", "the same key stands in several sources"),
    FaultClass.P7: ("not-applied", "the phone never read the file again"),
    FaultClass.P8: ("transport", "TFTP, HTTP, DHCP or TLS broke the delivery"),
    FaultClass.P9: ("wrong-device", "an answer meant for another device"),
}
