"""The core's matching: CANCEL, merged requests, old branches, strays, bad messages, routing."""

from __future__ import annotations

import pytest
from sip_link import Link, Node, make_request

from rig.sip import event as ev
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.tokens import SeededTokens
from rig.sip.user_agent import UserAgentCore

US = ("127.0.0.1", 5060)
PEER = ("127.0.0.1", 5090)
FLOW = Flow("UDP", US, PEER)


@pytest.fixture
def core() -> UserAgentCore:
    return UserAgentCore(SeededTokens("core"), product="unit")


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def alice(link: Link) -> Node:
    return link.node("alice", 5060)


@pytest.fixture
def bob(link: Link) -> Node:
    return link.node("bob", 5062)


def raw(
    method: str = "NOTIFY",
    *,
    via: str = "SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKone;rport",
    cseq: str = "",
    to: str = "<sip:us@example.test>",
    more: str = "",
) -> bytes:
    return (
        f"{method} sip:us@127.0.0.1 SIP/2.0\r\nVia: {via}\r\n"
        f"From: <sip:peer@example.test>;tag=peer\r\nTo: {to}\r\nCall-ID: call\r\n"
        f"CSeq: {cseq or '7 ' + method}\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


def events(core: UserAgentCore) -> list[ev.Event]:
    taken = []
    while (event := core.next_event()) is not None:
        taken.append(event)
    return taken


def sent(core: UserAgentCore) -> list[tuple[Request | Response, Flow]]:
    return [(parse_message(data), flow) for data, flow in core.data_to_send()]


def statuses(core: UserAgentCore) -> list[int]:
    return [m.status for m, _ in sent(core) if isinstance(m, Response)]


class TestPrepare:
    def test_what_is_missing_is_added(self, core: UserAgentCore) -> None:
        request = core.prepare(make_request("OPTIONS"), FLOW)
        assert request.via.branch is not None
        assert request.via.branch.startswith("z9hG4bK")
        assert request.via.param("rport") == ""
        assert (request.via.host, request.via.port) == US
        assert request.max_forwards == 70
        assert request.from_.tag
        assert request.call_id
        assert str(request.cseq) == "1 OPTIONS"
        assert request.headers.get("User-Agent") == "unit"

    def test_what_is_there_stays(self, core: UserAgentCore) -> None:
        rows = [
            ("Max-Forwards", "3"),
            ("From", "<sip:a@b>;tag=mine"),
            ("To", "<sip:c@d>"),
            ("Call-ID", "mine"),
            ("CSeq", "42 BYE"),
            ("User-Agent", "other"),
        ]
        request = Request("BYE", "sip:c@d", rows)
        prepared = core.prepare(request, FLOW)
        assert [row for row in prepared.headers if row[0] != "Via"] == rows
        assert "Via" not in request.headers

    def test_the_same_seed_gives_the_same_bytes(self) -> None:
        twins = [UserAgentCore(SeededTokens("twin")) for _ in range(2)]
        first, second = (t.prepare(make_request("INVITE"), FLOW).to_bytes() for t in twins)
        assert first == second
        other = UserAgentCore(SeededTokens("other")).prepare(make_request("INVITE"), FLOW)
        assert other.to_bytes() != first


class TestResponseRouting:
    @pytest.mark.parametrize(
        ("via", "port", "marks"),
        [
            ("SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKa;rport", 5090, ("127.0.0.1", 5090)),
            ("SIP/2.0/UDP 10.0.0.9:5061;branch=z9hG4bKa;rport", 5090, ("127.0.0.1", 5090)),
            ("SIP/2.0/UDP 10.0.0.9:5061;branch=z9hG4bKa", 5061, ("127.0.0.1", None)),
            ("SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKa", 5060, (None, None)),
            ("SIP/2.0/UDP phone.test;branch=z9hG4bKa", 5060, ("127.0.0.1", None)),
        ],
    )
    def test_udp(
        self,
        core: UserAgentCore,
        via: str,
        port: int,
        marks: tuple[str | None, int | None],
    ) -> None:
        core.receive(raw(via=via), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        core.send_response(event.key, core.make_response(event.key, 200), 0.0)
        ((response, flow),) = sent(core)
        assert flow.remote == ("127.0.0.1", port)
        assert (response.via.received, response.via.rport) == marks

    def test_the_other_vias_stay_in_order(self, core: UserAgentCore) -> None:
        via = (
            "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa;rport, SIP/2.0/TCP b;branch=z9hG4bKb\r\n"
            "v: SIP/2.0/UDP c;branch=z9hG4bKc"
        )
        core.receive(raw(via=via), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        core.send_response(event.key, core.make_response(event.key, 200), 0.0)
        ((response, _),) = sent(core)
        assert [v.branch for v in response.vias] == ["z9hG4bKa", "z9hG4bKb", "z9hG4bKc"]
        assert response.vias[0].rport == 5090

    def test_all_responses_share_one_tag(self, core: UserAgentCore) -> None:
        core.receive(raw("INVITE"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        tags = [core.make_response(event.key, s).to.tag for s in (100, 180, 183, 200)]
        assert tags[0] is None
        assert tags[1]
        assert len(set(tags[1:])) == 1


class TestServerMatching:
    def test_a_branch_of_rfc_2543_still_matches_its_retransmission(
        self, core: UserAgentCore
    ) -> None:
        for _ in range(3):
            core.receive(raw(via="SIP/2.0/UDP 127.0.0.1:5090"), FLOW, 0.0)
        assert len(events(core)) == 1
        core.receive(raw(via="SIP/2.0/UDP 127.0.0.1:5090", cseq="8 NOTIFY"), FLOW, 0.0)
        assert len(events(core)) == 1

    def test_an_rfc_2543_ack_and_cancel_find_their_invite(self, core: UserAgentCore) -> None:
        via = "SIP/2.0/UDP 127.0.0.1:5090"
        core.receive(raw("INVITE", via=via), FLOW, 0.0)
        core.receive(raw("CANCEL", via=via), FLOW, 0.0)
        assert statuses(core) == [200, 487]
        core.receive(raw("ACK", via=via, to="<sip:us@example.test>;tag=x"), FLOW, 0.0)
        core.handle_timer(4.0)
        assert statuses(core) == []  # timer G was stopped

    def test_the_same_branch_of_another_sender_is_another_transaction(
        self, core: UserAgentCore
    ) -> None:
        core.receive(raw(cseq="7 NOTIFY"), FLOW, 0.0)
        other = "SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bKone;rport"
        core.receive(raw(via=other, cseq="8 NOTIFY"), FLOW, 0.0)
        assert len(events(core)) == 2

    def test_merged_requests_get_482(self, core: UserAgentCore) -> None:
        core.receive(raw(), FLOW, 0.0)
        core.receive(raw(via="SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKtwo;rport"), FLOW, 0.0)
        assert len(events(core)) == 1
        assert statuses(core) == [482]

    def test_merged_requests_pass_when_told_so(self) -> None:
        core = UserAgentCore(SeededTokens("core"), detect_merged=False)
        core.receive(raw(), FLOW, 0.0)
        core.receive(raw(via="SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKtwo;rport"), FLOW, 0.0)
        assert len(events(core)) == 2

    def test_merging_is_forgotten_with_the_transaction(self, core: UserAgentCore) -> None:
        core.receive(raw(), FLOW, 0.0)
        events(core)
        core.handle_timer(33.0)
        assert core.transactions == 0
        core.receive(raw(via="SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKtwo;rport"), FLOW, 33.0)
        assert len(events(core)) == 1

    def test_an_ack_after_the_end_belongs_to_nothing(self, core: UserAgentCore) -> None:
        core.receive(raw("INVITE"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        response = core.make_response(event.key, 200)
        core.send_response(event.key, response, 0.0)
        assert not core.send_response(event.key, core.make_response(event.key, 486), 0.0)
        core.handle_timer(33.0)
        events(core)
        via = "SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKack"
        core.receive(raw("ACK", via=via, to=response.headers.get("To") or ""), FLOW, 33.0)
        (late,) = events(core)
        assert isinstance(late, ev.AckReceived)
        assert late.key is None

    def test_requests_in_a_dialog_are_never_merged(self, core: UserAgentCore) -> None:
        to = "<sip:us@example.test>;tag=ours"
        core.receive(raw(to=to), FLOW, 0.0)
        core.receive(raw(to=to, via="SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKtwo"), FLOW, 0.0)
        assert len(events(core)) == 2

    def test_an_ack_of_nothing_is_reported_and_never_answered(self, core: UserAgentCore) -> None:
        core.receive(raw("ACK"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.AckReceived)
        assert event.key is None
        assert core.data_to_send() == []


class TestCancel:
    def test_cancel_waits_for_a_provisional(self, link: Link, alice: Node, bob: Node) -> None:
        key = alice.request("INVITE", bob)
        alice.core.cancel(key, 0.0)
        alice.flush()
        assert alice.instants("CANCEL") == []
        link.run(0.3)  # 100 Trying after 0.2 s
        assert alice.instants("CANCEL") == [0.2]
        (final,) = [
            e.response
            for _, e in alice.seen(ev.ResponseReceived)
            if isinstance(e, ev.ResponseReceived) and e.key == key and e.response.status >= 200
        ]
        assert final.status == 487
        assert alice.instants("ACK") == [0.2]
        assert len(bob.seen(ev.RequestCancelled)) == 1

    def test_cancel_is_sent_once(self, link: Link, alice: Node, bob: Node) -> None:
        key = alice.request("INVITE", bob)
        link.run(0.3)
        for _ in range(3):
            alice.core.cancel(key, link.now)
        alice.flush()
        link.run(1)
        assert len(alice.instants("CANCEL")) == 1

    def test_the_cancel_repeats_branch_uri_and_cseq_number(
        self, link: Link, alice: Node, bob: Node
    ) -> None:
        key = alice.request("INVITE", bob, ("Route", "<sip:127.0.0.1;lr>"))
        link.run(0.3)
        alice.core.cancel(key, link.now)
        alice.flush()
        invite, cancel = (
            next(m for _, m in alice.sent if isinstance(m, Request) and m.method == method)
            for method in ("INVITE", "CANCEL")
        )
        assert cancel.via.branch == invite.via.branch
        assert cancel.uri == invite.uri
        assert str(cancel.cseq) == "1 CANCEL"
        for name in ("From", "To", "Call-ID", "Route"):
            assert cancel.headers.get_all(name) == invite.headers.get_all(name)

    def test_no_final_response_after_a_cancel(self, link: Link, alice: Node, bob: Node) -> None:
        key = alice.request("INVITE", bob)
        link.run(1.0)
        link.lose = lambda data: data.startswith(b"CANCEL")
        alice.core.cancel(key, link.now)
        alice.flush()
        link.run(100)
        assert (33.0, ev.TransactionTimedOut(key)) in alice.seen(ev.TransactionTimedOut)
        assert alice.core.transactions == 0

    def test_cancel_of_an_answered_invite_does_nothing(
        self, link: Link, alice: Node, bob: Node
    ) -> None:
        bob.on_event = lambda event: (
            bob.respond(event.key, 200) if isinstance(event, ev.RequestReceived) else None
        )
        key = alice.request("INVITE", bob)
        link.run(0.1)
        alice.core.cancel(key, link.now)
        alice.flush()
        link.run(0.2)
        assert alice.instants("CANCEL") == []

    def test_cancel_without_invite_gets_481(self, core: UserAgentCore) -> None:
        core.receive(raw("CANCEL"), FLOW, 0.0)
        assert statuses(core) == [481]
        assert events(core) == []

    def test_a_late_final_response_after_487_is_not_sent(self, core: UserAgentCore) -> None:
        core.receive(raw("INVITE"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        core.receive(raw("CANCEL"), FLOW, 0.0)
        assert statuses(core) == [200, 487]
        assert not core.send_response(event.key, core.make_response(event.key, 200), 0.0)
        assert core.data_to_send() == []

    def test_cancel_and_487_carry_the_tag_of_the_ringing(self, core: UserAgentCore) -> None:
        core.receive(raw("INVITE"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        core.send_response(event.key, core.make_response(event.key, 180), 0.0)
        core.receive(raw("CANCEL"), FLOW, 0.0)
        assert len({m.to.tag for m, _ in sent(core)}) == 1

    def test_cancel_after_the_answer_is_only_acknowledged(self, core: UserAgentCore) -> None:
        core.receive(raw("INVITE"), FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.RequestReceived)
        core.send_response(event.key, core.make_response(event.key, 200), 0.0)
        core.data_to_send()
        core.receive(raw("CANCEL"), FLOW, 0.0)
        assert [str(m.cseq) for m, _ in sent(core)] == ["7 CANCEL"]
        assert events(core) == []

    def test_more_ringing_does_not_cause_more_cancels(
        self, link: Link, alice: Node, bob: Node
    ) -> None:
        key = alice.request("INVITE", bob)
        link.run(0.3)
        link.lose = lambda data: data.startswith(b"CANCEL")
        alice.core.cancel(key, link.now)
        alice.flush()
        (received,) = bob.seen(ev.RequestReceived)
        assert isinstance(received[1], ev.RequestReceived)
        for _ in range(3):
            bob.respond(received[1].key, 180)
            link.run(link.now + 0.01)
        assert len(alice.instants("CANCEL")) == 1


class TestClientMatching:
    def answer_to(self, core: UserAgentCore) -> tuple[ev.ClientKey, Response]:
        request = core.prepare(make_request("OPTIONS"), FLOW)
        key = core.send_request(request, FLOW, 0.0)
        core.data_to_send()
        return key, Response.to_request(request, 200, to_tag="t")

    def test_the_response_arrives(self, core: UserAgentCore) -> None:
        key, response = self.answer_to(core)
        core.receive(response.to_bytes(), FLOW, 0.1)
        (event,) = events(core)
        assert isinstance(event, ev.ResponseReceived)
        assert event.key == key

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"z9hG4bK", b"z9hG4bKx"),
            (b"CSeq: 1 OPTIONS", b"CSeq: 1 INFO"),
            (b"127.0.0.1:5060", b"127.0.0.1:5061"),
            (b"127.0.0.1:5060", b"10.1.1.1:5060"),
            (b"\r\nFrom", b"\r\nVia: SIP/2.0/UDP second;branch=z9hG4bK2\r\nFrom"),
        ],
    )
    def test_one_that_is_not_ours_is_a_stray(
        self, core: UserAgentCore, old: bytes, new: bytes
    ) -> None:
        _, response = self.answer_to(core)
        core.receive(response.to_bytes().replace(old, new, 1), FLOW, 0.1)
        (event,) = events(core)
        assert isinstance(event, ev.StrayResponse)

    def test_the_ack_of_a_failure(self, link: Link, alice: Node, bob: Node) -> None:
        bob.on_event = lambda event: (
            bob.respond(event.key, 486) if isinstance(event, ev.RequestReceived) else None
        )
        alice.request("INVITE", bob, ("Route", "<sip:127.0.0.1;lr>"))
        link.run(1)
        requests = [m for _, m in alice.sent if isinstance(m, Request)]
        invite, ack = requests
        busy = bob.sent[0][1]
        assert ack.method == "ACK"
        assert ack.uri == invite.uri
        assert ack.via.branch == invite.via.branch
        assert ack.headers.get("To") == busy.headers.get("To")
        assert ack.headers.get_all("Route") == ["<sip:127.0.0.1;lr>"]
        assert str(ack.cseq) == "1 ACK"


class TestBadMessages:
    @pytest.mark.parametrize(
        ("data", "answered"),
        [
            (b"\x16\x03\x01 not SIP at all", None),
            (raw().replace(b"CSeq: 7 NOTIFY", b"CSeq: x NOTIFY"), 400),
            (raw().replace(b"CSeq: 7 NOTIFY", b"CSeq: 7 INFO"), 400),
            (raw().replace(b"Call-ID: call\r\n", b""), 400),
            (raw().replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia"), 505),
            (raw().replace(b"Content-Length: 0", b"Content-Length: 99"), 400),
            (raw().replace(b"Via: SIP/2.0/UDP 127", b"Via: nonsense 127"), None),
            (raw("ACK").replace(b"CSeq: 7", b"CSeq: -7"), None),
        ],
    )
    def test_it_is_an_event_and_answered_where_possible(
        self, core: UserAgentCore, data: bytes, answered: int | None
    ) -> None:
        core.receive(data, FLOW, 0.0)
        (event,) = events(core)
        assert isinstance(event, ev.BadMessageReceived)
        assert event.data == data
        assert event.answered == answered
        assert statuses(core) == ([] if answered is None else [answered])
        assert core.transactions == 0

    @pytest.mark.parametrize("data", [b"\r\n\r\n", b"\r\n", b"\0\0\0\0"])
    def test_keep_alives_are_silent(self, core: UserAgentCore, data: bytes) -> None:
        core.receive(data, FLOW, 0.0)
        assert events(core) == []
        assert core.data_to_send() == []


class TestStreams:
    TCP = Flow("TCP", US, PEER)

    def test_messages_in_pieces(self, core: UserAgentCore) -> None:
        data = raw(via="SIP/2.0/TCP 127.0.0.1:5090;branch=z9hG4bKone") + raw(
            via="SIP/2.0/TCP 127.0.0.1:5090;branch=z9hG4bKtwo", cseq="8 NOTIFY"
        )
        for at in range(0, len(data), 7):
            core.receive(data[at : at + 7], self.TCP, 0.0)
        assert [type(e) for e in events(core)] == [ev.RequestReceived] * 2

    def test_a_ping_gets_a_pong(self, core: UserAgentCore) -> None:
        core.receive(b"\r\n\r\n", self.TCP, 0.0)
        assert core.data_to_send() == [(b"\r\n", self.TCP)]

    def test_lost_framing_breaks_the_flow(self, core: UserAgentCore) -> None:
        core.receive(raw().replace(b"Content-Length: 0\r\n", b""), self.TCP, 0.0)
        assert [type(e) for e in events(core)] == [ev.BadMessageReceived, ev.FlowBroken]

    def test_a_failed_flow_fails_its_requests_only(self, core: UserAgentCore) -> None:
        keys = [
            core.send_request(core.prepare(make_request("OPTIONS"), flow), flow, 0.0)
            for flow in (self.TCP, FLOW)
        ]
        core.flow_failed(self.TCP, 1.0)
        assert events(core) == [ev.TransactionFailed(keys[0])]
        assert core.transactions == 1

    def test_a_failed_flow_does_not_end_a_server_transaction(self, core: UserAgentCore) -> None:
        core.receive(
            raw("INVITE", via="SIP/2.0/TCP 127.0.0.1:5090;branch=z9hG4bKone"), self.TCP, 0.0
        )
        core.flow_failed(self.TCP, 1.0)
        assert [type(e) for e in events(core)] == [ev.RequestReceived, ev.ResponseUndeliverable]
        assert core.transactions == 1


class TestOutgoingFilter:
    def test_it_alters_a_copy_and_sees_every_transmission(
        self, link: Link, alice: Node, bob: Node
    ) -> None:
        seen: list[str] = []

        def alter(message: Request | Response, _: Flow) -> Request | Response:
            seen.append(message.start_line)
            message.headers.add("X-Count", str(len(seen)))
            return message

        alice.core.outgoing_filter = alter
        link.lose = lambda _: True
        alice.request("OPTIONS", bob)
        link.run(1)
        assert len(seen) == 2
        assert [m.headers.get_all("X-Count") for _, m in alice.sent] == [["1"], ["2"]]

    def test_it_drops_and_replaces(self, core: UserAgentCore) -> None:
        request = core.prepare(make_request("OPTIONS"), FLOW)
        core.outgoing_filter = lambda *_: None
        core.send_request(request, FLOW, 0.0)
        assert core.data_to_send() == []
        core.outgoing_filter = lambda *_: b"octets"
        core.send_request(core.prepare(make_request("INFO"), FLOW), FLOW, 0.0)
        assert core.data_to_send() == [(b"octets", FLOW)]
