"""Time zones of the tables against the zone database: offsets and hours of change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml

from provisioning.resources import templates_dir

YEAR = 2026


def zones(dialect: str) -> dict[str, object]:
    tables = yaml.safe_load((templates_dir() / dialect / "tables.yaml").read_text())
    return dict(tables["time_zones"])


def changes(zone: str) -> list[tuple[datetime, timedelta]]:
    """Each change of a year, in the local time before it, with the offset after it."""
    place, found = ZoneInfo(zone), []
    hour = datetime(YEAR, 1, 1, tzinfo=UTC)
    while hour.year == YEAR:
        before = hour.astimezone(place).utcoffset()
        hour += timedelta(hours=1)
        after = hour.astimezone(place).utcoffset()
        assert before is not None
        assert after is not None
        if before != after:
            found.append(((hour + before).replace(tzinfo=None), after))
    return found


def standard(zone: str) -> timedelta:
    offset = datetime(YEAR, 1, 1, 12, tzinfo=ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset


RULES = [(d, z) for d in ("cisco_flat", "linksys_ata") for z in zones(d)]
POSIX = [(d, z) for d in ("grandstream", "grandstream_p", "grandstream_ht") for z in zones(d)]
WEEKS = [(d, z) for d in ("fanvil_sysconf", "fanvil_text", "fanvil_voip_config") for z in zones(d)]


def moment(month: int, week: int, hour: int) -> datetime:
    """Some Sunday of a month, where the fifth is the last, as POSIX counts."""
    days = [datetime(YEAR, month, 1, hour) + timedelta(days=n) for n in range(31)]  # noqa: DTZ001 - local time, as a rule says it
    sundays = [day for day in days if day.month == month and day.weekday() == 6]
    return sundays[-1] if week == 5 else sundays[week - 1]


@pytest.mark.parametrize(("dialect", "zone"), RULES)
def test_rules_of_cisco(dialect: str, zone: str) -> None:
    word = zones(dialect)[zone]
    assert isinstance(word, dict)
    sign = re.fullmatch(r"GMT(?:([+-])(\d\d):00)?", word["offset"])
    assert sign
    hours = int(sign[2] or 0) * (-1 if sign[1] == "-" else 1)
    assert timedelta(hours=hours) == standard(zone)
    told = re.findall(r"(?:start|end)=(\d+)/(-?\d+)/7/(\d+):0:0", word["rule"])
    weeks = {-1: 5, 1: 1, 8: 2}
    when = [moment(int(month), weeks[int(day)], int(hour)) for month, day, hour in told]
    assert when == [at for at, _ in changes(zone)]


@pytest.mark.parametrize(("dialect", "zone"), POSIX)
def test_rules_of_grandstream(dialect: str, zone: str) -> None:
    word = str(zones(dialect)[zone])
    form = r"[A-Z]+([+-]\d+)[A-Z]+[+-]\d+,M(\d+)\.(\d)\.0(?:/(\d))?,M(\d+)\.(\d)\.0(?:/(\d))?"
    match = re.fullmatch(form, word)
    assert match, word
    assert timedelta(hours=-int(match[1])) == standard(zone)
    when = [
        moment(int(match[2]), int(match[3]), int(match[4] or 2)),
        moment(int(match[5]), int(match[6]), int(match[7] or 2)),
    ]
    assert when == [at for at, _ in changes(zone)]


@pytest.mark.parametrize(("dialect", "zone"), WEEKS)
def test_rules_of_fanvil(dialect: str, zone: str) -> None:
    word = zones(dialect)[zone]
    assert isinstance(word, dict)
    assert timedelta(minutes=15 * int(word["offset"])) == standard(zone)
    when = [
        moment(*(int(word[part][key]) for key in ("month", "week", "hour")))
        for part in ("start", "end")
    ]
    assert when == [at for at, _ in changes(zone)]


@pytest.mark.parametrize("zone", zones("yealink"))
def test_offsets_of_yealink(zone: str) -> None:
    word = zones("yealink")[zone]
    assert isinstance(word, dict)
    assert timedelta(hours=int(word["offset"])) == standard(zone)


@pytest.mark.parametrize("zone", zones("snom"))
def test_offsets_of_snom(zone: str) -> None:
    offset = re.fullmatch(r"[A-Z]{3}([+-]\d)", str(zones("snom")[zone]))
    assert offset
    assert timedelta(hours=int(offset[1])) == standard(zone)
