"""The oracle of fetches: every rule once where it must speak and once, close to it, where not."""

from __future__ import annotations

import json
from dataclasses import replace
from string import Formatter

import pytest

from rig.errors import UsageError
from rig.verdict.oracles.fetch import Fetch
from rig.verdict.oracles.fetch_finding import fetch_rules
from rig.verdict.oracles.fetch_lines import read_lines
from rig.verdict.oracles.fetches import MOST_BOOTS, MOST_MACS, PAUSE_S, FetchOracle

MAC = "805ec01a2b01"
AGENT = "Yealink SIP-T46U 108.86.0.1 80:5e:c0:1a:2b:01"
PHONE = ("10.0.0.7", 40000)


def get(path, status=200, *, after=0.1, **more):
    """One request, that long after the one before."""
    made = Fetch(at=after, transport="http", client=PHONE, path=path, status=status, octets=9)
    return replace(made, user_agent=more.pop("user_agent", AGENT), **more)


def rrq(**more):
    """One TFTP transfer of 1024 octets that went well."""
    base = {
        "transport": "tftp",
        "user_agent": "",
        "octets": 1024,
        "blksize": 512,
        "last_block": 0,
        "longest_block": 512,
    }
    return get(f"{MAC}.cfg", **(base | more))


def judged(*fetches, names=()):
    """Names of the rules that fired, each once, in order."""
    oracle, at, found = FetchOracle(names), 0.0, []
    for number, fetch in enumerate(fetches, 1):
        at += fetch.at
        found += oracle.feed(replace(fetch, at=at, number=number))
    found += oracle.close()
    for finding in found:
        assert finding.sentence("en") != finding.sentence("de")
        assert finding.remedy("en") != finding.remedy("de")
        assert finding.fetches[0].number
    return list(dict.fromkeys(finding.rule.name for finding in found))


OWN, COMMON, BOOT = get(f"/{MAC}.cfg"), get("/y000000000108.cfg"), get(f"/{MAC}.boot", 404)
LOCAL = get(f"/{MAC}-local.cfg", 404)
HEALTHY = (BOOT, get("/y000000000000.boot", 404), COMMON, OWN, LOCAL)
COLONS = get("/80:5e:c0:1a:2b:01.cfg", 404)
LED_AWAY = get(f"/{MAC}-local.cfg", 302)
NEIGHBOUR = "/805ec01a2b99.cfg"

FIRES = {
    "mac-with-separators": (COLONS, COMMON),
    "name-case": (
        COMMON,
        get(f"/{MAC.upper()}.cfg", after=60.0),
        get(f"/{MAC}.cfg", 404, after=60),
    ),
    "placeholder-in-name": (get("/%7Bmac%7D.cfg", 404), COMMON),
    "nothing-served": (BOOT, get(f"/{MAC}.cfg", 404), get("/y000000000108.cfg", 404)),
    "not-given": (BOOT, get(f"/{MAC}.cfg", 403)),
    "web-page-for-file": (get(f"/{MAC}.cfg", media_type="text/html"),),
    "own-file-missing": (COMMON, get(f"/{MAC}.cfg", 404), LOCAL),
    "shared-refused": (get("/y000000000108.cfg", 403), OWN),
    "boot-file-alone": (get(f"/{MAC}.boot"),),
    "percent-twice": (get("/Haus%2520A/x.cfg", 404), OWN),
    "boot-loop": HEALTHY[2:4] * (MOST_BOOTS + 1),
    "zero-mac-answered": (get("/000000000000.cfg", handset="anna"),),
    "somebody-elses-file": (get(NEIGHBOUR),),
    "addresses-tried": tuple(
        get(f"/805ec01a2b{n:02x}.cfg", 404, user_agent="curl") for n in range(MOST_MACS + 1)
    ),
    "options-not-asked": (rrq(acknowledged=(("blksize", "512"),)),),
    "blksize-raised": (rrq(asked=(("blksize", "512"),), acknowledged=(("blksize", "1428"),)),),
    "block-too-long": (rrq(longest_block=1428),),
    "no-last-block": (rrq(status=0, last_block=512, repeats=3),),
    "size-differs": (get(f"/{MAC}.cfg", announced=2000, octets=1900),),
    "server-error": (get(f"/{MAC}.cfg", 503),),
    "client-abort": (rrq(status=-8, ended_by_client=True),),
    "broken-off": (rrq(status=0, last_block=512, octets=512),),
    "never-answered": (rrq(status=0, octets=0, last_block=None, answered=False),),
    "not-let-in": (get(f"/{MAC}.cfg", 401), get("/y000000000108.cfg", 401)),
    "block-numbered-again": (rrq(status=0, last_block=512, octets=512, other_content=1),),
    "redirected": (COMMON, get(f"/{MAC}.cfg", 302), get("/login.html", user_agent=AGENT)),
}

