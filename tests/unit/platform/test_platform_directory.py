"""Numbers, aliases and entitlement."""

from __future__ import annotations

from dataclasses import replace

import pytest
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, make_site, make_user, with_user

from provisioning.intent import MwiMode
from provisioning.inventory_model import (
    AccountRef,
    Forward,
    ForwardPlace,
    MailboxSettings,
    UserForwarding,
)
from provisioning.secret import Secret
from rig.errors import UsageError
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.directory import (
    Directory,
    OutsideTarget,
    PortalTarget,
    UserTarget,
    Watch,
    WatchChange,
)
from rig.mailbox_platform.embedded.settings import Settings


@pytest.fixture
def directory() -> Directory:
    return Directory(make_site())


@pytest.mark.parametrize(
    "dialled",
    ["+493023125101", "03023125101", "004930231251 01", "101", "u101", "%2B493023125101",
     "030-23125-101", "+493023125101;phone-context=x"],
)  # fmt: skip
def test_every_spelling_of_a_number_finds_the_user(directory: Directory, dialled: str) -> None:
    target = directory.resolve(dialled)
    assert isinstance(target, UserTarget)
    assert target.user.number == ANNA


@pytest.mark.parametrize("dialled", [PORTAL, "03023125199", "030 23125-199"])
def test_voice_portal_in_every_spelling(directory: Directory, dialled: str) -> None:
    assert directory.resolve(dialled) == PortalTarget(PORTAL)


def test_feature_code_as_voice_portal() -> None:
    directory = Directory(replace(make_site(), voice_portal_number="*62"))
    assert directory.resolve("*62") == PortalTarget("*62")
    assert directory.resolve("%2A62") == PortalTarget("*62")


@pytest.mark.parametrize(
    ("dialled", "number"),
    [("0891234567", "+49891234567"), ("nobody", "nobody"), ("999", "999"), ("", "")],
)
def test_what_the_site_does_not_have(directory: Directory, dialled: str, number: str) -> None:
    assert directory.resolve(dialled) == OutsideTarget(number)


def test_own_mailbox_and_alias_may_be_watched(directory: Directory) -> None:
    anna, bert = directory.user(ANNA), directory.user(BERT)
    assert anna is not None
    assert bert is not None
    mailbox = Watch(ANNA, "sip:u101@pbx.example")
    assert directory.watch(anna, "u101") == mailbox
    assert directory.watch(anna, "") == mailbox
    assert directory.watch(bert, "u101") == mailbox
    assert directory.watch(bert, "u102") == mailbox


def test_other_peoples_mailboxes_and_missing_ones_are_the_same(directory: Directory) -> None:
    carl, bert, dora = directory.user(CARL), directory.user(BERT), directory.user(DORA)
    assert carl is not None
    assert bert is not None
    assert dora is not None
    for requester, target in [(carl, "u101"), (bert, "u103"), (carl, "u102"), (carl, "nobody")]:
        assert directory.watch(requester, target) is None
    for target in ("u104", "nobody", "", "u101"):
        assert directory.watch(dora, target) is None
    assert directory.own_watch(dora) is None


def test_a_lamp_that_also_shows_a_group_mailbox() -> None:
    site = make_site()
    anna = replace(site.users[ANNA], mailbox=MailboxSettings(Secret("1"), also_shows=(CARL, DORA)))
    directory = Directory(with_user(site, anna))
    anna_now, carl = directory.user(ANNA), directory.user(CARL)
    assert anna_now is not None
    assert carl is not None
    both = Watch(ANNA, "sip:u101@pbx.example", also=(CARL,))  # Dora has no mailbox
    assert directory.watch(anna_now, "") == both
    assert both.mailboxes == (ANNA, CARL)
    assert directory.watch(anna_now, "u103") == Watch(CARL, "sip:u103@pbx.example")
    assert directory.watch(anna_now, "u104") is None
    assert directory.watch(carl, "u101") is None


def test_an_account_that_watches_a_group_mailbox_may() -> None:
    site = make_site()
    *others, dora = site.handsets
    watching = replace(dora, accounts=(AccountRef(DORA, mailbox=CARL),))
    directory = Directory(replace(site, handsets=(*others, watching)))
    dora_user, bert = directory.user(DORA), directory.user(BERT)
    assert dora_user is not None
    assert bert is not None
    carls = Watch(CARL, "sip:u103@pbx.example")
    for target in ("u103", "u104", "", PORTAL):
        assert directory.watch(dora_user, target) == carls
    assert directory.watch(dora_user, "u101") is None
    assert directory.watch(bert, "u103") is None


def test_the_portals_number_means_the_own_mailbox(directory: Directory) -> None:
    anna, dora = directory.user(ANNA), directory.user(DORA)
    assert anna is not None
    assert dora is not None
    assert directory.watch(anna, PORTAL) == Watch(ANNA, "sip:u101@pbx.example")
    assert directory.watch(dora, PORTAL) is None


