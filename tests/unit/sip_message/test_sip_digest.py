from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import LocalProtocolError
from provisioning.nonce import NonceBook
from provisioning.secret import Secret
from rig.sip.digest import (
    Challenge,
    Credentials,
    DigestError,
    DigestJudge,
    DigestVerifier,
    choose_challenge,
    compute_response,
    make_credentials,
)
from rig.sip.message import Request

PASSWORD = Secret("Circle of Life")
RFC_7616 = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "method": "GET",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "nc": "00000001",
    "qop": "auth",
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_vectors_of_rfc_7616_3_9_1(algorithm: str, expected: str) -> None:
    assert compute_response(password=PASSWORD, algorithm=algorithm, **RFC_7616) == expected


def test_vector_of_rfc_2617_3_5() -> None:
    response = compute_response(
        username="Mufasa",
        realm="testrealm@host.com",
        password=Secret("Circle Of Life"),
        method="GET",
        uri="/dir/index.html",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        cnonce="0a4f113b",
        nc="00000001",
        qop="auth",
    )
    assert response == "6629fae49393a05397450978507c4ef1"


def test_vector_of_rfc_2069_with_its_erratum() -> None:
    response = compute_response(
        username="Mufasa",
        realm="testrealm@host.com",
        password=Secret("CircleOfLife"),
        method="GET",
        uri="/dir/index.html",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    )
    assert response == "1949323746fe6a43ef61f9606e7febea"


def test_session_algorithm_and_body_enter_the_hash() -> None:
    plain = compute_response(password=PASSWORD, algorithm="MD5", **RFC_7616)
    session = compute_response(password=PASSWORD, algorithm="md5-SESS", **RFC_7616)
    integrity = {**RFC_7616, "qop": "auth-int"}
    one = compute_response(password=PASSWORD, body=b"1", **integrity)
    two = compute_response(password=PASSWORD, body=b"2", **integrity)
    assert len({plain, session, one, two}) == 4


def test_unknown_algorithm_or_qop_is_refused() -> None:
    with pytest.raises(DigestError, match="algorithm"):
        compute_response(password=PASSWORD, algorithm="SHA-1", **RFC_7616)
    with pytest.raises(DigestError, match="qop"):
        compute_response(password=PASSWORD, **{**RFC_7616, "qop": "x"})


def test_challenge_text() -> None:
    text = (
        'digest  realm="a, \\"b\\"" , nonce=n1,opaque="",stale=TRUE,'
        'qop="auth-int, AUTH", algorithm="MD5", domain="sip:h", extra=1,'
    )
    challenge = Challenge.parse(text)
    assert challenge == Challenge(
        'a, "b"', "n1", "MD5", ("auth-int", "auth"), "", stale=True, domain="sip:h"
    )
    assert Challenge.parse(str(challenge)) == challenge
    assert "algorithm=MD5" in str(challenge)


@pytest.mark.parametrize(
    "text",
    ["", "Basic realm=x", 'Digest realm="x"', "Digest nonce=x", "Digest x", 'Digest realm="x'],
)
def test_malformed_challenges_are_refused(text: str) -> None:
    with pytest.raises(DigestError):
        Challenge.parse(text)


def test_topmost_supported_challenge_is_chosen() -> None:
    values = [
        "Basic realm=x",
        'Digest realm="r", nonce="1", algorithm=SHA-512-256',
        'Digest realm="r", nonce="2", qop="auth-conf"',
        'Digest realm="r", nonce="3", algorithm=SHA-256, qop="auth"',
        'Digest realm="r", nonce="4"',
    ]
    chosen = choose_challenge(values)
    assert chosen is not None
    assert chosen.nonce == "3"
    assert choose_challenge(values[:3]) is None


def test_credentials_text() -> None:
    challenge = Challenge("r", "n", "SHA-256", ("auth", "auth-int"), "op")
    credentials = make_credentials(
        challenge, 'u"1', PASSWORD, "REGISTER", "sip:h", cnonce="c", nc=17
    )
    assert (credentials.qop, credentials.nc, credentials.opaque) == ("auth", "00000011", "op")
    assert Credentials.parse(str(credentials)) == credentials
    assert "qop=auth," in str(credentials)
    assert "nc=00000011" in str(credentials)
    assert "Circle" not in str(credentials)
    with pytest.raises(DigestError, match="response"):
        Credentials.parse('Digest username="u", realm="r", nonce="n", uri="sip:h"')


