"""The API as a user starts it: ``phonerig platform run --api-port``."""

from __future__ import annotations

import json
import logging
import re
import signal
import urllib.request
from pathlib import Path

import pytest
from cli_runner import Service, run_cli
from platform_kit import ANNA
from xsi_kit import ACTIONS, basic, running

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig.mailbox_platform.embedded.xsi.api_server import ApiServer

pytestmark = pytest.mark.waits


def test_program_serves_the_api_on_the_port_that_it_names() -> None:
    user = next(iter(load_site(demo_site_dir()).users.values()))
    with Service("platform", "run", "demo", "--port", "0", "--api-port", "0", "--json") as service:
        url = json.loads(service.wait_for(r'"event": ?"api"').string)["url"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        request = urllib.request.Request(
            f"{url}{ACTIONS}{user.sip_user}/services/DoNotDisturb",
            headers=basic(user.sip_user, user.password.reveal()),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert b"<active>false</active>" in answer.read()
        code, _ = service.stop(signal.SIGTERM)
    assert code == 0
    assert user.password.reveal() not in "".join(service.lines)


def test_program_without_the_option_has_no_api() -> None:
    with Service("platform", "run", "demo", "--port", "0") as service:
        service.wait_for("voice portal")
        service.stop()
    assert "HTTP API" not in "".join(service.lines)


def test_port_that_is_no_port_is_a_usage_error() -> None:
    assert run_cli("platform", "run", "demo", "--api-port", "70000").returncode == 2


async def test_listening_to_the_network_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as platform:
        assert "plain HTTP" not in caplog.text
        backend = platform._api._backend  # type: ignore[union-attr]  # the platform is up: the part is there
        everywhere = ApiServer(backend, "0.0.0.0", 0)
        caplog.set_level(logging.WARNING)
        await everywhere.start()
        await everywhere.close()
        assert "plain HTTP" in caplog.text
        assert platform.site.users[ANNA].password.reveal() not in caplog.text
