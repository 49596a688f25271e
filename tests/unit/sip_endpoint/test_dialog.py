"""Dialog state: both ways to make one, order, targets, routes, ACK."""

from __future__ import annotations

import pytest

from rig.sip.dialog import Dialog
from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.message import Request, Response


def invite(*rows: tuple[str, str]) -> Request:
    return Request(
        "INVITE",
        "sip:bob@example.test",
        [
            ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1"),
            ("From", '"Alice" <sip:alice@example.test>;tag=a'),
            ("To", "<sip:bob@example.test>"),
            ("Call-ID", "call"),
            ("CSeq", "5 INVITE"),
            ("Contact", '<sip:alice@10.0.0.1:5070>;+sip.instance="x"'),
            *rows,
        ],
    )


def answer(request: Request, status: int = 200, *rows: tuple[str, str]) -> Response:
    return Response.to_request(request, status, to_tag="b", headers=rows)


def routes(*values: str) -> list[tuple[str, str]]:
    return [("Record-Route", value) for value in values]


class TestCaller:
    def test_state(self) -> None:
        request = invite()
        dialog = Dialog.as_caller(
            request, answer(request, 200, ("Contact", "<sip:bob@10.0.0.2:5080>"))
        )
        assert dialog.id == ("call", "a", "b")
        assert dialog.remote_target == "sip:bob@10.0.0.2:5080"
        assert dialog.local_cseq == 5
        assert dialog.remote_cseq is None
        assert not dialog.early

    def test_route_set_is_reversed(self) -> None:
        request = invite()
        response = answer(request, 200, *routes("<sip:p2;lr>", "<sip:p1;lr>"))
        dialog = Dialog.as_caller(request, response)
        assert dialog.route_set == ("<sip:p1;lr>", "<sip:p2;lr>")

    def test_a_provisional_makes_it_early_and_the_2xx_confirms_it(self) -> None:
        request = invite()
        dialog = Dialog.as_caller(request, answer(request, 180, *routes("<sip:p1;lr>")))
        assert dialog.early
        dialog.confirm(answer(request, 200, ("Contact", "<sip:bob@new>")))
        assert not dialog.early
        assert dialog.remote_target == "sip:bob@new"
        assert dialog.route_set == ()

    def test_without_contact_the_request_uri_stays_the_target(self) -> None:
        request = invite()
        assert Dialog.as_caller(request, answer(request)).remote_target == "sip:bob@example.test"

    def test_a_broken_contact_is_the_peers_fault(self) -> None:
        request = invite()
        with pytest.raises(MessageError):
            Dialog.as_caller(request, answer(request, 200, ("Contact", "<sip:")))


class TestCallee:
    def test_state(self) -> None:
        request = invite(*routes("<sip:p1;lr>", "<sip:p2;lr>"))
        dialog = Dialog.as_callee(request, "b", "<sip:bob@10.0.0.2>")
        assert dialog.id == ("call", "b", "a")
        assert dialog.remote_target == "sip:alice@10.0.0.1:5070"
        assert dialog.remote_cseq == 5
        assert dialog.route_set == ("<sip:p1;lr>", "<sip:p2;lr>")

    def test_its_requests_swap_from_and_to(self) -> None:
        dialog = Dialog.as_callee(invite(), "b", "<sip:bob@10.0.0.2>")
        bye = dialog.make_request("BYE")
        assert bye.uri == "sip:alice@10.0.0.1:5070"
        assert bye.headers.get("From") == "<sip:bob@example.test>;tag=b"
        assert bye.headers.get("To") == '"Alice" <sip:alice@example.test>;tag=a'
        assert str(bye.cseq) == "1 BYE"
        assert "Contact" not in bye.headers


class TestOrder:
    def test_older_requests_are_refused(self) -> None:
        dialog = Dialog.as_callee(invite(), "b", "")
        verdicts = []
        for number in (6, 5, 6, 9, 7):
            request = Request("INFO", "sip:x", Headers([("CSeq", f"{number} INFO")]))
            verdicts.append(dialog.in_order(request))
        assert verdicts == [True, False, True, True, False]
        assert dialog.remote_cseq == 9

    def test_our_numbers_rise(self) -> None:
        request = invite()
        dialog = Dialog.as_caller(request, answer(request))
        numbers = [dialog.make_request("INFO").cseq.number for _ in range(3)]
        assert numbers == [6, 7, 8]


class TestRouting:
    def dialog(self, *values: str) -> Dialog:
        return Dialog.as_callee(invite(*routes(*values)), "b", "<sip:us>")

    def test_loose(self) -> None:
        request = self.dialog("<sip:p1;lr>", "<sip:p2;lr>").make_request("INFO")
        assert request.uri == "sip:alice@10.0.0.1:5070"
        assert request.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]

    def test_strict(self) -> None:
        request = self.dialog("<sip:p1>", "<sip:p2;lr>").make_request("INFO")
        assert request.uri == "sip:p1"
        assert request.headers.get_all("Route") == ["<sip:p2;lr>", "<sip:alice@10.0.0.1:5070>"]

    def test_target_refresh(self) -> None:
        dialog = self.dialog()
        dialog.refresh_target(Request("INVITE", "sip:x", [("Contact", "<sip:alice@moved>")]))
        assert dialog.make_request("INFO").uri == "sip:alice@moved"
        dialog.refresh_target(Request("INFO", "sip:x", []))
        assert dialog.make_request("INFO").uri == "sip:alice@moved"


class TestAck:
    def test_it_takes_number_and_credentials_of_the_invite(self) -> None:
        request = invite(("Proxy-Authorization", "Digest x=1"), ("Authorization", "Digest y=2"))
        dialog = Dialog.as_caller(request, answer(request, 200, *routes("<sip:p1;lr>")))
        dialog.make_request("INFO")
        ack = dialog.make_ack(request, body=b"v=0\r\n", content_type="application/sdp")
        assert str(ack.cseq) == "5 ACK"
        assert ack.headers.get("Proxy-Authorization") == "Digest x=1"
        assert ack.headers.get("Authorization") == "Digest y=2"
        assert ack.headers.get_all("Route") == ["<sip:p1;lr>"]
        assert ack.to.tag == "b"
        assert ack.content_type == "application/sdp"
        assert dialog.local_cseq == 6
