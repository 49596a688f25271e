"""Every rule of provisioning once where it must speak, and once close to it where it must not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from staging import PHONE, PLATFORM, Stage, intent

from provisioning.intent import LineKeyIntent, LineKeyKind
from rig.timeline import FetchSeen, Tap, TftpSeen
from rig.verdict.evidence import Addresses, ConfigDifference, HandsetFacts
from rig.verdict.fault_class import Component
from rig.verdict.finding import ProofKind
from rig.verdict.mangling import mangling
from rig.verdict.outcome import Outcome
from rig.verdict.provisioning_facts import FileHit, ProvisioningExpectation, ProvisioningFacts
from rig.verdict.provisioning_rules import provisioning_book

OWN, COMMON, BOOT = "001565000001.cfg", "y000000000108.cfg", "001565000001.boot"
URL = "http://127.1.1.2"
NAME = "Anna Müller"


class Booted(Stage):
    """A phone was switched on at 1 s; everything is right until a test spoils it."""

    def __init__(self):
        super().__init__()
        self.wanted = replace(
            intent(), line_keys=(LineKeyIntent(1, LineKeyKind.LINE, 1, label="Anna"),)
        )
        self.provisioned = ProvisioningFacts(
            URL, URL, (OWN, COMMON), (COMMON, OWN), reboot_event="check-sync;reboot=true"
        )
        self.applied = self.wanted
        self.differences = ()
        self.registers = True
        self.expected = ProvisioningExpectation("anna", 1.0, self.end)
        self.fetch(BOOT, 404)
        self.fetch(COMMON)
        self.fetch(OWN)

    def fetch(self, path, status=200, *, at=1.1, handset="anna", transport="http"):
        fetch = FetchSeen(
            at=at + 0.01 * len(self.events), transport=transport, client=(PHONE[0], 4000),
            path=f"/{path}", handset=handset if status == 200 else "", status=status, octets=9,
            duration_s=0.0,
        )  # fmt: skip
        self.events.append(fetch)

    def unfetched(self):
        self.events = [e for e in self.events if not isinstance(e, FetchSeen)]
        return self

    def told(self, event="check-sync;reboot=true", status=200):
        self.transaction(
            1.05, "NOTIFY", ("127.1.1.2", 5099), PHONE, status=status,
            headers=f"Event: {event}\nSubscription-State: terminated\n",
        )  # fmt: skip
        return self

    def differs(self, field, wanted, got, line=0, file=OWN):
        self.differences += (ConfigDifference(field, wanted, got, file, line, "key"),)
        return self

    def hit(self, rule, found="found this", line=7, file=OWN):
        hits = (*self.provisioned.hits, FileHit(rule, file, line, found, "that"))
        return self.facts_are(hits=hits)

    def facts_are(self, **changes):
        self.provisioned = replace(self.provisioned, **changes)
        return self

    def expect(self, **changes):
        self.expected = replace(self.expected, **changes)
        return self

    def silent(self):
        """The phone never registers: something is wrong."""
        self.registers = False
        return self

    def judged(self):
        if self.registers:
            self.register(1.5)
        else:
            self.transaction(1.5, "OPTIONS", ("127.1.1.2", 5099), PLATFORM)
        self.facts = HandsetFacts(
            name="anna",
            sip_addresses=Addresses((PHONE,), frozenset({PHONE[0]})),
            intent=self.wanted,
            applied=self.applied,
            differences=self.differences,
            files=self.provisioned.received,
            provisioning=self.provisioned,
        )
        self.expectations = [self.expected]
        return self.judge()


def changed():
    """The file was changed at 1 s, and the phone must be told."""
    stage = Booted().unfetched().expect(told=True, reboots=False, trigger="the change")
    return stage.facts_are(stale=(OWN,)).differs("accounts[1].label", "Neu", "Alt", 5)


def reboot(event):
    stage = Booted().unfetched().told(event).silent()
    return stage.expect(told=True, trigger="the wish to reboot")


def tftp(*datagrams):
    """The phone's port saw these, of a transfer of its own file."""
    stage = Booted().unfetched().silent()
    phone, server = (PHONE[0], 4000), ("127.1.1.2", 5000)
    for n, (to_phone, payload) in enumerate(datagrams):
        source, destination = (server, phone) if to_phone else (phone, server)
        seen = TftpSeen(at=1.1 + n * 0.1, source=source, destination=destination, payload=payload)
        stage.events.append(seen)
    return stage


