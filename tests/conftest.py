"""Makes ``tests/peers.py`` importable from every test folder, and holds tests to their names.

A test of ``tests/e2e`` or ``tests/interop`` that names a requirement of the mailbox guide
(``test_r28_...`` or the marker ``requirement``) must send something through a socket while it
runs: see ``tools/requirement_map.py``.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.append(str(ROOT / "tools"))

from requirement_map import SOCKET_FOLDERS, named  # noqa: E402 - found by the path above


class _Sent:
    """Counts what this process sends: datagrams with an address, and connections."""

    count = 0

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in {"socket.sendto", "socket.connect"} and isinstance(arguments[1], tuple):
            self.count += 1


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every program that a test starts as a
    # terminal does and then interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_sent = _Sent()
sys.addaudithook(_sent.hear)


LONGEST_FIRST = (
    "test_robot_suites.py",
    "test_cli_program.py",
    "test_all_models_boot.py",
    "test_store_kill.py",
    "test_verdict_adversary.py",
    "test_closed_loop.py",
    "test_lamp_board_loop.py",
    "test_benchmarks_run.py",
    "test_seeded_faults.py",
    "test_platform_portal.py",
    "test_platform_login.py",
    "test_real_peers_loop.py",
    "test_platform_media.py",
    "test_cli_render.py",
    "test_settings_in_chromium.py",
    "test_howto_register.py",
    "test_labgrid.py",
    "test_hostile_notify.py",
    "test_settings_pages.py",
    "test_examples.py",
    "test_pytest_plugin.py",
    "test_platform_tshark.py",
)
"""Files that take longest as a whole begin first, so that none of them runs alone at the end.

The Robot suites fill the machine with processes of their own: beside them runs what no instant
matters to.
"""


def _rank(item: pytest.Item) -> int:
    name = item.path.name
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of the folders that count the requirements of their names as a marker."""
    items.sort(key=_rank)
    for item in items:
        if not item.path.is_relative_to(ROOT) or not isinstance(item, pytest.Function):
            continue
        if item.path.parent.relative_to(ROOT).as_posix() in SOCKET_FOLDERS:
            ids = named(item.originalname)
            if ids:
                item.add_marker(pytest.mark.requirement(*ids))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that names a requirement and sends nothing."""
    before = _sent.count
    result = yield
    if item.get_closest_marker("requirement") and _sent.count == before:
        pytest.fail("this test names a requirement of the guide and sent nothing by a socket")
    return result
