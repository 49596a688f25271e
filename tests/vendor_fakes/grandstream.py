"""A Grandstream phone, from the CTI Guide of GRP26xx: passcode in the query, JSON replies."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from vendor_fakes.base import PASSWORD, Answer, Asked, FakePhone


class FakeGrandstream(FakePhone):
    """Says no with status 200 and ``response: error``, as the guide has it."""

    def __init__(self, *, accounts=None, **more):
        super().__init__(**{"auth": "", **more})
        self.allowed = True
        self.accounts = accounts or [
            {"account": 1, "sip_id": "101", "name": "Anna", "registered": 1},
            {"account": 2, "sip_id": "", "name": "", "registered": 0},
        ]
        self.pressed: list[str] = []
        self.dialled: list[str] = []
        self.rebooted = self.provisioned = 0

    def answer(self, asked: Asked) -> Answer:
        fields = {name: values[0] for name, values in
                  parse_qs(asked.target.partition("?")[2]).items()}  # fmt: skip
        if fields.get("passcode") != PASSWORD:
            return self.said("error", "unauthorized")
        if not self.allowed:
            return self.said("error", "failed")
        match asked.path.removeprefix("/cgi-bin/"):
            case "api-send_key":
                self.pressed.append(fields["keys"])
                return self.said("success", "complete")
            case "api-make_call":
                self.dialled.append(fields["phonenumber"])
                return self.said("success", True)
            case "api-get_accounts":
                return self.said("success", self.accounts)
            case "api-get_line_status":
                return self.said("success", [
                    {"line": 1, "state": "connected", "acct": 1, "remotename": "Bert",
                     "remotenumber": "102", "active": 1},
                    {"line": 2, "state": "idle", "acct": "", "remotename": "",
                     "remotenumber": "", "active": 0},
                ])  # fmt: skip
            case "api-sys_operation":
                self.rebooted += fields["request"] == "REBOOT"
                self.provisioned += fields["request"] == "PROV"
                return self.said("success", "savereboot")
        return Answer(404)

    def said(self, response: str, body: object) -> Answer:
        text = json.dumps({"response": response, "body": body})
        return Answer(body=text.encode(), media_type="application/json")
