"""Seeded faults of message waiting at the platform: what it tells whom, when and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rig.faults.compose import (
    NOTIFY,
    alter,
    body,
    body_bytes,
    drop,
    header,
    on_platform,
    response,
    set_header,
    status,
    summary,
    uri,
)
from rig.faults.mwi_platform_hooks import (
    AccountWithoutPort,
    CountsTheLastBoxOnly,
    KeepsOldSubscriptions,
    KnowsOnePortOnly,
    NotifiesByUdp,
    RefusesAndPushes,
    TellsAtEachCall,
    TellsOfCallsAlone,
    TellsWhoeverRegisters,
)
from rig.faults.network import SecondPort
from rig.faults.seed import Seed
from rig.faults.sites import at_port, both, by_tcp, called, shows_too, unsolicited
from rig.sip.message_summary import Counts, MessageSummary
from rig.verdict.fault_class import Component, FaultClass

_FUSION = "https://github.com/fusionpbx/fusionpbx/"
_ASTERISK = "https://github.com/asterisk/asterisk/"
ANNA, RECEPTION = "+493023125101", "+493023125100"


def _seed(number: str, name: str, fault: str, scenario: str, title: str, **more: object) -> Seed:
    return Seed(
        id=number,
        name=name,
        title=title,
        component=Component.PLATFORM,
        fault_class=FaultClass(fault),
        scenario=scenario,
        **more,  # type: ignore[arg-type]  # the fields of Seed by name
    )


def _nothing_new(told: MessageSummary) -> MessageSummary:
    return replace(told, waiting=False, voice=Counts(0, 0, 0, 0))


def _only(*mailboxes: str) -> dict[str, Callable[..., object]]:
    """Behaviour of a platform whose table of accounts holds these alone."""
    return {
        "before_notify": lambda mailbox: mailbox in mailboxes,
        "tells_on_register": lambda number: number in mailboxes,
    }


def platform_seeds() -> tuple[Seed, ...]:
    """Every fault of this module, freshly made."""
    return (
        _seed(
            "B01", "untold-after-register", "M1", "reboot",
            "the platform tells a phone nothing when it registers, though messages wait",
            source=_FUSION + "issues/1193", site=unsolicited,
            platform=on_platform(tells_on_register=lambda _: False),
        ),
        _seed(
            "B02", "no-first-notify", "M1", "busy",
            "the platform accepts a SUBSCRIBE by 202 and never sends a NOTIFY",
            source=_FUSION + "issues/2035",
            platform=on_platform(
                alter(response(200, "SUBSCRIBE"), status(202)), drop(NOTIFY)
            ),
        ),
        _seed(
            "B04", "first-notify-says-nothing", "M5", "reboot",
            "the first NOTIFY of a subscription counts no message",
            source=_ASTERISK + "commit/1eb5fcc5a5",
            platform=on_platform(
                alter(NOTIFY.where(headers={"CSeq": "^1 "}), summary(_nothing_new))
            ),
        ),
        _seed(
            "B05", "empty-box-untold", "M1", "cleared_while_away",
            "the platform tells nothing of a mailbox that is empty",
            source=_ASTERISK + "commit/2b2a6123de", site=unsolicited,
            platform=on_platform(drop(NOTIFY.where(body="Voice-Message: 0/0"))),
        ),
        _seed(
            "B08", "error-code-as-count", "M5", "message",
            "the platform writes the error code of its store as a count",
            source=_ASTERISK + "commit/f7f2872b3f",
            platform=on_platform(
                alter(NOTIFY, body("Waiting: no", "Waiting: yes"), body(r"age: \d+/", "age: -1/"))
            ),
        ),
        _seed(
            "B10", "last-box-alone-counted", "M5", "two_boxes_one_account",
            "of two mailboxes on one account the platform counts the one that changed last",
            source=_ASTERISK + "commit/a10e0544a5", site=shows_too(ANNA, RECEPTION),
            platform=CountsTheLastBoxOnly(),
        ),
        _seed(
            "B11", "leading-zero-lost", "M6", "emptied",
            "the platform loses a leading zero of the account when it tells that nothing waits",
            source=_FUSION + "commit/bb818c3f50",
            site=both(unsolicited, called(ANNA, "0712")),
            platform=on_platform(
                alter(
                    NOTIFY.where(body="Waiting: no", uri="sip:0712@"),
                    uri("sip:0712@", "sip:712@"), header("To", "sip:0712@", "sip:712@"),
                    body("sip:0712@", "sip:712@"),
                )
            ),
        ),
        _seed(
            "B13", "old-subscriptions-kept", "M2", "boots_then_message",
            "the platform goes on telling subscriptions that were replaced",
            source=_ASTERISK + "issues/213", platform=KeepsOldSubscriptions(),
        ),
        _seed(
            "B14", "told-at-each-call", "M2", "phone_calls",
            "every call from the phone makes the platform tell it its messages again",
            source=_ASTERISK + "commit/ee5d9d0835", platform=TellsAtEachCall(),
        ),
        _seed(
            "B16", "account-without-port", "M3", "message",
            "Message-Account leaves out the port where the platform listens",
            source=_ASTERISK + "commit/d6106936cb", site=at_port(5070),
            platform=AccountWithoutPort(),
        ),
        _seed(
            "B17", "notify-by-udp", "M3", "message",
            "the platform sends NOTIFYs by UDP to phones that have registered by TCP",
            source=_ASTERISK + "commit/2c55dcf8a8", site=by_tcp, platform=NotifiesByUdp(),
        ),
        _seed(
            "B19", "to-without-address", "M3", "message",
            "To of the NOTIFY holds a bare domain",
            source="https://github.com/sems-server/sems/issues/167",
            platform=on_platform(alter(NOTIFY, set_header("To", "beispiel.example"))),
        ),
        _seed(
            "B20", "internal-line-leaks", "M4", "message",
            "a line for internal use stands in the message summary",
            source="https://github.com/signalwire/freeswitch/commit/612c81c13d",
            platform=on_platform(
                alter(NOTIFY, body_bytes(lambda told: told + b"Update-Reason: NEW\r\n"))
            ),
        ),
        _seed(
            "B22", "no-last-line-end", "M4", "message",
            "the message summary lacks its last line end",
            source=_ASTERISK + "commit/b007bcc9b0",
            platform=on_platform(alter(NOTIFY, body_bytes(lambda told: told[:-2]))),
        ),
        _seed(
            "B23", "body-of-tabs", "M4", "message",
            "the message summary is overwritten by TABs",
            source="https://github.com/OpenSIPS/opensips/commit/887504fc39",
            platform=on_platform(alter(NOTIFY, body(r"[ -~]", "\t"))),
        ),
        _seed(
            "B25", "no-voicemail-service", "M7", "busy",
            "the platform's edge answers 404 to every SUBSCRIBE for messages",
            source="https://github.com/irontec/ivozprovider/issues/536",
            platform=on_platform(
                alter(response(200, "SUBSCRIBE"), status(404, "No voicemail service")),
                drop(NOTIFY),
            ),
        ),
        _seed(
            "B26", "push-and-refuse", "M7", "busy",
            "the platform answers 500 to SUBSCRIBE, since it tells the account unasked anyway",
            source=_ASTERISK + "commit/1fc33bc795", platform=RefusesAndPushes(),
        ),
        _seed(
            "B28", "new-account-unknown", "M1", "two_phones",
            "the platform's table of accounts lacks one that was made after its start",
            source="https://github.com/irontec/ivozprovider/issues/367", site=unsolicited,
            platform=on_platform(**_only("+493023125104")),
        ),
        _seed(
            "B29", "storing-untold", "M1", "message_by_feature",
            "the platform tells nothing of a message that came without a call",
            source=_ASTERISK + "commit/7fcc9ce8bc", platform=TellsOfCallsAlone(),
        ),
        _seed(
            "B31", "told-to-strangers", "M2", "stranger",
            "the platform tells the counts to somebody whose REGISTER it has refused",
            source=_ASTERISK + "commit/e372d326ca", platform=TellsWhoeverRegisters(),
        ),
        _seed(
            "B32", "second-port-forgotten", "M6", "two_phones",
            "the platform looks for phones at its first port alone",
            source=_FUSION + "commit/620eaf86d4", site=unsolicited,
            network={"callee": SecondPort()}, platform=KnowsOnePortOnly(),
        ),
    )  # fmt: skip
