"""A camera of the bench sees the lamp, and is believed: right, broken, and when it goes away.

The picture shows what the emulated handset's LED does, by Motion JPEG over HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from aiohttp import web

from rig.bench import Bench
from rig.bench_cameras import CameraPlace, CameraSource
from rig.bench_check import check_bench
from rig.bench_plan import BenchPlan, HandsetPlan
from rig.demo_bench import demo_config
from rig.lamp.camera import CameraLamp
from rig.lamp.camera_rule import CameraThresholds, LampColour, Region
from rig.lamp.pattern import PatternThresholds
from rig.run import run_scenario
from rig.scenarios import scenarios
from rig.timeline import LampSeen
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(120)

CALLEE = "clara"
LAMP = CameraLamp(
    Region(20, 16, 12, 12),
    LampColour.RED,
    # A machine with other work lets pictures wait.
    thresholds=CameraThresholds(shortest_flash_s=5.0),
    patterns=PatternThresholds(settle_s=0.6),
)


class Camera:
    """Sends pictures of a lamp until it is unplugged."""

    def __init__(self) -> None:
        self.is_lit: Callable[[], bool] = lambda: False
        self.unplugged = False
        self.url = ""

    def picture(self) -> bytes:
        picture = np.full((48, 64, 3), (60, 62, 64), np.uint8)
        if self.is_lit():
            picture[16:28, 20:32] = (40, 30, 220)
        return cv2.imencode(".jpg", picture)[1].tobytes()

    async def send(self, request: web.Request) -> web.StreamResponse:
        kind = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
        response = web.StreamResponse(headers=kind)
        await response.prepare(request)
        while not self.unplugged:
            jpeg = self.picture()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            with contextlib.suppress(ConnectionError):
                await response.write(head.encode() + jpeg + b"\r\n")
            await asyncio.sleep(1 / 20)
        return response

    @property
    def place(self) -> CameraPlace:
        return CameraPlace(CameraSource("cam", self.url, stamps=False), LAMP)


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    source = Camera()
    application = web.Application()
    application.router.add_get("/", source.send)
    runner = web.AppRunner(application, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    source.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield source
    source.unplugged = True
    await runner.cleanup()


@contextlib.asynccontextmanager
async def bench_with(camera: Camera, folder: Path) -> AsyncIterator[Bench]:
    config = replace(
        demo_config(folder),
        roles={"callee": CALLEE, "caller": "emil"},
        scenario_roles={},
        cameras={CALLEE: camera.place},
    )
    async with Bench(config) as bench:
        camera.is_lit = lambda: bench.role(CALLEE).lamp.state().lit
        yield bench


async def test_what_the_camera_sees_is_judged(camera: Camera, tmp_path: Path) -> None:
    async with bench_with(camera, tmp_path) as bench:
        record = await run_scenario(bench, scenarios()["message"])
        seen = [e for e in bench.events if isinstance(e, LampSeen) and e.handset == CALLEE]
    assert record.outcome is Outcome.PASS, record.sentence
    assert {e.sensor for e in seen} == {f"camera:{camera.url}"}
    assert any(m["name"] == f"lamp_on_latency_s[{CALLEE}.message]" for m in record.measurements)


async def test_a_lamp_that_stays_dark_fails_whatever_the_driver_says(
    camera: Camera, tmp_path: Path
) -> None:
    async with bench_with(camera, tmp_path) as bench:
        camera.is_lit = lambda: False
        record = await run_scenario(bench, scenarios()["message"])
        assert bench.role(CALLEE).lamp.state().lit
    assert record.outcome is Outcome.FAIL, record.sentence
    assert record.findings


async def test_a_camera_that_goes_away_is_no_dark_lamp(camera: Camera, tmp_path: Path) -> None:
    async with bench_with(camera, tmp_path) as bench:
        camera.unplugged = True
        record = await run_scenario(bench, scenarios()["message"])
    assert record.outcome in {Outcome.ERROR, Outcome.INCONCLUSIVE}, record.sentence


def plan_with(camera: Camera, folder: Path) -> BenchPlan:
    site = demo_config(folder).site
    handsets = {
        name: HandsetPlan(name, "emulated", lamp=camera.place if name == CALLEE else None)
        for name in (CALLEE, "emil")
    }
    roles = {"callee": CALLEE, "caller": "emil"}
    return BenchPlan(file=folder, site=site, handsets=handsets, roles=roles, taps={})


async def test_a_camera_is_tested_before_a_run(camera: Camera, tmp_path: Path) -> None:
    report = await check_bench(plan_with(camera, tmp_path), {})
    said = {line.part: (line.right, line.said) for line in report.lines}
    assert said[f"lamp of {CALLEE}"] == (True, f"camera:{camera.url} sees it: off")
    camera.unplugged = True
    report = await check_bench(plan_with(camera, tmp_path), {})
    right, text = {line.part: (line.right, line.said) for line in report.lines}[
        f"lamp of {CALLEE}"
    ]
    assert not right
    assert "camera" in text
