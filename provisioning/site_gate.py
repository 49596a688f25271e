"""Puts the access rule of a site together from its inventory and the profiles of its models."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from provisioning.access_model import ProofKind, credentials_of, first_token, shared_key
from provisioning.certificate_names import CertificateForms
from provisioning.inventory_site import Site
from provisioning.profile_model import Profile
from provisioning.secret import Secret
from provisioning.transport.http_access import Gate, GateHandset
from provisioning.transport.path_tokens import DeadTokens, TokenBook
from provisioning.transport.revocation import Revocations
from provisioning.transport.walk_guard import WalkAlarm, WalkGuard, WalkLimits

logger = logging.getLogger(__name__)


def site_gate(
    site: Site,
    profiles: Mapping[str, Profile],
    on_alarm: Callable[[WalkAlarm], None] = lambda _alarm: None,
    *,
    several_servers: bool = False,
) -> Gate:
    """Make what every transport of a site asks about every request.

    Args:
        site: its inventory.
        profiles: by model.
        on_alarm: told of every walk over MAC addresses; it is logged too.
        several_servers: others serve the same site, and must know each other's nonces: they are
            signed with a key that is made from the site's.

    Raises:
        RigError: the file of dead tokens can be neither read nor made.
    """
    settings = site.access

    def alarm(noticed: WalkAlarm) -> None:
        logger.warning("%s", noticed)
        on_alarm(noticed)

    return Gate(
        settings,
        [
            GateHandset(
                handset.name,
                handset.mac,
                profiles[handset.model].vendor,
                credentials_of(settings, handset.mac, handset.credentials),
            )
            for handset in site.handsets
        ],
        CertificateForms(profiles.values()),
        Revocations(
            ((handset.name, handset.mac, handset.revoked) for handset in site.handsets),
            settings.revoked_file,
        ),
        WalkGuard(WalkLimits(most_macs=settings.walk_limit), alarm),
        tokens=_tokens(site),
        nonce_key=shared_key(settings.key, "nonces") if several_servers and settings.key else None,
    )


def first_urls(site: Site) -> dict[str, Secret]:
    """The URL that each handset is given to begin with, by its name; empty without path tokens.

    Args:
        site: its inventory.
    """
    if ProofKind.TOKEN not in site.access.proofs:
        return {}
    return {
        handset.name: Secret(
            f"{site.provisioning.url}/{first_token(site.access.key, handset.mac).reveal()}"
        )
        for handset in site.handsets
    }


def _tokens(site: Site) -> TokenBook | None:
    if ProofKind.TOKEN not in site.access.proofs or site.access.state_file is None:
        return None
    dead = DeadTokens(site.access.state_file)
    dead.load()
    return TokenBook(
        site.access.key, ((handset.name, handset.mac) for handset in site.handsets), dead
    )