def test_answer_without_qop_has_no_count() -> None:
    credentials = make_credentials(Challenge("r", "n"), "u", PASSWORD, "A", "sip:h", cnonce="c")
    assert (credentials.qop, credentials.nc, credentials.cnonce) == ("", "", "")
    session = make_credentials(
        Challenge("r", "n", "MD5-sess"), "u", PASSWORD, "A", "sip:h", cnonce="c"
    )
    assert session.cnonce == "c"


def test_challenge_that_cannot_be_answered() -> None:
    with pytest.raises(DigestError, match="known are"):
        make_credentials(Challenge("r", "n", "X"), "u", PASSWORD, "A", "sip:h", cnonce="c")


class Bench:
    """A verifier with one user, and a client for it."""

    def __init__(self, *, is_proxy: bool = False, **options: object) -> None:
        numbers = itertools.count(1)
        users = {"u": Secret("right")}
        judge = DigestJudge(
            "r, x",
            users.get,
            lambda: f"nonce-{next(numbers)}",
            **options,  # type: ignore[arg-type]  # keyword arguments of several types
        )
        self.verifier = DigestVerifier(judge, is_proxy=is_proxy)

    def request(
        self,
        challenge: str,
        *,
        username: str = "u",
        password: str = "right",
        nc: int = 1,
        uri: str = "sip:h",
        digest_uri: str | None = None,
        header: str = "Authorization",
    ) -> Request:
        credentials = make_credentials(
            Challenge.parse(challenge),
            username,
            Secret(password),
            "REGISTER",
            digest_uri or uri,
            cnonce="c",
            nc=nc,
        )
        return Request("REGISTER", uri, [(header, "Magic x=1"), (header, str(credentials))])

    def outcome(self, request: Request, now: float = 0.0) -> str:
        return self.verifier.verify(request, now).outcome


def test_right_password_with_each_offered_algorithm() -> None:
    bench = Bench()
    challenges = bench.verifier.challenges(0.0)
    assert [Challenge.parse(text).algorithm for text in challenges] == ["SHA-256", "MD5"]
    first = bench.verifier.verify(bench.request(challenges[0]), 1.0)
    assert (first.ok, first.username) == (True, "u")
    assert bench.outcome(bench.request(challenges[1], nc=2)) == "ok"


def test_wrong_user_password_realm_or_uri() -> None:
    bench = Bench()
    text = bench.verifier.challenges(0.0)[0]
    assert bench.outcome(bench.request(text, password="wrong")) == "bad"
    assert bench.outcome(bench.request(text, username="nobody", password="")) == "bad"
    assert bench.outcome(bench.request(text, digest_uri="sip:other")) == "bad"
    assert bench.outcome(bench.request(text, digest_uri="SIP:H;x=1")) == "ok"
    assert bench.outcome(bench.request(text.replace("r, x", "r, y"))) == "missing"
    assert bench.outcome(Request("REGISTER", "sip:h")) == "missing"


def test_algorithm_and_qop_must_have_been_offered() -> None:
    bench = Bench(algorithms=("SHA-256",))
    text = bench.verifier.challenges(0.0)[0]
    assert bench.outcome(bench.request(text.replace("SHA-256", "MD5"))) == "bad"
    assert bench.outcome(bench.request(text.replace('qop="auth"', 'qop="auth-int"'))) == "bad"


def test_integrity_covers_the_body() -> None:
    bench = Bench(qop=("auth-int",))
    request = bench.request(bench.verifier.challenges(0.0)[0])
    request.body = b"changed"
    assert bench.outcome(request) == "bad"
    assert bench.outcome(bench.request(bench.verifier.challenges(0.0)[0])) == "ok"


def test_old_and_unknown_nonces_are_stale_only_with_the_right_password() -> None:
    bench = Bench(nonce_lifetime_s=10.0)
    text = bench.verifier.challenges(0.0)[0]
    assert bench.outcome(bench.request(text), 9.9) == "ok"
    assert bench.outcome(bench.request(text, nc=2), 10.0) == "stale"
    assert bench.outcome(bench.request(text, password="wrong"), 10.0) == "bad"
    invented = text.replace("nonce-2", "nonce-of-mine")
    assert invented != text
    assert bench.outcome(bench.request(invented)) == "stale"
    assert Challenge.parse(bench.verifier.challenges(11.0, stale=True)[0]).stale


