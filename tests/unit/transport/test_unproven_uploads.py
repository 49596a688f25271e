"""Write requests of who can prove nothing: taken where the files were fetched, else one answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from access_kit import ANNA, BERT, UNKNOWN, AccessLab, access_lab

from provisioning.access_model import ProofKind
from provisioning.address import Mac
from provisioning.transport.unproven_source import UnprovenUploads
from provisioning.transport.upload_area import Refused, UploadArea, UploadRefusedError
from provisioning.transport.walk_guard import WalkLimits

HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def log_name(mac: Mac) -> str:
    """As a Poly phone names its log."""
    return f"{mac.plain}-boot.log"


def uploads(lab: AccessLab, folder: Path) -> UnprovenUploads:
    """An area of both handsets behind the rule."""
    names = {log_name(ANNA): "anna", log_name(BERT): "bert"}
    return UnprovenUploads(UploadArea(folder, names), lab.gate, lambda: lab.now)


def fetched(lab: AccessLab, mac: Mac, host: str = HOME) -> bool:
    """Whether an address gets a handset's file."""
    return lab.ask(f"/{mac.plain}.cfg", host)[0] is not None


def outcome(area: UnprovenUploads, mac: Mac, host: str = HOME) -> str:
    """What a write request for a handset's log comes to."""
    try:
        upload = area.open(log_name(mac), host)
    except UploadRefusedError as error:
        return f"{error.why.name}: {error}"
    upload.discard()
    return upload.handset


def test_a_log_is_taken_where_its_handset_has_fetched_and_nowhere_else(tmp_path):
    lab = access_lab()
    area = uploads(lab, tmp_path)
    stranger = outcome(area, UNKNOWN)
    assert stranger.startswith(f"{Refused.NAME.name}: ")
    assert outcome(area, ANNA) == stranger
    assert lab.gate.counts == {"refused": 2}
    assert fetched(lab, ANNA)
    assert outcome(area, ANNA) == "anna"
    assert lab.gate.counts == {"refused": 2}
    assert outcome(area, BERT) == stranger, "another handset's log"
    assert outcome(area, ANNA, ELSEWHERE) == stranger, "another address"
    assert outcome(area, UNKNOWN) == stranger
    assert not (tmp_path / "bert").exists()


def test_who_has_fetched_may_put_over_a_reload_too(tmp_path):
    old, new = access_lab(), access_lab()
    assert fetched(old, ANNA)
    area = uploads(new, tmp_path)
    assert outcome(area, ANNA) == outcome(area, UNKNOWN)
    new.gate.succeed(old.gate)
    assert outcome(area, ANNA) == "anna"
    assert outcome(area, BERT) == outcome(area, UNKNOWN)


def test_a_refused_write_request_makes_no_folder(tmp_path):
    lab = access_lab()
    area = uploads(lab, tmp_path)
    outcome(area, ANNA)
    assert list(tmp_path.iterdir()) == []


def test_whoever_tries_names_walks_and_is_stopped(tmp_path):
    lab = access_lab(limits=WalkLimits(most_macs=5))
    area = uploads(lab, tmp_path)
    answers = {outcome(area, Mac(f"0015650000{number:02x}"), ELSEWHERE) for number in range(10)}
    assert len(answers) == 1
    assert len(lab.alarms) == 1
    assert not fetched(lab, ANNA, ELSEWHERE), "a walker gets no file"
    assert {outcome(area, ANNA, ELSEWHERE)} == answers
    assert fetched(lab, ANNA), "others go on"
    assert outcome(area, ANNA) == "anna"


def test_a_revoked_handset_puts_nothing(tmp_path):
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    lab = access_lab(revoked=revoked)
    area = uploads(lab, tmp_path / "up")
    assert fetched(lab, ANNA)
    assert outcome(area, ANNA) == "anna"
    revoked.write_text("anna\n")
    lab.now += 10
    assert outcome(area, ANNA) == outcome(area, UNKNOWN)


@pytest.mark.parametrize("proof", ProofKind)
def test_where_proof_is_asked_for_nothing_is_taken(proof, tmp_path):
    lab = access_lab(proof, folder=tmp_path)
    area = uploads(lab, tmp_path / "up")
    assert not fetched(lab, ANNA)
    lab.gate._guard.proven(HOME, ANNA.plain, lab.now)  # as over HTTPS, from the same address
    assert outcome(area, ANNA) == outcome(area, UNKNOWN)