def test_who_subscribes_and_who_is_told_unasked() -> None:
    site = make_site()
    anna, bert, *others = site.handsets
    refs = [AccountRef(ANNA, mwi=MwiMode.SUBSCRIBE, mwi_unasked=True)]
    both = replace(anna, accounts=tuple(refs))
    off = replace(bert, accounts=(AccountRef(BERT, mwi=MwiMode.OFF),))
    directory = Directory(replace(site, handsets=(both, off, *others)))
    asks = {n: directory.may_subscribe(n) for n in (ANNA, BERT, CARL, DORA, "+491")}
    assert asks == {ANNA: True, BERT: False, CARL: False, DORA: True, "+491": True}
    told = {n: directory.wants_unsolicited(n) for n in (ANNA, BERT, CARL, DORA)}
    assert told == {ANNA: True, BERT: False, CARL: True, DORA: False}


def test_a_lost_alias_is_news_for_those_who_are_told_unasked() -> None:
    directory = Directory(make_site())
    news: list[tuple[str, tuple[WatchChange, ...]]] = []
    directory.on_entitlement = lambda mailbox, changes: news.append((mailbox, changes))
    bert = directory.user(BERT)
    assert bert is not None
    directory.change_mailbox(ANNA, transfer_on_zero="123")
    assert news == []
    directory.change_mailbox(ANNA, aliases=())
    directory.change_mailbox(ANNA, aliases=(BERT, DORA))
    assert news == [
        (ANNA, (WatchChange(bert, None),)),
        (ANNA, (WatchChange(bert, Watch(ANNA, "sip:u101@pbx.example")),)),
    ]


def test_alias_of_two_mailboxes_means_neither_by_own_aor() -> None:
    site = make_site()
    carl = replace(site.users[CARL], mailbox=MailboxSettings(Secret("246802"), aliases=(BERT,)))
    directory = Directory(with_user(site, carl))
    bert = directory.user(BERT)
    assert bert is not None
    assert directory.watch(bert, "u102") is None
    assert directory.watch(bert, "u103") == Watch(CARL, "sip:u103@pbx.example")


def test_alias_written_as_extension() -> None:
    site = make_site()
    anna = replace(site.users[ANNA], mailbox=MailboxSettings(Secret("135791"), aliases=("104",)))
    directory = Directory(with_user(site, anna))
    assert directory.mailboxes_with_alias(DORA) == [ANNA]


def test_unsolicited_watchers_include_the_alias(directory: Directory) -> None:
    assert [u.number for u in directory.unsolicited_watchers(ANNA)] == [BERT]
    assert [u.number for u in directory.unsolicited_watchers(CARL)] == [CARL]


def test_shared_sip_user_is_refused() -> None:
    site = make_site()
    twin = replace(make_user("+493023125105", "Twin"), sip_user="u101")
    with pytest.raises(UsageError, match="u101"):
        Directory(with_user(site, twin))


def test_settings_start_as_the_inventory_says_and_leave_handset_forwarding_out() -> None:
    site = make_site()
    dora = replace(
        site.users[DORA],
        services=UserForwarding(
            always=Forward(ANNA), busy=Forward(CARL, at=ForwardPlace.HANDSET), do_not_disturb=True
        ),
    )
    settings = Settings(with_user(site, dora))
    services = settings.services(DORA)
    assert services.always == ForwardRule(active=True, target=ANNA, rings=0)
    assert not services.busy.active
    assert services.do_not_disturb
    assert settings.options(DORA) is None
    assert settings.options(ANNA) == MailboxOptions(rings=2)
    assert settings.mwi_enabled(ANNA)
    assert not settings.mwi_enabled(DORA)


@pytest.mark.parametrize("rings", [-1, 1, 21])
def test_ring_counts_that_are_not_offered(rings: int) -> None:
    settings = Settings(make_site())
    with pytest.raises(UsageError, match="rings"):
        settings.set_options(ANNA, MailboxOptions(rings=rings))
    with pytest.raises(UsageError, match="rings"):
        settings.set_services(
            ANNA, UserServices(no_answer=ForwardRule(active=True, target=CARL, rings=rings))
        )
    assert settings.options(ANNA) == MailboxOptions(rings=2)


def test_settings_of_nobody_and_forwarding_to_nowhere() -> None:
    settings = Settings(make_site())
    with pytest.raises(UsageError, match="no mailbox"):
        settings.set_options(DORA, MailboxOptions())
    with pytest.raises(UsageError, match="no user"):
        settings.set_services("+491", UserServices())
    with pytest.raises(UsageError, match="no target"):
        settings.set_services(ANNA, UserServices(always=ForwardRule(active=True)))
