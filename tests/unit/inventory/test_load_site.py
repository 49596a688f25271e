"""Loading a site: what is read, and every fault, with its place and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.distribution_list import DistributionList
from provisioning.errors import InputErrors
from provisioning.intent import LineKeyKind, MwiMode, SipTransport
from provisioning.inventory import ModelLimits, check_site, load_site, parse_site
from provisioning.inventory_model import ForwardPlace
from provisioning.inventory_site import Site

MODELS = {"T46U": ModelLimits(2, 3), "D785": ModelLimits(12, 24)}

GOOD = """\
site:
  name: Testfirma
  demo: true
  domain: test.example
  voice_portal_number: "*97"
  provisioning: {url: http://prov.test.example/p}
  admin_password: demo:adminadmin
users:
  - name: Anna
    number: 030 23125 101
    extension: 101
    sip: {user: anna, password: demo:hunter2}
    mailbox:
      pin: demo:135791
  - name: Bernd
    number: +49 30 23125 102
    extension: 0102
    sip: {password: demo:hunter2}
handsets:
  - name: a
    model: T46U
    mac: 001565123456
    accounts: [101]
"""


def load(text: str, models: dict[str, ModelLimits] | None = MODELS) -> Site:
    return parse_site(text.encode(), Path("s.yaml"), models=models)


def faults(text: str) -> list[str]:
    with pytest.raises(InputErrors) as caught:
        load(text)
    assert "hunter2" not in str(caught.value)
    return [str(fault) for fault in caught.value.faults]


def only_fault(text: str) -> str:
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


def test_the_defaults_are_german() -> None:
    site = load(GOOD)
    assert (site.locale.language, site.locale.tone_country) == ("de", "DE")
    assert site.locale.time_zone == "Europe/Berlin"
    assert (site.country_code, site.trunk_prefix) == ("49", "0")
    assert (site.registrar.host, site.registrar.port) == ("test.example", 5060)
    assert site.registrar.transport is SipTransport.UDP
    assert site.mwi_mode is MwiMode.SUBSCRIBE
    assert site.warnings == ()
    user = site.users["+493023125102"]
    assert (user.sip_user, user.auth_user, user.extension) == (user.number, user.number, "0102")
    mailbox = site.users["+493023125101"].mailbox
    assert mailbox is not None
    assert (mailbox.rings, mailbox.busy, mailbox.all_calls) == (3, True, False)


def test_everything_that_can_be_said() -> None:
    site = load(
        """\
site:
  name: Tout
  demo: yes
  domain: t.example
  registrar: {host: 192.0.2.1, port: 5080, transport: TCP, expires_s: 600}
  voice_portal_number: +43 1 900900
  numbering: {country_code: 43, trunk_prefix: 0}
  locale: {language: fr-CH, tone_country: CH, time_zone: Europe/Zurich, ntp_server: 192.0.2.9}
  provisioning: {url: 'tftp://192.0.2.1/', resync_interval_s: 0}
  mwi: unsolicited
  mwi_expires_s: 900
  seconds_per_ring: 4.5
  admin_password: demo:x-x-x
users:
  - name: A
    number: 01 58858
    extension: 58
    sip: {user: a, auth_user: 'a@t', password: demo:p}
    dnd: true
    mailbox:
      pin: demo:135791
      aliases: [58860, 0660-1234]
      active: false
      all_calls: on
      busy: off
      no_answer: no
      rings: 20
      mwi: false
      auto_login: true
      transfer_on_zero: 59
      email: {notify: a@t.example, copy: b@t.example, redirect: c@t.example}
    forwarding:
      always: {target: 59}
      no_answer: {target: '*62', seconds: 20}
  - {name: B, number: +43 1 58859, extension: 59, sip: {password: demo:p}}
handsets:
  - name: x
    model: M
    mac: 0015.6512.3456
    accounts: [{user: a, mwi: off, transport: tls, label: L}]
    line_keys:
      - {kind: blf, value: 59}
      - {kind: line, position: 1}
      - {kind: speed_dial, value: 0171-1, label: S}
    lamp: {on_message: false, on_missed_call: true}
""",
        None,
    )
    user = site.user("58")
    mailbox = user.mailbox
    assert mailbox is not None
    assert (site.voice_portal_number, site.provisioning.url) == ("+431900900", "tftp://192.0.2.1")
    assert mailbox.transfer_on_zero == "+43158859"
    assert mailbox.aliases == ("58860", "+436601234")
    assert (mailbox.active, mailbox.all_calls, mailbox.busy) == (False, True, False)
    assert (mailbox.email_notify, mailbox.email_copy) == ("a@t.example", "b@t.example")
    assert mailbox.email_redirect == "c@t.example"
    assert user.services.do_not_disturb
    assert user.services.always is not None
    assert user.services.always.target == "+43158859"
    assert user.services.always.at is ForwardPlace.PLATFORM
    assert user.services.no_answer is not None
    assert (user.services.no_answer.rings, user.services.no_answer.delay_s) == (4, 20)
    handset = site.handset("x")
    assert handset.accounts[0].transport is SipTransport.TLS
    assert [(key.position, key.kind) for key in handset.line_keys] == [
        (2, LineKeyKind.BLF),
        (1, LineKeyKind.LINE),
        (3, LineKeyKind.SPEED_DIAL),
    ]
    assert handset.policy.lamp.on_missed_call


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # keys
        ("  domain:", "  domian:", "s.yaml:4:3: unknown key 'domian' in the site"),
        ("  domain:", "  domian:", "Did you mean 'domain'?"),
        ("  demo: true\n", "  demo: true\n  demo: true\n", "s.yaml:4:3: key 'demo' is given"),
        ("    extension: 101", "    durchwahl: 101", "unknown key 'durchwahl' in the user"),
        ("users:", "user:", "s.yaml:8:1: unknown key 'user' in the inventory"),
        ("  name: Testfirma\n", "", "s.yaml:2:3: the site has no 'name'"),
        ("  name: Testfirma", "  name:", "s.yaml:2:8: 'name' has no value"),
        ("    sip: {password: demo:hunter2}\n", "", "s.yaml:15:5: the user has no 'sip'"),
        ("{user: anna, password: demo:hunter2}", "{user: anna}", "has no 'password'"),
        ("  admin_password: demo:adminadmin\n", "", "the site has no 'admin_password'"),
        ("    accounts: [101]\n", "", "the handset has no 'accounts'"),
        ("    mac: 001565123456\n", "", "the handset has no 'mac'"),
        # types
        ("[101]", "101", "s.yaml:23:15: 'accounts' of the handset has the wrong type"),
        ("name: Anna", "name: [Anna]", "s.yaml:9:11: 'name' of the user has the wrong type"),
        ("{user: anna, password: demo:hunter2}", "anna", "the sip part has the wrong type"),
        ("  demo: true", "  demo: maybe", "expected true or false"),
        ("extension: 101", "extension: 1", "this is no extension; got '1'"),
        # values
        ("domain: test.example", "domain: 'a b'", "expected a host name"),
        ("http://prov", "ftp://prov", "s.yaml:6:23: 'url' of the provisioning part is wrong"),
        ("http://prov", "http://me:hunter2@prov", "without a user and password"),
        ("http://prov.test.example/p", "'http://[::1'", "'url' of the provisioning part"),
        ("http://prov.test.example/p", "http://x:99999", "'url' of the provisioning part"),
        ('"*97"', "*97", 'for example "*97"'),
        ('"*97"', "#97", "quote a value that begins with #"),
        ("030 23125 101", "23125 101", "the number has no area code; got '23125 101'"),
        ("030 23125 101", "+49 030 23125 101", "the trunk prefix 0 follows the country code"),
        ("001565123456", "00156512345", "twelve hexadecimal digits"),
        ("001565123456", "1.2E+11", "a spreadsheet turned it into a number"),
        ("001565123456", "01:00:5e:00:00:01", "not a group address"),
        ("model: T46U", "model: T46G", "unknown model; got 'T46G'"),
        ("model: T46U", "model: t46u", "Did you mean T46U?"),
        ("model: T46U", "model: Q", "'phonerig models' lists them."),
        ("name: a\n", "name: a b\n", "letters, digits"),
        ("user: anna", "user: 'an na'", "letters, digits"),
        ("name: Anna", r'name: "An\na"', "line break or control character"),
        ("name: Anna", r'name: "An\u2028na"', "line break or control character"),
        ("name: Anna", "name: " + "A" * 300, "got 300 characters"),
        # secrets
        ("demo:hunter2", "hunter2", "a secret is written out in the file"),
        ("demo:hunter2", "env:PHONERIG_TEST_UNSET", "PHONERIG_TEST_UNSET is not set"),
        ("demo:135791", "135791", "a secret is written out in the file"),
        ("demo:135791", "demo:123456", "no ascending run of more than 3 digits"),
        ("demo:135791", "demo:654321", "no descending run of more than 3 digits"),
        ("demo:135791", "demo:13579", "at least 6 digits"),
        ("demo:135791", "demo:abcdef", "digits only"),
        ("demo:135791\n", "demo:135791\n      rings: 1\n", "0 (at once) or 2 to 20 rings"),
        (
            "demo:135791\n",
            "demo:135791\n      email: {notify: a b@c}\n",
            "'notify' of the email part: this is no address; got 'a b@c'",
        ),
        (
            "demo:135791\n",
            f"demo:135791\n      email: {{redirect: {'a' * 60}@{'b' * 20}.example}}\n",
            "'redirect' of the email part: it has 89 characters",
        ),
        ("demo:135791\n", "demo:135791\n      email: {cpoy: a@b.c}\n", "Did you mean 'copy'?"),
        # two of a kind
        ("23125 102", "23125 101", "s.yaml:16:13: two users have the number +493023125101"),
        ("extension: 0102", "extension: 101", "two users have the extension 101"),
        (
            "sip: {password",
            "sip: {user: anna, password",
            "s.yaml:18:17: two users have the SIP user anna; got the first at s.yaml:12:17",
        ),
        # references
        ("[101]", "[109]", "names no user of this inventory; got '109'"),
        ("[101]", "[101, 101]", "the account is twice on this handset"),
        ("[101]", "[{user: 101}, {user: anna}]", "the account is twice on this handset"),
        ('"*97"', "030 23125102", "s.yaml:16:13: the user has the number of the voice portal"),
        ('  voice_portal_number: "*97"\n', "", "s.yaml:2:3: there is a mailbox, but"),
    ],
)
def test_each_fault_is_one_clear_error(old: str, new: str, expected: str) -> None:
    found = faults(changed(old, new))
    assert any(expected in fault for fault in found), found
    assert all(fault.startswith("s.yaml:") for fault in found)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("aliases: ['0049 211 5551111']", "more than one 0"),
        ("aliases: [49+211]", "a + stands inside the alias; got '49+211'"),
        ("aliases: [+49 2115551111, 0211-555-1111]", "already at s.yaml:15:17, in the same"),
        ("aliases: [030 23125 101]", "the alias is the mailbox's own number"),
        ("aliases: [101]", "the alias is the mailbox's own number"),
        ("transfer_on_zero: sip:x@y", "something other than digits"),
        ("transfer_on_zero: 101", "s.yaml:15:25: pressing 0 leads back"),
    ],
)
def test_mailbox_faults(lines: str, expected: str) -> None:
    fault = only_fault(changed("demo:135791\n", f"demo:135791\n      {lines}\n"))
    assert expected in fault


LISTS = """demo:135791
      change_pin: true
      distribution_lists:
        - {description: Support-Team, members: [0102, 030 23125-101]}
        - {}
        - {description: Sales}
"""


def test_distribution_lists_have_a_place_a_name_and_members_of_the_site() -> None:
    mailbox = load(changed("demo:135791\n", LISTS)).users["+493023125101"].mailbox
    assert mailbox is not None
    assert mailbox.change_pin
    assert mailbox.distribution_lists == (
        DistributionList("Support-Team", ("+493023125102", "+493023125101")),
        None,
        DistributionList("Sales"),
    )


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ("[{description: x, members: [0171 1234567]}]", "the member is nobody of the company"),
        ("[{description: x, members: [0102, '030 23125102']}]", "on the list already"),
        ("[{members: [0102]}]", "the distribution list has no 'description'"),
        (f"[{{description: {'x' * 81}}}]", "the description has 81 characters"),
        ("[{description: x, member: [0102]}]", "Did you mean 'members'?"),
        (f"[{', '.join(['{description: x}'] * 16)}]", "too many distribution lists; got 16"),
        ("{description: x}", "a list (- item)"),
        ("[x]", "a mapping"),
    ],
)
def test_r52_r56_r57_faults_of_distribution_lists_name_file_and_line(
    lists: str, expected: str
) -> None:
    fault = only_fault(
        changed("demo:135791\n", f"demo:135791\n      distribution_lists: {lists}\n")
    )
    assert fault.startswith("s.yaml:15:")
    assert expected in fault


@pytest.mark.parametrize(
    ("said", "mode", "unasked"),
    [
        ("subscribe", MwiMode.SUBSCRIBE, False),
        ("unsolicited", MwiMode.UNSOLICITED, False),
        ("both", MwiMode.SUBSCRIBE, True),
        ("off", MwiMode.OFF, False),
    ],
)
def test_how_an_account_learns_of_messages(said: str, mode: MwiMode, unasked: bool) -> None:
    account = load(changed("[101]", f"[{{user: 101, mwi: {said}}}]")).handsets[0].accounts[0]
    assert (account.mwi, account.mwi_unasked) == (mode, unasked)
    site = load(changed("  demo: true\n", f"  demo: true\n  mwi: {said}\n"))
    assert (site.mwi_mode, site.mwi_unasked) == (mode, unasked)
    assert site.handsets[0].accounts[0].mwi is None


def test_a_lamp_also_shows_another_mailbox() -> None:
    second = GOOD.replace("handsets:", "    mailbox: {pin: demo:135791}\nhandsets:")
    for written in ("102", "0102", "'+49 30 23125 102'"):
        line = f"demo:135791\n      also_shows: [{written}]\n"
        text = second.replace("demo:135791\n", line, 1)
        if written == "102":
            assert "there is no such mailbox" in only_fault(text)
            continue
        mailbox = load(text).users["+493023125101"].mailbox
        assert mailbox is not None
        assert mailbox.also_shows == ("+493023125102",)
    for wrong, why in (
        ("[101]", "on the lamp anyway"),
        ("[0102, '+49 30 23125 102']", "stands there twice"),
        ("[999]", "no such mailbox"),
    ):
        line = f"demo:135791\n      also_shows: {wrong}\n"
        assert why in only_fault(second.replace("demo:135791\n", line, 1))


def test_an_alias_in_two_mailboxes_or_of_a_mailbox_is_refused() -> None:
    second = GOOD.replace("demo:135791\n", "demo:135791\n      aliases: [0211 1111]\n")
    second = second.replace(
        "handsets:", "    mailbox: {pin: demo:135791, aliases: [+49 211 1111]}\nhandsets:"
    )
    assert "s.yaml:20:43: the alias is already at s.yaml:15:17, in another" in only_fault(second)
    crossed = second.replace("+49 211 1111", "101")
    assert "the number of a user with an own mailbox" in only_fault(crossed)


@pytest.mark.parametrize(
    ("forwarding", "expected"),
    [
        ("always: {target: 030 23125-101}", "always forwarding goes to the user's own number"),
        ("busy: {target: 101, at: handset}", "busy forwarding goes to the user's own number"),
        ("busy: {target: 102x}", "something other than digits"),
        ("busy: {at: platform}", "the busy forwarding has no 'target'"),
        ("busy: {target: 0102, rings: 3}", "unknown key 'rings' in the busy forwarding"),
        ("no_answer: {target: 0102, rings: 3, seconds: 9}", "both 'rings' and 'seconds'"),
        ("no_answer: {target: 0102, rings: 21}", "2 to 20 rings"),
        ("no_answer: {target: 0102, seconds: 999}", "from 0 to 120"),
        ("busy: {target: 0102, at: phone}", "expected platform or handset"),
    ],
)
def test_forwarding_faults(forwarding: str, expected: str) -> None:
    text = changed("    mailbox:\n", f"    forwarding: {{{forwarding}}}\n    mailbox:\n")
    assert expected in only_fault(text)


SECOND = """\
  - name: b
    model: D785
    mac: 00:15:65:12:34:57
    accounts: [{user: 0102}]
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: b", "name: A", "s.yaml:24:11: two handsets have the name a"),
        ("34:57", "34:56", "two handsets have the MAC 00:15:65:12:34:56; got the first at s.yaml"),
        ("user: 0102", "user: 101", "s.yaml:27:23: the account is already on handset 'a'"),
        ("user: 0102", "user: 101, shared: true", "say 'shared: true' at both"),
        (
            "[{user: 0102}]",
            "[]\n    line_keys: [{kind: speed_dial}]",
            "the line key has no 'value'",
        ),
        (
            "[{user: 0102}]",
            "[0102]\n    line_keys: [{kind: line, value: 1}]",
            "a line key has no value",
        ),
        (
            "[{user: 0102}]",
            "[0102]\n    line_keys: [{kind: line, position: 2}, {kind: line, position: 2}]",
            "line key 2 is given twice",
        ),
        (
            "[{user: 0102}]",
            "[0102]\n    line_keys: [{kind: line, account: 2}]",
            "an account that the handset has not; got account 2; expected 1 to 1",
        ),
        (
            "[{user: 0102}]",
            "[0102]\n    line_keys: [{kind: voicemail, position: 25}]",
            "a higher line key than the model D785 has; got 25; expected at most 24",
        ),
        (
            "[{user: 0102}]",
            "[0102]\n    line_keys: [{kind: speed_dial, value: anna}]",
            "this cannot be dialled; got 'anna'",
        ),
        ("[{user: 0102}]", "[0102]\n    line_keys: [{kind: blf, value: a b}]", "be dialled"),
        ("[{user: 0102}]", "[0102]\n    line_keys: [{kind: lamp}]", "line or speed_dial or blf"),
        ("[{user: 0102}]", "[0102]\n    lamp: {on_mesage: no}", "Did you mean 'on_message'?"),
    ],
)
def test_handset_faults(old: str, new: str, expected: str) -> None:
    assert SECOND.count(old) == 1
    found = faults(GOOD + SECOND.replace(old, new))
    assert any(expected in fault for fault in found), found


