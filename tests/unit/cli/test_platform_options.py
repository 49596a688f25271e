"""Switches for mail and settings page: what they need of each other; no secret in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import UsageError
from rig.commands.platform_options import mail_config, web_config
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls
from rig.mailbox_platform.embedded.web.web_config import WebConfig

SECRET = "the-secret-itself"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROBE_SECRET", SECRET)
    for name, value in (("secret", SECRET), ("short", "short"), ("ca.pem", "x")):
        path = tmp_path / name
        path.write_text(value + "\n", encoding="utf-8")
        path.chmod(0o600)
    return tmp_path


def test_without_switches_there_is_neither_mail_nor_administrator() -> None:
    assert mail_config(None, None, "if_offered") is None
    assert web_config(None) == WebConfig()


@pytest.mark.parametrize("reference", ["env:PROBE_SECRET", "file:secret"])
def test_every_switch_of_mail_arrives(reference: str) -> None:
    found = mail_config(
        "mail.example:587",
        "box@b.example",
        "required",
        ca_file=Path("ca.pem"),
        user="mailbox",
        password=reference,
    )
    assert isinstance(found, MailConfig)
    assert (found.host, found.port, found.sender) == ("mail.example", 587, "box@b.example")
    assert (found.starttls, found.ca_file) == (StartTls.REQUIRED, Path("ca.pem"))
    assert found.password is not None
    assert (found.user, found.password.reveal()) == ("mailbox", SECRET)


def test_the_port_of_mail_is_25_when_none_is_given() -> None:
    found = mail_config("mail.example", "box@b.example", "never")
    assert found is not None
    assert (found.port, found.starttls, found.password) == (25, StartTls.NEVER, None)


def test_every_switch_of_the_page_arrives() -> None:
    found = web_config(
        0,
        admin_password="env:PROBE_SECRET",
        host_names=["phones.example"],
        behind_tls=True,
        texts=Path(),
    )
    assert found.admin_password is not None
    assert found.admin_password.reveal() == SECRET
    assert (found.host_names, found.behind_tls, found.texts) == (("phones.example",), True, Path())


@pytest.mark.parametrize(
    ("port", "switches", "says"),
    [
        (None, {"admin_password": "file:secret"}, "--web-port"),
        (None, {"host_names": ["x"]}, "--web-port"),
        (None, {"behind_tls": True}, "--web-port"),
        (0, {"admin_password": SECRET}, "--web-admin-password names where the secret is"),
        (0, {"admin_password": f"demo:{SECRET}"}, "demo"),
        (0, {"admin_password": "env:NOT_SET_HERE"}, "NOT_SET_HERE"),
        (0, {"admin_password": "file:short"}, "10 characters"),
        (0, {"host_names": ["http://x"]}, "host name"),
        (0, {"texts": Path("nowhere")}, "--web-texts"),
    ],
)
def test_switches_of_the_page_that_cannot_work(
    port: int | None, switches: dict, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        web_config(port, **switches)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "sender", "tls", "more", "says"),
    [
        ("x", None, "never", {}, "--mail-from"),
        (None, "a@b.example", "never", {}, "--smtp HOST:PORT"),
        (None, None, "never", {"password": "file:secret"}, "--smtp HOST:PORT"),
        ("x:0", "a@b.example", "never", {}, "--smtp"),
        ("x", "nobody", "never", {}, "nobody"),
        ("x", "a@b.example", "maybe", {}, "if_offered"),
        ("x", "a@b.example", "never", {"user": "u"}, "password"),
        ("x", "a@b.example", "never", {"user": "u", "password": SECRET}, "written out"),
        ("x", "a@b.example", "never", {"ca_file": Path("no.pem")}, "no.pem"),
    ],
)
def test_switches_of_mail_that_cannot_work(
    server: str | None, sender: str | None, tls: str, more: dict, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        mail_config(server, sender, tls, **more)
    assert SECRET not in str(caught.value)


def test_a_secret_that_everybody_can_read_is_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "secret").chmod(0o644)
    web_config(0, admin_password="file:secret")
    assert "everyone on this computer can read" in capsys.readouterr().err.replace("\n", " ")
