"""Misbehaviour of the platform that needs a memory: hooks for seeded faults of message waiting."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace

from rig.faults.compose import NOTIFY
from rig.faults.sip_rule import Message
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.message_summary import MEDIA_TYPE, MessageSummary
from rig.sip.name_addr import MAGIC_COOKIE
from rig.sip.uri import Uri


def _is_notify(message: Message) -> bool:
    return isinstance(message, Request) and NOTIFY(message, "")


def _in_new_transaction(notify: Request) -> Request:
    """The same NOTIFY as a request of its own: another branch."""
    again = notify.copy()
    via = again.headers.get_all("Via")[0]
    again.headers.set(
        "Via", f"{via.partition(';')[0]};branch={MAGIC_COOKIE}{secrets.token_hex(8)}"
    )
    return again


class CountsTheLastBoxOnly(PlatformHook):
    """Of several mailboxes on one account it counts the one that has just changed."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._last = ""

    def before_notify(self, mailbox: str) -> bool:
        """Remember which one it was."""
        self._last = mailbox
        return True

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        """Count only that."""
        del mailbox, subscriber
        voice = summary.voice
        if voice is None or not self._last:
            return summary
        change = voice.new - sum(self._new.values())
        self._new[self._last] = self._new.get(self._last, 0) + change
        new = self._new[self._last]
        return replace(summary, waiting=new > 0, voice=replace(voice, new=new))