ASK = (False, b"\0\1" + OWN.encode() + b"\0octet\0")
FULL, ACK = (True, b"\0\3\0\1" + b"x" * 512), (False, b"\0\4\0\1")
OACK, LAST = (True, b"\0\6blksize\x00512\0"), (True, b"\0\3\0\2")
DONE = (False, b"\0\4\0\2")


def of_another():
    stage = Booted()
    account = replace(stage.wanted.accounts[0], user="emil")
    stage.applied = replace(stage.wanted, accounts=(account,))
    return stage


def misnamed(path, *, silent=True):
    stage = Booted().unfetched()
    stage.fetch(COMMON)
    stage.fetch(path, 404)
    return stage.silent() if silent else stage


def elsewhere(stored, status=404):
    """The file that points to the settings comes, that of the settings does not."""
    stage = Booted().unfetched().silent().facts_are(stored=("phone-001565000001.htm", stored))
    stage.fetch("phone-001565000001.htm")
    stage.fetch("001565000001.xml", status)
    return stage


def misplaced(folder):
    """Its files stand in a folder, and it asks in one."""
    stage = Booted().unfetched().silent().facts_are(wanted_url=f"{URL}/Haus", offered_url="")
    for name in (COMMON, OWN):
        stage.fetch(f"{folder}/{name}", 404)
    return stage


def stopped_after(*paths):
    """It asks for some names in vain, and for nothing more."""
    stage = Booted().unfetched().silent().facts_are(received=())
    for path in paths:
        stage.fetch(path, 404)
    return stage


def booted_alone(*, more=False):
    stage = Booted().unfetched().silent()
    stage.fetch(BOOT)
    if more:
        stage.fetch(OWN)
    return stage


def loops(boots):
    stage = Booted().unfetched()
    for n in range(boots):
        stage.fetch(COMMON, at=1.1 + n)
        stage.fetch(OWN, at=1.2 + n)
    return stage.hit("vlan-flips", "vlan = ", 15, COMMON)


def shifted(got):
    stage = Booted()
    second = replace(stage.wanted.accounts[0], index=2, user="empfang", label="Empfang")
    stage.wanted = replace(stage.wanted, accounts=(*stage.wanted.accounts, second))
    stage.applied = stage.wanted
    stage.transaction(
        1.6, "REGISTER", PHONE, PLATFORM, user="empfang", call_id="two",
        headers=f"Contact: <sip:empfang@{PHONE[0]}:{PHONE[1]}>\n",
    )  # fmt: skip
    return stage.differs("accounts[1].user", "anna", got, 9)


FIRES = {
    "not_told": changed,
    "told_not_to_reboot": lambda: reboot("check-sync;reboot=false"),
    "wrong_event": lambda: changed().told("resync", status=489),
    "resync_unanswered": lambda: changed().told(status=None),
    "resync_refused": lambda: changed().told(status=489),
    "resync_ignored": lambda: changed().told("check-sync"),
    "old_file_again": lambda: refetched(changed().told()),
    "other_url_offered": lambda: Booted().silent().facts_are(offered_url="http:"),
    "path_encoded_twice": lambda: misnamed("Haus%2520A/" + OWN),
    "transfer_wrong": lambda: tftp(ASK, OACK),
    "account_of_another": of_another,
    "other_folder_asked": lambda: misplaced("Hof"),
    "file_not_there": lambda: elsewhere("1565000001.xml"),
    "own_file_not_asked": booted_alone,
    "name_not_served": lambda: misnamed("00:15:65:00:00:01.cfg"),
    "text_mangled": lambda: Booted().silent().hit("encoded-twice"),
    "file_malformed": lambda: Booted().silent().hit("xml-unescaped"),
    "lines_run_together": lambda: Booted().differs("accounts[1].label", "Anna", "A B", 7)
    .hit("joined-lines"),
    "layout_unknown": lambda: Booted().silent().hit("wrong-root"),
    "files_disagree": lambda: Booted().differs("line_keys[1].value", "103", "110", 7)
    .hit("two-sources"),
    "setting_not_known": lambda: Booted().differs("accounts[1].voicemail_number", "900", "")
    .hit("wrong-case"),
    "index_wrong": lambda: Booted().hit("too-many"),
    "item_missing": lambda: Booted().differs("line_keys[1]", "line", ""),
    "index_shifted": lambda: shifted("empfang"),
    "value_changed": lambda: Booted().differs("accounts[1].label", NAME, "Anna M&uuml;ller", 5),
    "setting_missing": lambda: Booted().differs("accounts[1].mwi.mode", "subscribe", "off"),
    "setting_wrong": lambda: Booted().differs("accounts[1].transport", "udp", "tcp", 9),
}  # fmt: skip


