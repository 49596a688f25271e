"""Sites, name collisions, diff and writing; templates that are wrong are found out."""

from __future__ import annotations

import contextlib
import resource
import shutil
import stat
from dataclasses import dataclass, replace

import pytest
from render_intents import account, intent, representatives

from provisioning.device_profile import shipped_profiles
from provisioning.dialect import SharedFiles
from provisioning.diff import diff_files, mask_secrets, write_files
from provisioning.errors import RigError, UsageError
from provisioning.formats.registry import format_named
from provisioning.intent import HandsetIntent
from provisioning.profile_model import FileScope
from provisioning.render import RenderedFile, RenderError, render_handset, render_site
from provisioning.resources import templates_dir
from provisioning.secret import Secret

PROFILES = shipped_profiles()
MODELS = representatives(PROFILES)


@dataclass(frozen=True)
class Named:
    name: str


@dataclass(frozen=True)
class FewHandsets:
    intents: dict[str, HandsetIntent]

    @property
    def handsets(self):
        return [Named(name) for name in self.intents]

    def intent(self, handset_name):
        return self.intents[handset_name]


def handset(model, last, name):
    base = intent(PROFILES[model], name=name)
    return replace(base, mac=replace(base.mac, digits=base.mac.digits[:10] + last))


def test_a_site_is_one_set_of_names_and_shared_files_are_kept_once():
    site = FewHandsets(
        {"a": handset("T46U", "01", "a"), "b": handset("T46U", "02", "b"),
         "c": handset("VVX450", "03", "c")}
    )  # fmt: skip
    files = render_site(site, PROFILES)
    assert list(files) == [
        "y000000000108.cfg",
        "001565123401.cfg",
        "001565123402.cfg",
        "0004f2123403.cfg",
        "phonerig-0004f2123403.cfg",
    ]
    shared = files["y000000000108.cfg"]
    assert (shared.scope, shared.handset, shared.secret) == (FileScope.MODEL, "", False)
    assert files["001565123402.cfg"].handset == "b"
    assert list(files.losses) == ["c"]
    assert files.of_handset("b").files[1] is files["001565123402.cfg"]


def test_two_handsets_with_one_file_name_are_an_error():
    site = FewHandsets({"a": handset("T46U", "01", "a"), "b": handset("T46U", "01", "b")})
    with pytest.raises(UsageError, match=r"handset b: its file 001565123401.cfg collides"):
        render_site(site, PROFILES)


def test_an_unknown_model_is_an_error_that_names_near_ones():
    wrong = replace(handset("T46U", "01", "a"), model="T46")
    with pytest.raises(UsageError, match="Did you mean T46U"):
        render_site(FewHandsets({"a": wrong}), PROFILES)


@pytest.mark.parametrize("model", MODELS)
def test_secrets_are_only_in_files_marked_secret(model):
    wanted = intent(PROFILES[model], accounts=(account(1, password=Secret("KANARIE-1")),))
    wanted = replace(wanted, admin_password=Secret("KANARIE-2"))
    for file in render_handset(wanted, PROFILES[model]).files:
        assert (b"KANARIE" in file.content) == file.secret


def broken_templates(tmp_path, file, old, new):
    folder = tmp_path / "templates"
    shutil.copytree(templates_dir(), folder)
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder


