"""Inventories set so that a fault can show; nothing is wrong with any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from provisioning.intent import MwiMode, SipTransport
from provisioning.inventory_model import MailboxSettings
from provisioning.inventory_site import Site


def unsolicited(site: Site) -> Site:
    """Every phone is told of its messages without asking."""
    return replace(
        site,
        handsets=tuple(
            replace(
                handset,
                accounts=tuple(replace(a, mwi=MwiMode.UNSOLICITED) for a in handset.accounts),
            )
            for handset in site.handsets
        ),
    )


def by_tcp(site: Site) -> Site:
    """Every phone registers by TCP."""
    return replace(site, registrar=replace(site.registrar, transport=SipTransport.TCP))


def at_port(port: int) -> Callable[[Site], Site]:
    """The platform listens at another SIP port than the usual one."""
    return lambda site: replace(site, registrar=replace(site.registrar, port=port))


def shows_too(owner: str, other: str) -> Callable[[Site], Site]:
    """The lamp of an owner shows the messages of another mailbox too, the counts added.

    Args:
        owner: number of the user.
        other: number of the other mailbox.
    """
    return lambda site: _with_mailbox(site, owner, also_shows=(other,))


def may_open(mailbox: str, number: str) -> Callable[[Site], Site]:
    """A number is an alias of a mailbox, so its phone may watch it.

    Args:
        mailbox: number of the mailbox.
        number: of the user who may.
    """
    return lambda site: _with_mailbox(site, mailbox, aliases=(number,))


def called(number: str, name: str) -> Callable[[Site], Site]:
    """A user has another SIP name."""
    return lambda site: replace(
        site, users={**site.users, number: replace(site.users[number], sip_user=name)}
    )


def both(first: Callable[[Site], Site], second: Callable[[Site], Site]) -> Callable[[Site], Site]:
    """One setting after the other."""
    return lambda site: second(first(site))


def _with_mailbox(site: Site, number: str, **changes: tuple[str, ...]) -> Site:
    user = site.users[number]
    if user.mailbox is None:
        return site
    mailbox: MailboxSettings = replace(user.mailbox, **changes)  # type: ignore[arg-type]  # by name
    return replace(site, users={**site.users, number: replace(user, mailbox=mailbox)})
