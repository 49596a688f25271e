"""The rig's errors are those of :mod:`provisioning.errors`; one tree for the whole project."""

from provisioning.errors import (
    InputErrors,
    InputFault,
    LocalProtocolError,
    PhonerigError,
    Position,
    ProtocolError,
    RemoteProtocolError,
    RigError,
    UsageError,
)

__all__ = [
    "InputErrors",
    "InputFault",
    "LocalProtocolError",
    "PhonerigError",
    "Position",
    "ProtocolError",
    "RemoteProtocolError",
    "RigError",
    "UsageError",
]
