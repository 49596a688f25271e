"""Optional features: what some models can be told and others cannot.

A profile declares each under ``features``. A wish for a feature that a profile does not
declare is a loss and stands in the loss report; so a vendor can begin with few.
"""

from __future__ import annotations

from enum import StrEnum


class Feature(StrEnum):
    """Names of optional features, as profiles spell them."""

    OUTBOUND_PROXY = "outbound_proxy"
    """An outbound proxy beside a registrar that is not the domain itself."""
    CODECS = "codecs"
    DTMF = "dtmf"
    SRTP = "srtp"
    DND = "dnd"
    CALL_WAITING = "call_waiting"
    FEATURE_KEY_SYNC = "feature_key_sync"
    DIVERSION_HEADER = "diversion_header"
    MWI_ICON = "mwi_icon"
    STUTTER_TONE = "stutter_tone"
    PROVISIONING_AUTH = "provisioning_auth"
    VLAN = "vlan"
    VLAN_PRIORITY = "vlan_priority"
    ACCOUNT_LABEL = "account_label"
    """A label beside the display name. There, unless a profile says ``no``."""
    PROVISIONING_URL = "provisioning_url"
    """Where files are fetched stands in a file. It does, unless a profile says ``no``."""
    ADMIN_PASSWORD = "admin_password"  # noqa: S105 - the name of a feature
    """The password of the administrator. There, unless a profile says ``no``."""


class Reach(StrEnum):
    """Whether a feature is there, and whether each account has its own."""

    NO = "no"
    HANDSET = "handset"
    """One setting for the whole handset."""
    ACCOUNT = "account"
    """Each account has its own setting."""
