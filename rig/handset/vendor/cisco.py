"""Cisco enterprise firmware: CGI/Execute with XML, three items at most, and XML pages.

Source: usecallmanager.nz, CGI Execute (request, error numbers); replies of a 7940 written down in
public (DeviceInformationX). The words of ``MessageWaiting`` are in the phone's language.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from rig.handset.vendor.control import AccountSaid, PhoneRefused, PhoneState
from rig.handset.vendor.description import checked_number
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.link import PhoneReply
from rig.handset.vendor.replies import read_xml, texts

_ERRORS = {
    "1": "it cannot parse the request",
    "2": "it cannot frame its answer",
    "3": "an internal file error",
    "4": "user or password is not accepted by its authenticationURL",
}
_WAITING = {"yes": True, "ja": True, "oui": True, "si": True, "sí": True, "sim": True,
            "no": False, "nein": False, "non": False, "não": False, "nee": False}  # fmt: skip


def execute_document(urls: Sequence[str]) -> str:
    """The document that makes a phone execute some URIs.

    Args:
        urls: one to three, such as ``Key:Messages``.
    """
    root = etree.Element("CiscoIPPhoneExecute")
    for url in urls:
        etree.SubElement(root, "ExecuteItem", URL=url, Priority="0")
    return etree.tostring(root, encoding="unicode")


def check_executed(body: bytes) -> None:
    """See that a phone executed everything.

    Raises:
        ValueError: it is no answer of CGI/Execute.
        LookupError: the phone says no; the text says to what and why.
    """
    root = read_xml(body)
    if root.tag == "CiscoIPPhoneError":
        number = (root.get("Number") or "?")[:10]
        raise LookupError(f"error {number}: {_ERRORS.get(number, 'not documented')}")
    items = list(root.iter("ResponseItem"))
    if root.tag != "CiscoIPPhoneResponse" or not items:
        raise ValueError(f"expected CiscoIPPhoneResponse, got {str(root.tag)[:40]}")
    for item in items:
        status = (item.get("Status") or "?").strip()
        if status not in {"0", "OK"}:
            said = (item.get("Data") or "")[:60]
            raise LookupError(f"{(item.get('URL') or '?')[:40]}: status {status}, {said!r}")


def read_device(body: bytes) -> PhoneState:
    """Read DeviceInformationX.

    Raises:
        ValueError: it is none.
    """
    root = read_xml(body)
    if root.tag != "DeviceInformation":
        raise ValueError(f"expected DeviceInformation, got {str(root.tag)[:40]}")
    found = texts(root)
    number = found.get("phonedn", "")
    return PhoneState(
        accounts=(AccountSaid(1, number),) if number else None,
        waiting=_WAITING.get(found.get("messagewaiting", "").lower()),
        model=found.get("modelnumber", ""),
        firmware=found.get("versionid", ""),
    )


class CiscoPhone(HttpPhone):
    """A Cisco desk phone with enterprise firmware."""

    NAME = "cisco"

    def check(self, action: str, reply: PhoneReply) -> None:
        """See that every item was executed."""
        if action not in {"press", "dial"}:
            return
        try:
            with self.reading(f"{action}: the reply"):
                check_executed(reply.body)
        except LookupError as error:
            raise PhoneRefused(f"{self.where}: {action}: the phone says {error.args[0]}") from None

    async def press(self, keys: Sequence[str]) -> None:
        """Press keys, three in a request."""
        for batch in self.description.batches(keys):
            document = execute_document([f"Key:{key}" for key in batch])
            await self.ask("press", document=document)

    async def dial(self, number: str) -> None:
        """Place a call from the phone's first line."""
        document = execute_document([f"Dial:{checked_number(number)}"])
        await self.ask("dial", document=document)

    async def state(self) -> PhoneState:
        """Its number, and whether it believes that messages wait."""
        reply = await self.ask("state")
        with self.reading("DeviceInformationX"):
            return read_device(reply.body)
