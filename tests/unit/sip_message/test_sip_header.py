from __future__ import annotations

from rig.sip.header import Headers, canonical_name


def _headers() -> Headers:
    return Headers([("v", "one, two"), ("To", "<sip:a@h>"), ("VIA", "three"), ("X-Odd", "")])


def test_names_are_found_in_any_spelling_and_kept_as_written() -> None:
    headers = _headers()
    assert headers.get("via") == "one, two"
    assert headers.get("T") == "<sip:a@h>"
    assert headers.get("x-odd", "default") == ""
    assert headers.get("From", "default") == "default"
    assert "Via" in headers
    assert "V" in headers
    assert "From" not in headers
    assert 7 not in headers
    assert [name for name, _ in headers] == ["v", "To", "VIA", "X-Odd"]


def test_rows_and_list_elements() -> None:
    headers = _headers()
    assert headers.get_all("Via") == ["one, two", "three"]
    assert headers.get_list("Via") == ["one", "two", "three"]
    assert headers.get_list("From") == []


def test_commas_in_quotes_and_brackets_do_not_split() -> None:
    headers = Headers([("Contact", '"A, \\", B" <sip:a,b@h>;x="1,2" , <sip:c@h>')])
    assert headers.get_list("m") == ['"A, \\", B" <sip:a,b@h>;x="1,2"', "<sip:c@h>"]


def test_empty_elements_are_dropped_or_shown() -> None:
    headers = Headers([("Supported", "a,, b,")])
    assert headers.get_list("k") == ["a", "b"]
    assert headers.get_list_raw("k") == ["a", "", "b", ""]


def test_open_quote_keeps_the_rest_together() -> None:
    assert Headers([("To", '"a, b')]).get_list("To") == ['"a, b']
    assert Headers([("To", "<a, b")]).get_list("To") == ["<a, b"]


def test_changes_are_seen_at_once() -> None:
    headers = _headers()
    assert headers.get("Route") is None
    headers.add("Route", "<sip:p>")
    assert headers.get("Route") == "<sip:p>"
    headers.set("Via", "only")
    assert next(iter(headers)) == ("Via", "only")
    assert headers.get_all("Via") == ["only"]
    headers.insert_first("v", "above")
    assert headers.get_all("Via") == ["above", "only"]
    headers.insert_first("Diversion", "d")
    assert next(iter(headers)) == ("Diversion", "d")
    headers.remove("via")
    assert "Via" not in headers
    headers.set("Expires", "60")
    assert headers.get("Expires") == "60"
    assert len(headers) == 5


def test_copies_are_independent_and_equal() -> None:
    headers = _headers()
    other = headers.copy()
    assert other == headers
    other.add("a", "b")
    assert other != headers
    assert headers != "text"
    assert "three" in repr(headers)


def test_cached_views_live_until_a_row_changes() -> None:
    headers = _headers()
    calls: list[int] = []

    def build() -> int:
        calls.append(1)
        return len(calls)

    assert [headers.cached("n", build), headers.cached("n", build)] == [1, 1]
    headers.add("a", "b")
    assert headers.cached("n", build) == 2


def test_canonical_name() -> None:
    assert canonical_name("O") == "event"
    assert canonical_name("q") == "q"
    assert canonical_name(" Call-ID ") == "call-id"
