"""The verbs that serve, together as a user starts them: server, platform and handset."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import signal
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request

import pytest
from certificate_kit import issue
from cli_runner import Service, error_lines, run_cli, write_site
from scapy.layers.dhcp import BOOTP, DHCP

from provisioning.transport.tftp_client import fetch


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
        told = json.loads(service.wait_for('"fetch"').string)
        assert (told["handset"], told["status"]) == ("hall", 200)
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
        assert "stopped" not in result.stdout  # it has never served


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


PROVING = """\
    https: {certificate: server.pem, key: server.pem}
    access: {proofs: [basic, token], key: env:PROVISIONING_KEY, state: dead.txt}
"""


def secret_site(folder, more=""):
    """A site whose secrets are secrets, with more in its provisioning part."""
    site = write_site(folder)
    text = site.read_text("utf-8").replace("  demo: true\n", "")
    text = re.sub(r"demo:(\S+?)([},\n])", lambda m: f"env:SECRET_{len(m[1])}{m[2]}", text)
    head = '  provisioning: {url: "http://127.0.0.1"}\n'
    assert head in text
    site.write_text(text.replace(head, f"  provisioning:\n    url: http://127.0.0.1\n{more}"))
    return site


@pytest.fixture
def secrets_given(monkeypatch):
    """What the references of a secret site name; PINs must keep their rules."""
    for length in range(1, 40):
        monkeypatch.setenv(
            f"SECRET_{length}", "748159" if length == 6 else f"Geheim-{length:02d}x"
        )
    monkeypatch.setenv("PROVISIONING_KEY", "a key that is long enough")
    return [b"Geheim", b"748159"]


def fetched(url, **headers):
    """Status and body, whatever the server's certificate is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize("in_words", [False, True])
def test_secrets_leave_in_clear_only_where_the_site_says_so(tmp_path, secrets_given, in_words):
    site = secret_site(tmp_path, "    secrets_in_clear: true\n" if in_words else "")
    issue(tmp_path, "localhost", file="server")
    pem = str(tmp_path / "server.pem")
    ports = ("--http-port", "0", "--tftp-port", "0", "--https", "0")
    with Service("serve", site, *ports, "--cert", pem, "--key", pem) as service:
        line = service.wait_for(r"(http://\S+), (https://\S+) and tftp://([\d.]+):(\d+)")
        http, https, host, port = line.groups()
        status, plain = fetched(f"{http}/805ec01a2b01.cfg")
        whole = fetched(f"{https}/805ec01a2b01.cfg")[1]
        by_tftp = asyncio.run(fetch(host, int(port), "805ec01a2b01.cfg"))
        said = "\n".join(service.lines)
    assert status == 200
    assert by_tftp == plain
    assert b"sip_server" in plain
    assert b"sip_server" in whole
    assert secrets_given[0] in whole
    assert (secrets_given[0] in plain) is in_words
    assert ("without their secrets" in said) is not in_words


def test_a_site_with_proofs_gives_each_handset_its_own_files(tmp_path, secrets_given):
    site = secret_site(tmp_path, PROVING)
    issue(tmp_path, "localhost", file="server")
    listed = run_cli("inventory", "first-urls", site, "--show-secrets", "--json")
    first = urllib.parse.urlsplit(json.loads(listed.stdout)["desk"]).path
    assert "***" in run_cli("inventory", "first-urls", site).stdout
    ports = ("--http-port", "0", "--tftp-port", "0", "--https", "0", "--old-tls", "0")
    with Service("serve", site, *ports) as service:
        line = service.wait_for(r"(http://\S+), (https://\S+), (https://\S+) and tftp")
        http, https, old = line.groups()
        name = "/805ec01a2b01.cfg"
        for base in (http, https, old):
            assert (
                fetched(base + name) == fetched(f"{base}/none.cfg") == (401, b"not authorised\n")
            )
        status, begun = fetched(https + first + name)
        assert status == 200
        own = re.search(rb"server\.url = http://127\.0\.0\.1(/[a-z2-7]{26})\n", begun)[1].decode()
        user = re.search(rb"server\.username = (\S+)", begun)[1].decode()
        password = re.search(rb"server\.password = (\S+)", begun)[1].decode()
        assert fetched(https + own + name)[0] == 200
        assert fetched(https + first + name)[0] == 401
        login = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        assert fetched(https + name, Authorization=login) == (200, begun)
        assert fetched(f"{https}/805ec01a2b02.cfg", Authorization=login)[0] == 404
        assert fetched(http + name, Authorization=login)[1] != begun
        service.wait_for(r"/\*\*\*/805ec01a2b01\.cfg handset=desk status=200")
        assert service.stop() == (0, "")
    said = "\n".join(service.lines)
    for secret in (first[1:], own[1:], password):
        assert secret not in said
    assert (tmp_path / "dead.txt").read_text() == "desk\n"


def test_https_without_a_certificate_is_refused_in_one_line(tmp_path):
    result = run_cli("serve", write_site(tmp_path), "--https", "0")
    assert result.returncode == 2
    (line,) = error_lines(result)
    assert "needs a certificate and its key" in line