BROKEN = [
    # The faults of public templates: index 1 for every account, a forgotten switch, ...
    (
        "T46U",
        "yealink/_accounts.cfg.j2",
        "voice_mail.number.{{ n }} = {{ account",
        "voice_mail.number.1 = {{ account",
        "voice_mail.number.1 is already set at",
    ),
    (
        "T46U",
        "yealink/_accounts.cfg.j2",
        '{{ 1 if mwi.mode == "subscribe" else 0 }}',
        "0",
        "accounts[1].mwi.mode: wanted 'subscribe', got 'unsolicited'",
    ),
    (
        "T46U",
        "yealink/_accounts.cfg.j2",
        "account.{{ n }}.enable = 1\n",
        "account.{{ n }}.enable = {{ 1 if n == 1 else 0 }}\n",
        "accounts[2]",
    ),
    (
        "T46U",
        "yealink/_phone.cfg.j2",
        "{{ profile.quirks.static }}auto_provision.server.url",
        "features.fwd_mode = 1\n{{ profile.quirks.static }}auto_provision.server.url",
        "features.fwd_mode is also in",
    ),
    ("T46U", "yealink/_phone.cfg.j2", "## What lights", "What lights", "neither a setting"),
    (
        "D785",
        "snom/_accounts.xml.j2",
        'user_mailbox idx="{{ n }}" perm="R">{{',
        'user_mailbox perm="R">{{',
        "user_mailbox is already set at",
    ),
    ("D785", "snom/files.xml.j2", "<file url", "<fil url", "expected <file url=.../>"),
    ("VVX450", "poly/master.cfg.j2", "{{ files[1] }}", "", "names no file to fetch"),
    ("D785", "snom/_phone.xml.j2", "</ntp_server>", "</ntp>", "not well-formed XML"),
    (
        "D785",
        "snom/_phone.xml.j2",
        "PhoneHasVoiceMessages{%",
        "PhoneHasMissedCalls{%",
        "lamp.on_missed_call",
    ),
    (
        "VVX450",
        "poly/_accounts.cfg.j2",
        'msg.mwi.{{ n }}.subscribe="{{ (',
        'msg.mwi.{{ n + 1 }}.subscribe="{{ (',
        "msg.mwi",
    ),
    (
        "GRP2614",
        "grandstream/_accounts.xml.j2",
        "{{ account.label }}</item>",
        "{{ account.label }}</itm>",
        "not well-formed XML",
    ),
    (
        "GRP2614",
        "grandstream/_line_keys.xml.j2",
        "else key.account - 1 }}",
        "else key.account }}",
        "line_keys[1].account: wanted '1', got '2'",
    ),
]


@pytest.mark.parametrize(("model", "file", "old", "new", "message"), BROKEN)
def test_a_wrong_template_is_found_by_reading_back(tmp_path, model, file, old, new, message):
    templates = broken_templates(tmp_path, file, old, new)
    wanted = intent(PROFILES[model], accounts=(account(1, label="A & B"), account(2)))
    with pytest.raises((RenderError, UsageError)) as caught:
        render_handset(wanted, PROFILES[model], templates=templates)
    assert message in str(caught.value)


@pytest.mark.parametrize("claim", ["| safe", "| string | safe", "| replace('x', 'y') | safe"])
def test_no_filter_talks_a_value_out_of_being_escaped(tmp_path, claim):
    templates = broken_templates(
        tmp_path,
        "grandstream/_accounts.xml.j2",
        "{{ account.label }}",
        f"{{{{ account.label {claim} }}}}",
    )
    wanted = intent(PROFILES["GRP2614"], accounts=(account(1, label="<A> & 'B'"),))
    rendered = render_handset(wanted, PROFILES["GRP2614"], templates=templates)
    assert b">&lt;A&gt; &amp; &#39;B&#39;</item>" in rendered.files[0].content
    assert rendered.fitted.accounts[0].label == "<A> & 'B'"


def test_half_a_character_of_a_template_is_found(tmp_path):
    templates = broken_templates(
        tmp_path, "yealink/_phone.cfg.j2", "## Lang", "## {{ '\\ud800' }} Lang"
    )
    with pytest.raises(RenderError, match=r"handset.cfg.j2: writes a control character"):
        render_handset(intent(PROFILES["T46U"]), PROFILES["T46U"], templates=templates)


def test_a_secret_that_is_not_revealed_is_found_as_stars(tmp_path):
    templates = broken_templates(
        tmp_path, "yealink/_accounts.cfg.j2", "account.password | reveal", "account.password"
    )
    with pytest.raises(RenderError, match=r"accounts\[1\]\.password: wanted '\*\*\*'"):
        render_handset(intent(PROFILES["T46U"]), PROFILES["T46U"], templates=templates)


