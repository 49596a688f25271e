"""Files for a network that others can read: no secret in them, all else as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from render_intents import intent, representatives

from provisioning.blanking import clear_files, secrets_of
from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.intent import HandsetIntent, ProvisioningIntent
from provisioning.profile_model import FileKind, Profile
from provisioning.render import RenderedFile, render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
PLAIN = ProvisioningIntent("http://127.0.0.1:8080/prov")
TOKEN = "abcdefghijklmnopqrstuvwx23"


def secretive(profile: Profile) -> HandsetIntent:
    """An intent with a secret in every place, each different."""
    base = intent(profile)
    accounts = tuple(
        replace(one, password=Secret(f"Kanarie-{one.index}-Nachtigall")) for one in base.accounts
    )
    fetch = ProvisioningIntent(
        f"http://127.0.0.1:8080/prov/{TOKEN}", user="fetcher", password=Secret("Kanarie-Holer")
    )
    return replace(base, accounts=accounts, provisioning=fetch, admin_password=Secret("Kanarie99"))


def settings_of(file: RenderedFile, profile: Profile) -> dict[tuple[str, int | None], str]:
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    read = dialect.format.read(file.content, file.path)
    assert not read.problems
    return {(one.key, one.index): one.value for one in read.settings}


@pytest.mark.parametrize("model", representatives(PROFILES))
def test_every_way_of_writing_files_can_leave_secrets_out(model: str) -> None:
    profile = PROFILES[model]
    wanted = secretive(profile)
    clear = clear_files(wanted, profile, PLAIN)
    whole = render_handset(replace(wanted, provisioning=PLAIN), profile)
    assert clear.withheld == ()
    assert [file.path for file in clear.files] == [file.path for file in whole.files]
    said = b"".join(file.content for file in render_handset(wanted, profile).files)
    shown = [secret.reveal().encode() for secret in secrets_of(wanted)]
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    secret = dialect.plans(profile).secret_keys()
    assert any(one in said for one in shown), "there is something to leave out"
    for before, after in zip(whole.files, clear.files, strict=True):
        for one in (*shown, TOKEN.encode(), b"***"):
            assert one not in after.content
        if before.kind is FileKind.SETTINGS:
            old, new = settings_of(before, profile), settings_of(after, profile)
            assert all(old[key] == value for key, value in new.items() if value)
            lost = {key for key, value in old.items() if value and not new.get(key)}
            assert {name for name, _ in lost} <= secret, "nothing but secrets is left out"


def test_a_file_that_still_shows_a_secret_is_withheld() -> None:
    profile = PROFILES["T46U"]
    base = secretive(profile)
    (first, *rest) = base.accounts
    shown = replace(first, label="Kanarie-1-Nachtigall")  # the password is in the label too
    clear = clear_files(replace(base, accounts=(shown, *rest)), profile, PLAIN)
    assert clear.withheld == (f"{base.mac.plain}.cfg",)
    assert all(b"Nachtigall" not in file.content for file in clear.files)
