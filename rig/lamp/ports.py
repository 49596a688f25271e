"""Serial ports of this computer, each with the name that stays when boards change places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serial.tools import list_ports

BY_PATH = Path("/dev/serial/by-path")


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One serial port.

    Attributes:
        url: what to give as ``--url``: its name by path where there is one.
        device: its present name.
        description: what its USB chip says of itself.
        usb: vendor and product, ``1a86:7523``; empty for a port that is not on USB.
    """

    url: str
    device: str
    description: str = ""
    usb: str = ""


def names_by_path(folder: Path = BY_PATH) -> dict[str, str]:
    """The name by path of each device: it names the socket, not the order of plugging in."""
    if not folder.is_dir():
        return {}
    return {str(link.resolve()): str(link) for link in sorted(folder.iterdir(), reverse=True)}


def serial_ports(folder: Path = BY_PATH) -> list[SerialPort]:
    """Every serial port that this computer has now, those on USB first."""
    names = names_by_path(folder)
    ports = [
        SerialPort(
            url=names.get(str(Path(port.device).resolve()), port.device),
            device=port.device,
            description=port.description if port.description != "n/a" else "",
            usb="" if port.vid is None else f"{port.vid:04x}:{port.pid:04x}",
        )
        for port in list_ports.comports()
    ]
    return sorted(ports, key=lambda port: (not port.usb, port.url))
