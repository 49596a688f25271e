"""Files that want to harm: no traceback, nothing fetched or expanded, bounded time and output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.audit import MOST_HITS, audit
from provisioning.device_profile import shipped_profiles
from provisioning.errors import UsageError
from provisioning.formats.settings import MAX_FILE_BYTES

SAMPLES = Path(__file__).parent / "samples"
PROFILES = shipped_profiles()
HEALED = sorted(path for path in SAMPLES.glob("*/healed/*"))
BASES = {
    "805ec01a2b03.cfg": SAMPLES / "two_faults" / "healed" / "805ec01a2b03.cfg",
    "snomD785-0004131A2B3C.htm": SAMPLES / "cut_off_xml" / "healed" / "snomD785-0004131A2B3C.htm",
    "cfg000b821a2b3c.xml": (
        SAMPLES / "root_of_another_firmware" / "healed" / "cfg000b821a2b3c.xml"
    ),
    "0004f21a2b3c-web.cfg": (
        SAMPLES / "default_admin_password_poly" / "healed" / "0004f21a2b3c-web.cfg"
    ),
    "Config0080F01A2B3C.cfg": SAMPLES / "panasonic_first_line" / "healed"
    / "Config0080F01A2B3C.cfg",
}  # fmt: skip
NAMES = [*BASES, "y000000000108.cfg", "805ec01a2b03.boot", "anything.xml", "x", "ä\n.cfg"]


def rules(contents, **options):
    return {finding.rule.name for finding in audit(contents, PROFILES, **options).findings}


def snom(body, head=""):
    body = f"<phone-settings>{body}</phone-settings>"
    text = f'<?xml version="1.0"?>\n{head}<settings>{body}</settings>\n'
    return {"snomD785-0004131A2B3C.htm": text.encode()}


def test_an_external_entity_is_not_read(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("Quittenbaum")
    head = f'<!DOCTYPE settings [<!ENTITY x SYSTEM "file://{secret}">]>\n'
    result = audit(snom('<user_realname idx="1">&x;</user_realname>', head), PROFILES)
    assert {finding.rule.name for finding in result.findings} == {"document-type"}
    assert "Quittenbaum" not in str([finding.to_json() for finding in result.findings])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_of_entities_are_not_expanded(encoding):
    rows = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    text = f'<!DOCTYPE settings [<!ENTITY a0 "x">{rows}]>\n<settings>&a11;</settings>\n'
    found = rules({"snomD785-0004131A2B3C.htm": text.encode(encoding)})
    assert "document-type" in found or "not-text" in found


def test_a_hundred_megabytes_are_one_finding():
    content = b"account.1.enable = 1\n" * (MAX_FILE_BYTES // 20)
    assert rules({"805ec01a2b03.cfg": content}) == {"too-large"}


@pytest.mark.parametrize("name", [*list(BASES)[:3], "anything.xml"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        b"\xff\xfe<\0s\0>\0",
        b"\xef\xbb\xbf#!version:1.0.0.1\n",
        b"<" * 20000,
        b"<a>" * 20000,
        b"<!--" * 20000,
        b"<![CDATA[" * 20000,
        b"&" * 20000,
        b"<a b='" + b"&" * 20000,
        b"-->" * 20000,
        b"=" * 20000,
        b"a=" * 20000,
        b"account.1.enable=" * 20000,
        b"{{" * 20000 + b"a" * 20000,
        b"%A" * 20000,
        b"__A" * 20000,
        b"http://a:" * 20000,
        b" " * 200000 + b"=",
        b"linekey.999999999999999999999.type = 15\n" * 2000,
        b'<settings><functionKeys><fkey idx="99999999999999999"/></functionKeys></settings>',
        b"\r" * 20000,
        "\u00c3\u00bc\n".encode() * 4000,
        b"\x80" * 20000,
    ],
    ids=lambda content: content[:12].hex(),
)
def test_whatever_it_is_it_is_only_a_finding(name, content):
    result = audit({name: content}, PROFILES)
    counts = {}
    for finding in result.findings:
        counts[finding.rule.name] = counts.get(finding.rule.name, 0) + 1
    assert max(counts.values(), default=0) <= MOST_HITS


def test_repeated_faults_are_shortened_and_that_is_told():
    lines = "".join(f"account.1.display_name = {{$name{n}}}\n" for n in range(100))
    result = audit({"805ec01a2b03.cfg": b"#!version:1.0.0.1\n" + lines.encode()}, PROFILES)
    assert sum(f.rule.name == "placeholder-left" for f in result.findings) == MOST_HITS
    assert result.left_off


def test_an_unknown_rule_or_model_is_refused():
    with pytest.raises(UsageError, match="no rule 'lampoff'"):
        audit({}, PROFILES, ignore=["lampoff"])
    with pytest.raises(UsageError, match="T46"):
        audit({}, PROFILES, model="T46UU")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_random_damage_never_raises(data):
    contents = {}
    for name in data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        content = BASES[name].read_bytes() if name in BASES else b"#!version:1.0.0.1\n"
        for _ in range(data.draw(st.integers(0, 4))):
            begin = data.draw(st.integers(0, len(content)))
            end = data.draw(st.integers(begin, min(len(content), begin + 40)))
            put = data.draw(
                st.binary(max_size=12)
                | st.sampled_from([b"\n", b"&", b"<", b"-->", b"=", b"\r", b"\0", b"{{x}}", b'"'])
            )
            content = content[:begin] + put + content[end:]
        contents[name] = content
    result = audit(contents, PROFILES)
    assert all(finding.position.file in contents for finding in result.findings)
    lines = {name: content.count(b"\n") + 1 for name, content in contents.items()}
    assert all(0 <= f.position.line <= lines[f.position.file] + 1 for f in result.findings)


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(HEALED), cut=st.floats(0.05, 0.95))
def test_a_cut_file_is_noticed(path, cut):
    """Wherever it ends: in XML always, in lines unless it ends behind one."""
    content = path.read_bytes()
    shorter = content[: max(1, int(len(content) * cut))]
    found = rules({path.name: shorter})
    if content.lstrip().startswith(b"<") or not shorter.endswith(b"\n"):
        assert found & {"truncated", "xml-malformed", "first-line"}, found


@settings(max_examples=5, deadline=None)
@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=10))
def test_no_password_is_ever_shown(secret):
    for name, base in BASES.items():
        for other in (f"{secret}&<{{{{ x }}}}", f"{secret}%2520/"):
            content = base.read_bytes().replace(b"Laterne", other.encode())
            twice = content.replace(
                b"account.1.password", b"account.1.password = x\naccount.1.password"
            )
            for written in (content, twice):
                told = str([f.to_json() for f in audit({name: written}, PROFILES).findings])
                assert secret not in told
