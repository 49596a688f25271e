"""Seeded faults of what serves files: names, answers, TFTP, the event that makes phones fetch.

Each is a hook of the provisioning server, of the handset that asks, or of the network's DHCP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from provisioning.inventory_site import Site
from provisioning.secret import Secret
from provisioning.transport.content import Answer
from provisioning.transport.hook import LookUp, ServerHook
from provisioning.transport.tftp_packet import Opcode, OptionAck, Request
from rig.faults.circumstances import Circumstances
from rig.faults.config_faults import ANNA, OWN_THEN_COMMON, as_model
from rig.faults.file_rule import in_files
from rig.faults.seed import Seed
from rig.handset.emulated.hook import HandsetHook
from rig.verdict.fault_class import Component, FaultClass

BLKSIZE = 1428
"""Octets of a TFTP block that emulated handsets ask for."""

FOLDER = "Haus~A"
"""Folder in the provisioning URL, with a sign that some systems encode."""

_PLAIN_MAC = re.compile(r"(?<![0-9a-z])[0-9a-f]{12}(?![0-9a-f])")
_DATA, _FIRST_BLOCK = Opcode.DATA.to_bytes(2), b"\0\3\0\1"


class _StopsAtBootFile(HandsetHook):
    """Firmware that asks for nothing more once it has a boot file."""

    def asks(self, path: str, got: tuple[str, ...]) -> str | None:
        return None if any(name.endswith(".boot") for name in got) else path


class _ColonsInNames(HandsetHook):
    """Firmware that writes its address with colons where a URL has ``{mac}``."""

    def asks(self, path: str, got: tuple[str, ...]) -> str | None:
        del got
        return _PLAIN_MAC.sub(lambda m: ":".join(re.findall("..", m[0])), path)


class _UpperCaseNames(ServerHook):
    """Writes addresses in file names in upper case."""

    def stored_name(self, name: str) -> str:
        return _PLAIN_MAC.sub(lambda m: m[0].upper(), name)


class _AddressInEveryName(ServerHook):
    """Refuses a name without a phone's address."""

    def refusal(self, path: str) -> int | None:
        return None if _PLAIN_MAC.search(path) else 403


class _ZeroMatchesSomebody(ServerHook):
    """Takes an address of zeros for that of the first phone in its table."""

    def answer(self, path: str, look_up: LookUp) -> Answer | None:
        return look_up(re.sub(r"(?<![0-9a-z])0{12}(?![0-9a-f])", ANNA, path))


class _NoEmptyBlock(ServerHook):
    """Ends a file with its last octet, also if that fills a block."""

    def datagram(self, request: Request, data: bytes) -> bytes | None:
        del request
        return None if data[:2] == _DATA and len(data) == 4 else data


class _OptionsUnasked(ServerHook):
    """Acknowledges a block size that nobody asked for."""

    def datagram(self, request: Request, data: bytes) -> bytes | None:
        if request.options or data[:4] != _FIRST_BLOCK:
            return data
        return OptionAck((("blksize", "512"),)).to_bytes()


class _NeverReboots(ServerHook):
    """Says ``reboot=false`` also to phones that must reboot."""

    def check_sync(self, handset: str, event: str, cause: str) -> str | None:
        del handset, cause
        return event.replace("reboot=true", "reboot=false")


class _SavesSilently(ServerHook):
    """Tells nobody that files have changed."""

    def check_sync(self, handset: str, event: str, cause: str) -> str | None:
        del handset
        return None if cause == "saved" else event


def _with_password(user: str, password: str) -> Callable[[Site], Site]:
    def change(site: Site) -> Site:
        found = site.user(user)
        changed = replace(found, password=Secret(password))
        return replace(site, users={**site.users, found.number: changed})

    return change


def fill_blocks(name: str, content: bytes) -> bytes:
    """Lengthen a file of lines by a comment so that it fills its last TFTP block."""
    if not name.endswith(".cfg"):
        return content
    missing = -(len(content) + 3) % BLKSIZE
    return content + b"# " + b"x" * missing + b"\n"


def _encoded_twice(name: str, content: bytes) -> bytes:
    """UTF-8 encoded once more, and cut where the length from before ends."""
    del name
    return content.decode("latin-1").encode()[: len(content)]


