"""Seeded faults in what a phone's file says: keys, numbers, letter case, layout, two sources.

They are made on the built-in site, some with another model in a part. Settings are written as the
vendor of that model writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from provisioning.address import Mac
from provisioning.intent import LineKeyKind, VlanIntent
from provisioning.inventory_model import InventoryHandset, LineKey
from provisioning.inventory_site import Site
from rig.faults.circumstances import Circumstances
from rig.faults.file_rule import in_files, setting
from rig.faults.seed import Seed
from rig.handset.emulated.hook import HandsetHook
from rig.verdict.fault_class import Component, FaultClass

ANNA = "805ec01a2b01"
"""Address of the phone that is under test unless a seed says otherwise: a Yealink."""

COMMON_FILE = r"^y000000000[0-9]{3}\.cfg$"
OWN_THEN_COMMON = (
    b'#!version:1.0.0.1\ninclude:config "805ec01a2b01.cfg"\ninclude:config "y000000000108.cfg"\n'
)
"""A boot file by which the common file is read last, and so counts."""

_VLAN = re.compile(rb"^static\.network\.vlan\.internet_port_vid *= *(\S*)", re.MULTILINE)


def with_handset(site: Site, name: str, **changes: object) -> Site:
    """The site with one handset changed."""
    changed = replace(site.handset(name), **changes)  # type: ignore[arg-type]  # names are checked by replace
    return replace(site, handsets=tuple(changed if h.name == name else h for h in site.handsets))


def as_model(name: str, model: str, vendor: str, mac: str) -> Callable[[Site], Site]:
    """Gives a handset of a site another model; see :attr:`rig.faults.seed.Seed.site`."""

    def change(site: Site) -> Site:
        return with_handset(site, name, model=model, vendor=vendor, mac=Mac.parse(mac))

    return change


def _big_and_small(site: Site) -> Site:
    """Anna's phone has sixteen keys, of which eight are used; Frida's has two."""
    keys = tuple(
        LineKey(
            position, LineKeyKind.SPEED_DIAL, 1, f"+4930231251{position:02d}", f"Taste {position}"
        )
        for position in range(1, 9)
    )
    site = with_handset(site, "anna", model="T28P", line_keys=keys)
    small: InventoryHandset = site.handset("frida")
    return with_handset(
        site,
        small.name,
        model="T21P_E2",
        vendor="Yealink",
        mac=Mac.parse("80:5E:C0:1A:2B:07"),
        line_keys=keys[:2],
    )


def _four_keys(name: str, content: bytes) -> bytes:
    """Every phone gets four keys, whatever it has."""
    del name
    if b"linekey.1.type" not in content:
        return content
    more = re.sub(rb"^linekey\.(?:[5-9]|\d\d)\.[^\n]*\n", b"", content, flags=re.MULTILINE)
    for position in (3, 4):
        if b"linekey.%d.type" % position not in more:
            more += b"linekey.%d.type = 13\nlinekey.%d.value = 110\n" % (position, position)
    return more


def _in_vlan_20(site: Site) -> Site:
    policy = replace(site.handset("anna").policy, vlan=VlanIntent(20))
    return with_handset(site, "anna", policy=policy)


class RestartsOnVlanChange(HandsetHook):
    """Firmware that applies its files one after the other and restarts when the VLAN changes."""

    def restarts(self, files: Mapping[str, bytes]) -> bool:
        """It does if two files say different VLANs."""
        return len({m[1] for content in files.values() for m in _VLAN.finditer(content)}) > 1


def config_faults() -> tuple[Seed, ...]:
    """Seeded faults of the content of files, freshly made."""
    spa = as_model("david", "SPA504G", "Cisco", "00:0E:08:1A:2B:04")
    return (
        Seed(
            name="voicemail-index-repeated",
            id="B74",
            source="https://github.com/fusionpbx/fusionpbx/commit/119e8c531b",
            proof=r"805ec01a2b01\.cfg:\d+: voice_mail\.number\.1 a second time",
            title="the voicemail number of account 1 is written again in place of account 2's",
            component=Component.CONFIG,
            fault_class=FaultClass.P5,
            scenario="boot",
            file=in_files(r"^voice_mail\.number\.2 =", "voice_mail.number.1 ="),
        ),
        Seed(
            name="other-lines-disabled",
            id="B79",
            source="https://github.com/fusionpbx/fusionpbx/commit/a0338c554a",
            proof=r"805ec01a2b01\.cfg:\d+: account\.2\.enable = 0",
            title="only account 1 is switched on",
            component=Component.CONFIG,
            fault_class=FaultClass.P5,
            scenario="boot",
            file=setting("account.2.enable", "0"),
        ),
        Seed(
            name="key-capacity-wrong",
            id="B80",
            source="https://github.com/wazo-platform/wazo-provd-plugins/commit/6c90f694",
            proof=r"linekey\.3|line_keys\[5\]",
            title="a phone with two keys and one with sixteen get four keys each",
            component=Component.CONFIG,
            fault_class=FaultClass.P5,
            scenario="boot_both",
            site=_big_and_small,
            file=_four_keys,
        ),
        Seed(
            name="keys-in-two-files",
            id="B82",
            source="https://github.com/fusionpbx/fusionpbx/commit/1df5c26b68",
            proof=r"linekey\.3\.\w+, also in y000000000108\.cfg:\d+",
            title="the common file sets key 3 as well, and is read last",
            component=Component.CONFIG,
            fault_class=FaultClass.P6,
            scenario="boot",
            circumstances=Circumstances(extra_files={f"{ANNA}.boot": OWN_THEN_COMMON}),
            file=in_files(r"\Z", "linekey.3.type = 13\nlinekey.3.value = 110\n", name=COMMON_FILE),
        ),
        Seed(
            name="two-settings-on-a-line",
            id="B83",
            source="https://github.com/fusionpbx/fusionpbx/commit/00c9452e13",
            proof=r"account\.1\.label and account\.1\.display_name on one line",
            title="a line end is missing between two settings",
            component=Component.CONFIG,
            fault_class=FaultClass.P3,
            scenario="boot",
            file=in_files(r"^(account\.1\.label = [^\n]*)\n", r"\1"),
        ),
        Seed(
            name="name-in-wrong-case",
            id="B85",
            source="https://github.com/fusionpbx/fusionpbx/commit/dc304963ce",
            proof=r"\.xml:\d+: voice_mail_number",
            title="the name of the voicemail number is spelt in other letter case",
            component=Component.CONFIG,
            fault_class=FaultClass.P4,
            scenario="boot",
            roles={"callee": "david"},
            site=spa,
            file=in_files("Voice_Mail_Number", "voice_mail_number"),
        ),
        Seed(
            name="root-of-old-firmware",
            id="B86",
            source="https://github.com/fusionpbx/fusionpbx/commit/0a75bd7594",
            proof=r"root element VOIP_CONFIG_FILE",
            title="the file has the root element that older firmware read",
            component=Component.CONFIG,
            fault_class=FaultClass.P4,
            scenario="boot",
            roles={"callee": "david"},
            site=as_model("david", "X4U", "Fanvil", "0C:38:3E:1A:2B:04"),
            file=in_files("sysConf>", "VOIP_CONFIG_FILE>"),
        ),
        Seed(
            name="vlan-flips",
            id="B88",
            source="https://github.com/wazo-platform/wazo-provd-plugins/commit/a4267c31",
            proof=r"y000000000108\.cfg:\d+: static\.network\.vlan\.internet_port_vid",
            title="the common file clears the VLAN that the phone's own file sets",
            component=Component.CONFIG,
            fault_class=FaultClass.P6,
            scenario="boot",
            site=_in_vlan_20,
            circumstances=Circumstances(firmware={"callee": RestartsOnVlanChange()}),
            file=in_files(r"\Z", "static.network.vlan.internet_port_vid =\n", name=COMMON_FILE),
        ),
    )
