"""The verbs that serve, together as a user starts them: server, platform and handset."""

from __future__ import annotations

import json
import signal
import socket
import urllib.error
import urllib.request

import pytest
from cli_runner import Service, error_lines, run_cli, write_site
from scapy.layers.dhcp import BOOTP, DHCP


@pytest.fixture
def taken_tcp():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.fixture
def taken_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_serve_shows_each_fetch_and_stops_in_good_order(tmp_path, by):
    site = write_site(tmp_path)
    with Service("serve", site, "--http-port", "0", "--tftp-port", "0") as service:
        base = service.wait_for(r"http://127\.0\.0\.1:\d+")[0]
        with urllib.request.urlopen(f"{base}/805ec01a2b01.cfg", timeout=10) as answer:
            assert b"anna" in answer.read()
        assert service.wait_for(r"/805ec01a2b01\.cfg handset=desk status=200")
        hostile = urllib.request.Request(
            f"{base}/nothing.cfg", headers={"User-Agent": "x\x9b31m[red]"}
        )
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(hostile, timeout=10)
        refused = service.wait_for(r"/nothing\.cfg").string
        assert "\x9b" not in refused
        assert "[red]" in refused
        code, complaints = service.stop(by)
        assert (code, complaints) == (0, "")
        assert service.lines[-1].endswith("stopped")


def test_serve_as_json_is_one_object_per_line(tmp_path):
    site = write_site(tmp_path)
    with Service("serve", site, "--http-port", "0", "--tftp-port", "0", "--json") as service:
        base = json.loads(service.wait_for('"serving"').string)["http"]
        urllib.request.urlopen(f"{base}/805ec01a2b02.cfg", timeout=10).close()
        fetch = json.loads(service.wait_for('"fetch"').string)
        assert (fetch["handset"], fetch["status"]) == ("hall", 200)
        assert service.stop()[0] == 0
        assert [json.loads(line)["event"] for line in service.lines][-1] == "stopped"


def test_serve_says_whose_a_fetch_was_and_warns_of_a_mismatch(tmp_path):
    site = write_site(tmp_path)
    request = BOOTP(chaddr=bytes.fromhex("805ec01a2b01"), ciaddr="127.0.0.1") / DHCP(
        options=[("message-type", "request"), ("vendor_class_id", b"yealink"), "end"]
    )
    ports = ("--http-port", "0", "--tftp-port", "0", "--dhcp-port", "0")
    with Service("serve", site, *ports, "--dhcp-host", "127.0.0.1", "--json") as service:
        base = json.loads(service.wait_for('"serving"').string)["http"]
        host, port = json.loads(service.wait_for('"dhcp"').string)["address"].split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.sendto(bytes(request), (host, int(port)))
        for agent in ("", "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 x)"):
            fetch = urllib.request.Request(f"{base}/805ec01a2b01.cfg")
            fetch.add_header("User-Agent", agent)
            urllib.request.urlopen(fetch, timeout=10).close()
        told = json.loads(service.wait_for("two_macs").string)["identity"]
        assert (told["handset"], told["mac"]) == ("desk", "80:5e:c0:1a:2b:01")
        assert "T46U" in told["models"]
        mismatch = json.loads(service.wait_for('"mismatch"').string)
        assert "the User-Agent is that of a D785" in mismatch["evidence"]
        assert service.stop()[0] == 0


def test_a_handset_boots_registers_and_leaves(tmp_path):
    site = write_site(tmp_path)
    with (
        Service("platform", "run", site, "--port", "0", "--store", tmp_path / "store") as platform,
        Service("serve", site, "--http-port", "0", "--tftp-port", "0") as server,
    ):
        registrar = platform.wait_for(r"proxy (127\.0\.0\.1:\d+)")[1]
        url = server.wait_for(r"tftp://127\.0\.0\.1:\d+")[0]
        where = ("--registrar", registrar, "--url", url)
        with Service("handset", "run", site, "desk", *where) as handset:
            assert handset.wait_for(r"fetched .*805ec01a2b01\.cfg; registered anna@probe\.example")
            assert platform.wait_for(r"\+493023125101 registered at sip:anna@127\.0\.0\.1:")
            assert platform.wait_for("1 message-summary subscription")
            assert handset.stop()[0] == 0
        assert platform.wait_for(r"\+493023125101 not registered any more")
        assert server.stop()[0] == 0
        code, complaints = platform.stop(signal.SIGTERM)
        assert (code, complaints) == (0, "")
    assert "quitte" not in "".join(platform.lines)
    assert (tmp_path / "store" / "messages.sqlite").exists()


def test_platform_introduces_itself_and_shows_secrets_only_when_asked(tmp_path):
    site = write_site(tmp_path)
    with Service("platform", "run", site, "--port", "0", "--json") as service:
        shown = json.loads(service.wait_for('"serving"').string)
        service.stop()
    assert shown["voice_portal"] == "+493023125900"
    assert [user["number"] for user in shown["users"]] == ["+493023125101", "+493023125102"]
    assert "password" not in shown["users"][0]
    with Service("platform", "run", site, "--port", "0", "--show-secrets") as service:
        service.wait_for("voice portal")
        service.stop()
    assert "quitte-4711-anna" in "\n".join(service.lines)


def test_ports_in_use_are_rig_errors_in_one_line(tmp_path, taken_tcp, taken_udp):
    site = write_site(tmp_path)
    for arguments in (
        ("serve", site, "--http-port", taken_tcp, "--tftp-port", "0"),
        ("serve", site, "--http-port", "0", "--tftp-port", taken_udp),
        ("platform", "run", site, "--port", taken_udp),
    ):
        result = run_cli(*arguments)
        assert result.returncode == 3, arguments
        assert len(error_lines(result)) == 1, result.stderr
        assert "in use" in result.stderr


def test_a_language_that_nobody_recorded_is_a_usage_error(tmp_path):
    result = run_cli("platform", "run", write_site(tmp_path), "--language", "fr")
    assert result.returncode == 2
    assert error_lines(result) == [
        "prompt language 'fr' is not spoken here; expected one of tones, de, en"
    ]


def test_a_handset_without_server_or_registrar_is_a_rig_error(tmp_path, taken_tcp):
    result = run_cli("handset", "run", write_site(tmp_path), "desk", "--url", "http://127.0.0.1:1")
    assert result.returncode == 3
    assert len(error_lines(result)) == 1
    assert "http://127.0.0.1:1/" in result.stderr


@pytest.mark.parametrize("registrar", ["nowhere:x", ":5060", "host:0", "host:99999", "a:b:5060"])
def test_a_wrong_registrar_is_a_usage_error(registrar):
    result = run_cli("handset", "run", "demo", "anna", "--registrar", registrar)
    assert result.returncode == 2
    assert "--registrar" in error_lines(result)[0]


def test_a_boot_that_hangs_can_be_interrupted(tmp_path, taken_tcp):
    url = f"http://127.0.0.1:{taken_tcp}"
    with Service("handset", "run", write_site(tmp_path), "desk", "--url", url) as handset:
        handset.wait_for("boots")
        code, complaints = handset.stop()
    assert (code, complaints) == (0, "")
