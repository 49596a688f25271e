"""The guide on greetings: what callers hear, told by the identifiers in the audio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from owner_kit import Owner, first_heard, greeting_of, registered
from platform_kit import ANNA, CARL, DORA, Phone, make_site
from xsi_kit import Web, running

from rig.errors import UsageError
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.greeting_book import Announcement
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.media.prompt import marker, prompt_pcm
from rig.media.wav import to_wav

pytestmark = pytest.mark.waits

BUSY, UNAVAILABLE = "greeting.busy", "greeting.unavailable"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path, make_site()) as one:
        yield one


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Phone]:
    phone = await registered(platform, ANNA)
    yield phone
    await phone.close()


@pytest.fixture
async def dora(platform: EmbeddedPlatform) -> AsyncIterator[Phone]:
    phone = await registered(platform, DORA)
    yield phone
    await phone.close()


def sound(name: str) -> bytes:
    """A WAV file that can be told apart when it is heard."""
    return to_wav(prompt_pcm(marker(name)))


async def both(anna: Phone, dora: Phone) -> tuple[str, str]:
    """What a caller hears while Anna is busy, and when she does not answer."""
    return await greeting_of(anna, dora, 486), await greeting_of(anna, dora, "ring")


async def test_r3_r41_r42_r43_r44_standard_greetings_first_and_own_ones_instead(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    assert await both(anna, dora) == (BUSY, UNAVAILABLE)
    greetings = platform.self_service.greetings
    for slot in (GreetingSlot.BUSY, GreetingSlot.UNAVAILABLE):
        own = greetings.add(slot.value, sound(slot.value), mailbox=ANNA)
        greetings.assign(ANNA, slot, own)
        greetings.choose(ANNA, slot)
    assert await both(anna, dora) == (marker("busy"), marker("unavailable"))


async def test_r45_two_owners_choose_the_administrators_announcement(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    house = greetings.add("House", sound("house"))
    carl = await registered(platform, CARL)
    for number in (ANNA, CARL):
        greetings.assign(number, GreetingSlot.BUSY, house)
        greetings.choose(number, GreetingSlot.BUSY)
    assert await greeting_of(anna, dora, 486) == marker("house")
    assert await greeting_of(carl, dora, 486) == marker("house")
    await carl.close()


async def test_r46_ones_own_announcement_is_heard_and_is_nobody_elses(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    own = greetings.add("Mine", sound("mine"), mailbox=ANNA)
    with pytest.raises(UsageError, match="no announcement 'Mine' to choose"):
        greetings.assign(CARL, GreetingSlot.BUSY, own)
    greetings.assign(ANNA, GreetingSlot.BUSY, own)
    greetings.choose(ANNA, GreetingSlot.BUSY)
    assert await greeting_of(anna, dora, 486) == marker("mine")


async def test_r47_the_kind_is_chosen_first_and_the_other_kind_stays(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    for slot in (GreetingSlot.BUSY, GreetingSlot.UNAVAILABLE):
        greetings.assign(ANNA, slot, greetings.add(slot.value, sound(slot.value)))
    call = await Owner(anna).log_in()
    await call.press("9")
    await call.hear("portal.settings")
    await call.press("2")  # the kind: busy
    await call.hear("portal.greeting_menu")
    assert greetings.choice(ANNA).busy is None
    await call.press("3")  # use it
    await call.hear("portal.greeting_chosen")
    await call.hang_up()
    assert await both(anna, dora) == (marker("busy"), UNAVAILABLE)


async def test_r48_the_place_for_busy_changes_the_busy_greeting_alone(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    greetings.assign(ANNA, GreetingSlot.BUSY, greetings.add("Engaged", sound("engaged")))
    async with Web(platform, platform.site.users[ANNA]) as web:
        fields = "<busyAnnouncementSelection>Personal</busyAnnouncementSelection>"
        assert (await web.put("VoiceMessaging/Greetings", fields)).status == 200
    assert await both(anna, dora) == (marker("engaged"), UNAVAILABLE)


async def test_r49_four_places_for_unavailable_change_that_greeting_alone(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    places = {
        "Personal": GreetingSlot.UNAVAILABLE,
        "Alternate01": GreetingSlot.ALTERNATE_1,
        "Alternate02": GreetingSlot.ALTERNATE_2,
        "Alternate03": GreetingSlot.ALTERNATE_3,
    }
    for name, slot in places.items():
        greetings.assign(ANNA, slot, greetings.add(name, sound(name)))
    async with Web(platform, platform.site.users[ANNA]) as web:
        for name in (*places, "Default"):
            fields = f"<noAnswerAnnouncementSelection>{name}</noAnswerAnnouncementSelection>"
            assert (await web.put("VoiceMessaging/Greetings", fields)).status == 200
            wanted = UNAVAILABLE if name == "Default" else marker(name)
            assert await greeting_of(anna, dora, "ring") == wanted
        fields = "<noAnswerAnnouncementSelection>Alternate04</noAnswerAnnouncementSelection>"
        assert (await web.put("VoiceMessaging/Greetings", fields)).status == 400
    anna.answer = 486
    assert await first_heard(dora, ANNA) == BUSY


async def test_r50_the_choice_is_the_administrators_and_ones_own_and_holds_once_saved(
    platform: EmbeddedPlatform, anna: Phone, dora: Phone
) -> None:
    greetings = platform.self_service.greetings
    house = greetings.add("House", sound("house"))
    own = greetings.add("Mine", sound("mine"), mailbox=ANNA)
    greetings.add("Theirs", sound("theirs"), mailbox=CARL)
    assert greetings.announcements(ANNA) == (house, own)
    assert greetings.announcements(DORA) == (house,)
    assert house == Announcement("House")
    greetings.assign(ANNA, GreetingSlot.BUSY, own)
    assert await greeting_of(anna, dora, 486) == BUSY  # assigned, and nothing is saved yet
    greetings.choose(ANNA, GreetingSlot.BUSY)
    assert await greeting_of(anna, dora, 486) == marker("mine")