def test_a_shared_account_is_said_at_both_handsets() -> None:
    text = changed("[101]", "[{user: 101, shared: true}]")
    text += SECOND.replace("user: 0102", "user: 101, shared: true")
    assert [handset.accounts[0].user for handset in load(text).handsets] == ["+493023125101"] * 2


def test_too_many_accounts_for_the_model() -> None:
    third = "  - {name: C, number: 030 23125103, sip: {password: demo:x}}\nhandsets:"
    text = changed("handsets:", third).replace("[101]", "[101, 102, 030 23125103]")
    found = only_fault(text.replace("102,", "0102,"))
    assert "more accounts than the model T46U has; got 3; expected at most 2" in found


def test_all_faults_come_at_once_in_order() -> None:
    text = (
        GOOD.replace("  domain:", "  domian:")
        .replace("030 23125 101", "23125")
        .replace("demo:135791", "demo:123456")
        .replace("T46U", "T99")
        .replace("001565123456", "xyz")
        .replace("[101]", "[999]")
    )
    found = faults(text)
    lines = [int(fault.split(":")[1]) for fault in found]
    assert lines == sorted(lines)
    assert set(lines) == {2, 4, 10, 14, 21, 22, 23}


def test_a_flood_of_faults_is_cut() -> None:
    text = GOOD + "".join(f"  - {{name: h{n}}}\n" for n in range(2000))
    with pytest.raises(InputErrors) as caught:
        load(text)
    assert len(caught.value.faults) == 501
    assert "more than 500 faults" in str(caught.value)