def refetched(stage):
    stage.fetch(OWN)
    return stage


def followed():
    """Told, fetched, and what the server has now was read."""
    return Booted().told().expect(told=True, reboots=False, trigger="the change")


def nobodys():
    """The user is misspelt: nobody has this account."""
    stage = of_another()
    account = replace(stage.wanted.accounts[0], user="anne")
    stage.applied = replace(stage.wanted, accounts=(account,))
    return stage.differs("accounts[1].user", "anna", "anne", 9)


def healthy_tftp():
    return registered(tftp(ASK, FULL, ACK, LAST, DONE))


def registered(stage):
    stage.registers = True
    return stage


NEAR = {
    "not_told": (followed, ""),
    "told_not_to_reboot": (lambda: reboot("check-sync;reboot=true"), "resync_ignored"),
    "wrong_event": (lambda: changed().told("Check-Sync", status=489), "resync_refused"),
    "resync_unanswered": (lambda: Booted().unfetched().told(status=None), ""),
    "resync_refused": (lambda: Booted().told(status=489), ""),
    "resync_ignored": (lambda: Booted().unfetched().told("check-sync"), ""),
    "old_file_again": (lambda: followed().facts_are(stale=()), ""),
    "other_url_offered": (lambda: Booted().facts_are(offered_url="http:"), ""),
    "path_encoded_twice": (lambda: misnamed("Haus%20A/" + OWN), "name_not_served"),
    "transfer_wrong": (healthy_tftp, ""),
    "account_of_another": (nobodys, "setting_wrong"),
    "other_folder_asked": (lambda: misplaced("Haus"), "name_not_served"),
    "file_not_there": (lambda: registered(elsewhere("1565000001.xml")), ""),
    "own_file_not_asked": (lambda: registered(booted_alone(more=True)), ""),
    "name_not_served": (lambda: misnamed("logo.bmp", silent=False), ""),
    "text_mangled": (lambda: Booted().hit("encoded-twice"), ""),
    "file_malformed": (lambda: Booted().hit("xml-unescaped"), ""),
    "lines_run_together": (lambda: Booted().hit("joined-lines"), ""),
    "layout_unknown": (lambda: Booted().hit("wrong-root"), ""),
    "files_disagree": (
        lambda: Booted().differs("line_keys[1].value", "103", "110", 9).hit("two-sources"),
        "setting_wrong",
    ),
    "setting_not_known": (lambda: Booted().hit("wrong-case"), ""),
    "index_wrong": (lambda: Booted().hit("index-repeated"), ""),
    "item_missing": (lambda: Booted().differs("line_keys[1].value", "103", ""), "setting_missing"),
    "index_shifted": (lambda: shifted("berta"), "setting_wrong"),
    "value_changed": (
        lambda: Booted().differs("accounts[1].label", NAME, "Berta Müller", 5),
        "setting_wrong",
    ),
    "setting_missing": (
        lambda: Booted().differs("accounts[1].mwi.mode", "subscribe", "off", 5),
        "setting_wrong",
    ),
    "setting_wrong": (lambda: Booted().differs("accounts[1]", "anna", "", 5), "item_missing"),
}
"""For each rule a story close to it, and the rule that must speak instead of it, if any."""


