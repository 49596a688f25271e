"""Every case of message waiting, by number, and the test that holds it.

Cases of the phone's side are held by the tests of the subscriber and of the emulated handset,
those of the body by the tests of the message summary.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
CATALOGUE = "e2e/test_mwi_catalogue.py"
NOTIFIER = "conformance/test_rfc6665_notifier.py"
SUBSCRIBER = "conformance/test_rfc6665_subscriber.py"
TIMERS = "conformance/test_rfc3261_timers.py"
CLIENTS = "unit/sip_endpoint/test_clients.py"
HANDSET = "e2e/test_emulated_handset.py"
POWER = "e2e/test_power_port.py"
SUMMARY = "unit/sip_message/test_message_summary.py"
REGISTRATION = "e2e/test_platform_registration.py"
LAMP = "e2e/test_requirements_lamp.py"

SUBSCRIBE = {
    1: (CATALOGUE, "test_mwi_sub_01"),
    2: (CATALOGUE, "test_mwi_sub_02"),
    3: (CATALOGUE, "test_mwi_sub_03"),
    4: (CATALOGUE, "test_mwi_sub_04"),
    5: (CATALOGUE, "test_mwi_sub_05"),
    6: (CATALOGUE, "test_mwi_sub_06"),
    7: (CATALOGUE, "test_mwi_sub_07"),
    8: (CATALOGUE, "test_mwi_sub_07"),
    9: (CATALOGUE, "test_mwi_sub_09"),
    10: (CATALOGUE, "test_mwi_sub_10"),
    11: (CATALOGUE, "test_mwi_sub_11"),
    12: (CATALOGUE, "test_mwi_sub_12"),
    13: (CATALOGUE, "test_mwi_sub_12"),
    14: (CATALOGUE, "test_mwi_sub_14"),
    15: (CATALOGUE, "test_mwi_sub_14"),
    16: (CATALOGUE, "test_mwi_sub_14"),
    17: (CATALOGUE, "test_mwi_sub_17"),
    18: (CATALOGUE, "test_mwi_sub_18"),
    19: (CATALOGUE, "test_mwi_sub_19"),
    20: (CATALOGUE, "test_mwi_sub_18"),
    21: (SUBSCRIBER, "test_silence_is_tried_again_later"),
    22: (SUBSCRIBER, "test_no_notify_within_64_t1_begins_anew"),
    23: (CLIENTS, "test_notify_overtakes_the_200"),
    24: (CLIENTS, "test_a_notifier_that_forgot"),
    25: (SUBSCRIBER, "test_at_once"),
    26: (SUBSCRIBER, "test_after_retry_after"),
    27: (SUBSCRIBER, "test_never"),
    28: (SUBSCRIBER, "test_unknown_or_no_reason_waits_for_the_back_off"),
    29: (SUBSCRIBER, "test_expires_0_granted_means_one_notify"),
    30: (SUBSCRIBER, "test_a_refresh_without_answer_leaves_it_too"),
    31: (SUBSCRIBER, "test_before_what_was_granted_ends"),
    32: (SUBSCRIBER, "test_forks_are_dialogs_of_their_own"),
    33: (CATALOGUE, "test_mwi_sub_33"),
    34: (CATALOGUE, "test_mwi_sub_34"),
    35: (CATALOGUE, "test_mwi_sub_34"),
    36: (CATALOGUE, "test_mwi_sub_12"),
    37: (CATALOGUE, "test_mwi_sub_37"),
    38: (HANDSET, "test_a_yealink_boots_in_its_order_and_subscribes"),
}
"""36 and 37: neither presence nor lists are offered; that they are refused is tested."""

NOTIFY = {
    1: (CATALOGUE, "test_mwi_not_01"),
    2: (REGISTRATION, "test_unsolicited_state_after_register_also_when_nothing_waits"),
    3: (CATALOGUE, "test_mwi_not_03"),
    4: (CATALOGUE, "test_mwi_not_04"),
    6: (HANDSET, "test_a_notify_for_a_user_it_does_not_have_is_not_found"),
    7: (CATALOGUE, "test_mwi_not_07"),
    8: (SUMMARY, "test_tolerant_reading"),
    9: (SUMMARY, "test_tolerant_reading"),
    10: (SUMMARY, "test_more_faults"),
    11: (CATALOGUE, "test_mwi_not_11"),
    12: (SUBSCRIBER, "test_an_empty_body_is_fine"),
    13: (SUMMARY, "test_tolerant_reading"),
    14: (SUMMARY, "test_unknown_rows_and_classes_are_kept"),
    15: (SUMMARY, "test_largest_number_is_allowed"),
    16: (SUMMARY, "test_long_account_does_no_harm"),
    17: (HANDSET, "test_two_mailboxes_have_an_icon_each_and_share_the_common_lamp"),
    18: (CATALOGUE, "test_mwi_not_18"),
    19: (CATALOGUE, "test_mwi_not_19"),
    20: (REGISTRATION, "test_unsolicited_goes_to_every_contact_over_its_own_flow"),
    21: (CATALOGUE, "test_mwi_not_21"),
    22: (CATALOGUE, "test_mwi_not_22"),
    23: (SUBSCRIBER, "test_older_cseq_gets_500_and_changes_nothing"),
    24: (CATALOGUE, "test_mwi_not_24"),
    25: (CATALOGUE, "test_mwi_not_25"),
    26: (HANDSET, "test_bad_bodies_are_refused_and_leave_the_lamp"),
    27: (HANDSET, "test_bad_bodies_are_refused_and_leave_the_lamp"),
    28: ("unit/sip_message/test_sip_parser.py", "test_bad_content_length"),
    29: ("unit/sip_message/test_sip_header.py", "test_canonical_name"),
    30: (REGISTRATION, "test_closed_tcp_connection_takes_the_binding_along"),
    31: (NOTIFIER, "test_a_refresh_from_another_port_moves_the_flow"),
}

REGISTER = {
    1: (POWER, "test_a_phone_that_lost_its_port_s_power_shows_its_messages_again"),
    2: (POWER, "test_what_was_deleted_in_the_dark_lights_no_lamp"),
    3: (CATALOGUE, "test_mwi_reg_03"),
    5: (CATALOGUE, "test_mwi_reg_05"),
    6: (CATALOGUE, "test_mwi_reg_06"),
    8: (CATALOGUE, "test_mwi_reg_08"),
    9: (HANDSET, "test_a_changed_file_changes_what_the_handset_does"),
    11: (
        "e2e/test_benchmarks_run.py",
        "test_forty_handsets_boot_together_and_every_lamp_is_right",
    ),
}

NOT_HERE = {
    "MWI-NOT-05": "the emulated handset does not judge a NOTIFY by its source address",
    "MWI-NOT-32": "a NOTIFY to a To without user goes the way of every request for nobody (6)",
    "MWI-NOT-33": "the platform publishes to no second server",
    "MWI-NOT-34": "a NOTIFY during a call is not tried on its own",
    "MWI-REG-04": "the platform forgets subscriptions when it ends; case 3 is what it does",
    "MWI-REG-07": "no fail-over by DNS SRV",
    "MWI-REG-10": "the number of the message key is compared by the read-back of files",
    "MWI-REG-12": "the handsets here have no clock of their own and no TLS",
}

ROWS = {
    f"MWI-{part}-{number:02}": place
    for part, rows in (("SUB", SUBSCRIBE), ("NOT", NOTIFY), ("REG", REGISTER))
    for number, place in rows.items()
}


@cache
def names_in(path: str) -> frozenset[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, functions) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("row", ROWS)
def test_the_case_has_its_test(row: str) -> None:
    path, name = ROWS[row]
    names = names_in(path)
    assert names
    assert name in names, f"{row}: {path} has no {name}"


def test_no_case_is_forgotten() -> None:
    counts = {"SUB": 38, "NOT": 34, "REG": 12}
    wanted = {f"MWI-{part}-{n:02}" for part, most in counts.items() for n in range(1, most + 1)}
    assert wanted == ROWS.keys() | NOT_HERE.keys()
    assert not ROWS.keys() & NOT_HERE.keys()