def test_a_control_character_of_a_template_is_found(tmp_path):
    templates = broken_templates(tmp_path, "yealink/_phone.cfg.j2", "## Lang", "## \tLang")
    with pytest.raises(RenderError, match=r"handset.cfg.j2: writes a control character"):
        render_handset(intent(PROFILES["T46U"]), PROFILES["T46U"], templates=templates)


def test_a_shared_file_cannot_depend_on_the_handset(tmp_path):
    templates = broken_templates(
        tmp_path, "yealink/_model.cfg.j2", "power_on = 1", "power_on = {{ intent.name }}"
    )
    with pytest.raises(RenderError, match=r"yealink/_model.cfg.j2:3: 'intent' is undefined"):
        render_handset(intent(PROFILES["T46U"]), PROFILES["T46U"], templates=templates)


def test_a_shared_file_is_rendered_once_for_a_profile_and_scanned_once_for_its_octets():
    scanned = []

    def scan(content):
        scanned.append(content)
        return {content.decode(): "1"}

    shared = SharedFiles(replace(format_named("key_value"), scan=scan))
    profile, equal = PROFILES["T46U"], replace(PROFILES["T46U"])
    shared.keep("a.j2", profile, b"x")
    assert shared.content_of("a.j2", profile) == b"x"
    assert shared.content_of("a.j2", equal) is None
    assert shared.content_of("b.j2", profile) is None
    assert [shared.scan(b"x"), shared.scan(b"y"), shared.scan(b"x")] == [
        {"x": "1"},
        {"y": "1"},
        {"x": "1"},
    ]
    assert scanned == [b"x", b"y"]


def test_shared_files_are_let_go_of_before_they_are_many():
    shared = SharedFiles(format_named("key_value"))
    for number in range(3000):
        shared.keep(f"{number}.j2", PROFILES["T46U"], b"x")
    kept = [n for n in range(3000) if shared.content_of(f"{n}.j2", PROFILES["T46U"])]
    assert kept[-1] == 2999
    assert len(kept) <= 1024


def test_two_handsets_with_one_shared_file_are_both_compared(tmp_path):
    """The second one finds the shared file rendered, and is refused for it all the same."""
    templates = broken_templates(
        tmp_path,
        "yealink/_model.cfg.j2",
        "power_on = 1",
        "power_on = 1\nlocal_time.ntp_server1 = one.example",
    )
    for name in ("first", "second"):
        with pytest.raises(RenderError, match=f"handset {name}: .*ntp_server1 is also in"):
            render_handset(
                intent(PROFILES["T46U"], name=name), PROFILES["T46U"], templates=templates
            )


@pytest.mark.parametrize("model", MODELS)
def test_diff_shows_changes_and_never_secrets(tmp_path, model):
    profile = PROFILES[model]
    old = intent(profile, accounts=(account(1, password=Secret("ALT-GEHEIM")),))
    write_files(render_handset(old, profile).files, tmp_path)
    new = replace(
        old,
        accounts=(account(1, password=Secret("NEU-GEHEIM"), display_name="4711"),),
        admin_password=Secret("NEUER-CHEF"),
    )
    diffs = diff_files(render_handset(new, profile).files, profile, tmp_path)
    text = "".join(item.text for item in diffs)
    assert "4711" in text
    for secret in ("ALT-GEHEIM", "NEU-GEHEIM", "NEUER-CHEF", "Kein-Standard-7"):
        assert secret not in text
    assert "changed" in {item.state for item in diffs}


@pytest.mark.parametrize("model", MODELS)
def test_a_changed_secret_alone_is_said_in_words(tmp_path, model):
    profile = PROFILES[model]
    old = intent(profile)
    write_files(render_handset(old, profile).files, tmp_path)
    secret = Secret("Neues-Geheimnis")
    first = replace(old.accounts[0], password=secret)
    new = replace(old, accounts=(first, *old.accounts[1:]), admin_password=secret)
    diffs = diff_files(render_handset(new, profile).files, profile, tmp_path)
    changed = [item for item in diffs if item.state == "changed"]
    assert [(item.text, item.secrets_changed) for item in changed] == [("", True)]