def file_server_faults() -> tuple[Seed, ...]:
    """Seeded faults of serving files, freshly made."""
    server = Component.PROVISIONING_SERVER
    return (
        Seed(
            name="boot-file-ends-the-boot",
            id="B68",
            source="https://github.com/fusionpbx/fusionpbx/pull/2926",
            proof=r"\.boot: after 805ec01a2b01\.boot",
            title="the phone asks for nothing more once it has a boot file",
            component=Component.HANDSET,
            fault_class=FaultClass.P1,
            scenario="boot",
            circumstances=Circumstances(extra_files={f"{ANNA}.boot": OWN_THEN_COMMON}),
            handsets={"callee": _StopsAtBootFile()},
        ),
        Seed(
            name="file-name-in-upper-case",
            id="B91",
            source="https://github.com/provisioner/Provisioner/issues/248",
            proof=r"805EC01A2B01\.cfg",
            title="files are named with the address in upper case, the phone asks in lower case",
            component=server,
            fault_class=FaultClass.P1,
            scenario="boot",
            server=_UpperCaseNames(),
        ),
        Seed(
            name="address-with-colons",
            id="B92",
            source="https://github.com/amooma/GS4/issues/5",
            proof=r"80:5e:c0:1a:2b:01",
            title="the phone writes its address with colons, the server knows plain digits only",
            component=server,
            fault_class=FaultClass.P1,
            scenario="boot",
            handsets={"callee": _ColonsInNames()},
        ),
        Seed(
            name="common-file-refused",
            id="B94",
            source="https://github.com/fusionpbx/fusionpbx/issues/2563",
            proof=r"y000000000000\.boot is refused with 403",
            title="a name without a phone's address is refused, the common file too",
            component=server,
            fault_class=FaultClass.P1,
            scenario="boot",
            server=_AddressInEveryName(),
        ),
        Seed(
            name="zero-address-matches",
            id="B95",
            source="https://github.com/fusionpbx/fusionpbx/commit/1f077ebc2b",
            proof=r"000000000000\.cfg was answered by the file of anna",
            title="a phone whose address is all zeros gets somebody's file",
            component=server,
            fault_class=FaultClass.P9,
            scenario="no_address",
            server=_ZeroMatchesSomebody(),
        ),
        Seed(
            name="ampersand-in-password",
            id="B97",
            source="https://github.com/fusionpbx/fusionpbx/issues/2328",
            proof=r"0004131A2B03\.xml:\d+: a bare &",
            title="an ampersand of a password is not escaped in XML",
            component=server,
            fault_class=FaultClass.P2,
            scenario="boot",
            roles={"callee": "clara"},
            site=_with_password("103", "e3#rl2(&ae#1"),
            file=in_files("&amp;", "&"),
        ),
        Seed(
            name="less-than-in-dial-plan",
            id="B98",
            source="https://github.com/provisioner/Provisioner/commit/260c645d",
            proof=r"000e081a2b04\.xml:\d+: a bare <",
            title="a less-than sign of a dial plan is not escaped in XML",
            component=server,
            fault_class=FaultClass.P2,
            scenario="boot",
            roles={"callee": "david"},
            site=as_model("david", "SPA504G", "Cisco", "00:0E:08:1A:2B:04"),
            file=in_files(
                "</flat-profile>",
                '<Dial_Plan_1_ ua="na">(<:1352>[2-9]x)</Dial_Plan_1_>\n</flat-profile>',
                name=r"\.xml$",
            ),
        ),
        Seed(
            name="url-encoded-twice",
            id="B100",
            source="https://github.com/nethesis/tancredi/commit/2772f4d",
            proof=r"%257E",
            title="the URL in the file is percent-encoded twice",
            component=server,
            fault_class=FaultClass.P3,
            scenario="second_boot",
            circumstances=Circumstances(folder=FOLDER),
            file=in_files(FOLDER, FOLDER.replace("~", "%257E")),
        ),
        Seed(
            name="text-encoded-twice",
            id="B101",
            source="https://github.com/fusionpbx/fusionpbx/commit/ac17253cf5",
            proof=r"C3 83 C2 9F",
            title="the file is encoded twice and cut at the length that it had before",
            component=server,
            fault_class=FaultClass.P3,
            scenario="boot",
            roles={"callee": "greta"},
            file=_encoded_twice,
        ),
        Seed(
            name="last-block-missing",
            id="B103",
            source="https://github.com/wazo-platform/wazo-provd/commit/a435abf",
            proof=r"1428 octets fill every block|full blocks",
            title="a file that fills its blocks is not ended by an empty one",
            component=server,
            fault_class=FaultClass.P8,
            scenario="boot",
            circumstances=Circumstances(fetch_by="tftp", file=fill_blocks),
            server=_NoEmptyBlock(),
        ),
        Seed(
            name="tftp-options-unasked",
            id="B104",
            source="https://github.com/pypxe/PyPXE/pull/10",
            proof=r"acknowledged blksize",
            title="the server acknowledges TFTP options that an old phone did not ask for",
            component=server,
            fault_class=FaultClass.P8,
            scenario="boot",
            circumstances=Circumstances(fetch_by="tftp", tftp_options=False),
            server=_OptionsUnasked(),
        ),
        Seed(
            name="reboot-not-asked",
            id="B106",
            source="https://github.com/FreePBX/issue-tracker/issues/672",
            proof=r"Event: check-sync;reboot=false",
            title="the event that shall reboot the phone says reboot=false",
            component=server,
            fault_class=FaultClass.P7,
            scenario="remote_reboot",
            server=_NeverReboots(),
        ),
        Seed(
            name="change-not-told",
            id="B107",
            source="https://github.com/NethServer/dev/issues/7824",
            proof=r"not seen: NOTIFY check-sync",
            title="nobody tells the phone that its file has changed",
            component=server,
            fault_class=FaultClass.P7,
            scenario="change",
            server=_SavesSilently(),
        ),
        Seed(
            name="option-66-cut",
            id="B116",
            source="https://github.com/opnsense/core/issues/7235",
            proof=r"DHCP option 66: http:$",
            title="DHCP option 66 is cut at the first slash",
            component=Component.NETWORK,
            fault_class=FaultClass.P8,
            scenario="boot",
            circumstances=Circumstances(folder=FOLDER),
            option_66=lambda url: url.partition("/")[0],
        ),
    )
