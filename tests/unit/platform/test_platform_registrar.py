"""The registrar's bindings: durations, replacement, wildcard, order. Simulated time."""

from __future__ import annotations

import pytest

from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.registrar import RegisterAnswer, Registrar
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr

AOR = "sip:101@pbx.example"
PHONE = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5071))
OTHER = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5072))


def register(
    *contacts: str, call_id: str = "a1", cseq: int = 1, expires: int | None = None
) -> Request:
    rows = [
        ("From", f"<{AOR}>;tag=f"),
        ("To", f"<{AOR}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} REGISTER"),
        *(("Contact", contact) for contact in contacts),
    ]
    if expires is not None:
        rows.append(("Expires", str(expires)))
    return Request("REGISTER", "sip:pbx.example", Headers(rows))


def contacts_of(answer: RegisterAnswer) -> list[NameAddr]:
    return [NameAddr.parse(value) for name, value in answer.headers if name == "Contact"]


@pytest.fixture
def registrar() -> Registrar:
    return Registrar(PlatformConfig(register_min_expires_s=10, register_max_expires_s=600))


def test_binding_lives_exactly_as_long_as_granted(registrar: Registrar) -> None:
    answer = registrar.register(register("<sip:x@127.0.0.1:5071>;expires=60"), AOR, PHONE, 100.0)
    assert answer.status == 200
    assert [c.param("expires") for c in contacts_of(answer)] == ["60"]
    assert [b.flow for b in registrar.bindings(AOR, 159.9)] == [PHONE]
    assert registrar.bindings(AOR, 160.0) == []


def test_contact_parameter_beats_the_expires_header(registrar: Registrar) -> None:
    request = register("<sip:x@127.0.0.1:5071>;expires=60", expires=300)
    assert contacts_of(registrar.register(request, AOR, PHONE, 0.0))[0].param("expires") == "60"


def test_long_bindings_are_cut_and_short_ones_refused(registrar: Registrar) -> None:
    long = registrar.register(register("<sip:x@127.0.0.1:5071>", expires=99999), AOR, PHONE, 0.0)
    assert contacts_of(long)[0].param("expires") == "600"
    short = registrar.register(
        register("<sip:y@127.0.0.1:5071>", expires=5, cseq=2), AOR, PHONE, 0.0
    )
    assert short.status == 423
    assert short.headers == (("Min-Expires", "10"),)
    assert [b.uri for b in registrar.bindings(AOR, 0.0)] == ["sip:x@127.0.0.1:5071"]


def test_malformed_expires_parameter_counts_as_an_hour(registrar: Registrar) -> None:
    answer = registrar.register(register("<sip:x@h>;expires=soon"), AOR, PHONE, 0.0)
    assert contacts_of(answer)[0].param("expires") == "600"


def test_expires_zero_removes_one_contact_only(registrar: Registrar) -> None:
    registrar.register(register("<sip:x@127.0.0.1:5071>"), AOR, PHONE, 0.0)
    registrar.register(register("<sip:y@127.0.0.1:5072>", call_id="b"), AOR, OTHER, 0.0)
    answer = registrar.register(
        register("<sip:x@127.0.0.1:5071>", expires=0, cseq=2), AOR, PHONE, 1.0
    )
    assert answer.status == 200
    assert answer.bound == ()
    assert [b.flow for b in registrar.bindings(AOR, 1.0)] == [OTHER]


def test_wildcard_removes_all_and_needs_expires_zero(registrar: Registrar) -> None:
    registrar.register(register("<sip:x@127.0.0.1:5071>"), AOR, PHONE, 0.0)
    refused = registrar.register(register("*", call_id="w", expires=60), AOR, PHONE, 0.0)
    assert refused.status == 400
    mixed = registrar.register(register("*", "<sip:z@h>", call_id="w", expires=0), AOR, PHONE, 0.0)
    assert mixed.status == 400
    assert len(registrar.bindings(AOR, 0.0)) == 1
    done = registrar.register(register("*", call_id="w", expires=0), AOR, PHONE, 0.0)
    assert done.status == 200
    assert registrar.bindings(AOR, 0.0) == []


def test_query_without_contact_changes_nothing(registrar: Registrar) -> None:
    registrar.register(register("<sip:x@127.0.0.1:5071>"), AOR, PHONE, 0.0)
    answer = registrar.register(register(call_id="q"), AOR, OTHER, 10.0)
    assert [str(c.uri) for c in contacts_of(answer)] == ["sip:x@127.0.0.1:5071"]
    assert registrar.bindings(AOR, 10.0)[0].flow == PHONE


