"""A Cisco phone with enterprise firmware, from usecallmanager.nz: CGI/Execute, XML pages."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import parse_qs

from vendor_fakes.base import Answer, Asked, FakePhone, picture


class FakeCisco(FakePhone):
    """Three items at most; the word for message waiting is in its language."""

    def __init__(self, *, yes="Yes", **more):
        super().__init__(**{"auth": "basic", **more})
        self.yes = yes
        self.waiting = False
        self.error = ""
        self.knows = {"Key:Messages", "Key:Soft1", *(f"Key:KeyPad{digit}" for digit in range(10))}
        self.executed: list[str] = []

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/CGI/Execute" and asked.method == "POST":
            assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
            return Answer(body=self.execute(parse_qs(asked.body.decode())["XML"][0]).encode(),
                          media_type="text/xml")  # fmt: skip
        if asked.path == "/DeviceInformationX":
            word = f" {self.yes if self.waiting else 'No'}"
            text = (
                '<?xml version="1.0" encoding="iso-8859-1"?><DeviceInformation>'
                "<HostName>SEP0011</HostName><phoneDN>101</phoneDN>"
                "<versionID>sip88xx.14-2-1</versionID><modelNumber>CP-8845</modelNumber>"
                f"<MessageWaiting>{word}</MessageWaiting></DeviceInformation>"
            )
            return Answer(body=text.encode(), media_type="text/xml")
        if asked.path == "/CGI/Screenshot":
            return Answer(body=picture(), media_type="image/bmp")
        return Answer(404)

    def execute(self, text: str) -> str:
        if self.error:
            return f'<CiscoIPPhoneError Number="{self.error}"/>'
        items = list(ET.fromstring(text))
        if not 1 <= len(items) <= 3:
            return '<CiscoIPPhoneError Number="1"/>'
        rows = []
        for item in items:
            url = item.get("URL")
            known = url in self.knows or url.startswith("Dial:")
            self.executed += [url] if known else []
            status, data = ("0", "Success") if known else ("6", "Failure")
            rows.append(f'<ResponseItem Status="{status}" Data="{data}" URL="{url}"/>')
        return f"<CiscoIPPhoneResponse>{''.join(rows)}</CiscoIPPhoneResponse>"