def test_counts_are_taken_once_in_any_order() -> None:
    bench = Bench()
    text = bench.verifier.challenges(0.0)[0]
    order = [1, 3, 2, 2, 3, 100, 99, 37, 36, 100]
    outcomes = [bench.outcome(bench.request(text, nc=nc)) for nc in order]
    assert outcomes == ["ok", "ok", "ok", "replayed", "replayed"] + ["ok"] * 3 + ["replayed"] * 2


def test_nonce_without_count_is_good_once() -> None:
    bench = Bench()
    text = bench.verifier.challenges(0.0)[0].replace(', qop="auth"', "")
    assert bench.outcome(bench.request(text)) == "ok"
    assert bench.outcome(bench.request(text)) == "stale"


@pytest.mark.parametrize("nc", ["nc=0000000x", "nc=1", "nc=00000000"])
def test_malformed_count_is_bad(nc: str) -> None:
    bench = Bench()
    request = bench.request(bench.verifier.challenges(0.0)[0])
    value = request.headers.get_all("Authorization")[1]
    request.headers.set("Authorization", value.replace("nc=00000001", nc))
    assert bench.outcome(request) == "bad"


def test_a_challenge_leaves_nothing_behind() -> None:
    bench = Bench()
    texts = [bench.verifier.challenges(float(n))[0] for n in range(200)]
    assert bench.verifier.remembered == 0
    assert bench.outcome(bench.request(texts[0], password="wrong"), 200.0) == "bad"
    assert bench.verifier.remembered == 0
    assert bench.outcome(bench.request(texts[0]), 200.0) == "ok"
    assert bench.verifier.remembered == 1
    assert bench.outcome(bench.request(texts[-1]), 320.0) == "ok"
    assert bench.verifier.remembered == 1  # the first has expired


def test_memory_is_bounded_and_nothing_forgotten_can_be_replayed() -> None:
    bench = Bench(max_nonces=3)
    texts = [bench.verifier.challenges(float(n))[0] for n in range(5)]
    assert [bench.outcome(bench.request(text), 5.0) for text in texts] == ["ok"] * 5
    assert bench.verifier.remembered == 3
    again = [bench.outcome(bench.request(text), 5.0) for text in texts]
    assert again == ["stale"] * 2 + ["replayed"] * 3
    assert bench.outcome(bench.request(texts[4], nc=2), 5.0) == "ok"


def test_a_nonce_with_another_time_or_key_is_not_ours() -> None:
    bench = Bench()
    text = bench.verifier.challenges(1.0)[0]
    stamp = Challenge.parse(text).nonce.partition(".")[0]
    later = text.replace(f'nonce="{stamp}.', f'nonce="{int(stamp, 16) + 1000:x}.')
    assert later != text
    assert bench.outcome(bench.request(later), 2.0) == "stale"
    users = {"u": Secret("right")}
    stranger = DigestVerifier(DigestJudge("r, x", users.get, lambda: "another key"))
    assert stranger.verify(bench.request(text), 2.0).outcome == "stale"
    assert bench.outcome(bench.request(text), 2.0) == "ok"


@given(st.text())
def test_any_text_as_a_nonce_is_stale_at_most(text: str) -> None:
    book = NonceBook(lambda: "key", 300.0, 10)
    assert book.use(text, 1, 0.0) == "stale"
    assert len(book) == 0


def test_proxy_reads_its_own_header() -> None:
    bench = Bench(is_proxy=True)
    text = bench.verifier.challenges(0.0)[0]
    assert bench.outcome(bench.request(text)) == "missing"
    assert bench.outcome(bench.request(text, header="Proxy-Authorization")) == "ok"


@pytest.mark.parametrize("options", [{"algorithms": ("X",)}, {"algorithms": ()}, {"qop": ("y",)}])
def test_what_cannot_be_computed_cannot_be_offered(options: dict[str, object]) -> None:
    with pytest.raises(LocalProtocolError):
        Bench(**options)


def test_reasons_tell_no_secret() -> None:
    bench = Bench()
    request = bench.request(bench.verifier.challenges(0.0)[0], password="guess")
    assert "right" not in bench.verifier.verify(request, 0.0).reason.replace("wrong", "")
