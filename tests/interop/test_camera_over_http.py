"""A camera that sends Motion JPEG over HTTP: seen while it sends, lost when it goes away."""

from __future__ import annotations

import asyncio

import cv2
import numpy as np
import pytest
from aiohttp import web

from rig.lamp.camera import CameraLamp, CameraSensor
from rig.lamp.camera_rule import CameraThresholds, LampColour, Region
from rig.lamp.pattern import PatternThresholds
from rig.timeline import LampState

LAMP = CameraLamp(
    Region(20, 16, 12, 12),
    LampColour.RED,
    # A machine with other work lets pictures wait.
    thresholds=CameraThresholds(shortest_flash_s=5.0),
    patterns=PatternThresholds(settle_s=0.5),
)


class NetworkCamera:
    """Sends pictures of a lamp until it is unplugged."""

    def __init__(self):
        self.lit = False
        self.unplugged = False

    def picture(self):
        picture = np.full((48, 64, 3), (60, 62, 64), np.uint8)
        if self.lit:
            picture[16:28, 20:32] = (40, 30, 220)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    async def send(self, request):
        kind = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
        response = web.StreamResponse(headers=kind)
        await response.prepare(request)
        while not self.unplugged:
            jpeg = self.picture()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            await response.write(head.encode() + jpeg + b"\r\n")
            await asyncio.sleep(1 / 100)
        return response


@pytest.fixture
async def camera():
    """A network camera and its address."""
    source = NetworkCamera()
    application = web.Application()
    application.router.add_get("/", source.send)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield source, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    source.unplugged = True
    await runner.cleanup()


async def until(condition, timeout_s=20.0):
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the sensor has a thread of its own
            await asyncio.sleep(0.02)


async def test_the_lamp_is_seen_and_a_camera_that_goes_away_is_lost_with_the_reason(camera):
    source, url = camera
    sensor = CameraSensor("anna-desk", {"message": LAMP}, url, stamps=False)
    seen = []
    sensor.subscribe(seen.append)
    assert sensor.state() is LampState.UNKNOWN
    sensor.start()
    try:
        await until(lambda: sensor.state() is LampState.OFF)
        source.lit = True
        await until(lambda: sensor.state() is LampState.STEADY)
        source.unplugged = True
        await until(lambda: sensor.state() is LampState.UNKNOWN)
        assert "is it unplugged?" in sensor.reason()
    finally:
        await asyncio.to_thread(sensor.stop)
    assert [event.state for event in seen] == [
        LampState.OFF, LampState.STEADY, LampState.UNKNOWN,
    ]  # fmt: skip
    assert {(event.handset, event.lamp, event.sensor) for event in seen} == {
        ("anna-desk", "message", f"camera:{url}")
    }
    assert seen[0].at < seen[1].at < seen[2].at


async def test_time_stamps_that_the_camera_does_not_send_are_not_believed(camera):
    _, url = camera
    sensor = CameraSensor("anna-desk", {"message": LAMP}, url)
    sensor.start()
    try:
        await until(lambda: "time stamps run at" in sensor.reason())
        assert sensor.state() is LampState.UNKNOWN
    finally:
        await asyncio.to_thread(sensor.stop)


async def test_a_camera_that_is_not_there_is_unknown_with_the_reason(tmp_path):
    sensor = CameraSensor("anna-desk", {"message": LAMP}, str(tmp_path / "video7"))
    sensor.start()
    try:
        await until(lambda: "cannot be opened" in sensor.reason())
        assert sensor.state() is LampState.UNKNOWN
        assert sensor.state("account:1") is LampState.UNKNOWN
        assert "no region is given for lamp account:1" in sensor.reason("account:1")
    finally:
        await asyncio.to_thread(sensor.stop)


async def test_a_listener_that_fails_stops_neither_the_watch_nor_the_others(camera):
    source, url = camera
    sensor = CameraSensor("anna-desk", {"message": LAMP}, url, stamps=False)
    seen = []

    def fails(_event):
        raise OSError("the screen is gone")

    sensor.subscribe(fails)
    sensor.subscribe(seen.append)
    sensor.start()
    try:
        await until(lambda: sensor.state() is LampState.OFF)
        source.lit = True
        await until(lambda: len(seen) == 2)
        assert [event.state for event in seen] == [LampState.OFF, LampState.STEADY]
    finally:
        await asyncio.to_thread(sensor.stop)


async def test_a_picture_that_cannot_be_judged_makes_the_lamp_unknown(camera, monkeypatch):
    """As by a fault in the program: the lamp must not stay as it was seen last."""
    _, url = camera
    sensor = CameraSensor("anna-desk", {"message": LAMP}, url, stamps=False)
    sensor.start()
    try:
        await until(lambda: sensor.state() is LampState.OFF)

        def fails(_self, _frame, _at):
            raise ValueError("no colours")

        monkeypatch.setattr(CameraLamp, "look", fails)
        await until(lambda: sensor.state() is LampState.UNKNOWN)
        assert "a picture cannot be judged: ValueError('no colours')" in sensor.reason()
    finally:
        await asyncio.to_thread(sensor.stop)