def test_old_cseq_of_the_same_call_id_is_refused(registrar: Registrar) -> None:
    registrar.register(register("<sip:x@127.0.0.1:5071>", cseq=7), AOR, PHONE, 0.0)
    again = registrar.register(
        register("<sip:x@127.0.0.1:5071>", cseq=7, expires=0), AOR, PHONE, 0.0
    )
    assert again.status == 500
    assert len(registrar.bindings(AOR, 0.0)) == 1


def test_rebooted_phone_with_new_contact_replaces_its_old_one(registrar: Registrar) -> None:
    instance = '+sip.instance="<urn:uuid:1>"'
    registrar.register(register(f"<sip:old@127.0.0.1:5071>;{instance}"), AOR, PHONE, 0.0)
    registrar.register(register(f"<sip:new@127.0.0.1:9>;{instance}", call_id="n"), AOR, OTHER, 1.0)
    assert [b.uri for b in registrar.bindings(AOR, 1.0)] == ["sip:new@127.0.0.1:9"]


def test_same_flow_with_another_call_id_is_the_same_phone(registrar: Registrar) -> None:
    registrar.register(register("<sip:old@127.0.0.1:5071>"), AOR, PHONE, 0.0)
    registrar.register(register("<sip:new@127.0.0.1:5071>", call_id="n"), AOR, PHONE, 1.0)
    assert [b.uri for b in registrar.bindings(AOR, 1.0)] == ["sip:new@127.0.0.1:5071"]


def test_two_phones_share_an_aor_and_q_orders_them(registrar: Registrar) -> None:
    registrar.register(register("<sip:x@127.0.0.1:5071>;q=0.1"), AOR, PHONE, 0.0)
    registrar.register(register("<sip:y@127.0.0.1:5072>;q=0.9", call_id="b"), AOR, OTHER, 0.0)
    assert [b.q for b in registrar.bindings(AOR, 0.0)] == [0.9, 0.1]


def test_too_many_contacts_leave_the_bindings_alone() -> None:
    registrar = Registrar(PlatformConfig(max_contacts=2))
    registrar.register(register("<sip:a@h:1>", "<sip:b@h:2>"), AOR, PHONE, 0.0)
    answer = registrar.register(register("<sip:c@h:3>", call_id="c"), AOR, OTHER, 0.0)
    assert answer.status == 403
    assert [b.uri for b in registrar.bindings(AOR, 0.0)] == ["sip:a@h:1", "sip:b@h:2"]


@pytest.mark.parametrize("contact", ["<sip:a@h", "<<>>", "sip:", ";q=1", "<sip:a@h>;q=high"])
def test_unreadable_contact_is_400_and_changes_nothing(registrar: Registrar, contact: str) -> None:
    answer = registrar.register(register(contact), AOR, PHONE, 0.0)
    assert answer.status == 400
    assert registrar.bindings(AOR, 0.0) == []


def test_closed_connection_takes_its_bindings_along(registrar: Registrar) -> None:
    tcp = Flow("TCP", ("127.0.0.1", 5060), ("127.0.0.1", 40001))
    registrar.register(register("<sip:x@127.0.0.1:5071;transport=tcp>"), AOR, tcp, 0.0)
    assert registrar.forget_flow(tcp) == [AOR]
    assert registrar.bindings(AOR, 0.0) == []


def test_two_phones_behind_one_proxy_are_two(registrar: Registrar) -> None:
    """A proxy gives both the same flow; their contacts tell them apart."""
    registrar.register(register("<sip:anna@192.0.2.1:5060>", call_id="a"), AOR, PHONE, 0)
    registrar.register(register("<sip:anna@192.0.2.2:5060>", call_id="b"), AOR, PHONE, 1)
    assert len(registrar.bindings(AOR, 2)) == 2
    registrar.register(register("<sip:rebooted@192.0.2.2:5060>", call_id="c"), AOR, PHONE, 3)
    assert {b.uri for b in registrar.bindings(AOR, 4)} == {
        "sip:anna@192.0.2.1:5060",
        "sip:rebooted@192.0.2.2:5060",
    }


def test_the_path_is_kept_told_and_becomes_the_route(registrar: Registrar) -> None:
    """Source: RFC 3327 5.3."""
    request = register("<sip:anna@192.0.2.1>")
    request.headers.add("Path", "<sip:edge.example;lr>, <sip:inner.example;lr>")
    answer = registrar.register(request, AOR, PHONE, 0)
    values = ["<sip:edge.example;lr>", "<sip:inner.example;lr>"]
    assert [value for name, value in answer.headers if name == "Path"] == values
    assert registrar.bindings(AOR, 1)[0].routes == [("Route", value) for value in values]
    registrar.register(register("<sip:anna@192.0.2.1>", cseq=2), AOR, PHONE, 2)
    assert registrar.bindings(AOR, 3)[0].routes == []
