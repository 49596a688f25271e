"""A Poly phone, from the REST API Reference Manual and the Web Application Developer's Guide."""

from __future__ import annotations

import json
import re

from vendor_fakes.base import Answer, Asked, FakePhone, picture


class FakePoly(FakePhone):
    """Says ``{"Status": ..., "data": ...}``; polling answers itself or posts elsewhere."""

    def __init__(self, **more):
        super().__init__(**more)
        self.status = "2000"
        self.polls_back = True
        self.registered = True
        self.pressed: list[str] = []
        self.dialled: list[dict] = []
        self.rebooted = self.provisioned = 0
        self.parameters = {"divert.fwd.1.enabled": "1", "divert.1.contact": "102",
                           "divert.busy.1.enabled": "0", "reg.1.label": "Anna"}  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/push":
            assert asked.headers["content-type"] == "application/x-com-polycom-spipx"
            self.pressed += re.findall(r"Key:(\w+)", asked.body.decode())
            return Answer(body=b"Push Message will be displayed successfully")
        if asked.path == "/polling/callStateHandler":
            return Answer(body=CALLS if self.polls_back else b"", media_type="text/xml")
        if asked.path == "/captureScreen/mainScreen":
            return Answer(body=picture(), media_type="image/bmp")
        return self.said(None) if self.status != "2000" else self.rest(asked)

    def rest(self, asked: Asked) -> Answer:
        match asked.path.removeprefix("/api/v1/"):
            case "callctrl/dial":
                self.dialled.append(json.loads(asked.body)["data"])
                return self.said(None)
            case "mgmt/lineInfo":
                word = "registered" if self.registered else "unregistered"
                return self.said([
                    {"LineNumber": "1", "UserID": "101", "LineType": "private",
                     "SIPAddress": "101", "Protocol": "SIP", "RegistrationStatus": word,
                     "Label": "Anna", "ProxyAddress": "10.0.0.5", "Port": "5060"},
                ])  # fmt: skip
            case "mgmt/device/info":
                return self.said({"ModelNumber": "VVX 450", "FirmwareRelease": "6.4.0.9999"})
            case "mgmt/config/get":
                names = json.loads(asked.body)["data"]
                return self.said({
                    name: {"Value": self.parameters[name], "Source": "config"}
                    for name in names if name in self.parameters
                })  # fmt: skip
            case "mgmt/safeReboot":
                self.rebooted += 1
                return self.said(None)
            case "mgmt/updateConfiguration":
                self.provisioned += 1
                return self.said(None)
        return Answer(404)

    def said(self, data: object) -> Answer:
        found = {"Status": self.status} | ({} if data is None else {"data": data})
        return Answer(body=json.dumps(found).encode(), media_type="application/json")


CALLS = b"""<PolycomIPPhone>
<CallLineInfo><LineKeyNum>1</LineKeyNum><LineDirNum>101</LineDirNum><LineState>Active</LineState>
<CallInfo><CallState>Offering</CallState><CallType>Incoming</CallType>
<CalledPartyName>Anna</CalledPartyName><CalledPartyDirNum>101</CalledPartyDirNum>
<CallingPartyName>Bert</CallingPartyName><CallingPartyDirNum>102</CallingPartyDirNum>
<CallReference>0</CallReference><CallDuration>0</CallDuration></CallInfo></CallLineInfo>
<CallLineInfo><LineKeyNum>2</LineKeyNum><LineDirNum>101</LineDirNum>
<LineState>Inactive</LineState></CallLineInfo>
</PolycomIPPhone>"""