def test_new_files_are_shown_whole_and_masked(tmp_path):
    profile = PROFILES["T46U"]
    diffs = diff_files(render_handset(intent(profile), profile).files, profile, tmp_path)
    assert [item.state for item in diffs] == ["new", "new"]
    assert "+account.1.password = ***" in diffs[1].text
    assert "pass-1-word" not in diffs[1].text


def test_p_values_are_masked_too():
    shown = mask_secrets(
        b"<gs_provision><P34>geheim</P34><P2>x</P2></gs_provision>", PROFILES["GRP2614"]
    )
    assert shown == "<gs_provision><P34>***</P34><P2>***</P2></gs_provision>"


def test_files_are_written_whole_with_modes_and_only_when_changed(tmp_path):
    profile = PROFILES["T46U"]
    files = render_handset(intent(profile), profile).files
    assert write_files(files, tmp_path / "out") == 2
    assert write_files(files, tmp_path / "out") == 0
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()}
    assert modes == {"y000000000108.cfg": 0o644, "001565123456.cfg": 0o600}


@pytest.mark.parametrize("name", ["../x.cfg", "/etc/x", "a/../../x", "", "a\\b", "a\0b"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    good = RenderedFile("ok.cfg", b"x", "text/plain", False, FileScope.HANDSET, "a")
    with pytest.raises(UsageError, match="leads out of"):
        write_files([good, replace(good, path=name)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_rig_error(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("x")
    good = RenderedFile("ok.cfg", b"x", "text/plain", False, FileScope.HANDSET, "a")
    with pytest.raises(RigError, match="cannot be written"):
        write_files([good], blocker)


@contextlib.contextmanager
def largest_file(size_bytes):
    """No file may grow beyond a size: writing fails midway, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def plain_file(name, content):
    return RenderedFile(name, content, "text/plain", False, FileScope.HANDSET, "a")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_disk_that_is_full_midway_leaves_the_old_set(tmp_path):
    old = [plain_file(name, b"old " + name.encode()) for name in ("a.cfg", "b.cfg", "c.cfg")]
    assert write_files(old, tmp_path) == 3
    before = contents(tmp_path)
    new = [
        plain_file("a.cfg", b"new a"),
        plain_file("b.cfg", b"n" * 200_000),
        plain_file("c.cfg", b"new c"),
    ]
    with largest_file(100_000), pytest.raises(RigError, match="No file was replaced"):
        write_files(new, tmp_path)
    assert contents(tmp_path) == before
    assert write_files(new, tmp_path) == 3
    assert contents(tmp_path) == {file.path: file.content for file in new}


def test_a_folder_in_the_place_of_a_file_is_found_before_anything_is_replaced(tmp_path):
    write_files([plain_file("a.cfg", b"old")], tmp_path)
    (tmp_path / "b.cfg").mkdir()
    new = [plain_file("a.cfg", b"new"), plain_file("b.cfg", b"new")]
    with pytest.raises(RigError, match=r"b\.cfg is a folder\. No file was replaced"):
        write_files(new, tmp_path)
    assert (tmp_path / "a.cfg").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cfg", "b.cfg"]


def test_a_set_that_was_replaced_in_part_is_said_to_be(tmp_path):
    """One name is a file and a folder at once, which shows when the first takes its place."""
    files = [plain_file("first.cfg", b"1"), plain_file("a", b"2"), plain_file("a/b.cfg", b"3")]
    with pytest.raises(RigError, match=r"a: cannot be replaced: .*before it are new"):
        write_files(files, tmp_path)
    assert (tmp_path / "first.cfg").read_bytes() == b"1"
    assert [path.name for path in tmp_path.rglob(".phonerig-*")] == []


def test_a_file_named_twice_is_written_once(tmp_path):
    file = plain_file("shared.cfg", b"1")
    assert write_files([file, file], tmp_path) == 1
