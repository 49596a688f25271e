"""SmartWare commands: contexts by indentation, values among words, and what would not be read."""

from __future__ import annotations

import pytest
from render_intents import quickly

from provisioning.formats.patton_cli import FORMAT

GOOD = (
    "# made\nsntp-client\nlocation-service L0\n  domain pbx.example\n\n"
    '  identity "20 0"\n    registration outbound\n      registrar 192.0.2.1 5061\n'
    "      register auto\n"
    'authentication-service A0\n  username "20 0" password "s#x y"\n'
    "port fxs 0 0\n  no shutdown\n"
)


def test_settings_are_named_by_their_contexts_and_data_names_no_context():
    values = FORMAT.read(GOOD.encode(), "f").values
    assert quickly(values) == FORMAT.scan(GOOD.encode())
    assert values == {
        ("sntp-client", None): "yes",
        ("location-service L0/domain", None): "pbx.example",
        ("location-service L0/identity", None): "20 0",
        ("location-service L0/identity/registration outbound/registrar", None): "192.0.2.1",
        ("location-service L0/identity/registration outbound/registrar 2", None): "5061",
        ("location-service L0/identity/registration outbound/register", None): "auto",
        ("authentication-service A0/username", None): "20 0",
        ("authentication-service A0/username password", None): "s#x y",
        ("port fxs 0 0/shutdown", None): "no",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n   b\n", 2),
        ("a\n    b\n", 2),
        ('a\ndomain "x\n', 2),
        ('domain "x"y\n', 1),
        ("domain  x\n", 1),
        ("domain x \n", 1),
        ("a\ndomain x", 2),
    ],
)
def test_what_the_gateway_would_not_read_is_a_problem_with_its_line(text, line):
    assert [problem.line for problem in FORMAT.read(text.encode(), "f").problems] == [line]
    assert FORMAT.scan(text.encode()) is None


def test_a_secret_is_masked_alone_and_a_command_given_twice_is_seen():
    masked = FORMAT.mask(GOOD, ["authentication-service A0/username password"])
    assert masked == GOOD.replace('"s#x y"', '"***"')
    twice = f"{GOOD}  shutdown\n"
    assert FORMAT.read(twice.encode(), "f").duplicates
    assert FORMAT.scan(twice.encode()) is None
    assert FORMAT.scan(b"\xff") is None
