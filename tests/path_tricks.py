"""Ways to name a file that is not served: what attacks over HTTP and over TFTP try.

The canary is a file that stands beside, above or behind a link of whatever folder a server might
think it serves. Everything here is a spelling; :class:`NaiveFolder` is the server that falls for
them, so that a test can show that they are worth trying.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_to_bytes

from provisioning.transport.content import Answer

CANARY = b"CANARY-7f3a"
NAME = "canary.txt"
DOTS = [
    *("..", "%2e%2e", ".%2e", "%2E.", "..%00", "%252e%252e", "%c0%ae%c0%ae", "..;", "....", "%2e"),
    *("\u2024\u2024", "%ef%bc%8e%ef%bc%8e", "%uff0e%uff0e", "..%20", "..%09"),
]
SLASHES = ["/", "//", "%2f", "%5c", "\\", "%252f", "%c0%af", "/./", "/x/../"]
STARTS = ["/", "", "//", "/cfg/", "/cfg/a.xml/", "/%2f"]
ENDS = ["", "?a=/cfg/a.xml", "%00.xml", "#", "/."]

RAW_DOTS = [b"..", b"..\r", b".\n.", b"\xc0\xae\xc0\xae", b"\xe0\x80\xae.", b"\xff..", b"..\x1b"]
RAW_DOTS += ["\u2025".encode(), "\uff0e\uff0e".encode(), b".. ", b"..\t", b"...", b"..\x7f"]
RAW_SLASHES = [b"/", b"\\", b"\xc0\xaf", b"\r\n/", b"\r/", "\u2215".encode(), "\uff0f".encode()]
TAILS = ["", ".", "..", ". .", " ", "::$DATA", ":$DATA", "/", "/.", "\\", "~", "%20", ";.cfg", "*"]
DEVICES = [
    *("/dev/stdin", "/dev/fd/0", "/dev/null", "/dev/mem", "/dev/tcp/127.0.0.1/69", "/proc/self/"),
    *("/proc/self/environ", "/proc/self/cmdline", "/proc/self/maps", "/proc/self/fd/3", "/sys/"),
    *("CON", "con.cfg", "NUL", "AUX", "PRN", "COM1", "LPT1", "CLOCK$", "CONIN$", "nul.txt:stream"),
    *(
        "\\\\.\\C:",
        "\\\\?\\C:\\",
        "\\\\.\\PhysicalDrive0",
        "\\\\127.0.0.1\\c$\\",
        "C:",
        "c:\\boot.ini",
    ),
]
HOMES = ["~", "~root", "$HOME", "${HOME}", "%HOME%", "$(pwd)", "`pwd`", "file://", "tftp://a"]
SHELL = ["|cat {}", "$(cat {})", "`cat {}`", ";cat {}", "a.xml\t{}", "a.xml {}", "<{}", "@{}"]


def path_forms(canary: Path) -> Iterator[str]:
    """Ways to name the canary by text, as in a URL.

    Args:
        canary: where it is.
    """
    for start, dots, slash, depth, end in itertools.product(
        STARTS, DOTS, SLASHES, (1, 2, 6), ENDS
    ):
        yield start + (dots + slash) * depth + NAME + end
    for slash, end in itertools.product(SLASHES, ENDS):
        name = str(canary).replace("/", slash)
        yield from (f"{name}{end}", f"/{name}{end}", f"/file:{name}{end}", f"/cfg{name}{end}")


def tftp_names(canary: Path, links: tuple[str, ...]) -> Iterator[bytes]:
    """Ways to name the canary by octets, as a TFTP request has them.

    Args:
        canary: where it is.
        links: names in the folder that lead to it.
    """
    yield from (form.encode() for form in path_forms(canary))
    whole = str(canary).encode()
    for start, dots, slash, depth in itertools.product(
        (b"", b"/", b"cfg/", b"a.xml\r\n"), RAW_DOTS, RAW_SLASHES, (1, 2)
    ):
        yield start + (dots + slash) * depth + NAME.encode()
    targets = [NAME, f"../{NAME}", str(canary), *links, *(f"{link}/{NAME}" for link in links)]
    for target, tail in itertools.product([*targets, *DEVICES], TAILS):
        yield f"{target}{tail}".encode()
        yield f"/{target.upper()}{tail}".encode()
    for home, target in itertools.product(HOMES, (f"/{NAME}", f"/../{NAME}", str(canary))):
        yield f"{home}{target}".encode()
    for shell, target in itertools.product(SHELL, (f"../{NAME}", str(canary))):
        yield shell.format(target).encode()
    for length in (100, 255, 256, 400, 480):  # a name that somebody cuts off
        yield b"a" * length + b"/../" + NAME.encode()
        yield b"./" * (length // 2) + b"../" + NAME.encode()
        yield b"/" * length + whole
        yield b"x/../" * (length // 5) + b"../" + NAME.encode()


class NaiveFolder:
    """A content source that opens what it is asked for; the servers of many products do.

    Args:
        folder: what it means to serve.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, path: str, client: object, user_agent: str) -> Answer | None:
        """Whatever the path leads to."""
        del client, user_agent
        said = unquote_to_bytes(path.encode("utf-8", "surrogateescape")).partition(b"\0")[0]
        for name in (said, said.replace(b"\\", b"/").partition(b"?")[0].partition(b"#")[0]):
            for place in (bytes(self._folder) + b"/" + name, name):
                found = Path(place.decode("utf-8", "surrogateescape"))
                with suppress(OSError, ValueError):
                    if found.is_file():  # a device would never end
                        return Answer(found.read_bytes(), "text/plain", "")
        return None
