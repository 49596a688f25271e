"""Who gets which file: proofs, one answer for strangers, walks, tokens, revocation."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import replace

import pytest
from access_kit import (
    ANNA,
    BERT,
    KEY,
    UNKNOWN,
    WEAK,
    access_lab,
    basic,
    certificate_forms,
    own,
    token_path,
)

from provisioning.access_model import (
    AccessSettings,
    ProofKind,
    first_token,
    mask_tokens,
    steady_token,
)
from provisioning.certificate_names import ClientCertificate
from provisioning.errors import RigError
from provisioning.secret import Secret
from provisioning.transport.path_tokens import DeadTokens
from provisioning.transport.walk_guard import GuessLimit, WalkGuard, WalkLimits, places_of

DIGEST, BASIC = ProofKind.DIGEST, ProofKind.BASIC
TOKEN, CERTIFICATE = ProofKind.TOKEN, ProofKind.CERTIFICATE
A = "/001565aaaa01.cfg"
B = "/000413bbbb02.cfg"


def test_an_open_site_gives_every_known_file_to_everybody():
    lab = access_lab()
    assert lab.ask(A)[0].content == b"<anna>"
    assert lab.ask("/shared.cfg")[0].content == b"<shared>"
    answer, admission = lab.ask("/001565cccc03.cfg")
    assert answer is None
    assert lab.gate.challenges(admission, lab.now) == ()


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5", "SHA-256-sess"])
def test_digest_opens_the_own_file_and_the_shared_one_and_no_other(algorithm):
    lab = access_lab(DIGEST, digest_algorithms=("SHA-256", "MD5", "SHA-256-sess"))
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    challenge = lab.challenge(algorithm)
    for count, (path, content) in enumerate(
        [(A, b"<anna>"), ("/shared.cfg", b"<shared>"), (B, None), ("/none", None)], start=1
    ):
        said = lab.digest(path, anna.user, anna.password, challenge, count=count)
        answer, admission = lab.ask(path, authorization=said)
        assert admission.handset == "anna"
        assert (answer.content if answer else None) == content
        assert lab.gate.challenges(admission, lab.now) == (), "no login helps: not found"


def test_sha_256_is_offered_before_md5_and_both_with_qop_auth():
    lab = access_lab(DIGEST, BASIC)
    offered = lab.gate.challenges(lab.ask(A)[1], lab.now)
    assert [text.split()[0] for text in offered] == ["Digest", "Digest", "Basic"]
    assert ["SHA-256" in text for text in offered] == [True, False, False]
    assert all('qop="auth"' in text and "stale" not in text for text in offered[:2])


def test_a_used_count_and_an_old_nonce_are_refused_and_told_to_try_again():
    lab = access_lab(DIGEST)
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    challenge = lab.challenge()
    said = lab.digest(A, anna.user, anna.password, challenge)
    assert lab.ask(A, authorization=said)[0]
    answer, admission = lab.ask(A, authorization=said)
    assert answer is None
    assert "stale=true" in lab.gate.challenges(admission, lab.now)[0]
    lab.now += 301
    late = lab.digest(A, anna.user, anna.password, challenge, count=2)
    answer, admission = lab.ask(A, authorization=late)
    assert answer is None
    assert "stale=true" in lab.gate.challenges(admission, lab.now)[0]
    assert lab.gate.counts == {"refused": 2, "replayed": 1, "stale": 1, "challenged": 3}


@pytest.mark.parametrize(
    "change",
    [
        {"uri": "/shared.cfg"},
        {"uri": A + "?x"},
        {"realm": "other"},
        {"qop": "auth-int"},
        {"nc": "00000000"},
        {"nc": "1"},
        {"cnonce": ""},
        {"algorithm": "SHA-512-256"},
        {"response": "0" * 64},
        {"response": ""},
        {"username": "000000000000"},
    ],
    ids=str,
)
def test_digest_credentials_that_were_changed_prove_nothing(change):
    lab = access_lab(DIGEST)
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    said = lab.digest(A, anna.user, anna.password, lab.challenge(), **change)
    answer, admission = lab.ask(A, authorization=said)
    assert (answer, admission.handset, admission.stale) == (None, "", False)


def test_a_digest_for_another_target_method_or_made_up_nonce_proves_nothing():
    lab = access_lab(DIGEST)
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    challenge = lab.challenge()
    said = lab.digest("/shared.cfg", anna.user, anna.password, challenge)
    assert lab.ask(A, authorization=said)[0] is None
    assert lab.ask(A, method="HEAD", authorization=said)[0] is None
    made_up = replace(challenge, nonce="0.abc." + "0" * 24)
    said = lab.digest(A, anna.user, anna.password, made_up)
    answer, admission = lab.ask(A, authorization=said)
    assert (answer, admission.stale) == (None, True)


def test_a_digest_uri_may_name_the_host_too():
    lab = access_lab(DIGEST)
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    said = lab.digest(f"http://phones.example{A}", anna.user, anna.password, lab.challenge())
    assert lab.ask(A, authorization=said)[0]


def test_basic_opens_the_own_file_and_no_other():
    lab = access_lab(BASIC)
    assert lab.ask(B, authorization=basic("bert", "geheim-1"))[0].content == b"<bert>"
    assert lab.ask(A, authorization=basic("bert", "geheim-1"))[0] is None
    for user, password in [("bert", "geheim-2"), ("bert", ""), ("", ""), ("carl", "geheim-1")]:
        assert lab.ask(B, authorization=basic(user, password))[0] is None
    for text in ("Basic", "Basic !!!", "Basic YQ==", "Basic /w==", "Bearer x", "basic"):
        assert lab.ask(B, authorization=text)[0] is None


def test_a_password_that_can_be_guessed_is_not_tried_for_ever():
    lab = access_lab(BASIC)
    for _ in range(5):
        assert lab.ask(B, authorization=basic("bert", "wrong"))[0] is None
    right = basic("bert", "geheim-1")
    assert lab.ask(B, authorization=right)[0] is None
    assert lab.gate.counts["guessing"] == 1
    assert lab.ask(B, host="198.51.100.1", authorization=right)[0], "others are not kept out"
    lab.now += 12.1
    assert lab.ask(B, authorization=right)[0]


def test_a_made_password_locks_nobody_out():
    lab = access_lab(BASIC, DIGEST)
    anna = own(ANNA, AccessSettings((BASIC,), KEY))
    assert len(anna.password.reveal()) == 26
    for _ in range(50):
        assert lab.ask(A, authorization=basic(anna.user, "wrong"))[0] is None
    assert lab.ask(A, authorization=basic(anna.user, anna.password.reveal()))[0]


def events_of(call) -> list[str]:
    """The Python functions that a call runs, in order: the work that it does."""
    seen: list[str] = []

    def note(frame, event, _argument):
        if event == "call":
            seen.append(frame.f_code.co_qualname)

    gc.disable()  # a collection would run callbacks of others in between
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        gc.enable()
    return seen


@pytest.mark.parametrize(
    "proofs", [(DIGEST,), (BASIC,), (CERTIFICATE,), (TOKEN,), (DIGEST, TOKEN)]
)
@pytest.mark.parametrize("login", ["none", "wrong", "anna"])
def test_unknown_and_unauthorised_get_one_answer_for_the_same_work(proofs, login, tmp_path):
    """The same calls in the same order for a handset that exists and one that does not."""
    work, answers = [], []
    unknown = (A.replace("aaaa01", "dddd04"), "001565dddd04")
    # The first of a process compiles expressions and fills caches; it is left out of account.
    for path, user in (unknown, unknown, (B, "bert")):
        lab = access_lab(*proofs, folder=tmp_path)
        anna = own(ANNA, AccessSettings((DIGEST,), KEY))
        name, password = (anna.user, anna.password) if login == "anna" else (user, Secret("no"))
        if login == "none":
            said = ""
        elif DIGEST in proofs:
            said = lab.digest(path, name, password, lab.challenge())
        else:
            said = basic(name, password.reveal())
        lab.ask("/warm-up")
        seen: list[object] = []

        def one(lab=lab, path=path, said=said, seen=seen):
            answer, admission = lab.ask(path, authorization=said)
            challenges = lab.gate.challenges(admission, lab.now)
            seen.append((answer, [text[:24] for text in challenges]))

        work.append(events_of(one))
        answers += seen
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] is None
    assert work[1] == work[2]
    assert len(work[1]) > 10


def test_a_certificate_opens_the_file_of_its_mac_alone():
    lab = access_lab(CERTIFICATE)
    anna = ClientCertificate((("commonName", "001565AAAA01"),), "yealink")
    assert lab.ask(A, certificate=anna)[0].content == b"<anna>"
    assert lab.ask(B, certificate=anna)[0] is None
    foreign = ClientCertificate((("commonName", "001565AAAA01"),), "snom")
    assert lab.ask(A, certificate=foreign)[0] is None, "a root vouches for its own vendor only"
    stranger = ClientCertificate((("commonName", "001565CCCC03"),), "yealink")
    assert lab.ask("/001565cccc03.cfg", certificate=stranger)[0] is None
    assert lab.ask(A)[0] is None
    assert lab.gate.counts["foreign certificate"] == 2


def test_two_proofs_that_disagree_prove_nothing():
    lab = access_lab(CERTIFICATE, BASIC)
    anna = ClientCertificate((("commonName", "001565AAAA01"),))
    answer, admission = lab.ask(A, certificate=anna, authorization=basic("bert", "geheim-1"))
    assert (answer, admission.handset) == (None, "")


@pytest.mark.parametrize(
    ("names", "vendor", "expected"),
    [
        ([("commonName", "00:15:65:AA:AA:01")], "", ANNA),
        ([("commonName", "001565aaaa01.phones.example")], "", ANNA),
        ([("DNS", "00-15-65-aa-aa-01")], "yealink", ANNA),
        ([("commonName", "001565AAAA01"), ("DNS", "001565aaaa01")], "", ANNA),
        ([("commonName", "001565AAAA01"), ("DNS", "000413bbbb02")], "", None),
        ([("organizationName", "001565AAAA01")], "", None),
        ([("commonName", "phone 001565AAAA01")], "", None),
        ([("commonName", "001565AAAA0G")], "", None),
        ([("commonName", "000000000000")], "", None),
        ([("commonName", "ffffffffffff")], "", None),
        # The serial number of this form reads like a MAC too; the vendor's form knows better.
        (
            [
                ("organizationalUnitName", "CP-8841-3PCC"),
                ("localityName", "88012BA01234"),
                ("stateOrProvinceName", "001565aaaa01"),
            ],
            "cisco",
            ANNA,
        ),
        ([("stateOrProvinceName", "001565aaaa01")], "yealink", None),
        ([("commonName", "001565AAAA01")], "nobody", None),
        ([], "", None),
    ],
)
def test_where_a_certificate_names_its_mac(names, vendor, expected):
    assert certificate_forms().mac_of(ClientCertificate(tuple(names), vendor)) == expected


def test_the_first_token_dies_when_the_steady_one_is_used(tmp_path):
    lab = access_lab(TOKEN, folder=tmp_path)
    first = token_path(ANNA, A, first=True)
    steady = token_path(ANNA, A, first=False)
    assert lab.ask(first)[0].content == b"<anna>"
    assert lab.ask(first)[0], "a handset that lost power may begin again"
    assert lab.ask(steady)[0]
    assert lab.ask(first)[0] is None
    assert lab.ask(steady)[0]
    again = access_lab(TOKEN, folder=tmp_path)
    assert again.ask(first)[0] is None, "it stays dead after a restart"
    assert again.ask(steady)[0]
    assert again.ask(token_path(BERT, B, first=True))[0], "others live"


def test_a_token_opens_no_other_handsets_file(tmp_path):
    lab = access_lab(TOKEN, folder=tmp_path)
    assert lab.ask(token_path(ANNA, B, first=True))[0] is None
    assert lab.ask(token_path(ANNA, "/shared.cfg", first=True))[0]
    assert lab.ask(A)[0] is None
    assert lab.ask("/" + "a" * 26 + A)[0] is None
    assert lab.ask(token_path(UNKNOWN, A, first=True))[0] is None


def test_a_steady_token_that_got_nothing_kills_no_first_one(tmp_path):
    lab = access_lab(TOKEN, folder=tmp_path)
    assert lab.ask(token_path(ANNA, "/none.cfg", first=False))[0] is None
    assert lab.ask(token_path(ANNA, A, first=True))[0]


@pytest.mark.parametrize(
    "form",
    ["/{t}{a}", "//{t}/{a}", "/phones/{t}{a}", "/{T}{a}", "{t}{a}"],
)
def test_spellings_of_a_token_path(form, tmp_path):
    lab = access_lab(TOKEN, folder=tmp_path)
    token = first_token(KEY, ANNA).reveal()
    lab.files["/" + A] = lab.files[A]
    assert lab.ask(form.format(t=token, T=token.upper(), a=A))[0]


def test_a_file_of_dead_tokens_that_cannot_be_kept_is_said_at_the_start(tmp_path):
    (tmp_path / "dead").mkdir()
    with pytest.raises(RigError, match="first tokens are dead cannot be kept"):
        DeadTokens(tmp_path / "dead").load()


def test_a_line_that_a_crash_cut_short_joins_no_other(tmp_path):
    (tmp_path / "dead").write_text("anna\nbe")
    dead = DeadTokens(tmp_path / "dead")
    dead.load()
    dead.bury("carl")
    again = DeadTokens(tmp_path / "dead")
    again.load()
    assert ["anna" in again, "bert" in again, "carl" in again] == [True, False, True]
    assert (tmp_path / "dead").stat().st_mode & 0o077 == 0


def test_tokens_differ_by_handset_and_purpose_and_are_masked():
    made = {
        make(KEY, mac).reveal() for make in (first_token, steady_token) for mac in (ANNA, BERT)
    }
    assert len(made) == 4
    assert all(len(token) == 26 for token in made)
    token = made.pop()
    assert mask_tokens(f"/phones/{token}/a.cfg?x={A}") == f"/phones/***/a.cfg?x={A}"
    assert mask_tokens(f"{token.upper()}/a") == "***/a"
    assert mask_tokens("/001565aaaa01.cfg") == "/001565aaaa01.cfg"


@pytest.mark.parametrize("by", ["anna", "001565AAAA01", "00:15:65:aa:aa:01 # stolen"])
def test_a_revoked_handset_gets_nothing_within_a_second(by, tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("# nobody yet\n")
    lab = access_lab(BASIC, CERTIFICATE, revoked=revoked)
    anna = ClientCertificate((("commonName", "001565AAAA01"),))
    assert lab.ask(A, certificate=anna)[0]
    revoked.write_text(f"# nobody yet\n{by}\n")
    lab.now += 0.99
    answer, admission = lab.ask(A, certificate=anna)
    assert (answer, admission.handset) == (None, "")
    assert lab.ask(B, authorization=basic("bert", WEAK.password.reveal()))[0]
    revoked.unlink()
    lab.now += 1
    assert lab.ask(A, certificate=anna)[0] is None, "a file that is gone sets nobody free"
    revoked.write_text("")
    os.utime(revoked, ns=(1, 1))
    lab.now += 1
    assert lab.ask(A, certificate=anna)[0]


def test_a_revoked_handset_gets_nothing_from_an_open_site_either(tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("anna\n")
    lab = access_lab(revoked=revoked)
    assert lab.ask(A)[0] is None
    assert lab.ask(B)[0]


def unknown_macs(number: int) -> list[str]:
    return [f"/001565{value:06x}.cfg" for value in range(0x100000, 0x100000 + number)]


def test_a_walk_is_stopped_and_alarmed_and_a_phone_of_the_same_nat_is_served():
    lab = access_lab()
    assert lab.ask(B)[0], "it was served before the walk began"
    for path in unknown_macs(21):
        assert lab.ask(path)[0] is None
    assert len(lab.alarms) == 1
    assert "192.0.2.7" in str(lab.alarms[0])
    assert lab.ask(A)[0] is None, "what the walk would have found it does not find"
    assert lab.ask(B)[0].content == b"<bert>"
    assert lab.ask("/shared.cfg")[0]
    assert lab.ask(A, host="198.51.100.9")[0], "elsewhere nothing has changed"
    for path in unknown_macs(500):
        lab.ask(path)
    assert len(lab.alarms) == 1, "one walk, one alarm"
    lab.now += 601
    assert lab.ask(A)[0]


def test_a_walk_finds_no_more_than_it_may_ask_for_where_proof_is_wanted():
    lab = access_lab(DIGEST)
    anna = own(ANNA, AccessSettings((DIGEST,), KEY))
    for path in [*unknown_macs(40), A, B]:
        assert lab.ask(path)[0] is None
    assert len(lab.alarms) == 1
    said = lab.digest(A, anna.user, anna.password, lab.challenge())
    assert lab.ask(A, authorization=said)[0], "a proof is heard while the address walks"


def test_a_phone_that_asks_for_twenty_names_that_there_are_not_does_not_walk():
    lab = access_lab()
    for name in range(300):
        lab.ask(f"/001565aaaa01-{name}.cfg")
        lab.ask(f"/y0000000001{name % 90:02d}.cfg")
        lab.ask(f"/language-{name}.txt")
    assert not lab.alarms
    assert lab.ask(A)[0]


def test_a_walk_spread_over_a_network_is_stopped_too():
    lab = access_lab(limits=WalkLimits(most_macs=20, most_macs_of_net=100))
    for number, path in enumerate(unknown_macs(140)):
        lab.ask(path, host=f"192.0.2.{number % 14 + 1}")
    assert [str(alarm) for alarm in lab.alarms] == [
        "walk over MAC addresses from 192.0.2.0/24: 101 asked for without proof; stopped"
    ]
    assert lab.ask(A, host="192.0.2.200")[0] is None
    assert lab.ask(A, host="192.0.3.200")[0]


def test_hosts_of_ipv6_count_by_what_they_have():
    assert places_of("2001:db8:1:2:3:4:5:6") == ("2001:db8:1:2::/64", "2001:db8:1::/48")
    assert places_of("fe80::1%eth0")[0] == "fe80::/64"
    assert places_of("::ffff:192.0.2.7") == places_of("192.0.2.7") == ("192.0.2.7", "192.0.2.0/24")
    assert places_of("nonsense") == ("nonsense", "net of nonsense")


def test_what_was_asked_for_long_ago_is_forgotten():
    guard = WalkGuard(WalkLimits(most_macs=3, window_s=60))
    for number in range(50):
        assert guard.asked("192.0.2.7", (f"{number:012x}",), number * 25.0)
    assert not guard.alarms


def test_guard_and_guess_limit_keep_bounded_memory():
    guard, guesses = WalkGuard(), GuessLimit()
    for number in range(20_000):
        host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        guard.asked(host, ("0a0000000001",), 0.0)
        guesses.was_wrong(host, "x", 0.0)
    assert len(guard._places) <= 8192
    assert len(guesses._debts) <= 8192
