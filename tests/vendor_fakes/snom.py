"""A Snom phone, from the vendor's wiki: command.htm, dummy.htm, advanced_update.htm, settings."""

from __future__ import annotations

from urllib.parse import parse_qsl

from vendor_fakes.base import Answer, Asked, FakePhone


class FakeSnom(FakePhone):
    """Settings in either form; ``hidden_tags`` makes it refuse commands, as the wiki says."""

    def __init__(self, *, form: str = "xml", **more):
        super().__init__(**more)
        self.form = form
        self.hidden_tags = False
        self.has_commands = True  # D86x and D89x have none
        self.pressed: list[str] = []
        self.dialled: list[str] = []
        self.rebooted = 0
        self.settings = {"phone_type": "snomD785", "dnd_mode": "off", "redirect_event": "none",
                         "redirect_number": "", "redirect_busy_number": "",
                         "redirect_time_number": "", "user_name1": "101"}  # fmt: skip

    def answer(self, asked: Asked) -> Answer:
        fields = dict(parse_qsl(asked.target.partition("?")[2], keep_blank_values=True))
        if asked.path == "/settings.htm":
            return Answer(body=self.page(), media_type="text/xml")
        if self.hidden_tags:
            return Answer(403)
        if asked.path == "/command.htm" and self.has_commands:
            self.pressed += [key for key in fields.get("key", "").split(";") if key]
            self.dialled += [fields["number"]] if "number" in fields else []
            return Answer(body=b"<html></html>", media_type="text/html")
        if asked.path == "/dummy.htm" and fields.pop("settings", "") == "save":
            if self.mood != "deaf":
                self.settings |= fields
            return Answer(body=b"<html></html>", media_type="text/html")
        if asked.path == "/advanced_update.htm" and fields.get("reboot") == "Reboot":
            self.rebooted += 1
            return Answer(body=b"<html></html>", media_type="text/html")
        return Answer(404)

    def page(self) -> bytes:
        if self.form == "lines":
            lines = [f"{name}!: {value}" for name, value in self.settings.items()]
            return "\r\n".join(["<html><pre>", "# settings", *lines, "</pre>"]).encode()
        rows = []
        for name, value in self.settings.items():
            index = f' idx="{name[-1]}"' if name[-1].isdigit() else ""
            bare = name.rstrip("0123456789")
            rows.append(f'<{bare}{index} perm="">{value}</{bare}>')
        head = '<?xml version="1.0" encoding="utf-8"?><!-- as a file --><settings>'
        text = f'{head}<phone-settings e="2">{"".join(rows)}</phone-settings></settings>'
        return text.encode()
