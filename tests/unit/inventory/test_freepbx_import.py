"""What FreePBX exports: users and handsets, without its passwords."""

from __future__ import annotations

import pytest

from provisioning.errors import InputErrors
from provisioning.freepbx_import import (
    ExtensionForm,
    load_freepbx_devices,
    load_freepbx_extensions,
)
from provisioning.inventory import ModelLimits, load_site
from provisioning.yaml_source import to_plain

MODELS = {"T46U": ModelLimits(16, 27), "CP-7940G": ModelLimits(2, 2)}
FORM = ExtensionForm("+49 30 23125 {extension}", "demo:quitte-{extension}", "demo:748{extension}")
# The columns of the bulk handler's own example, and one of a module that nobody knows.
HEAD = (
    "extension,password,name,voicemail,ringtimer,noanswer_dest,id,tech,dial,user,description,"
    "callerid,secret,videosupport,findmefollow_enabled,voicemail_enable,voicemail_vmpwd,"
    "voicemail_email,voicemail_pager,voicemail_options,some.new_module\n"
)
ROWS = (
    '146,,Anna Arndt,default,0,"ext-local,vmu146,1",146,pjsip,PJSIP/146,146,Anna,device <146>,'
    "hunter2,inherit,yes,yes,4711,anna@t.example,,attach=yes|saycid=no|delete=no,x\n"
    "147,,,novm,0,,147,sip,SIP/147,147,Bo Blum,device <147>,hunter2,inherit,,,,,,,\n"
    "148,,Hall,default,0,,148,virtual,Local/148,148,Hall,,,,,yes,4711,,,,\n"
)
DEVICES = (
    "id,mac,ipei,brand,model,extension,line\n"
    "1,805ec01a2b01,,Yealink,t46-u,147,2\n"
    "1,80:5E:C0:1A:2B:01,,Yealink,t46-u,146,1\n"
    "2,001122334455,,Cisco/Linksys,CP-7940g,,\n"
)
SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  provisioning: {url: http://t.example/}
  admin_password: demo:aa
  voice_portal_number: +49 30 23125 900
import:
  freepbx_devices: devices.csv
  freepbx_extensions:
    file: extensions.csv
    number: +49 30 23125 {extension}
    password: demo:quitte-{extension}
    pin: demo:748{extension}
"""


def users(tmp_path, text):
    path = tmp_path / "extensions.csv"
    path.write_text(text, encoding="utf-8")
    return [to_plain(node) for node in load_freepbx_extensions(path, FORM)]


def faults_of(tmp_path, site=SITE, devices=DEVICES, extensions=HEAD + ROWS):
    (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
    (tmp_path / "devices.csv").write_text(devices, encoding="utf-8")
    (tmp_path / "extensions.csv").write_text(extensions, encoding="utf-8")
    with pytest.raises(InputErrors) as caught:
        load_site(tmp_path / "site.yaml", models=MODELS)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_sip_extensions_become_users_and_nothing_of_their_passwords_is_taken(tmp_path):
    found = users(tmp_path, HEAD + ROWS)
    assert found == [
        {
            "name": "Anna Arndt",
            "number": "+49 30 23125 146",
            "extension": "146",
            "sip": {"user": "146", "password": "demo:quitte-146"},
            "mailbox": {"pin": "demo:748146", "email": {"copy": "anna@t.example"}},
        },
        {
            "name": "Bo Blum",
            "number": "+49 30 23125 147",
            "extension": "147",
            "sip": {"user": "147", "password": "demo:quitte-147"},
        },
    ]


@pytest.mark.parametrize(
    ("options", "kind"),
    [("", "notify"), ("attach=no", "notify"), ("attach=yes|delete=yes", "redirect")],
)
def test_mail_is_what_the_options_make_of_it(tmp_path, options, kind):
    text = "extension,voicemail,voicemail_email,voicemail_options\n"
    [user] = users(tmp_path, f"{text}146,default,a@t.example,{options}\n")
    assert user["mailbox"]["email"] == {kind: "a@t.example"}


def test_devices_become_handsets_with_their_accounts_in_order(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_text(DEVICES, encoding="utf-8")
    first, second = (to_plain(node) for node in load_freepbx_devices(path, MODELS))
    assert first == {
        "name": "phone-805ec01a2b01",
        "mac": "80:5E:C0:1A:2B:01",
        "model": "T46U",
        "accounts": [{"user": "146"}, {"user": "147"}],
    }
    assert (second["model"], second["accounts"]) == ("CP-7940G", [])


def test_the_site_takes_both(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    (tmp_path / "devices.csv").write_text(DEVICES, encoding="utf-8")
    (tmp_path / "extensions.csv").write_text(HEAD + ROWS, encoding="utf-8")
    site = load_site(tmp_path / "site.yaml", models=MODELS)
    assert [user.name for user in site.users.values()] == ["Anna Arndt", "Bo Blum"]
    intent = site.intent("phone-805ec01a2b01")
    assert [account.password.reveal() for account in intent.accounts] == [
        "quitte-146",
        "quitte-147",
    ]


def test_faults_have_the_place_of_the_export_and_show_no_password(tmp_path):
    rows = ROWS.replace("anna@t.example", "anna")
    text = faults_of(tmp_path, extensions=HEAD + rows)
    assert "extensions.csv:2:119: 'copy' of the email" in text
    assert "hunter2" not in text
    text = faults_of(tmp_path, extensions=HEAD + rows + ",,No one" + 18 * "," + "\n")
    assert "extensions.csv:5:1: the row has no extension" in text
    text = faults_of(tmp_path, devices=DEVICES.replace("t46-u,147", "t99,999"))
    assert "devices.csv:2:" in text
    assert "the account names no user of this inventory; got '999'" in text
    text = faults_of(tmp_path, devices="mac,model\n,T46U\n", site=SITE.replace("{extension}", "1"))
    assert "devices.csv:2:1: the row has no mac" in text
    assert "expected a text with {extension} in it" in text
