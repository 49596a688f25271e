"""The rig's clock is the provisioning clock: fetches and SIP share one time axis."""

from provisioning.clock import Clock, now

__all__ = ["Clock", "now"]
