"""DHCP option 43, octet by octet, against what vendors' documents show."""

from __future__ import annotations

import pytest

from provisioning.device_profile import shipped_profiles
from provisioning.dhcp_vendors import vendor_forms, vendor_options
from provisioning.errors import UsageError
from provisioning.profile_model import Mark


def octets(vendor: str, url: str, boot_file: str = "") -> bytes:
    (found,) = vendor_options([vendor], url=url, server=url, boot_file=boot_file)
    return found.octets


def test_snom_as_its_wiki_shows_it() -> None:
    shown = "420c 687474703a2f2f7465737400 4312 736e6f6d2f73657474696e67732e70687000"
    wanted = bytes.fromhex(shown.replace(" ", ""))
    assert octets("snom", "http://test", "snom/settings.php") == wanted


def test_unify_as_its_manual_shows_it() -> None:
    shown = "0107 5369656d656e73 0319 73646c703a2f2f3139322e3136382e322e31393a3138343433"
    wanted = bytes.fromhex(shown.replace(" ", ""))
    assert octets("unify", "sdlp://192.168.2.19:18443") == wanted


def test_what_is_not_known_is_left_out() -> None:
    assert vendor_options(["poly", "cisco"], url="http://h", server="http://h") == ()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="264 octets; expected up to 255"):
        octets("unify", "h" * 253)


def test_every_entry_names_a_vendor_of_ours_a_document_and_how_sure_it_is() -> None:
    vendors = {profile.vendor for profile in shipped_profiles().values()}
    forms = vendor_forms()
    assert set(forms) <= vendors
    assert all(form.evidence and form.where for form in forms.values())
    guessed = {"from memory", "a guess"}
    for form in forms.values():
        if any(word in form.evidence for word in guessed):
            assert form.mark is Mark.UNVERIFIED, form.vendor
