"""Sessions in simulated time."""

from __future__ import annotations

from rig.mailbox_platform.embedded.web.sessions import SessionBook, same

ANNA = "+493023125101"


def test_a_session_is_found_by_its_token_alone() -> None:
    book = SessionBook(10, 100)
    token, session = book.open(ANNA, 0)
    assert book.find(token, 1) is session
    for other in ("", token[:-1], token + "x", token.swapcase(), session.key, session.csrf):
        assert book.find(other, 1) is None


def test_tokens_differ_and_are_long() -> None:
    book = SessionBook(10, 100)
    tokens = {book.open(str(number), 0)[0] for number in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43


def test_idle_and_absolute_limit() -> None:
    book = SessionBook(10, 25)
    token, session = book.open(ANNA, 0)
    assert book.find(token, 9.9) is session
    assert book.find(token, 19.8) is session
    assert book.find(token, 25) is None
    assert book.find(token, 20) is None  # what has ended stays so
    token, _ = book.open(ANNA, 0)
    assert book.find(token, 10) is None


def test_a_look_that_does_not_count_keeps_nothing_alive() -> None:
    book = SessionBook(10, 100)
    token, session = book.open(ANNA, 0)
    assert book.find(token, 9, touch=False) is session
    assert not book.alive(session, 10)


def test_closing_ends_one_session_and_no_other() -> None:
    book = SessionBook(10, 100)
    first, one = book.open(ANNA, 0)
    second, _ = book.open(ANNA, 0)
    book.close(one)
    book.close(one)
    assert book.find(first, 1) is None
    assert book.find(second, 1) is not None


def test_a_user_has_ten_sessions_at_most_the_oldest_goes() -> None:
    book = SessionBook(10, 100)
    tokens = [book.open(ANNA, 0)[0] for _ in range(11)]
    other, _ = book.open("", 0)
    alive = [book.find(token, 1) is not None for token in tokens]
    assert alive == [False] + [True] * 10
    assert book.find(other, 1) is not None


def test_the_number_of_sessions_is_bounded() -> None:
    book = SessionBook(10, 100)
    for number in range(2100):
        book.open(str(number), 0)
    assert len(book._sessions) <= 2000


def test_a_user_sees_the_own_settings_the_administrator_all() -> None:
    book = SessionBook(10, 100)
    _, anna = book.open(ANNA, 0)
    _, boss = book.open("", 0)
    assert anna.may_see(ANNA)
    assert not anna.may_see("+493023125103")
    assert not anna.may_see("")
    assert boss.may_see(ANNA)


def test_tokens_are_compared_whole() -> None:
    assert same("abc", "abc")
    assert not any(same(*pair) for pair in (("", ""), ("a", ""), ("abc", "abd"), ("ü", "u")))