def test_every_row_has_both_stories():
    rows = {rule.id for rule in provisioning_book().table.rules}
    assert rows == set(FIRES) == set(NEAR)


@pytest.mark.parametrize("rule", list(FIRES))
def test_a_rule_speaks_where_it_must(rule):
    verdict = FIRES[rule]().judged()
    assert [f.rule for f in verdict.findings] == [rule]
    (finding,) = verdict.findings
    assert verdict.outcome is Outcome.FAIL
    assert finding.component in finding.row.components
    assert finding.proofs[0].where
    for words in (finding.sentence, finding.remedy):
        assert words("en") != words("de")
        assert not re.search(r"[{}]|Phrase", words("en") + words("de"))


@pytest.mark.parametrize("rule", list(NEAR))
def test_a_rule_is_silent_close_to_it(rule):
    story, other = NEAR[rule]
    verdict = story().judged()
    assert [f.rule for f in verdict.findings] == ([other] if other else [])
    assert verdict.outcome is (Outcome.FAIL if other else Outcome.PASS), verdict.sentence


def test_a_handset_that_does_not_come_up_is_never_a_pass():
    verdict = Booted().silent().judged()
    assert verdict.outcome is Outcome.FAIL
    assert not verdict.findings
    verdict = Booted().unfetched().silent().facts_are(received=()).judged()
    assert verdict.outcome is not Outcome.PASS


def test_a_goodbye_or_a_refused_register_is_no_registration():
    for spoil in ({"headers": f"Contact: <sip:anna@{PHONE[0]}>;expires=0\n"}, {"status": 403}):
        stage = Booted().silent()
        stage.transaction(
            1.6, "REGISTER", PHONE, PLATFORM,
            **({"headers": f"Contact: <sip:anna@{PHONE[0]}>\n"} | spoil),
        )  # fmt: skip
        assert stage.judged().outcome is Outcome.FAIL


def test_what_the_port_saw_names_the_transfer_fault():
    cases = {
        (ASK, OACK): "acknowledged blksize",
        (ASK, FULL, ACK, ACK, ACK): "no empty block ended",
        (ASK, (True, b"\0\5\0\3full\0")): "TFTP error 3",
        (ASK, ASK, ASK): "never answered",
        (ASK, (True, b"\0\3\0\1" + b"x" * 600)): "a block of 600 octets",
    }
    for datagrams, words in cases.items():
        (finding,) = tftp(*datagrams).judged().findings
        assert (finding.rule, finding.proofs[0].kind) == ("transfer_wrong", ProofKind.FETCH)
        assert words in finding.sentence()


def test_a_stranger_with_an_account_and_one_without():
    for users, rules in ((("anna",), ["account_of_another"]), ((), [])):
        stage = Booted()
        accounts = tuple(replace(stage.wanted.accounts[0], user=user) for user in users)
        stage.applied = replace(stage.wanted, accounts=accounts)
        stage.wanted = replace(stage.wanted, accounts=(), line_keys=())
        stage.facts_are(complaint="boot: nothing for me")
        assert [f.rule for f in stage.judged().findings] == rules


def test_a_phone_that_was_still_fetching_is_not_blamed_for_what_it_has_not_asked_for():
    stage = Booted().unfetched()
    stage.registers = False
    stage.fetch(BOOT, 404)
    assert stage.judged().outcome is Outcome.FAIL
    verdict = stage.facts_are(unfinished=True).judged()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "anna was still fetching" in verdict.sentence


@pytest.mark.parametrize("ends", [False, True])
def test_a_transfer_or_a_loop_that_never_ends_is_a_fault_all_the_same(ends):
    for stage in (tftp(ASK, ASK, ASK), loops(6)):
        assert stage.facts_are(unfinished=not ends).judged().outcome is Outcome.FAIL


@pytest.mark.parametrize(("boots", "rules"), [(6, ["files_disagree"]), (4, [])])
def test_a_vlan_that_flips_needs_the_loop_as_well(boots, rules):
    assert [f.rule for f in loops(boots).judged().findings] == rules


