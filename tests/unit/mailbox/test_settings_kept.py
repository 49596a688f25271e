"""Options and services that users change survive a restart; the inventory wins where edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from full_disk import full_disk
from hypothesis import given
from hypothesis import strategies as st
from platform_kit import ANNA, BERT, CARL, make_site
from portal_kit import with_mailbox

from provisioning.inventory_site import Site
from rig.errors import RigError
from rig.mailbox_platform.base import ForwardRule, UserServices
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.settings import Settings, changed_fields, changes_text
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.alias_book import AliasBook

AWAY = UserServices(
    always=ForwardRule(active=True, target=CARL),
    no_answer=ForwardRule(active=True, target=BERT, rings=4),
    do_not_disturb=True,
)


async def test_r61_what_users_set_survives_the_process(tmp_path: Path) -> None:
    first = EmbeddedPlatform(make_site(), store_dir=tmp_path)
    await first.start()
    options = replace(first.default_options(ANNA), rings=7, mwi=False, auto_login=True)
    await first.set_mailbox_options(ANNA, options)
    await first.set_services(BERT, AWAY)
    await first.stop()
    second = EmbeddedPlatform(make_site(), store_dir=tmp_path)  # as a new process does
    await second.start()
    assert second._settings.options(ANNA) == options
    assert second._settings.services(BERT) == AWAY
    assert second._settings.services(CARL) == UserServices()
    assert second.default_options(ANNA) != options  # the inventory is what it was
    await second.set_services(BERT, UserServices())
    await second.stop()
    third = EmbeddedPlatform(make_site(), store_dir=tmp_path)
    await third.start()
    assert third._settings.services(BERT) == UserServices()
    await third.stop()


async def test_what_is_set_while_the_platform_is_stopped_is_kept_at_its_start(
    tmp_path: Path,
) -> None:
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path)
    await platform.set_services(BERT, AWAY)
    await platform.start()
    await platform.stop()
    await platform.set_services(CARL, AWAY)
    await platform.start()
    await platform.stop()
    again = EmbeddedPlatform(make_site(), store_dir=tmp_path)
    await again.start()
    assert again._settings.services(BERT) == again._settings.services(CARL) == AWAY
    await again.stop()


def settings_on(folder: Path, site: Site) -> tuple[Settings, MessageStore]:
    store = MessageStore(folder)
    settings = Settings(site)
    settings.keep_in(store)
    return settings, store


def test_an_edited_inventory_wins_in_what_was_edited_and_nothing_else(tmp_path: Path) -> None:
    settings, store = settings_on(tmp_path, make_site())
    changed = replace(settings.require_options(ANNA), rings=7, mwi=False)
    settings.set_options(ANNA, changed)
    store.close()
    settings, store = settings_on(tmp_path, with_mailbox(make_site(), ANNA, rings=9))
    assert settings.require_options(ANNA) == replace(changed, rings=9)
    store.close()
    settings, store = settings_on(tmp_path, make_site())  # taken back: the owner's word again
    assert settings.require_options(ANNA) == changed
    store.close()


def test_what_cannot_be_kept_does_not_hold(tmp_path: Path) -> None:
    settings, store = settings_on(tmp_path, make_site())
    before = settings.require_options(ANNA)
    with full_disk():
        with pytest.raises(RigError, match="make room"):
            settings.set_options(ANNA, replace(before, rings=7))
        with store.together() as kept:
            settings.set_options(ANNA, replace(before, rings=8))
        with pytest.raises(RigError, match="make room"):
            kept.wait()
    assert settings.require_options(ANNA) == before
    settings.set_options(ANNA, replace(before, rings=9))
    assert settings.require_options(ANNA).rings == 9
    store.close()


def test_the_number_behind_zero_survives_until_the_inventory_names_another(
    tmp_path: Path,
) -> None:
    def book(site: Site) -> tuple[AliasBook, Directory, MessageStore]:
        store, directory = MessageStore(tmp_path), Directory(site)
        made = AliasBook(directory, store)
        made.restore()
        return made, directory, store

    def transfer(directory: Directory) -> str | None:
        user = directory.user(ANNA)
        assert user is not None
        assert user.mailbox is not None
        return user.mailbox.transfer_on_zero

    aliases, _, store = book(make_site())
    aliases.set_transfer(ANNA, CARL)
    store.close()
    _, directory, store = book(make_site())
    assert transfer(directory) == CARL
    store.close()
    _, directory, store = book(with_mailbox(make_site(), ANNA, transfer_on_zero=BERT))
    assert transfer(directory) == BERT
    store.close()


VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=3, max_size=3)


@given(given_then=VALUES, now=VALUES, given_now=VALUES)
def test_a_field_holds_just_as_long_as_the_inventory_says_the_same(
    given_then: dict[str, Any], now: dict[str, Any], given_now: dict[str, Any]
) -> None:
    kept = changed_fields(changes_text(now, given_then), given_now)
    for name in "abc":
        edited = given_then[name] != given_now[name]
        wanted = given_now[name] if edited or now[name] == given_then[name] else now[name]
        assert {**given_now, **kept}[name] == wanted


def test_a_store_of_an_older_inventory_does_not_invent_fields() -> None:
    assert changed_fields('{"gone": {"given": 1, "now": 2}}', {"rings": 3}) == {}
