"""A Fanvil phone, from documents of re-branded ones: active URI, xmlService, and call-backs."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET

from vendor_fakes.base import Answer, Asked, FakePhone


class FakeFanvil(FakePhone):
    """Settings by name; calls back at the URL that it was told for message waiting."""

    def __init__(self, **more):
        super().__init__(**more)
        self.allowed = self.takes_settings = True
        self.pressed: list[str] = []
        self.rebooted = self.provisioned = 0
        self.settings = {
            "sip.line.1.RegisterAddr": "10.0.0.5",
            "sip.line.1.AlwaysFWD": "0",
            "sip.line.1.AlwaysFWDNum": "",
            "sip.line.1.BusyFWD": "1",
            "sip.line.1.BusyFWDNum": "102",
        }
        self.mwi_url = ""

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/cgi-bin/ConfigManApp.com":
            if not self.allowed:
                return Answer(403)
            for key in asked.query.removeprefix("key=").split(";"):
                self.pressed.append(key)
                self.rebooted += key == "Reboot"
                self.provisioned += key == "AutoP"
            return Answer()
        if asked.path == "/xmlService" and asked.method == "POST":
            root = ET.fromstring(asked.body)
            assert root.tag == "FanvilConfiguration", asked.body
            assert root.get("cmd") == "get", asked.body
            reply = ET.Element("FanvilConfiguration", cmd="get")
            ET.SubElement(reply, "RetCode").text = "0" if self.takes_settings else "3"
            for item in root if self.takes_settings else ():
                if item.text in self.settings:
                    value = self.settings[item.text]
                    ET.SubElement(reply, "Item").text = f" {item.text} = {value}"
            return Answer(body=ET.tostring(reply), media_type="text/xml")
        return Answer(404)

    async def message_came(self) -> int:
        """GET the URL for message waiting; the status that came back."""
        url = self.mwi_url.replace("$ip", "127.0.0.1").replace("$mac", "0c383e07e16c")
        host, _, rest = url.removeprefix("http://").partition("/")
        name, _, port = host.rpartition(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(f"GET /{rest} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.read()).split(b" ")[1])
        writer.close()
        await writer.wait_closed()
        return status