class KeepsOldSubscriptions(PlatformHook):
    """Tells every dialog that a phone has ever had, also those that it has replaced."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, tuple[Request, int]]] = {}
        self._sent: set[str] = set()

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """Send a NOTIFY in the old dialogs as well."""
        if not isinstance(message, Request) or not _is_notify(message):
            return message
        branch = message.via.branch or ""
        if branch in self._sent:
            return message
        self._sent.add(branch)
        dialogs = self._told.setdefault(message.uri, {})
        dialogs[message.call_id] = (message.copy(), message.cseq.number)
        for call_id, (old, number) in list(dialogs.items()):
            if call_id == message.call_id:
                continue
            again = _in_new_transaction(old)
            again.headers.set("CSeq", f"{number + 1} NOTIFY")
            again.body = message.body
            dialogs[call_id] = (again, number + 1)
            self.send(again.to_bytes(), flow)
        return message


class TellsAtEachCall(PlatformHook):
    """Every call from a phone makes it tell that phone its messages once more."""

    def __init__(self) -> None:
        self._last: dict[str, Request] = {}
        self._extra: dict[str, int] = {}
        self._answered: set[str] = set()

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """After the answer to an INVITE, repeat the last NOTIFY with the next number."""
        where = f"{flow.remote[0]}:{flow.remote[1]}"
        if isinstance(message, Request) and _is_notify(message):
            number = message.cseq.number + self._extra.get(message.call_id, 0)
            message.headers.set("CSeq", f"{number} NOTIFY")
            self._last[where] = message.copy()
        elif isinstance(message, Response) and self._new_call(message):
            last = self._last.get(where)
            if last is not None:
                again = _in_new_transaction(last)
                again.headers.set("CSeq", f"{last.cseq.number + 1} NOTIFY")
                self._extra[last.call_id] = self._extra.get(last.call_id, 0) + 1
                self._last[where] = again
                self.send(again.to_bytes(), flow)
        return message

    def _new_call(self, response: Response) -> bool:
        established = response.cseq.method == "INVITE" and response.is_success
        if not established or response.call_id in self._answered:
            return False
        self._answered.add(response.call_id)
        return True


class AccountWithoutPort(PlatformHook):
    """Message-Account names its own host, and leaves out the port where it listens."""

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """Write host without port."""
        if _is_notify(message):
            host = flow.local[0].encode()
            start, at, rest = message.body.partition(b"@")
            message.body = start + at + host + rest[rest.find(b"\r\n") :] if at else message.body
        return message


class NotifiesByUdp(PlatformHook):
    """Sends NOTIFYs by UDP, however the phone has registered."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """Leave the connection aside."""
        if not isinstance(message, Request) or not _is_notify(message) or not flow.reliable:
            return message
        contact = Uri.parse(message.uri)
        via = message.headers.get_all("Via")[0]
        message.headers.set("Via", via.replace("SIP/2.0/TCP", "SIP/2.0/UDP"))
        to = (contact.host, contact.port or 5060)
        self.send(message.to_bytes(), Flow("UDP", flow.local, to))
        return None


class RefusesAndPushes(PlatformHook):
    """Refuses every SUBSCRIBE, since it tells the account without being asked."""

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """Answer 500, and send every NOTIFY outside of a dialog."""
        del flow
        if isinstance(message, Response):
            if message.cseq.method == "SUBSCRIBE" and message.is_success:
                message.status, message.reason = 500, "Server Internal Error"
            return message
        if _is_notify(message):
            to = message.headers.get("To") or ""
            message.headers.set("To", to.partition(";tag=")[0])
            message.headers.set("Call-ID", f"push-{message.call_id}")
            message.headers.set("Subscription-State", "terminated")
        return message


class TellsOfCallsAlone(PlatformHook):
    """Tells of a message only when a call has just left it."""

    def __init__(self) -> None:
        self._by_call = False

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """The answer to a BYE: a call is over."""
        del flow
        if isinstance(message, Response) and message.cseq.method == "BYE":
            self._by_call = True
        return message

    def before_notify(self, mailbox: str) -> bool:
        """Let the change of one call through."""
        del mailbox
        told, self._by_call = self._by_call, False
        return told


class TellsWhoeverRegisters(PlatformHook):
    """Tells the counts to the Contact of a REGISTER, whether it was accepted or not."""

    def __init__(self) -> None:
        self._bodies: dict[str, bytes] = {}
        self._asked: dict[str, Request] = {}

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        """Remember what holds for the account."""
        del mailbox, subscriber
        self._bodies[summary.account or ""] = summary.to_bytes()
        return summary

    def incoming(self, message: Message, flow: Flow) -> Message:
        """Remember who asks."""
        del flow
        if isinstance(message, Request) and message.method == "REGISTER":
            self._asked[message.call_id] = message
        return message

    def outgoing(self, message: Message, flow: Flow) -> Message:
        """After a refusal, tell all the same."""
        if isinstance(message, Response) and message.status == 403:
            asked = self._asked.pop(message.call_id, None)
            if asked is not None:
                self._tell(asked, flow)
        return message

    def _tell(self, register: Request, flow: Flow) -> None:
        aor = register.to.uri
        body = self._bodies.get(f"sip:{aor.user}@{aor.host}")
        if body is None or not register.contacts:
            return
        host, port = flow.local
        rows = [
            ("Via", f"SIP/2.0/UDP {host}:{port};branch={MAGIC_COOKIE}{secrets.token_hex(8)}"),
            ("Max-Forwards", "70"),
            ("From", f"<{aor}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{aor}>"),
            ("Call-ID", secrets.token_hex(8)),
            ("CSeq", "1 NOTIFY"),
            ("Contact", f"<sip:{host}:{port}>"),
            ("Event", "message-summary"),
            ("Subscription-State", "terminated"),
            ("Content-Type", MEDIA_TYPE),
        ]
        notify = Request("NOTIFY", str(register.contacts[0].uri), Headers(rows), body)
        asyncio.get_running_loop().call_soon(self.send, notify.to_bytes(), flow)


class KnowsOnePortOnly(PlatformHook):
    """Looks for phones at its first port alone."""

    def outgoing(self, message: Message, flow: Flow) -> Message | None:
        """A phone that came in by another port of this host is not found."""
        elsewhere = flow.remote[0] == flow.local[0]
        return None if elsewhere and _is_notify(message) else message