@pytest.mark.parametrize(
    ("wanted", "got", "how"),
    [
        ("Anna & Co", "Anna &amp; Co", "escaped"),
        ("Anna & Co", "Anna &amp;amp; Co", "escaped"),
        ("Anna Arndt", "Anna%20Arndt", "percent"),
        (NAME, "Anna MÃ¼ller", "encoded_twice"),
        (NAME, "Anna M?ller", "signs_lost"),
        (NAME, "Anna M\ufffdller", "signs_lost"),
        ("0712345", "712345", "zeros_lost"),
        ("+493023125900", "493023125900", "zeros_lost"),
        ("+493023125900", "4.93023E+11", "as_number"),
        ("493023125900", "493023125900.0", "as_number"),
        ("Anna Arndt", '"Anna Arndt"', "quoted"),
        ("Anna Arndt", "Anna Ar", "cut"),
        ("anna.arndt", "Anna.Arndt", "letter_case"),
        ("Anna Arndt", "Berta Arndt", ""),
        ("Anna Arndt", "Anna Arndt", ""),
        ("tcp", "udp", ""),
        ("900", "9", ""),
        ("subscribe", "off", ""),
        ("Anna Arndt", "Anna M?ller", ""),
    ],
)
def test_what_was_done_to_a_value_is_recognised(wanted, got, how):
    assert mangling(wanted, got) == how


def rules_of(stage):
    return [finding.rule for finding in stage.judged().findings]


def hidden_by(stage):
    return {link for f in stage.judged().findings for link in f.table.hidden(f.row)}


def test_two_faults_of_the_settings_are_both_named():
    stage = Booted().hit("wrong-case", line=7).hit("two-sources", f"x, also in {COMMON}:15, y", 9)
    stage.differs("line_keys[1].label", "Anna", "Bert", 15, COMMON)
    stage.differs("lamp.on_message", "yes", "no", 31)
    assert rules_of(stage) == ["files_disagree", "setting_not_known", "setting_wrong"]
    assert "gaps" in hidden_by(stage)


def test_what_else_is_wrong_with_a_key_that_was_named_is_no_fault_of_its_own():
    stage = Booted().hit("two-sources", f"x, also in {COMMON}:15, y", 9)
    stage.differs("line_keys[1].label", "Anna", "Bert", 15, COMMON)
    stage.differs("line_keys[1].value", "1", "2", 16, COMMON)
    assert rules_of(stage) == ["files_disagree"]


def test_a_missing_key_and_a_wrong_setting_elsewhere_are_both_named():
    stage = Booted().differs("lamp.on_message", "yes", "no", 31)
    stage.differs("line_keys[1]", "line", "")
    assert rules_of(stage) == ["item_missing", "setting_wrong"]
    assert not hidden_by(stage)


def test_shifted_numbers_are_one_fault():
    stage = Booted()
    keys = tuple(LineKeyIntent(n, LineKeyKind.LINE, 1, label=f"Key {n}") for n in (1, 2, 3))
    stage.wanted = replace(stage.wanted, line_keys=keys)
    stage.differs("line_keys[1].label", "Key 1", "Key 2", 11)
    stage.differs("line_keys[2].label", "Key 2", "Key 3", 12)
    stage.differs("line_keys[3].label", "Key 3", "other", 13)
    assert rules_of(stage) == ["index_shifted"]


def test_a_file_that_was_not_asked_for_shows_nothing_of_its_way():
    stage = Booted().unfetched().silent()
    stage.fetch(BOOT)
    assert rules_of(stage) == ["own_file_not_asked"]
    assert {"way", "device", "name", "form", "settings", "gaps"} <= hidden_by(stage)


def test_a_fault_of_the_form_hides_a_second_one():
    stage = Booted().silent().hit("xml-malformed")
    assert "form" in hidden_by(stage)


