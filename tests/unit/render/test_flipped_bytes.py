"""One byte of a file that is other than intended: no value of any dialect can change unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from render_intents import account, diverting, intent, representatives

from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.errors import UsageError
from provisioning.formats.settings import FormatError
from provisioning.profile_model import FileKind
from provisioning.readback import compare, read_back, read_back_places
from provisioning.render import RenderError, prove, render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
FREE = ("user", "auth_user", "password", "display_name", "label", "domain")
"""Fields of an account that hold any text, so that each byte of them counts."""


def by_dialect():
    """A model of each dialect."""
    models = {PROFILES[model].render.dialect: model for model in representatives(PROFILES)}
    return sorted(models.values())


def sample(profile):
    """What an account that diverts wants, and keys."""
    return replace(intent(profile), accounts=(account(1, diverts=diverting()),))


def flipped(content, line, value, encoding):
    """The file with one byte of a value changed, once for each place where the line has the value.

    The byte is the last that is a letter or a digit, and becomes the nearest other: 0 and 1, d and
    e. An element may go over several lines: where the line does not have it, the file may.
    """
    written = value.encode(encoding)
    offsets = [n for n, byte in enumerate(written) if byte < 128 and chr(byte).isalnum()]
    if not offsets:
        return
    begin = sum(len(text) + 1 for text in content.split(b"\n")[: line - 1])
    end = content.find(b"\n", begin)
    if written not in content[begin:end]:
        begin, end = 0, len(content)
    at = content.find(written, begin, end)
    while at >= 0:
        byte = at + offsets[-1]
        yield content[:byte] + bytes([content[byte] ^ 1]) + content[byte + 1 :]
        at = content.find(written, at + 1, end)


def caught(rendered, path, content, profile):
    """Whether the proof stops at a file that is other than rendered."""
    files = tuple(
        replace(file, content=content) if file.path == path else file for file in rendered.files
    )
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    try:
        prove(rendered.fitted, files, profile, dialect)
    except (RenderError, UsageError):
        return True
    return False


def without_effect(rendered, path, content, profile):
    """Whether the handset would do the same with the changed file, by the full readers."""
    files = {
        file.path: content if file.path == path else file.content
        for file in rendered.files
        if file.kind is FileKind.SETTINGS
    }
    try:
        return compare(rendered.fitted, read_back(files, profile, rendered.fitted.mac)) == []
    except FormatError:
        return False


def carried(rendered, profile):
    """Fields with the setting that carries each, where the files hold one with a value."""
    files = {file.path: file.content for file in rendered.files if file.kind is FileKind.SETTINGS}
    back = read_back_places(files, profile, rendered.fitted.mac)
    read = {(item.file, item.line, item.key): item for one in back.files for item in one.settings}
    for field, place in back.places.items():
        item = read.get((place.file, place.line, place.key))
        if item is not None:
            yield field, item, files[place.file]


def free_texts(fitted):
    """What the files must hold of fields that may be any text."""
    for one in fitted.accounts:
        for name in FREE:
            text = getattr(one, name)
            yield (
                f"accounts[{one.index}].{name}",
                text.reveal() if isinstance(text, Secret) else text,
            )
    for key in fitted.line_keys:
        yield f"line_keys[{key.position}].value", key.value


@pytest.mark.parametrize("model", by_dialect())
def test_no_value_changes_unseen(model):
    profile = PROFILES[model]
    rendered = render_handset(sample(profile), profile)
    encoding = load_dialect(profile.render.dialect, profile.render.format).format.encoding
    texts = {field: text for field, text in free_texts(rendered.fitted) if text}
    tried, seen = set(), set()
    for field, item, content in carried(rendered, profile):
        for other in flipped(content, item.line, texts.get(field, item.value), encoding):
            tried.add(field)
            if caught(rendered, item.file, other, profile):
                seen.add(field)
            else:
                assert without_effect(rendered, item.file, other, profile), (field, item)
    assert texts.keys() & tried <= seen
    assert {"accounts[1].user", "accounts[1].password"} <= seen
    assert len(seen) > 8


def test_a_proof_of_what_was_rendered_finds_nothing():
    profile = PROFILES["T46U"]
    rendered = render_handset(sample(profile), profile)
    for file in rendered.files:
        assert not caught(rendered, file.path, file.content, profile)
