"""What ``phonerig capture analyze`` tells: as plain data, and on the console."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rig.commands.common import complain, say, several, show_table

if TYPE_CHECKING:
    from rig.capture.analysis import CaptureAnalysis
    from rig.capture.capture_rows import AccountHistory, CallLine
    from rig.timeline import TimelineEvent

_FLAG = {True: "yes", False: "no", None: "?"}
_STYLE = {"fault": "red", "warning": "yellow", "note": "cyan"}
LADDER_ROWS = 200
FINDING_WORDS = {
    "en": {
        "fault": "fault",
        "warning": "warning",
        "note": "note",
        "not_certain": "not certain",
        "clean": "no rule broken that can be seen in these packets alone",
    },
    "de": {
        "fault": "Fehler",
        "warning": "Warnung",
        "note": "Hinweis",
        "not_certain": "nicht sicher",
        "clean": "keine Regel verletzt, soweit es diese Pakete allein zeigen",
    },
}


def capture_data(result: CaptureAnalysis) -> dict[str, Any]:
    """The analysis as plain data, without the messages themselves."""
    return {
        "file": str(result.path),
        "frames": result.frames,
        "truncated": result.truncated,
        "dropped": result.dropped,
        "messages": result.messages,
        "sightings": result.sightings,
        "retransmissions": result.retransmissions,
        "cut": result.cut,
        "methods": dict(result.methods),
        "statuses": {str(k): v for k, v in sorted(result.statuses.items())},
        "mwi": [_plain(line) for line in result.mwi],
        "accounts": [_plain(account) for account in result.accounts],
        "subscribes": [_plain(line) for line in result.subscribes],
        "calls": [_plain(line) | {"chain": chain(line)} for line in result.calls],
        "fetches": [_plain(fetch) for fetch in result.fetches],
        "encrypted_connections": result.encrypted,
        "rtp_streams": result.stream_count,
        "findings": [_plain(finding) | {"where": finding.where} for finding in result.findings],
        "notes": result.notes,
        "blind": result.blind,
        "left_out": dict(result.left_out),
    }


def capture_json(data: dict[str, Any]) -> str:
    """The same as text, each row of a table on a line of its own."""
    lines = []
    for key, value in data.items():
        text = _json(value)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n  ".join(map(_json, value))
            text = f"[\n  {rows}\n ]"
        lines.append(f" {_json(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _plain(row: Any) -> dict[str, Any]:
    """A row as plain data, without copies of what cannot change."""
    return {name: _value(getattr(row, name)) for name in row.__dataclass_fields__}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    return _plain(value) if dataclasses.is_dataclass(value) else value


def chain(call: CallLine) -> str:
    """Who called whom and how it came there: ``emil → 101 (user-busy) → sip:vm@b.example``."""
    steps = [call.caller]
    for entry in reversed(call.diversion):
        who, _, reason = entry.partition(";reason=")
        steps.append(f"{who} ({reason})" if reason else who)
    if not call.diversion:
        steps += [entry.partition(" ")[2] for entry in call.history[:-1]]
    return " → ".join([*steps, call.target, *call.moved_to])


def print_analysis(
    result: CaptureAnalysis, *, account: str = "", ladder: bool = False, lang: str = "en"
) -> None:
    """Print it for people.

    Args:
        result: the analysis.
        account: show message waiting and subscriptions of this account only.
        ladder: list the messages one by one.
        lang: of the findings, ``en`` or ``de``.
    """
    say(
        f"{result.path}: {several(result.frames, 'frame')}, "
        f"{several(result.messages, 'SIP message')} "
        f"({several(result.retransmissions, 'retransmission')}), "
        f"{several(result.stream_count, 'RTP stream')}, "
        f"{several(len(result.fetches) + result.left_out['fetches'], 'fetch', 'fetches')}, "
        f"{several(result.truncated, 'frame')} cut short"
    )
    if result.methods:
        counted = (f"{name} {count}" for name, count in result.methods.most_common())
        answers = (f"{status} {count}" for status, count in sorted(result.statuses.items()))
        say(f"requests: {', '.join(counted)}; responses: {', '.join(answers) or 'none'}")
    start = result.events[0].at if result.events else 0.0
    _print_waiting(result, account, start)
    _print_calls(result, start)
    _print_fetches(result, start)
    if ladder:
        show_table(
            ("at", "packet", "from", "", "to", "message"),
            _ladder_rows(result.events, start),
            title="Ladder",
        )
    for kind, count in sorted(result.left_out.items()):
        say(f"{count} more {kind} are counted but not listed; --limit keeps more", style="yellow")
    if result.encrypted:
        say(f"{several(result.encrypted, 'connection')} encrypted; what they carry is not known")
    for note in result.notes:
        complain(note, style="yellow")
    _print_findings(result, lang)


def nothing_to_say(result: CaptureAnalysis, lang: str = "en") -> tuple[str, str]:
    """Why a capture says nothing, and what to do, for people.

    Args:
        result: an analysis without SIP and fetches.
        lang: ``en`` or ``de``.
    """
    if not result.frames:
        kind = "no_frames"
    elif result.cut:
        kind = "cut"
    else:
        kind = "voice" if result.stream_count else "no_sip"
    return _NOTHING[lang][kind]


_NOTHING = {
    "en": {
        "no_frames": (
            "the capture holds no packet; nothing can be said",
            "  see whether interface and filter were right; 'tcpdump -D' lists the interfaces",
        ),
        "cut": (
            "no SIP message is whole in this capture; nothing can be said",
            "  capture whole packets (tcpdump -s 0)",
        ),
        "voice": (
            "there is voice, but no SIP message and no fetch was seen; nothing can be said",
            (
                "  SIP goes another way, or encrypted: capture at the platform or at the "
                "phone's own switch port, from before the phone starts"
            ),
        ),
        "no_sip": (
            "no SIP message and no fetch was seen; nothing can be said",
            (
                "  capture where the phone's packets pass (its switch port mirrored, or the "
                "platform), from before the phone starts, with no filter on ports"
            ),
        ),
    },
    "de": {
        "no_frames": (
            "der Mitschnitt enthält kein Paket; es lässt sich nichts sagen",
            "  Schnittstelle und Filter prüfen; 'tcpdump -D' listet die Schnittstellen",
        ),
        "cut": (
            "keine SIP-Nachricht ist in diesem Mitschnitt ganz; es lässt sich nichts sagen",
            "  ganze Pakete mitschneiden (tcpdump -s 0)",
        ),
        "voice": (
            "es gibt Sprache, aber weder SIP-Nachricht noch Abruf; es lässt sich nichts sagen",
            (
                "  SIP läuft einen anderen Weg oder verschlüsselt: an der Plattform oder am "
                "Switch-Port des Telefons mitschneiden, und zwar vor dessen Start"
            ),
        ),
        "no_sip": (
            "keine SIP-Nachricht und kein Abruf war zu sehen; es lässt sich nichts sagen",
            (
                "  dort mitschneiden, wo die Pakete des Telefons vorbeikommen (gespiegelter Port "
                "am Switch oder Plattform), vor dem Start des Telefons und ohne Filter auf Ports"
            ),
        ),
    },
}


def _after(at: float, start: float) -> str:
    return f"{at - start:.3f} s"


def _print_waiting(result: CaptureAnalysis, account: str, start: float) -> None:
    lines = [line for line in result.mwi if account in {"", line.account}]
    if lines:
        show_table(
            ("at", "packet", "account", "waiting", "new/saved", "answer", "state"),
            ((_after(line.at, start), line.packet, line.account, _FLAG[line.waiting],
              line.counts, line.answer or "none", line.state) for line in lines),
            title="Message waiting",
        )  # fmt: skip
    histories = [a for a in result.accounts if account in {"", a.account}]
    if histories:
        show_table(
            ("account", "NOTIFYs", "what it was told"),
            ((a.account, a.notifies, "\n".join(_changes(a, start))) for a in histories),
            title="History by account",
        )  # fmt: skip
    asked = [line for line in result.subscribes if account in {"", line.account}]
    if asked:
        show_table(
            ("at", "packet", "account", "expires", "answer", "granted", "NOTIFYs"),
            ((_after(line.at, start), line.packet, line.account,
              "" if line.expires_s is None else f"{line.expires_s} s", line.answer or "none",
              "" if line.granted_s is None else f"{line.granted_s} s", line.notifies)
             for line in asked),
            title="Subscriptions",
        )  # fmt: skip


def _changes(history: AccountHistory, start: float) -> Iterator[str]:
    for change in history.changes:
        told = f"{_FLAG[change.waiting]} {change.counts}"
        yield f"{_after(change.at, start)} packet {change.packet}: {told}"
    if history.changes_left_out:
        yield f"{history.changes_left_out} more"


def _print_calls(result: CaptureAnalysis, start: float) -> None:
    if result.calls:
        show_table(
            ("at", "packet", "caller", "target", "answer", "Diversion, History-Info", "chain"),
            ((_after(line.at, start), line.packet, line.caller, line.target,
              line.answer or "none", "\n".join((*line.diversion, *line.history)), chain(line))
             for line in result.calls),
            title="Calls",
        )  # fmt: skip


def _print_fetches(result: CaptureAnalysis, start: float) -> None:
    if result.fetches:
        show_table(
            ("at", "client", "by", "path", "status", "octets", "User-Agent"),
            ((_after(f.at, start), f.client[0], f.transport, f.path, f.status or "unfinished",
              f.octets, f.user_agent) for f in result.fetches),
            title="Fetches",
        )  # fmt: skip


def _print_findings(result: CaptureAnalysis, lang: str) -> None:
    words, german = FINDING_WORDS[lang], lang == "de"
    for finding in result.findings:
        doubt = "" if finding.certain else f" ({words['not_certain']})"
        clause = f" ({finding.clause})" if finding.clause else ""
        text = finding.text_de if german and finding.text_de else finding.text
        remedy = finding.remedy_de if german and finding.remedy_de else finding.remedy
        complain(
            f"{words[finding.severity]}: {finding.place(lang)}: {text}{clause}{doubt}",
            style=_STYLE[finding.severity],
        )
        if remedy:
            complain(f"  {remedy}", style=_STYLE[finding.severity])
    if not result.findings and not result.empty:
        say(words["clean"])


def _ladder_rows(events: Iterable[TimelineEvent], start: float) -> Iterator[tuple[object, ...]]:
    from rig.report.record import event_data

    told = 0
    for data in map(event_data, events):
        kind = data.get("kind")
        if kind not in {"sip", "bad_sip"} or told >= LADDER_ROWS:
            continue
        told += 1
        label = data["label"] if kind == "sip" else f"not SIP: {data['error']}"
        detail = data.get("detail") or ""
        again = " (retransmission)" if data.get("retransmission") else ""
        yield (
            _after(data["at"], start),
            data["number"],
            data["source"],
            "→",
            data["destination"],
            f"{label} {detail}{again}".strip(),
        )
