"""The device export of a FusionPBX: handsets and whose they are, without its passwords."""

from __future__ import annotations

import pytest

from provisioning.device_profile import load_profiles
from provisioning.errors import InputErrors
from provisioning.fusionpbx_import import load_fusionpbx_devices
from provisioning.inventory import ModelLimits, load_site
from provisioning.resources import device_profiles_dir
from provisioning.yaml_source import to_plain

MODELS = {
    name: ModelLimits(profile.limits.accounts, profile.limits.line_keys)
    for name, profile in load_profiles(device_profiles_dir()).items()
}
HEAD = (
    "device_uuid,device_mac_address,device_label,device_vendor,device_template,device_enabled,"
    "line_number,user_id,display_name,password,sip_transport,shared_line,enabled\n"
)
ROWS = (
    'u1,805ec01a2b01,"Anna\'s",yealink,yealink/t46u,true,1,101,"Anna Arndt",hunter2,udp,,true\n'
    "u2,00-04-13-1a-2b-03,,snom,snom/D785,true,1,102,Bo,hunter2,tcp,,true\n"
    "u3,64167f1a2b05,old,polycom,polycom/vvx450,false,1,101,Anna,hunter2,tcp,,true\n"
    "u4,64167f1a2b06,spare,polycom,poly/vvx_450,true,,,,,,,\n"
)
SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  provisioning: {url: http://t.example/}
  admin_password: demo:aa
users:
  - {name: Anna, number: +49 30 23125 101, extension: 101, sip: {password: demo:quitte-1}}
  - {name: Bo, number: +49 30 23125 102, extension: 102, sip: {password: demo:quitte-2}}
import: {fusionpbx_devices: devices.csv}
"""


def read(tmp_path, text, models=MODELS):
    path = tmp_path / "devices.csv"
    path.write_text(text, encoding="utf-8")
    return [to_plain(node) for node in load_fusionpbx_devices(path, models)]


def test_devices_become_handsets_with_their_models_and_accounts(tmp_path):
    anna, bo, spare = read(tmp_path, HEAD + ROWS)
    assert anna == {
        "name": "Anna-s",
        "mac": "805ec01a2b01",
        "model": "T46U",
        "vendor": "yealink",
        "accounts": [{"user": "101", "label": "Anna Arndt", "transport": "udp"}],
    }
    assert (bo["name"], bo["model"]) == ("phone-0004131a2b03", "D785")
    assert (spare["model"], spare["accounts"]) == ("VVX450", [])


def test_nothing_of_the_passwords_is_taken(tmp_path):
    assert "hunter2" not in str(read(tmp_path, HEAD + ROWS))


def test_the_site_takes_them_and_the_intent_is_theirs(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    (tmp_path / "devices.csv").write_text(HEAD + ROWS, encoding="utf-8")
    site = load_site(tmp_path / "site.yaml", models=MODELS)
    assert [handset.name for handset in site.handsets] == [
        "Anna-s",
        "phone-0004131a2b03",
        "spare",
    ]
    intent = site.intent("phone-0004131a2b03")
    assert (intent.accounts[0].transport, intent.accounts[0].label) == ("tcp", "Bo")
    assert intent.accounts[0].password.reveal() == "quitte-2"


def test_rows_of_one_device_are_joined_and_a_switched_off_line_is_left_out(tmp_path):
    second = "u1,80:5E:C0:1A:2B:01,x,yealink,yealink/t46u,true,2,102,Bo,hunter2,udp,1,true\n"
    off = "u1,80:5E:C0:1A:2B:01,x,yealink,yealink/t46u,true,3,103,Cy,hunter2,udp,,false\n"
    anna, *_ = read(tmp_path, HEAD + ROWS + second + off)
    assert [account["user"] for account in anna["accounts"]] == ["101", "102"]
    assert anna["accounts"][1]["shared"] == "true"


def test_faults_have_the_place_of_the_export(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    (tmp_path / "devices.csv").write_text(
        HEAD + ROWS.replace("t46u", "t99x").replace(",102,", ",999,"), encoding="utf-8"
    )
    with pytest.raises(InputErrors) as caught:
        load_site(tmp_path / "site.yaml", models=MODELS)
    text = str(caught.value).replace(f"{tmp_path}/", "")
    assert "devices.csv:2:34: unknown model; got 'T99X'" in text
    assert "devices.csv:3:" in text
    assert "the account names no user of this inventory; got '999'" in text
    assert "hunter2" not in text


def test_a_device_without_a_mac_and_a_column_of_something_else(tmp_path):
    with pytest.raises(InputErrors, match=r"devices\.csv:2:1: the device has no MAC"):
        read(tmp_path, "device_label,device_template\nx,yealink/t46u\n")
    with pytest.raises(InputErrors, match="Did you mean 'device_label'"):
        read(tmp_path, "device_lable\nx\n")
