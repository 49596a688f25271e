"""An upload area takes exact names into folders of their own, within a quota, and no others."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from provisioning.address import Mac
from provisioning.device_profile import load_profiles
from provisioning.errors import RigError
from provisioning.resources import device_profiles_dir
from provisioning.transport.upload_area import (
    Refused,
    UploadArea,
    UploadQuota,
    UploadRefusedError,
    upload_names,
)

NAMES = {"0004f2000001-boot.log": "anna", "0004f2000002-boot.log": "bert", "logs/c.log": "carl"}
HOST = "192.0.2.7"


def put(area: UploadArea, name: str, octets: bytes, host: str = HOST) -> Path:
    upload = area.open(name, host)
    upload.write(octets)
    return upload.commit()


def why(area: UploadArea, name: str, octets: bytes = b"x", host: str = HOST) -> Refused:
    with pytest.raises(UploadRefusedError) as caught:
        put(area, name, octets, host)
    return caught.value.why


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_file_lies_in_the_folder_of_its_handset_and_address(tmp_path: Path) -> None:
    area = UploadArea(tmp_path / "up", NAMES)
    place = put(area, "/0004f2000001-boot.log", b"first")
    assert place == tmp_path / "up/anna/192.0.2.7/0004f2000001-boot.log"
    put(area, "logs/c.log", b"c", "fe80::1%2")
    assert files(tmp_path / "up") == {
        "anna/192.0.2.7/0004f2000001-boot.log": b"first",
        "carl/fe80__1_2/logs/c.log": b"c",
    }
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_the_same_address_replaces_its_file_and_another_address_does_not(tmp_path: Path) -> None:
    area = UploadArea(tmp_path, NAMES)
    put(area, "0004f2000001-boot.log", b"first")
    put(area, "0004f2000001-boot.log", b"second, longer")
    put(area, "0004f2000001-boot.log", b"forged", "192.0.2.66")
    assert files(tmp_path) == {
        "anna/192.0.2.7/0004f2000001-boot.log": b"second, longer",
        "anna/192.0.2.66/0004f2000001-boot.log": b"forged",
    }
    assert area.used_bytes == len(b"second, longer") + len(b"forged")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "0004f2000003-boot.log",
        "0004f2000001-app.log",
        "0004F2000001-boot.log",
        "../0004f2000001-boot.log",
        "bert/../0004f2000001-boot.log",
        "..%2f0004f2000001-boot.log",
        "0004f2000001-boot.log/x",
        "0004f2000001-boot.log%00",
        "0004f2000001-boot.log\\..\\x",
        "logs",
        "logs/../logs/c.log",
    ],
)
def test_a_name_that_nobody_asked_for_leaves_nothing(tmp_path: Path, name: str) -> None:
    area = UploadArea(tmp_path, NAMES)
    assert why(area, name) is Refused.NAME
    assert list(tmp_path.iterdir()) == []


def test_no_table_of_names_can_lead_out_of_the_folder(tmp_path: Path) -> None:
    for names in ({"../x": "anna"}, {"x": ".."}, {"x": "a/b"}, {".x": "anna"}, {"x//y": "anna"}):
        with pytest.raises(ValueError, match="a plain name is needed"):
            UploadArea(tmp_path, names)


def test_every_quota_ends_an_upload_and_nothing_of_it_stays(tmp_path: Path) -> None:
    quota = UploadQuota(file_bytes=100, folder_bytes=250, folders_per_handset=2, area_bytes=400)
    names = {f"{number}.log": "anna" for number in range(9)} | {"b.log": "bert"}
    area = UploadArea(tmp_path, names, quota)
    assert why(area, "0.log", bytes(101)) is Refused.QUOTA
    assert files(tmp_path) == {}
    for number in range(2):
        put(area, f"{number}.log", bytes(100))
    assert why(area, "2.log", bytes(51)) is Refused.QUOTA
    put(area, "2.log", bytes(50))
    assert why(area, "3.log") is Refused.QUOTA
    put(area, "0.log", bytes(100), "192.0.2.8")
    assert why(area, "0.log", b"x", "192.0.2.9") is Refused.QUOTA, "a third address"
    assert why(area, "b.log", bytes(51)) is Refused.QUOTA, "the whole area"
    assert area.used_bytes == sum(map(len, files(tmp_path).values())) == 350


def test_uploads_at_the_same_time_share_the_quota(tmp_path: Path) -> None:
    area = UploadArea(tmp_path, NAMES, UploadQuota(folder_bytes=150))
    first, second = (area.open("0004f2000001-boot.log", HOST) for _ in range(2))
    first.write(bytes(100))
    assert second.room == 50
    with pytest.raises(UploadRefusedError):
        second.write(bytes(51))
    second.discard()
    first.discard()
    assert area.used_bytes == 0
    assert files(tmp_path) == {}


def test_a_restart_counts_what_is_there_and_drops_what_was_half_written(tmp_path: Path) -> None:
    area = UploadArea(tmp_path, NAMES, UploadQuota(folder_bytes=100))
    put(area, "0004f2000001-boot.log", bytes(80))
    area.open("0004f2000001-boot.log", HOST).write(b"half")
    again = UploadArea(tmp_path, NAMES, UploadQuota(folder_bytes=100))
    assert again.used_bytes == 80
    assert files(tmp_path) == {"anna/192.0.2.7/0004f2000001-boot.log": bytes(80)}
    assert why(again, "0004f2000001-boot.log", bytes(21)) is Refused.QUOTA


def test_a_disk_that_refuses_is_said_plainly(tmp_path: Path) -> None:
    area = UploadArea(tmp_path / "up", NAMES)
    (tmp_path / "up").rmdir()
    (tmp_path / "up").write_text("a file in its place")
    assert why(area, "0004f2000001-boot.log") is Refused.DISK
    with pytest.raises(RigError, match="choose a folder that can be written"):
        UploadArea(tmp_path / "up", NAMES)


def test_a_profile_asks_for_names_with_the_handsets_own_mac() -> None:
    profiles = load_profiles(device_profiles_dir())
    asking = {name for name, profile in profiles.items() if profile.boot.uploads}
    assert asking == {name for name, profile in profiles.items() if profile.vendor == "poly"}
    mac = Mac.parse("00:04:f2:00:00:01")
    names = upload_names([("anna", mac, profiles[min(asking)])])
    assert names == {"0004f2000001-boot.log": "anna", "0004f2000001-app.log": "anna"}