SILENT = {
    "mac-with-separators": (get("/80:5e:c0:1a:2b:01.cfg", 404), OWN),
    "name-case": (get(f"/{MAC.upper()}.cfg", 404), OWN, COMMON),
    "placeholder-in-name": (get("/{office}.cfg", 404), OWN),
    "nothing-served": (BOOT, COMMON, OWN),
    "not-given": (COMMON, get(f"/{MAC}-local.cfg", 403), OWN),
    "web-page-for-file": (
        get(f"/{MAC}.cfg", media_type="text/plain"),
        get("/help.html", media_type="text/html"),
    ),
    "own-file-missing": HEALTHY,
    "shared-refused": (get("/y000000000108.cfg", 404), OWN),
    "boot-file-alone": (get(f"/{MAC}.boot"), OWN),
    "percent-twice": (get("/Haus%20A/x.cfg", 404), OWN),
    "boot-loop": HEALTHY[2:4] * MOST_BOOTS,
    "zero-mac-answered": (get("/000000000000.cfg"), OWN, get("/y000000000000.boot")),
    "somebody-elses-file": (get(f"/cfg{MAC}.xml"),),
    "addresses-tried": tuple(
        get(f"/805ec01a2b{n:02x}.cfg", user_agent=f"Phone {n}") for n in range(MOST_MACS)
    ),
    "options-not-asked": (
        rrq(asked=(("blksize", "512"), ("tsize", "0")), acknowledged=(("blksize", "512"),)),
    ),
    "blksize-raised": (
        rrq(asked=(("blksize", "1428"),), acknowledged=(("blksize", "512"),), last_block=0),
    ),
    "block-too-long": (rrq(blksize=1428, longest_block=1428),),
    "no-last-block": (rrq(last_block=0, repeats=3),),
    "size-differs": (
        get(f"/{MAC}.cfg", announced=9),
        get("/y000000000108.cfg", 206, announced=2000),
    ),
    "server-error": (get(f"/{MAC}-local.cfg", 404), OWN),
    "client-abort": (rrq(status=-1, octets=0, last_block=None, user_agent=AGENT), OWN),
    "broken-off": (rrq(),),
    "never-answered": (rrq(status=-1, octets=0, last_block=None, user_agent=AGENT), OWN),
    "not-let-in": (get(f"/{MAC}.cfg", 401), OWN),
    "block-numbered-again": (rrq(other_content=1),),
    "redirected": (COMMON, get(f"/{MAC}.cfg", 301), get(f"/new/{MAC}.cfg"), LED_AWAY),
}


@pytest.mark.parametrize("rule", list(fetch_rules()))
def test_a_rule_speaks_where_it_must_and_is_silent_close_to_it(rule):
    assert judged(*FIRES[rule]) == [rule]
    assert judged(*SILENT[rule]) == []


