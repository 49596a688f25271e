"""Distribution lists as pure rules, one test or more for each of R51 to R60."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.distribution_list import (
    MAX_LISTS,
    DistributionList,
    DistributionLists,
    ListRuleError,
)

STAFF = {"101": "+4930101", "+4930101": "+4930101", "102": "+4930102", "+4930102": "+4930102"}


def member_of(written):
    return STAFF.get(written)


def made(count: int, **kwargs: int) -> DistributionLists:
    lists = DistributionLists(**kwargs)
    for index in range(count):
        lists, _ = lists.created(f"list {index}")
    return lists


def test_r52_fifteen_lists_and_not_one_more():
    lists = made(15)
    assert lists.numbers == tuple(range(1, 16))
    with pytest.raises(ListRuleError, match="no free list; expected at most 15 lists"):
        lists.created("sixteenth")


@pytest.mark.parametrize("first", [0, 1, 100])
def test_r54_the_number_of_the_first_list_is_data(first):
    lists = made(2, first_number=first)
    assert lists.numbers == (first, first + 1)
    assert lists.get(first) == DistributionList("list 0")
    assert lists.get(first - 1) is None
    assert lists.get(first + MAX_LISTS) is None


def test_r55_the_first_free_list_is_taken_and_gaps_are_used_again():
    lists = made(3).emptied(2)
    assert lists.numbers == (1, 3)
    lists, number = lists.created("Support-Team")
    assert number == 2
    assert lists.get(2) == DistributionList("Support-Team")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a", True),
        ("Support-Team", True),
        ("x" * 80, True),
        ("x" * 81, False),
        ("", False),
        ("   ", False),
        ("a\nb", False),
        ("a\x00", False),
    ],
)
def test_r56_a_description_has_1_to_80_characters(text, fits):
    if fits:
        assert DistributionLists().created(text)[0].get(1) == DistributionList(text)
    else:
        with pytest.raises(ListRuleError, match="the description"):
            DistributionLists().created(text)


def test_r57_members_are_numbers_or_extensions_of_the_company():
    lists = made(1).with_member(1, "101", member_of).with_member(1, "+4930102", member_of)
    assert lists.get(1).members == ("+4930101", "+4930102")
    with pytest.raises(ListRuleError, match="nobody of the company"):
        lists.with_member(1, "+491711234567", member_of)


def test_r57_a_member_is_on_a_list_once_however_it_is_written():
    lists = made(1).with_member(1, "101", member_of)
    with pytest.raises(ListRuleError, match="on the list already"):
        lists.with_member(1, "+4930101", member_of)


def test_r58_renaming_keeps_number_and_members():
    lists = made(2).with_member(2, "101", member_of).renamed(2, "Sales")
    assert lists.get(2) == DistributionList("Sales", ("+4930101",))
    with pytest.raises(ListRuleError, match=r"no list 3; expected one of: 1, 2"):
        lists.renamed(3, "x")


def test_r59_members_are_added_and_removed():
    lists = made(1).with_member(1, "101", member_of).with_member(1, "102", member_of)
    assert lists.without_member(1, "101", member_of).get(1).members == ("+4930102",)
    with pytest.raises(ListRuleError, match="no such member"):
        made(1).without_member(1, "101", member_of)


def test_r59_somebody_who_left_the_company_can_still_be_removed():
    lists = made(1).with_member(1, "101", member_of)
    assert lists.without_member(1, "+4930101", lambda _: None).get(1).members == ()


def test_r60_changing_a_member_is_removing_and_adding():
    lists = made(1).with_member(1, "101", member_of)
    changed = lists.without_member(1, "101", member_of).with_member(1, "102", member_of)
    assert changed.get(1).members == ("+4930102",)
    editing = {name for name in dir(DistributionLists) if "member" in name}
    assert editing == {"with_member", "without_member"}


def test_another_count_of_places_is_refused():
    with pytest.raises(ListRuleError, match="3 places"):
        DistributionLists((None,) * 3)


NUMBERS = st.integers(-1, 18)
MEMBERS = st.sampled_from([*STAFF, "0815", ""])
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.text(max_size=3)),
        st.tuples(st.just("empty"), NUMBERS),
        st.tuples(st.just("rename"), NUMBERS, st.text(max_size=3)),
        st.tuples(st.just("add"), NUMBERS, MEMBERS),
        st.tuples(st.just("remove"), NUMBERS, MEMBERS),
    ),
    max_size=40,
)


@given(changes=CHANGES)
def test_any_changes_keep_the_rules_and_agree_with_a_plain_dictionary(changes):
    lists, model = DistributionLists(), {}
    for change in changes:
        before = lists
        try:
            match change:
                case ("create", text):
                    lists, number = lists.created(text)
                    assert number == min(set(range(1, 16)) - set(model))
                    model[number] = (text.strip(), [])
                case ("empty", number):
                    lists = lists.emptied(number)
                    del model[number]
                case ("rename", number, text):
                    lists = lists.renamed(number, text)
                    model[number] = (text.strip(), model[number][1])
                case ("add", number, member):
                    lists = lists.with_member(number, member, member_of)
                    model[number][1].append(STAFF[member])
                case ("remove", number, member):
                    lists = lists.without_member(number, member, member_of)
                    model[number][1].remove(STAFF[member])
        except ListRuleError:
            assert lists is before
        assert {n: (one.description, list(one.members)) for n in lists.numbers
                if (one := lists.get(n))} == model  # fmt: skip
        assert len(lists.numbers) <= MAX_LISTS
        for description, members in model.values():
            assert 1 <= len(description) <= 80
            assert len(set(members)) == len(members)
            assert set(members) <= set(STAFF.values())
