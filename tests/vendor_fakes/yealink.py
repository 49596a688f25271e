"""A Yealink phone, from the administrator guides' chapter on the action URI.

The reply of ``phonecfg=get`` is not in the guides; it is as public programs read it.
"""

from __future__ import annotations

from vendor_fakes.base import Answer, Asked, FakePhone, picture


class FakeYealink(FakePhone):
    """One account, one switch for do-not-disturb, three forwardings.

    Attributes:
        allowed: it takes action URIs from here.
        pressed: keys, in order.
        rebooted: how often.
        provisioned: how often.
    """

    def __init__(self, **more):
        super().__init__(**more)
        self.allowed = True
        self.registered = True
        self.pressed: list[str] = []
        self.dialled: list[str] = []
        self.rebooted = self.provisioned = 0
        self.dnd = False
        self.forward = {"AlwaysFwd": "", "BusyFwd": "", "NoAnswFwd": ""}

    def answer(self, asked: Asked) -> Answer:
        if not self.allowed:
            return Answer(403, b"<html>Remote control forbidden</html>", "text/html")
        if asked.path == "/screencapture":
            return Answer(body=picture(), media_type="image/bmp")
        if asked.path != "/servlet":
            return Answer(404)
        query = asked.query
        if query.startswith("phonecfg=get&"):
            return Answer(body=self.told(query).encode())
        if query.startswith("key="):  # only as the first word of the query
            for key in query.removeprefix("key=").split("&")[0].split(";"):
                self.press(key)
            return Answer(body=b"")
        return Answer(404)

    def press(self, key: str) -> None:
        self.pressed.append(key)
        if self.mood == "deaf":
            return
        name, _, rest = key.partition("=")
        if key == "Reboot":
            self.rebooted += 1
        elif key == "AutoP":
            self.provisioned += 1
        elif key in {"DNDOn", "DNDOff"}:
            self.dnd = key == "DNDOn"
        elif name == "number":
            self.dialled.append(rest)
        elif name.endswith("On") and name[:-2] in self.forward:
            self.forward[name[:-2]] = rest.partition("=")[0]
        elif name.endswith("Off") and name[:-3] in self.forward:
            self.forward[name[:-3]] = ""

    def told(self, query: str) -> str:
        lines = ["Firmware=66.86.0.15", "Model=SIP-T46U"]
        if "accounts=1" in query:
            status = "Registered" if self.registered else "Register Failed"
            lines.append(f"Account1|Anna|101|Anna Muster|{status}|sip:101@pbx.example|")
            lines.append("Account2|||||||")
        if "dnd=1" in query:
            lines.append(f"DND={int(self.dnd)}")
        if "fw=1" in query:
            for name, target in self.forward.items():
                word = name.replace("NoAnsw", "NoAnswer")
                lines += [f"{word}={int(bool(target))}", f"{word}.target={target}"]
        return "\r\n".join(lines) + "\r\n"