def test_both_languages_of_every_rule_tell_the_same_facts():
    def names(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for rule in fetch_rules().values():
        assert names(rule.sentence.en) == names(rule.sentence.de), rule.name
        assert names(rule.remedy.en) == names(rule.remedy.de), rule.name


def test_names_that_the_server_is_known_to_have_count_too():
    fetches = (COMMON, get(f"/{MAC}.cfg", 404))
    assert judged(*fetches, names=[f"{MAC.upper()}.cfg"]) == ["name-case"]
    assert judged(*fetches, names=["other.cfg"]) == ["own-file-missing"]


def test_a_boot_ends_by_a_pause_and_is_judged_then():
    oracle = FetchOracle()
    assert not oracle.feed(get(f"/{MAC}.cfg", 404, after=0.0))
    late = get("/elsewhere", after=PAUSE_S + 1, client=("10.0.0.8", 1), user_agent="other")
    assert [f.rule.name for f in oracle.feed(late)] == ["nothing-served"]


def test_phones_behind_one_address_are_not_taken_for_one_that_boots_again():
    fetches = [
        get(path, user_agent="", client=(PHONE[0], n))
        for n in range(9)
        for path in ("/y000000000108.cfg", f"/805ec01a2b{n:02x}.cfg")
    ]
    assert judged(*fetches) == []


def test_memory_stays_bounded_whatever_comes():
    oracle = FetchOracle()
    for n in range(30_000):
        client = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 1)
        oracle.feed(get(f"/f{n}", after=n * 0.0001, client=client, user_agent=""))
    assert len(oracle._clients) <= 20_000
    assert len(oracle._boots) <= 20_000
    assert len(oracle._names) <= 50_000


JSON_LINE = {
    "at": 5.0,
    "event": "fetch",
    "transport": "tftp",
    "client": "10.0.0.7:4000",
    "path": f"{MAC}.cfg",
    "handset": "anna",
    "status": 200,
    "octets": 7,
    "user_agent": "",
}


def test_a_web_servers_log_tells_no_secret_of_its_paths():
    line = (
        '10.0.0.7 - - [30/Nov/2026:00:00:02 +0100] "GET /cfg/mfrggzdfmztwq2lknnwg23tpoa/'
        f'{MAC}.cfg?mac={MAC}&password=geheim HTTP/1.1" 200 12 "-" "Snom"'
    )
    (fetch,) = read_lines([line], "log")
    assert fetch.path == f"/cfg/***/{MAC}.cfg?mac={MAC}&password=***"


def test_lines_of_the_own_server_and_of_web_servers_are_read():
    combined = (
        '10.0.0.7 - - [30/Nov/2026:00:00:02 +0100] "GET /a.cfg?x=1 HTTP/1.1" 404 12 "-" "Snom"'
    )
    lines = [
        json.dumps({"at": 1, "event": "serving"}),
        json.dumps(JSON_LINE),
        "",
        combined,
        combined.replace("GET", "PUT"),
    ]
    first, second = read_lines(lines, "log")
    assert first == Fetch(
        at=5.0,
        transport="tftp",
        client=("10.0.0.7", 4000),
        path=f"{MAC}.cfg",
        status=200,
        octets=7,
        handset="anna",
        number=2,
    )
    assert (second.path, second.status, second.user_agent, second.number) == (
        "/a.cfg?x=1",
        404,
        "Snom",
        4,
    )
    assert second.at == 1795993202.0


@pytest.mark.parametrize(
    "line",
    [
        "Nov 30 kernel: hello",
        "{",
        json.dumps(JSON_LINE | {"status": "200"}),
        json.dumps(JSON_LINE | {"at": True}),
        '1 - - [32/Nov/2026:00:00:02 +0100] "GET / HTTP/1.1" 404 1',
        "x" * 70_000,
        "[" * 50,
        '{"a":' * 20_000,
    ],
)
def test_another_line_is_refused_with_its_number(line):
    with pytest.raises(UsageError, match=r"^log:2: "):
        list(read_lines(["", line], "log"))
