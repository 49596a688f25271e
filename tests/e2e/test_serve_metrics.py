"""What a monitoring system is told, read by a strict parser; no names, no secrets."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import signal
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime

import pytest
from certificate_kit import issue
from cli_runner import Service, write_site
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from provisioning.errors import RigError
from provisioning.identity import NOBODY
from provisioning.transport import http_access
from provisioning.transport.fetch_log import FetchRecord
from provisioning.transport.metrics import (
    OUTCOMES,
    PROTOCOLS,
    REFUSALS,
    Readings,
    ServeMetrics,
    outcome_of,
)
from provisioning.transport.metrics_port import MetricsPort
from provisioning.transport.reload import Reload
from provisioning.transport.tftp_client import fetch

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def record(transport: str, status: int, octets: int = 0) -> FetchRecord:
    return FetchRecord(
        at=1.0, transport=transport, client=("192.0.2.1", 1), path="/805ec01a2b01.cfg",
        handset="desk", status=status, octets=octets, duration_s=0.0, user_agent="x",
        identity=NOBODY,
    )  # fmt: skip


def read(text: str, families=text_string_to_metric_families) -> dict[tuple, float]:
    """Every sample by name and label values."""
    found: dict[tuple, float] = {}
    for family in families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = ("protocol", "outcome", "reason")
            assert {*sample.labels} <= {*labels}
            key = (sample.name, *(sample.labels[one] for one in labels if one in sample.labels))
            assert key not in found, "twice"
            found[key] = sample.value
    return found


def test_every_status_is_one_of_the_outcomes() -> None:
    expected = {
        ("tftp", 200): "sent", ("tftp", 0): "unfinished", ("tftp", -1): "not_found",
        ("tftp", -2): "refused", ("http", 206): "sent", ("http", 304): "not_modified",
        ("https", 0): "unfinished", ("https", 401): "unauthorised", ("http", 404): "not_found",
        ("http", 201): "taken", ("http", 413): "refused", ("http", 400): "bad_request",
        ("http", 405): "bad_request", ("http", 416): "bad_request", ("http", 500): "failed",
    }  # fmt: skip
    assert {key: outcome_of(record(*key)) for key in expected} == expected
    for status in (*range(-9, 1), *range(100, 600)):
        for transport in PROTOCOLS:
            assert outcome_of(record(transport, status)) in OUTCOMES


def test_a_gate_counts_nothing_that_is_not_told() -> None:
    source = inspect.getsource(http_access)
    counted = set(re.findall(r'self\.counts\["([^"]+)"\]', source)) | {
        "wrong",
        "stale",
        "replayed",
    }
    assert counted == set(REFUSALS)


def test_numbers_follow_what_happens_and_both_strict_parsers_read_them() -> None:
    readings = Readings(
        {"tftp": 1, "http": 2, "https": 3},
        {"http": 4, "https": 5},
        {"foreign certificate": 6, "wrong": 7},
        dropped=8,
        certificate_expires_at=2e9,
        log_lag_s=1.5,
        log_lost=9,
        upload_bytes=10,
    )
    metrics = ServeMetrics(lambda: readings)
    for one in (("http", 200, 100), ("http", 200, 50), ("tftp", -1), ("https", 401)):
        metrics.fetched(record(*one))
    metrics.walked()
    metrics.reloaded(Reload(50.0, "SIGHUP", 0.1))
    metrics.reloaded(Reload(60.0, "SIGHUP", 0.1, ("broken",)))
    text, kind = metrics.written("")
    open_text, open_kind = metrics.written(OPENMETRICS)
    assert kind.startswith("text/plain; version=0.0.4")
    assert open_kind.startswith("application/openmetrics-text")
    found = read(text.decode())
    assert read(open_text.decode(), openmetrics_families).keys() >= {
        key for key in found if key[0].startswith("phonerig_")
    }
    expected = {
        ("phonerig_fetches_total", "http", "sent"): 2,
        ("phonerig_fetches_total", "tftp", "not_found"): 1,
        ("phonerig_fetches_total", "https", "unauthorised"): 1,
        ("phonerig_fetches_total", "https", "sent"): 0,
        ("phonerig_fetch_content_bytes_total", "http"): 150,
        ("phonerig_walk_alarms_total",): 1,
        ("phonerig_reloads_total", "ok"): 1,
        ("phonerig_reloads_total", "failed"): 1,
        ("phonerig_reload_timestamp_seconds", "failed"): 60,
        ("phonerig_refusals_total", "foreign_certificate"): 6,
        ("phonerig_refusals_total", "tftp_limit"): 8,
        ("phonerig_transfers_in_flight", "https"): 3,
        ("phonerig_certificate_expiry_timestamp_seconds",): 2e9,
        ("phonerig_fetch_log_lag_seconds",): 1.5,
        ("phonerig_fetch_log_lost_total",): 9,
        ("phonerig_upload_bytes_total",): 10,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert len(found) < 100


def test_health_names_what_is_wrong() -> None:
    state = {"log_failing": False, "stopping": False, "certificate_expires_at": 100.0}
    metrics = ServeMetrics(lambda: Readings({}, {}, {}, **state))
    assert metrics.health(99.0) == (True, [])
    assert metrics.health(100.0) == (True, ["the certificate has expired"])
    state |= {"log_failing": True, "stopping": True}
    metrics.reloaded(Reload(1.0, "SIGHUP", 0.0, ("x",)))
    serving, problems = metrics.health(1.0)
    assert not serving
    assert problems == ["stopping", "the fetch log cannot be written", "the last reload failed"]


async def test_the_listener_answers_nothing_else() -> None:
    metrics = ServeMetrics(lambda: Readings({}, {}, {}))
    port = MetricsPort(metrics)
    await port.start()
    try:
        for line, status in (
            (b"GET /metrics", b"200"),
            (b"HEAD /healthz", b"200"),
            (b"GET /", b"404"),
            (b"GET /metrics/../805ec01a2b01.cfg", b"404"),
            (b"POST /metrics", b"405"),
        ):
            reader, writer = await asyncio.open_connection(*port.address)
            writer.write(line + b" HTTP/1.0\r\n\r\n")
            got = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            assert got.split(b" ")[1] == status, line
        with pytest.raises(RigError, match="in use"):
            await MetricsPort(metrics, *port.address).start()
    finally:
        await port.close()


def asked(url: str, accept: str = "") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers={"Accept": accept}), timeout=30
        ) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_running_server_tells_its_numbers_and_no_names(tmp_path) -> None:
    site = write_site(tmp_path)
    issue(tmp_path, "localhost", file="server")
    pem = tmp_path / "server.pem"
    words = ("--http-port", "0", "--tftp-port", "0", "--https", "0", "--cert", pem, "--key", pem)
    with Service("serve", site, *words, "--json", "--metrics", "0") as service:
        told = json.loads(service.wait_for('"serving"').string)
        watch = json.loads(service.wait_for('"event": "metrics"').string)["url"]
        assert watch.startswith("http://127.0.0.1:")
        host, port = told["tftp"].removeprefix("tftp://").split(":")
        content = asyncio.run(fetch(host, int(port), "805ec01a2b01.cfg"))
        for name in ("805ec01a2b01.cfg", "805ec01a2b02.cfg", "0a1b2c3d4e5f.cfg", "Geheim-x"):
            asked(f"{told['http']}/{name}?password=Geheim-x")
        for number in range(25):
            asked(f"{told['http']}/0015650000{number:02x}.cfg")
        service.wait_for('"alarm"')
        whole = site.read_text("utf-8")
        site.write_text(whole.replace("model: T46U", "model: Geheim-x", 1))
        service.process.send_signal(signal.SIGHUP)
        service.wait_for('"event": "reload"')
        state, health = asked(f"{watch}/healthz")
        texts = [asked(f"{watch}/metrics", accept)[1] for accept in ("", OPENMETRICS)]
        code, _ = service.stop(signal.SIGTERM)
    found = read(texts[0])
    read(texts[1], openmetrics_families)
    assert code == 0
    assert (state, json.loads(health)) == (
        200,
        {"status": "degraded", "problems": ["the last reload failed"]},
    )
    assert found["phonerig_fetches_total", "tftp", "sent"] == 1
    assert found["phonerig_fetches_total", "http", "sent"] == 2
    assert found["phonerig_fetches_total", "http", "not_found"] == 27
    assert found["phonerig_fetch_content_bytes_total", "tftp"] == len(content)
    assert found["phonerig_walk_alarms_total",] == 1
    assert found["phonerig_reloads_total", "failed"] == 1
    assert found["phonerig_inventory_handsets",] == 2
    ends_at = found["phonerig_certificate_expiry_timestamp_seconds",]
    assert datetime.fromtimestamp(ends_at, UTC) > datetime.now(UTC)
    for text in (*texts, health):
        assert "Geheim" not in text
        assert "desk" not in text
        assert not re.search(r"(?i)805ec01a2b0|00156500|127\.0\.0\.1", text)


def test_a_stopping_server_says_so_while_its_transfers_end(tmp_path) -> None:
    site = write_site(tmp_path)
    ports = ("--http-port", "0", "--tftp-port", "0", "--stop-within", "60")
    with Service("serve", site, *ports, "--json", "--metrics", "0") as service:
        told = json.loads(service.wait_for('"serving"').string)
        watch = json.loads(service.wait_for('"event": "metrics"').string)["url"]
        host, port = told["tftp"].removeprefix("tftp://").split(":")

        async def held() -> str:
            loop = asyncio.get_running_loop()
            there: asyncio.Future[tuple[str, int]] = loop.create_future()

            class Client(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                    if not there.done():
                        there.set_result(addr)

            transport, _ = await loop.create_datagram_endpoint(Client, ("127.0.0.1", 0))
            transport.sendto(b"\0\1805ec01a2b01.cfg\0octet\0", (host, int(port)))
            text = ""
            while ('in_flight{protocol="tftp"} 1.0') not in text:
                text = await asyncio.to_thread(lambda: asked(f"{watch}/metrics")[1])
            service.process.send_signal(signal.SIGTERM)
            status, body = 200, ""
            give_up_at = time.monotonic() + 60
            while status == 200 and time.monotonic() < give_up_at:
                status, body = await asyncio.to_thread(asked, f"{watch}/healthz")
            transport.sendto(b"\0\5\0\0enough\0", await there)
            transport.close()
            assert status == 503
            return body

        assert json.loads(asyncio.run(held()))["status"] == "stopping"
        assert service.process.wait(90) == 0
