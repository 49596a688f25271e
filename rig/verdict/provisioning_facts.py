"""What verdicts may know of how one handset was provisioned, and what must be true of it.

Files are looked at before: what an audit finds in them comes in as :class:`FileHit`, without any
vendor's spelling being known here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileHit:
    """One place at which an audit of the received files found a fault.

    Attributes:
        rule: name of the audit's rule, e.g. ``wrong-case``.
        file: name of the file.
        line: in it, from 1; 0 for the file as such.
        found: what stands there; never a secret.
        expected: what would have been right.
    """

    rule: str
    file: str
    line: int
    found: str
    expected: str

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class ProvisioningFacts:
    """How one handset was provisioned.

    Attributes:
        wanted_url: where it must fetch.
        offered_url: what DHCP told it; empty if nothing was.
        stored: names under which the server has the files of this handset.
        received: names of the files that it got in its last boot, in order.
        hits: what is wrong in them.
        complaint: why its last boot failed, in its own words; empty if it did not.
        unfinished: it was still fetching when it was judged.
        stale: received files that the server would answer otherwise by now.
        reboot_event: Event that makes this model reboot.
    """

    wanted_url: str
    offered_url: str = ""
    stored: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    hits: tuple[FileHit, ...] = ()
    complaint: str = ""
    unfinished: bool = False
    stale: tuple[str, ...] = ()
    reboot_event: str = ""


@dataclass(frozen=True, slots=True)
class ProvisioningExpectation:
    """What must be true of a handset after something made it fetch its files.

    It has fetched them, takes from them what the inventory says, and registers each account of
    the inventory; one that is not in the inventory gets no account.

    Attributes:
        handset: its name.
        since: instant of the trigger.
        until: instant at which it is judged.
        trigger: name of the trigger, for sentences: ``the power-on``.
        told: the handset must be told by an event to fetch again.
        reboots: it must boot, not only read.
    """

    handset: str
    since: float
    until: float
    trigger: str = "the power-on"
    told: bool = False
    reboots: bool = True
