"""Bodies of forms: what goes in comes out, and what is none is refused, never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.web.form import MAX_UPLOAD_OCTETS, Form, parse_multipart
from rig.mailbox_platform.embedded.web.refusal import Refusal

KIND = "multipart/form-data; boundary=frontier"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=10)


def encoded(fields: dict[str, str], upload: bytes | None, filename: str = "x.wav") -> bytes:
    """As a browser writes it."""
    rows = [
        f'--frontier\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if upload is not None:
        head = f'form-data; name="file"; filename="{filename}"\r\nContent-Type: audio/wav'
        rows.append(
            f"--frontier\r\nContent-Disposition: {head}\r\n\r\n".encode() + upload + b"\r\n"
        )
    return b"".join(rows) + b"--frontier--\r\n"


@given(
    st.dictionaries(NAMES, st.text(max_size=40).filter(lambda t: "frontier" not in t), max_size=6),
    st.binary(max_size=300).filter(lambda data: b"\r\n--frontier" not in data),
)
def test_fields_and_file_come_out_as_they_went_in(fields: dict[str, str], upload: bytes) -> None:
    found = parse_multipart(KIND, encoded(fields, upload))
    assert found == Form(fields, upload or None)


@given(st.binary(max_size=400), st.text(max_size=60))
def test_any_body_is_a_form_or_refused(body: bytes, kind: str) -> None:
    for content_type in (KIND, kind, f"multipart/form-data; boundary={kind}"):
        for whole in (True, False):
            try:
                found = parse_multipart(content_type, body, whole=whole)
            except Refusal as refusal:
                assert refusal.status in {400, 413}  # noqa: PT017 - both ways are right
            else:
                assert isinstance(found, Form)


@given(st.integers(0, 400))
def test_a_body_that_was_cut_is_never_a_whole_one(at: int) -> None:
    body = encoded({"csrf": "token", "name": "x" * 100}, b"y" * 100)
    cut = body[: min(at, len(body) - len("--\r\n") - 1)]
    with pytest.raises(Refusal):
        parse_multipart(KIND, cut)


def test_a_file_that_was_cut_is_too_large_and_the_fields_before_it_are_there() -> None:
    body = encoded({"csrf": "token", "name": "Urlaub"}, bytes(MAX_UPLOAD_OCTETS))
    found = parse_multipart(KIND, body[:-100], whole=False)
    assert found == Form({"csrf": "token", "name": "Urlaub"}, None, too_large=True)
    with pytest.raises(Refusal) as caught:
        parse_multipart(KIND, encoded({"name": "x" * 1000}, None)[:200], whole=False)
    assert caught.value.status == 413


@pytest.mark.parametrize(("size", "too_large"), [(0, False), (1, True)])
def test_the_limit_of_a_file(size: int, too_large: bool) -> None:
    found = parse_multipart(KIND, encoded({}, b"x" * (MAX_UPLOAD_OCTETS + size)))
    assert found.too_large is too_large
    assert (found.upload is None) is too_large


def test_a_file_field_left_empty_is_no_file() -> None:
    assert parse_multipart(KIND, encoded({}, b"", "")).upload is None


def test_values_are_read_without_blanks_but_secrets_as_they_are() -> None:
    form = Form({"a": " x ", "on": "on"})
    assert (form.text("a"), form.raw("a"), form.text("b"), form.raw("b")) == ("x", " x ", "", "")
    assert form.on("on")
    assert not form.on("a")
    assert form.checked("a")
    assert not form.checked("b")
