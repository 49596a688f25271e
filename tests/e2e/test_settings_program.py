"""Settings page and mail as a user starts them: ``phonerig platform run``."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import platform_kit
import pytest
from cli_runner import Service, error_lines, run_cli, write_site
from mail_sink import MailSink
from platform_kit import Phone, leave_message
from settings_kit import ADMIN_PASSWORD, Browser

from provisioning.inventory import load_site

ANNA, BERT = "+493023125101", "+493023125102"
SMTP_PASSWORD = "the-secret-of-the-mail-server"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    for name, value in (("web", ADMIN_PASSWORD), ("smtp", SMTP_PASSWORD)):
        path = tmp_path / name
        path.write_text(value + "\n", encoding="utf-8")
        path.chmod(0o600)
    return tmp_path


def address(line: str, key: str) -> tuple[str, int]:
    host, _, port = json.loads(line)[key].removeprefix("http://").strip("/").partition(":")
    return host, int(port)


def program_of(service: Service, domain: str) -> Any:
    """The running program, as far as phones and browsers need a platform."""
    sip = address(service.wait_for(r'\{.*"event": ?"serving".*').string, "registrar")
    web = address(service.wait_for(r'\{.*"event": ?"web".*').string, "url")
    return SimpleNamespace(sip_address=sip, web_address=web, domain=domain)


async def test_r26_r33_a_setting_made_by_browser_sends_mail_by_the_server_of_the_command_line(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = load_site(write_site(secrets))
    monkeypatch.setattr(platform_kit, "DOMAIN", site.domain)
    sink = await MailSink(password=SMTP_PASSWORD).open()
    with Service(
        "platform", "run", secrets, "--port", "0", "--web-port", "0", "--json",
        "--seconds-per-ring", "0.1", "--smtp", f"127.0.0.1:{sink.port}",
        "--mail-from", "box@probe.example", "--smtp-tls", "never", "--smtp-user", "mailbox",
        "--smtp-password", "file:smtp", "--web-admin-password", "file:web", cwd=secrets,
    ) as service:  # fmt: skip
        program = await asyncio.to_thread(program_of, service, site.domain)
        async with Browser(program) as browser:
            await browser.as_user(site.users[ANNA])
            path = browser.home + "/voice-management"
            assert "keinen Mailserver" not in (await browser.open(path)).words
            page = await browser.change(
                path, all_calls="on", notify="on", notify_address="anna@probe.example"
            )
            assert page.done == ["Gespeichert."]
        async with Browser(program) as boss:
            await boss.as_admin()
        bert = await Phone(program, site.users[BERT]).open()
        await leave_message(bert, ANNA)
        await bert.close()
        (mail,) = await sink.until(1, 30)
        assert mail.recipients == ("anna@probe.example",)
        assert mail.sender == "box@probe.example"
        assert mail.user
        code, errors = service.stop(signal.SIGTERM)
    await sink.close()
    assert code == 0
    shown = "".join(service.lines) + errors
    assert SMTP_PASSWORD not in shown
    assert ADMIN_PASSWORD not in shown


def test_program_without_the_option_has_no_page() -> None:
    with Service("platform", "run", "demo", "--port", "0") as service:
        service.wait_for("voice portal")
        service.stop()
    assert "settings page" not in "".join(service.lines)


def test_a_switch_that_cannot_work_is_a_usage_error_and_shows_no_secret(secrets: Path) -> None:
    result = run_cli(
        "platform", "run", "demo", "--port", "0", "--web-port", "0", "--web-admin-password",
        ADMIN_PASSWORD, cwd=secrets,
    )  # fmt: skip
    assert result.returncode == 2
    (line,) = error_lines(result)
    assert "--web-admin-password" in line
    assert "names where the secret is" in line
    assert ADMIN_PASSWORD not in line