def test_no_demo_secret_outside_a_demo_site() -> None:
    found = faults(GOOD.replace("  demo: true\n", ""))
    assert len(found) == 4
    assert all("a demo: secret stands in a site that is no demo" in fault for fault in found)


def test_a_missing_site_part_is_one_fault() -> None:
    assert "the inventory has no 'site'" in only_fault(GOOD[GOOD.index("users:") :])


@pytest.mark.parametrize("text", ["just text", "- a list", "site: 1", "{}", "site: {}\nusers: 5"])
def test_another_shape_is_refused(text: str) -> None:
    assert faults(text)


def test_secrets_from_environment_file_and_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHONERIG_TEST_PIN", "135791")
    (tmp_path / "anna.pw").write_text("geheim\n")
    (tmp_path / "anna.pw").chmod(0o644)
    text = GOOD.replace("demo:135791", "env:PHONERIG_TEST_PIN")
    text = text.replace("demo:hunter2", "file:anna.pw", 1)
    file = tmp_path / "site.yaml"
    file.write_text(text)
    site = load_site(tmp_path)
    user = site.user("anna")
    assert user.password.reveal() == "geheim"
    assert user.mailbox is not None
    assert user.mailbox.pin.reveal() == "135791"
    assert [warning.position.line for warning in site.warnings] == [12]
    assert "geheim" not in repr(site)
    assert "135791" not in repr(site)
    monkeypatch.setenv("PHONERIG_TEST_PIN", "876543")
    (fault,) = check_site(file)
    assert "876543" not in str(fault)
    assert "no descending run" in str(fault)
    assert fault.position.line == 14


