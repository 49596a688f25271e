"""When a client answers a challenge and when it knows better."""

from __future__ import annotations

import pytest

from provisioning.secret import Secret
from rig.sip.digest import Challenge, Credentials, compute_response
from rig.sip.digest_client import DigestClient
from rig.sip.message import Request, Response
from rig.sip.tokens import SeededTokens


@pytest.fixture
def client() -> DigestClient:
    return DigestClient("1001", Secret("pass"), SeededTokens("digest"))


def register(cseq: int = 1) -> Request:
    return Request(
        "REGISTER",
        "sip:example.test",
        [
            ("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1"),
            ("From", "<sip:1001@example.test>;tag=a"),
            ("To", "<sip:1001@example.test>"),
            ("Call-ID", "call"),
            ("CSeq", f"{cseq} REGISTER"),
        ],
    )


def challenged(
    request: Request,
    nonce: str = "n1",
    *,
    stale: bool = False,
    status: int = 401,
    algorithm: str = "MD5",
) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    challenge = Challenge("realm", nonce, algorithm, ("auth",), stale=stale)
    return Response.to_request(request, status, headers=[(name, str(challenge))])


def credentials(request: Request, name: str = "Authorization") -> Credentials:
    value = request.headers.get(name)
    assert value is not None
    return Credentials.parse(value)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_the_answer_is_right(client: DigestClient, algorithm: str) -> None:
    request = register()
    again = client.answer(request, challenged(request, algorithm=algorithm))
    assert again is not None
    assert "Via" not in again.headers
    assert str(again.cseq) == "2 REGISTER"
    assert again.call_id == request.call_id
    given = credentials(again)
    assert given.response == compute_response(
        username="1001",
        realm="realm",
        password=Secret("pass"),
        method="REGISTER",
        uri="sip:example.test",
        nonce="n1",
        algorithm=algorithm,
        qop="auth",
        cnonce=given.cnonce,
        nc=given.nc,
    )


def test_refused_credentials_are_not_tried_again(client: DigestClient) -> None:
    request = register()
    again = client.answer(request, challenged(request))
    assert again is not None
    assert client.answer(again, challenged(again)) is None
    assert client.answer(again, challenged(again, "n2")) is None


def test_a_stale_nonce_is_replaced_once(client: DigestClient) -> None:
    request = register()
    again = client.answer(request, challenged(request))
    assert again is not None
    client.settle()
    refresh = register(10)
    client.authorise(refresh)
    assert credentials(refresh).nc == "00000002"
    fresh = client.answer(refresh, challenged(refresh, "n2", stale=True))
    assert fresh is not None
    assert credentials(fresh).nonce == "n2"
    assert credentials(fresh).nc == "00000001"
    # For ever stale: bounded.
    rounds = 0
    nonce = 3
    while fresh is not None and rounds < 10:
        fresh = client.answer(fresh, challenged(fresh, f"n{nonce}", stale=True))
        nonce += 1
        rounds += 1
    assert rounds == 2


def test_a_nonce_that_ran_out_without_saying_stale(client: DigestClient) -> None:
    request = register()
    assert client.answer(request, challenged(request)) is not None
    client.settle()
    refresh = register(10)
    client.authorise(refresh)
    again = client.answer(refresh, challenged(refresh, "n2"))
    assert again is not None
    assert credentials(again).nonce == "n2"


def test_first_the_proxy_then_the_server(client: DigestClient) -> None:
    request = register()
    second = client.answer(request, challenged(request, "p", status=407))
    assert second is not None
    third = client.answer(second, challenged(second, "s"))
    assert third is not None
    assert credentials(third, "Proxy-Authorization").nonce == "p"
    assert credentials(third).nonce == "s"
    assert client.answer(third, challenged(third, "s2")) is None


def test_what_it_cannot_compute_it_leaves(client: DigestClient) -> None:
    request = register()
    assert client.answer(request, challenged(request, algorithm="SHA-512-256")) is None
    basic = Response.to_request(request, 401, headers=[("WWW-Authenticate", "Basic realm=x")])
    assert client.answer(request, basic) is None
    assert client.answer(request, Response.to_request(request, 403)) is None


def test_forgotten_nonces_are_not_used(client: DigestClient) -> None:
    request = register()
    client.answer(request, challenged(request))
    client.forget()
    fresh = register(5)
    client.authorise(fresh)
    assert "Authorization" not in fresh.headers