@pytest.mark.parametrize(
    ("stored", "status"),
    [("001565000001.xml", 404), ("001565000001.xml", 403), ("565000001.xml", 404)],
)
def test_a_file_that_is_there_and_does_not_come_is_no_gap_in_another(stored, status):
    stage = elsewhere(stored, status).differs("accounts[1]", "anna", "")
    assert [f.rule for f in stage.judged().findings] == ["file_not_there"]


def test_a_name_that_need_not_be_there_says_nothing():
    stage = Booted().silent()
    stage.fetch("001565000001-local.cfg", 404)
    assert not stage.judged().findings


def test_a_phone_that_stops_after_names_that_need_not_be_there_may_be_to_blame():
    (finding,) = stopped_after(BOOT, "y000000000000.boot").judged().findings
    assert (finding.rule, finding.component, finding.certain) == (
        "own_file_not_asked", Component.HANDSET, False,
    )  # fmt: skip
    assert BOOT in finding.sentence()
    (finding,) = stopped_after(BOOT, OWN).judged().findings
    assert (finding.rule, finding.component) == (
        "name_not_served", Component.PROVISIONING_SERVER,
    )  # fmt: skip


def test_somebody_elses_account_in_the_phones_own_file_is_the_files_fault():
    assert of_another().judged().findings[0].component is Component.CONFIG
    stage = of_another()
    stage.events = [replace(e, handset="emil") if e.handset else e for e in stage.events]
    assert stage.judged().findings[0].component is Component.PROVISIONING_SERVER


def test_somebody_elses_account_by_a_second_line_is_a_question_of_precedence():
    stage = of_another().differs("accounts[1].user", "anna", "emil", 7).hit("contradiction")
    assert [f.rule for f in stage.judged().findings] == ["files_disagree"]


def test_an_event_that_never_came_is_the_networks_fault():
    stage = changed().told(status=None)
    assert stage.judged().findings[0].component is Component.HANDSET
    stage = changed().told(status=None)
    stage.packets = [replace(p, tap=Tap.PLATFORM) for p in stage.packets]
    (finding,) = stage.judged().findings
    assert (finding.rule, finding.component) == ("resync_unanswered", Component.NETWORK)


def test_what_broke_a_transfer_off_is_not_certain():
    (finding,) = tftp(ASK, FULL, ACK).judged().findings
    assert (finding.rule, finding.certain) == ("transfer_wrong", False)
    again = (True, b"\0\3\0\1" + b"y" * 512)
    (finding,) = tftp(ASK, FULL, ACK, again).judged().findings
    assert (finding.component, finding.certain) == (Component.PROVISIONING_SERVER, True)


def test_a_packed_file_is_malformed_and_not_mangled():
    stage = Booted().silent().hit("packed").hit("not-in-encoding")
    assert [f.rule for f in stage.judged().findings] == ["file_malformed"]


def test_a_file_that_was_not_asked_for_again_is_the_phones_fault():
    stage = changed().told()
    stage.fetch(COMMON)
    (finding,) = stage.judged().findings
    assert (finding.rule, finding.component) == ("old_file_again", Component.HANDSET)
    (finding,) = refetched(changed().told()).judged().findings
    assert finding.component is Component.PROVISIONING_SERVER


def nothing_read(gaps=6, line=0):
    stage = Booted().silent()
    stage.applied = replace(stage.wanted, accounts=())
    for n in range(gaps):
        stage.differs(f"locale.x{n}", "wanted", "", line)
    return stage


def test_a_file_of_which_nothing_is_read_is_in_another_layout():
    (finding,) = nothing_read().judged().findings
    assert (finding.rule, finding.fault_class.value) == ("layout_unknown", "P4")
    assert finding.proofs[0].where == OWN
    assert "layout_unknown" not in [f.rule for f in nothing_read(3).judged().findings]
    assert "layout_unknown" not in [f.rule for f in nothing_read(line=4).judged().findings]


@pytest.mark.parametrize("event", ["check-sync", "check-sync;reboot=false"])
def test_an_event_that_asks_for_no_reboot_is_not_the_phones_fault(event):
    stage = refetched(reboot(event))
    assert [f.rule for f in stage.judged().findings] == ["told_not_to_reboot"]
