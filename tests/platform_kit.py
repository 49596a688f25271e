"""A small site, and phones made of nothing but a SipStack, for tests of the platform."""

from __future__ import annotations

from dataclasses import replace

from provisioning.address import Mac
from provisioning.intent import MwiMode, ProvisioningIntent
from provisioning.inventory_model import (
    AccountRef,
    InventoryHandset,
    MailboxSettings,
    Registrar,
    User,
)
from provisioning.inventory_site import Site
from provisioning.secret import Secret

DOMAIN = "pbx.example"
PORTAL = "+493023125199"
ANNA = "+493023125101"
"""Owner of a mailbox; subscribes; her mailbox has Bert's number as an alias."""
BERT = "+493023125102"
"""No mailbox of his own; his number is an alias of Anna's; unsolicited MWI."""
CARL = "+493023125103"
"""Owner of a mailbox; unsolicited MWI."""
DORA = "+493023125104"
"""No mailbox, no alias."""


def make_user(number: str, name: str, mailbox: MailboxSettings | None = None) -> User:
    extension = number[-3:]
    return User(
        name=name,
        number=number,
        extension=extension,
        sip_user=f"u{extension}",
        auth_user=f"auth{extension}",
        password=Secret(f"secret-{extension}"),
        mailbox=mailbox,
    )


def make_handset(name: str, last: int, user: str, mwi: MwiMode) -> InventoryHandset:
    return InventoryHandset(
        name=name,
        mac=Mac.parse(f"0015650000{last:02x}"),
        model="T46U",
        vendor="yealink",
        accounts=(AccountRef(user, mwi=mwi),),
    )


def make_site() -> Site:
    """Four users: two with mailboxes, one alias, one with nothing."""
    users = [
        make_user(
            ANNA, "Anna Arnold", MailboxSettings(Secret("135791"), aliases=(BERT,), rings=2)
        ),
        make_user(BERT, "Bert Busch"),
        make_user(CARL, "Carl Cordes", MailboxSettings(Secret("246802"), rings=2)),
        make_user(DORA, "Dora Dorn"),
    ]
    return Site(
        name="test",
        domain=DOMAIN,
        registrar=Registrar("127.0.0.1"),
        voice_portal_number=PORTAL,
        provisioning=ProvisioningIntent("http://127.0.0.1:8080"),
        admin_password=Secret("irrelevant-here"),
        users={user.number: user for user in users},
        handsets=(
            make_handset("anna-desk", 1, ANNA, MwiMode.SUBSCRIBE),
            make_handset("bert-desk", 2, BERT, MwiMode.UNSOLICITED),
            make_handset("carl-desk", 3, CARL, MwiMode.UNSOLICITED),
            make_handset("dora-desk", 4, DORA, MwiMode.SUBSCRIBE),
        ),
    )


def with_user(site: Site, user: User) -> Site:
    """The same site with one user replaced or added."""
    return replace(site, users={**site.users, user.number: user})
