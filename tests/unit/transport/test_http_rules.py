"""Conditions and ranges as pure functions."""

from __future__ import annotations

import pytest

from provisioning.transport.http_rules import (
    RangeNotSatisfiableError,
    entity_tag,
    http_date,
    is_unmodified,
    select_range,
)

TAG = entity_tag(b"content")
AT = 1_700_000_000.75
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


def test_the_tag_follows_the_content() -> None:
    assert entity_tag(b"content") == TAG
    assert entity_tag(b"Content") != TAG
    assert TAG.startswith('"')
    assert TAG.endswith('"')


def test_dates_are_imf_fixdates() -> None:
    assert http_date(AT) == DATE


@pytest.mark.parametrize(
    ("none_match", "since", "unmodified"),
    [
        (None, None, False),
        (TAG, None, True),
        (f'"x", W/{TAG}', None, True),
        ("*", None, True),
        ('"x"', None, False),
        ('"x"', DATE, False),
        (None, DATE, True),
        (None, "Tue, 14 Nov 2023 22:13:19 GMT", False),
        (None, "Wed, 15 Nov 2023 22:13:20 GMT", True),
        (None, "yesterday", False),
        (None, "", False),
        (None, "Tue, 99 Nov 99999 99:99:99 GMT", False),
    ],
)
def test_conditions(none_match: str | None, since: str | None, *, unmodified: bool) -> None:
    assert is_unmodified(none_match, since, TAG, AT) is unmodified


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-9", range(10)),
        ("bytes=0-0", range(1)),
        ("bytes=90-", range(90, 100)),
        ("bytes=90-1000", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("Bytes = 1 - 2", range(1, 3)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("items=0-9", None),
        ("bytes=0-1,5-6", None),
        ("bytes=" + ",".join(["0-1"] * 500), None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges(header: str | None, expected: range | None) -> None:
    assert select_range(header, None, 100, TAG, DATE) == expected


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=500-600", 100), ("bytes=-0", 100), ("bytes=0-", 0)],
)
def test_a_range_behind_the_end_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiableError):
        select_range(header, None, size, TAG, DATE)


@pytest.mark.parametrize(
    ("if_range", "partial"), [(TAG, True), (DATE, True), ('"old"', False), ("", False)]
)
def test_if_range_must_match(if_range: str, *, partial: bool) -> None:
    found = select_range("bytes=0-9", if_range, 100, TAG, DATE)
    assert found == (range(10) if partial else None)
