"""Files with a number of their own: it changes with the file and with nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

from render_intents import account, intent

from provisioning.device_profile import shipped_profiles
from provisioning.diff import mask_secrets
from provisioning.render import render_handset
from provisioning.secret import Secret

PROFILE = shipped_profiles()["ST2030"]


def content(wanted):
    (file,) = render_handset(wanted, PROFILE).files
    return file.content


def number(wanted):
    (found,) = re.findall(rb"^config_sn=(\d{12})$", content(wanted), re.MULTILINE)
    return found


def test_the_number_is_the_same_for_the_same_file_and_another_for_any_other():
    base = intent(PROFILE)
    others = [
        replace(base, admin_password=Secret("Ganz-anders-7")),
        replace(base, accounts=(account(1),)),
        replace(base, locale=replace(base.locale, ntp_server="ntp.example")),
    ]
    assert number(base) == number(replace(base, name="another"))
    assert len({number(one) for one in (base, *others)}) == 4


def test_where_secrets_are_masked_the_number_is_too():
    shown = mask_secrets(content(intent(PROFILE)), PROFILE)
    assert "config_sn=***" in shown
    assert "pass-1-word" not in shown
