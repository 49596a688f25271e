"""What each handset must be told, shown on the demo site and on small ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioning.device_profile import shipped_profiles
from provisioning.errors import UsageError
from provisioning.intent import DivertIntent, DivertsIntent, LineKeyKind, MwiMode, SipTransport
from provisioning.inventory import load_site
from provisioning.inventory_model import AccountRef, ForwardPlace, LineKey
from provisioning.inventory_site import Site, rings_to_seconds, seconds_to_rings
from provisioning.loss_keys import with_default_keys
from provisioning.resources import demo_site_dir

PORTAL = "+493023125900"


@pytest.fixture(scope="module")
def demo() -> Site:
    return load_site(demo_site_dir())


def test_the_demo_site_is_free_of_faults_and_warnings(demo: Site) -> None:
    assert demo.demo
    assert demo.warnings == ()
    assert [(handset.name, handset.model) for handset in demo.handsets] == [
        ("anna", "T46U"),
        ("clara", "D785"),
        ("david", "GRP2614"),
        ("lena", "VVX450"),
        ("greta", "VVX450"),
        ("emil", "T46U"),
        ("frida", "D785"),
    ]


def test_the_demo_site_uses_only_numbers_kept_for_fiction(demo: Site) -> None:
    numbers = [*demo.users, demo.voice_portal_number]
    assert all(number.startswith("+493023125") and len(number) == 13 for number in numbers)


def test_two_accounts_with_two_mailboxes(demo: Site) -> None:
    intent = demo.intent("anna")
    assert [(account.index, account.aor, account.label) for account in intent.accounts] == [
        (1, "sip:anna.arndt@beispiel.example", "Anna Arndt"),
        (2, "sip:empfang@beispiel.example", "Empfang"),
    ]
    for account in intent.accounts:
        assert account.voicemail_number == PORTAL
        assert account.mwi.mode is MwiMode.SUBSCRIBE
        assert account.mwi.mailbox_uri is None
    assert intent.accounts[0].auth_user == "anna.auth"
    assert intent.accounts[0].password.reveal() == "demo:quitte-4711-anna".removeprefix("demo:")


def test_an_alias_phone_watches_and_opens_the_owners_mailbox(demo: Site) -> None:
    (account,) = demo.intent("lena").accounts
    assert account.aor == "sip:lena.lorenz@beispiel.example"
    assert account.mwi.mailbox_uri == "sip:anna.arndt@beispiel.example"
    assert account.mwi.mode is MwiMode.SUBSCRIBE
    assert account.voicemail_number == PORTAL
    assert demo.mailbox_owner("+493023125105") is demo.user("101")


def test_without_mailbox_and_alias_there_is_no_mwi(demo: Site) -> None:
    (account,) = demo.intent("emil").accounts
    assert account.mwi.mode is MwiMode.OFF
    assert account.mwi.mailbox_uri is None
    assert account.voicemail_number == ""


def test_only_the_handsets_own_diversion_reaches_the_handset(demo: Site) -> None:
    (david,) = demo.intent("david").accounts
    assert david.diverts == DivertsIntent(
        no_answer=DivertIntent(enabled=True, target="+493023125107", delay_s=15)
    )
    (clara,) = demo.intent("clara").accounts
    assert clara.diverts == DivertsIntent()
    busy = demo.user("103").services.busy
    assert busy is not None
    assert (busy.at, busy.target) == (ForwardPlace.PLATFORM, "+493023125106")


def test_line_keys_as_given(demo: Site) -> None:
    keys = demo.intent("anna").line_keys
    assert [(key.position, key.kind, key.account, key.value, key.label) for key in keys] == [
        (1, LineKeyKind.LINE, 1, "", "Anna Arndt"),
        (2, LineKeyKind.LINE, 2, "", "Empfang"),
        (3, LineKeyKind.VOICEMAIL, 1, PORTAL, "Mailbox"),
        (4, LineKeyKind.BLF, 1, "clara.conrad", "Clara Conrad"),
        (6, LineKeyKind.SPEED_DIAL, 1, "+493023125104", "David"),
    ]


def test_without_line_keys_there_is_one_per_account_if_the_model_has_keys(demo: Site) -> None:
    profiles = shipped_profiles()
    assert demo.intent("lena").line_keys == ()
    keys = with_default_keys(demo.intent("lena"), profiles["D785"]).line_keys
    assert [(key.position, key.kind, key.account, key.label) for key in keys] == [
        (1, LineKeyKind.LINE, 1, "Lena Lorenz")
    ]


def test_overrides_of_one_account(demo: Site) -> None:
    anna = demo.handset("anna")
    refs = (
        AccountRef(anna.accounts[0].user, mwi=MwiMode.UNSOLICITED, transport=SipTransport.TLS),
        AccountRef("+493023125106", mwi=MwiMode.SUBSCRIBE, label="E"),
    )
    site = dataclasses.replace(demo, handsets=(dataclasses.replace(anna, accounts=refs),))
    first, second = site.intent("anna").accounts
    assert (first.mwi.mode, first.transport) == (MwiMode.UNSOLICITED, SipTransport.TLS)
    # nothing to watch: an override cannot invent a mailbox
    assert (second.mwi.mode, second.label) == (MwiMode.OFF, "E")


@pytest.mark.parametrize("watched", ["103", "+493023125103", "03023125103", "clara.conrad"])
def test_a_blf_key_watches_the_users_account(demo: Site, watched: str) -> None:
    key = LineKey(1, LineKeyKind.BLF, value=watched, label="C")
    anna = dataclasses.replace(demo.handset("anna"), line_keys=(key,))
    site = dataclasses.replace(demo, handsets=(anna,))
    (intent,) = site.intent("anna").line_keys
    assert (intent.value, intent.label) == ("clara.conrad", "C")


def test_with_endpoints_changes_only_addresses(demo: Site) -> None:
    moved = demo.with_endpoints(registrar=("127.0.0.1", 5099), provisioning_url="http://h:8/p/")
    intent = moved.intent("anna")
    assert {account.registrar_host for account in intent.accounts} == {"127.0.0.1"}
    assert {account.registrar_port for account in intent.accounts} == {5099}
    assert intent.provisioning.url == "http://h:8/p"
    assert intent.provisioning.resync_interval_s == demo.provisioning.resync_interval_s
    assert intent.accounts[0].domain == demo.domain
    assert demo.with_endpoints() == demo
    assert demo.registrar.port == 5060


@pytest.mark.parametrize(
    "spelling",
    ["+493023125101", "030 23125-101", "101", "anna.arndt", "+49 (0)30 23125 101", " 101 "],
)
def test_a_user_is_found_by_any_spelling(demo: Site, spelling: str) -> None:
    assert demo.user(spelling).name == "Anna Arndt"


def test_who_is_not_there_is_told_with_the_nearest(demo: Site) -> None:
    with pytest.raises(UsageError, match="no handset 'ana'; the nearest are: anna"):
        demo.handset("ana")
    with pytest.raises(UsageError, match="no user '1O1'; the nearest are: "):
        demo.user("1O1")
    with pytest.raises(UsageError, match="no handset"):
        demo.intent("")


@pytest.mark.parametrize(
    ("rings", "seconds_per_ring", "delay_s"),
    [(0, 5.0, 0), (3, 5.0, 15), (3, 4.5, 14), (2, 4.2, 8), (5, 4.5, 23), (2, 0.1, 1)],
)
def test_rings_become_whole_seconds_halves_up(
    rings: int, seconds_per_ring: float, delay_s: int
) -> None:
    assert rings_to_seconds(rings, seconds_per_ring) == delay_s


@pytest.mark.parametrize(
    ("delay_s", "rings"), [(0, 0), (1, 2), (15, 3), (17, 3), (18, 4), (120, 20)]
)
def test_seconds_become_rings_that_a_platform_takes(delay_s: int, rings: int) -> None:
    assert seconds_to_rings(delay_s, 5.0) == rings


def test_no_secret_shows_in_an_intent(demo: Site) -> None:
    text = repr([demo.intent(handset.name) for handset in demo.handsets]) + repr(demo)
    source = Path(demo_site_dir() / "site.yaml").read_text()
    secrets = {
        word.split("demo:")[1].rstrip("},") for word in source.split() if word.startswith("demo:")
    } - {"", "true"}
    assert len(secrets) >= 10
    assert all(secret not in text for secret in secrets)
