"""Files, a provisioning server and a small registrar around one emulated handset."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

from small_registrar import SmallRegistrar, body

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.intent import (
    AccountIntent,
    DivertsIntent,
    HandsetIntent,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.render import render_handset
from provisioning.secret import Secret
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from provisioning.transport.tftp_server import TftpServer
from rig.handset.emulated.handset import EmulatedHandset

MACS = {
    "T46U": "80:5E:C0:1A:2B:01",
    "D785": "00:04:13:1A:2B:03",
    "VVX450": "64:16:7F:1A:2B:05",
    "GRP2614": "C0:74:AD:1A:2B:04",
}


@functools.cache
def profiles():
    return shipped_profiles()


def account(index=1, user="anna", *, mwi=MwiMode.SUBSCRIBE, diverts=None, transport="udp"):
    return AccountIntent(
        index=index,
        label=user.title(),
        display_name=user.title(),
        user=user,
        auth_user=f"{user}.auth",
        password=Secret(f"quitte-4711-{user}"),
        domain="beispiel.example",
        registrar_host="127.0.0.1",
        registrar_port=5060,
        transport=SipTransport(transport),
        register_expires_s=3600,
        voicemail_number="+493023125900",
        mwi=MwiIntent(mwi),
        diverts=diverts or DivertsIntent(),
    )


def intent(model, *accounts, missed=False):
    return HandsetIntent(
        name="anna",
        mac=Mac.parse(MACS[model]),
        model=model,
        accounts=accounts or (account(),),
        line_keys=(LineKeyIntent(1, LineKeyKind.LINE, 1, label="Anna"),),
        lamp=LampPolicyIntent(on_missed_call=missed),
        locale=LocaleIntent(ntp_server="ntp.beispiel.example"),
        provisioning=ProvisioningIntent("http://127.0.0.1"),
        admin_password=Secret("Kirschbaum-27-Leiter"),
    )


@dataclass
class HandsetLab:
    """Everything one handset needs to live."""

    registrar: SmallRegistrar = field(default_factory=lambda: SmallRegistrar(first_body=body(0)))
    log: FetchLog = field(default_factory=FetchLog)
    content: SiteContent = field(default_factory=lambda: SiteContent({}))
    handsets: list[EmulatedHandset] = field(default_factory=list)

    async def start(self):
        await self.registrar.start()
        self.http = HttpServer(self.content, self.log, port=0)
        self.tftp = TftpServer(self.content, self.log, port=0)
        await self.http.start()
        await self.tftp.start()

    async def close(self):
        for handset in self.handsets:
            await handset.shut_down()
        await self.http.close()
        await self.tftp.close()
        await self.registrar.close()

    def handset(self, wanted, *, fetch_by="http", host="127.0.10.4", **more):
        """Render the files of an intent, serve them, and unpack the handset."""
        server = self.http if fetch_by == "http" else self.tftp
        url = f"{fetch_by}://127.0.0.1:{server.address[1]}"
        registrar_host, port = self.registrar.address
        told = replace(
            wanted,
            provisioning=replace(wanted.provisioning, url=url),
            accounts=tuple(
                replace(one, registrar_host=registrar_host, registrar_port=port)
                for one in wanted.accounts
            ),
        )
        profile = profiles()[wanted.model]
        files = render_handset(told, profile).files
        self.content.replace({file.path: file for file in files})
        handset = EmulatedHandset(
            "anna", profile, wanted.mac, provisioning_url=url, host=host, **more
        )
        self.handsets.append(handset)
        return handset

    @property
    def fetches(self):
        return [(record.path, record.status) for record in self.log.records]
