"""The list of oracles, in the order in which they are told.

Those that judge by the books come before those that write them.
"""

from __future__ import annotations

from rig.verdict.oracles.acks import Acks
from rig.verdict.oracles.addressing import Addressing
from rig.verdict.oracles.bodies import Bodies
from rig.verdict.oracles.causes import Causes
from rig.verdict.oracles.delivery import Delivery
from rig.verdict.oracles.dialogs import Dialogs
from rig.verdict.oracles.digest_use import DigestUse
from rig.verdict.oracles.diversions import Diversions
from rig.verdict.oracles.media import Media
from rig.verdict.oracles.notifies import Notifies
from rig.verdict.oracles.open_ends import OpenEnds
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.reach import Reach
from rig.verdict.oracles.registrations import Registrations
from rig.verdict.oracles.repetition import Loops, Repetition
from rig.verdict.oracles.subscriptions import Subscriptions
from rig.verdict.oracles.syntax import Syntax
from rig.verdict.oracles.unread import Unread

ALL: tuple[type[Oracle], ...] = (
    Syntax,
    Bodies,
    Notifies,
    Addressing,
    Subscriptions,
    Registrations,
    Reach,
    DigestUse,
    Diversions,
    Causes,
    Dialogs,
    Acks,
    Delivery,
    Repetition,
    Loops,
    Media,
    OpenEnds,
    Unread,
)