def test_an_alias_with_spaces_is_a_warning() -> None:
    text = changed("demo:135791\n", "demo:135791\n      aliases: [+49 2115551111, 777]\n")
    site = load(text)
    assert [str(warning.position) for warning in site.warnings] == ["s.yaml:15:17", "s.yaml:15:33"]
    assert site.mailbox_owner("+492115551111") is site.user("anna")
    assert site.mailbox_owner("+493023125102") is None


def test_check_site_returns_what_load_site_raises(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(GOOD)
    assert check_site(file, MODELS) == []
    file.write_text(changed("T46U", "T1"))
    assert [fault.what for fault in check_site(file, MODELS)] == ["unknown model"]
    assert check_site(tmp_path / "none.yaml")[0].what == "the file cannot be read"


@pytest.mark.parametrize(
    ("mac", "got"),
    [
        ("80:5e:c0:00:00:02", []),
        ("00-04-13-00-00-02", ["00:04:13:00:00:02, which snom gives"]),
        ("c0:ff:ee:00:00:02", []),  # of nobody here: lists of MACs are never whole
    ],
)
def test_the_label_of_another_vendors_handset_is_a_warning(mac: str, got: list[str]) -> None:
    models = {
        "T46U": ModelLimits(2, 3, vendor="yealink", mac_oui=("00:15:65", "80:5e:c0")),
        "D785": ModelLimits(12, 24, vendor="snom", mac_oui=("00:04:13",)),
    }
    text = changed("mac: 001565123456", f"mac: {mac}")
    text += "  - {name: b, model: D785, mac: 000413000001, accounts: [0102]}\n"
    assert [warning.got for warning in load(text, models).warnings] == got
