"""Who is told what by SIP PnP: strangers, liars, walkers and floods are not."""

from __future__ import annotations

from dataclasses import replace

from handset_lab import profiles

from provisioning.address import Mac
from provisioning.identifier import DhcpSeen
from provisioning.secret import Secret
from provisioning.transport.walk_guard import WalkAlarm, WalkGuard, WalkLimits
from rig.pnp.ask import PnpAsk
from rig.pnp.desk import DeskHandset, PnpDesk

ANNA, BERT, OWL = Mac("805ec01a2b01"), Mac("0004131a2b03"), Mac("00908f1a2b04")
URL = "http://192.0.2.1/cfg"
HOST = "192.0.2.50"
ASK = PnpAsk(ANNA, "Yealink", "T46U", "108.86.0.20", (HOST, 5060))


def desk(*, walk_limit: int = 20, alarms: list[WalkAlarm] | None = None, **more) -> PnpDesk:
    known = profiles()
    handsets = [
        DeskHandset(name, mac, known[model])
        for name, mac, model in (
            ("anna", ANNA, "T46U"),
            ("bert", BERT, "D785"),
            ("owl", OWL, "440HD"),
        )
    ]
    guard = WalkGuard(
        WalkLimits(most_macs=walk_limit), (alarms if alarms is not None else []).append
    )
    more.setdefault("url_of", lambda name: Secret(f"{URL}/{name}"))
    return PnpDesk(handsets, known.values(), guard=guard, **more)


def told(found) -> str:
    return "" if found.url is None else found.url.reveal()


def test_a_known_handset_is_told_its_url() -> None:
    found = desk().decide(ASK, HOST, 0.0)
    assert (told(found), found.handset, found.why) == (f"{URL}/anna", "anna", "")


def test_a_stranger_is_told_nothing_unless_the_site_says_so() -> None:
    ask = replace(ASK, mac=Mac("805ec0ffffff"))
    silent = desk().decide(ask, HOST, 0.0)
    assert silent.url is None
    assert "no handset has the MAC 80:5e:c0:ff:ff:ff" in silent.why
    found = desk(strangers_url="https://welcome.example").decide(ask, HOST, 0.0)
    assert (told(found), found.handset) == ("https://welcome.example", "")


def test_a_phone_without_a_mac_is_known_by_what_it_told_dhcp() -> None:
    nameless = PnpAsk(None, "", "440HD", "2.2.2", (HOST, 5060))
    assert desk().decide(nameless, HOST, 0.0).url is None
    found = desk(seen_by_dhcp=lambda host: DhcpSeen(OWL) if host == HOST else None).decide(
        nameless, HOST, 0.0
    )
    assert told(found) == f"{URL}/owl"


def test_who_told_dhcp_another_mac_is_told_nothing() -> None:
    found = desk(seen_by_dhcp=lambda _host: DhcpSeen(BERT), strangers_url="http://x").decide(
        ASK, HOST, 0.0
    )
    assert found.url is None
    assert ANNA.colons in found.why
    assert BERT.colons in found.why


def test_another_vendor_is_a_liar_and_another_model_a_warning() -> None:
    liar = desk().decide(replace(ASK, vendor="snom"), HOST, 0.0)
    assert liar.url is None
    assert "inventory has yealink" in liar.why
    swapped = desk().decide(replace(ASK, model="T42U"), HOST, 0.0)
    assert told(swapped) == f"{URL}/anna"
    assert swapped.why == "says to be a T42U; the inventory has T46U"
    # Snom's own trace has OEM, as Gigaset's: nobody's word.
    oem = PnpAsk(BERT, "OEM", "OEM", "7.1.19", (HOST, 5060))
    assert (told(desk().decide(oem, HOST, 0.0)), desk().decide(oem, HOST, 0.0).why) == (
        f"{URL}/bert",
        "",
    )


def test_who_is_revoked_or_has_a_url_of_its_own_is_told_nothing() -> None:
    revoked = desk(is_revoked=lambda name, _now: name == "anna").decide(ASK, HOST, 0.0)
    assert (revoked.url, revoked.why) == (None, "is revoked")
    own = desk(url_of=lambda _name: None).decide(ASK, HOST, 0.0)
    assert (own.url, own.why) == (None, "has its own URL already")


def test_a_walk_through_macs_is_stopped_with_an_alarm() -> None:
    alarms: list[WalkAlarm] = []
    walked = desk(walk_limit=3, alarms=alarms)
    for number in range(4):
        walked.decide(replace(ASK, mac=Mac(f"805ec0ff000{number}")), HOST, float(number))
    assert [alarm.place for alarm in alarms] == [HOST]
    assert walked.decide(ASK, HOST, 5.0).url is None
    assert walked.decide(ASK, "192.0.2.51", 5.0).url is not None


def test_one_address_cannot_flood_and_does_not_stop_others() -> None:
    asked = desk()
    assert [asked.may_ask(HOST, 0.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert asked.may_ask("192.0.2.51", 0.0)
    assert asked.may_ask(HOST, 2.1)


def test_many_addresses_together_are_bounded_too() -> None:
    asked = desk()
    heard = sum(
        asked.may_ask(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}", 0.0) for n in range(900)
    )
    assert heard == 500


def test_a_new_edition_goes_on_with_the_limits_of_the_old_one() -> None:
    former = desk(walk_limit=1)
    assert all(former.may_ask(HOST, 0.0) for _ in range(10))
    former.decide(replace(ASK, mac=Mac("805ec0ff0001")), HOST, 0.0)
    later = desk(walk_limit=1)
    later.succeed(former)
    assert not later.may_ask(HOST, 0.0)
    assert later.decide(ASK, HOST, 0.0).why == "walks through MAC addresses"
