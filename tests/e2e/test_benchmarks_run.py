"""Every benchmark runs, ends, and prints figures that can be true; how fast is not judged."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from firmware_kit import chip_program, firmware_elf
from peers import require_peer, require_root

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LINE = re.compile(r"([a-z][a-z0-9_]*) (-?[0-9.]+(?:e[+-]?[0-9]+)?) ([A-Za-z/]+)(?: \((.*)\))?")


@dataclass(frozen=True)
class Figure:
    value: float
    unit: str
    told: str


async def figures_of(script: str, *words: str, timeout_s: float = 90) -> dict[str, Figure]:
    """Run a benchmark in small; every line of its output must be a figure."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(BENCHMARKS / script),
        "--quick",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaints = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    figures = {}
    for line in output.decode().splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, f"not a figure: {line!r}"
        name, value, unit, told = match.groups()
        figures[name] = Figure(float(value), unit, told or "")
    return figures


async def test_edges_of_a_lamp_at_another_place_are_timed():
    require_peer("mosquitto")
    figures = await figures_of("bench_agent.py")
    assert figures["edges_seen"].value == 60
    assert 0 < figures["edge_to_run_p50_ms"].value <= figures["edge_to_run_p99_ms"].value
    assert "target <= 50" in figures["edge_to_run_p99_ms"].told
    assert figures["clock_outside_doubt"].value == 0
    assert figures["backlog"].value == 300
    assert figures["backlog_lost"].value == 0
    assert figures["caught_up_s"].value > 0


async def test_forty_handsets_boot_together_and_every_lamp_is_right():
    figures = await figures_of("bench_thousand_handsets.py", "--handsets", "40")
    assert figures["lamps_right"].value == figures["handsets"].value == 40
    assert figures["lamps_lit"].value == 20
    assert figures["platform_subscriptions"].value == 40
    assert figures["platform_internal_errors"].value == 0
    assert figures["all_lamps_right_s"].value > 0
    assert 0 < figures["together_vs_alone"].value < 5
    assert 5 < figures["objects_per_handset_kb"].value < 200
    assert "target <= 100" in figures["memory_per_handset_kb"].told


async def test_a_site_is_rendered_by_processes_and_an_unchanged_one_not_again():
    figures = await figures_of("bench_render_site.py", "--handsets", "40")
    assert figures["handsets"].value == 40
    assert 0.5 < figures["site_proven_vs_bare"].value < 50
    assert figures["processes_vs_one"].value > 0
    assert figures["unchanged_rendered"].value == 0
    assert figures["unchanged_written"].value == 0
    assert figures["unchanged_vs_full"].value > 0
    assert figures["peak_mb"].value > 10


async def test_rendering_with_proof_is_compared_with_bare_templates():
    figures = await figures_of("bench_render.py", "--handsets", "20")
    assert figures["handsets"].value == 20
    assert figures["render_proven_ms"].value > 0
    assert figures["render_bare_ms"].value > 0
    assert 0.5 < figures["render_proven_vs_bare"].value < 50
    assert "target <= 3" in figures["render_proven_vs_bare"].told


async def test_parsing_is_compared_with_splitting():
    figures = await figures_of("bench_sip_parse.py")
    for name in ("parse_vs_split", "parse_and_views_vs_split"):
        assert 0.001 < figures[name].value < 5
    assert figures["parse_us"].value > 0
    assert figures["notify_bytes"].value > 500
    assert "target >= 0.3" in figures["parse_vs_split"].told


async def test_core_and_stack_are_compared_with_a_bare_loop():
    figures = await figures_of("bench_sip_stack.py")
    for name in ("core_vs_bare", "stack_vs_bare"):
        assert 0.001 < figures[name].value < 5
    for name in ("bare_loop_per_s", "core_per_s", "stack_per_s"):
        assert figures[name].value > 0
    assert 1 < figures["endpoint_kb"].value < 500


async def test_every_deposit_lights_a_lamp_and_each_step_takes_time():
    figures = await figures_of("bench_mwi_latency.py", "--deposits", "4", "--at-once", "2")
    for span in ("bye_to_notify", "notify_to_lamp", "bye_to_lamp"):
        assert figures[f"{span}_seen"].value == figures["deposits"].value == 4
        p50, p99 = figures[f"{span}_p50_ms"], figures[f"{span}_p99_ms"]
        assert 0 < p50.value <= p99.value <= figures[f"{span}_max_ms"].value
    assert figures["bye_to_lamp_max_ms"].value > figures["bye_to_notify_max_ms"].value
    assert "target <= 2" in figures["bye_to_notify_p50_ms"].told
    assert "target <= 15" in figures["bye_to_notify_p99_ms"].told


async def test_twenty_callers_speak_at_once_and_no_sample_is_lost():
    figures = await figures_of("bench_recordings.py")
    assert figures["recordings"].value == figures["recordings_at_once"].value == 20
    assert figures["messages_whole"].value == 20
    assert figures["packets_lost"].value == 0
    assert figures["packets_sent"].value > 20 * 50
    assert figures["samples_compared"].value > 20 * 8000
    assert 0 < figures["core_share"].value < 100
    assert figures["packet_us"].value > 0
    assert "every sample compared" in figures["messages_whole"].told


async def test_four_tftp_servers_are_loaded_alike():
    for program in ("dnsmasq", "atftpd", "in.tftpd-hpa", "cc"):
        require_peer(program)
    require_root()
    figures = await figures_of("bench_tftp.py", "--clients", "20", "--rounds", "1")
    assert figures["clients"].value == 20
    for size, windows in itertools.product(("few_8k", "storm_8k", "storm_100k"), ("", "_windows")):
        load = size + windows
        assert figures[f"{load}_ours_per_s"].value > 0
        assert "never served 0 in" in figures[f"{load}_ours_per_s"].told
        assert 0.001 < figures[f"{load}_server_cpu_vs_dnsmasq"].value < 100
        for other in ("dnsmasq", "atftpd", "tftpd_hpa"):
            assert figures[f"{load}_{other}_per_s"].value > 0
            assert 0.001 < figures[f"{load}_vs_{other}"].value < 1000


async def test_every_deposit_is_told_with_and_without_waiting_for_the_disk():
    figures = await figures_of("bench_deposit_rate.py", "--seconds", "1", "--per-second", "20")
    for prefix in ("deposit_to_notify", "durable_deposit_to_notify"):
        assert figures[f"{prefix}_told"].value == figures[f"{prefix}_deposits"].value == 20
        assert 0 < figures[f"{prefix}_p50_ms"].value <= figures[f"{prefix}_p99_ms"].value
        assert figures[f"{prefix}_internal_errors"].value == 0
        assert "target <= 50" in figures[f"{prefix}_p99_ms"].told


async def test_all_lamps_are_right_after_the_platform_was_killed():
    figures = await figures_of("bench_restart_storm.py", "--phones", "60", timeout_s=180)
    assert figures["boot_lamps_right"].value == figures["lamps_right"].value == 60
    assert figures["subscriptions"].value == 60
    assert 0 < figures["restart_serves_after_s"].value < figures["all_right_s"].value
    assert figures["efforts_refused"].value == figures["internal_errors"].value == 0
    assert "target <= 60" in figures["all_right_s"].told
    assert figures["peak_rss_mb"].value < 1000


async def test_a_storm_and_false_sources_leave_the_other_phones_alone():
    figures = await figures_of("bench_subscribe_storm.py", "--seconds", "2", timeout_s=120)
    assert figures["phones"].value == 11
    assert figures["calm_told"].value == figures["storm_told"].value == 20
    assert figures["storm_put_off"].value > figures["storm_accepted"].value > 0
    assert figures["storm_subscriptions"].value <= 12
    assert figures["false_sources_401"].value == figures["false_sources"].value == 400
    assert figures["false_sources_transactions"].value == figures["internal_errors"].value == 0
    assert figures["false_sources_memory_mb"].value < 5
    assert "target <= 1000" in figures["storm_p99_ms"].told


async def test_a_store_in_a_folder_and_in_postgresql_take_messages_lasting_or_not():
    figures = await figures_of("bench_store.py", timeout_s=150)
    for store in ("folder", "postgresql"):
        for kind in ("durable", "not_durable"):
            assert figures[f"{store}_{kind}_alone"].value > 0
            assert figures[f"{store}_{kind}_together"].value > 0
        assert figures[f"{store}_durable_vs_not_alone"].unit == "x"
    assert figures["count_of_10000_us"].value < 1000 * figures["list_of_10000_ms"].value
    assert figures["postgresql_vs_folder_durable_together"].value > 0


async def test_captures_are_analysed_live_and_from_files():
    require_root()
    for program in ("tshark", "sngrep"):
        require_peer(program)
    figures = await figures_of("bench_capture.py", timeout_s=240)
    assert figures["analyze_1k_per_s"].value > 0
    assert figures["analyze_2k_vs_tshark"].value > 0
    assert "target >= 1" in figures["analyze_2k_vs_sngrep"].told
    assert 0 < figures["analyze_large_vs_small"].value < 5
    assert figures["memory_mb"].value > 10
    assert 0 <= figures["live_lost"].value <= 2000


async def test_a_capture_of_many_gigabytes_leaves_memory_alone():
    figures = await figures_of("bench_big_capture.py", timeout_s=120)
    assert "779 SIP messages" in figures["big_capture_gb"].told
    assert figures["big_capture_memory_mb"].value > 10
    assert "target <= 1.1" in figures["big_capture_all_vs_half"].told
    assert figures["big_capture_mb_per_s"].value > 0


async def test_a_config_is_fetched_beside_nginx_and_amid_a_crowd():
    require_peer("nginx")
    figures = await figures_of("bench_http.py", "--idle", "60", "--slow", "10", timeout_s=150)
    assert figures["http_get_us"].value > 0
    assert "target >= 0.25" in figures["per_core_vs_nginx"].told
    assert "target >= 10" in figures["per_core_vs_rendering"].told
    assert figures["per_core_vs_rendering"].value > 0
    assert figures["oracle_answers"].value == 200
    assert "target >= 0.01" in figures["oracle_same_time_p"].told
    assert figures["idle_connections"].value == 60
    assert figures["slow_connections"].value == 10
    assert "target <= 64" in figures["memory_per_idle_kb"].told
    assert figures["tls_idle_connections"].value == 60
    assert "target <= 64" in figures["tls_memory_per_idle_kb"].told
    assert 0 < figures["get_amid_p50_ms"].value <= figures["get_amid_p99_ms"].value


async def test_light_of_lamps_reaches_the_timeline_and_nothing_is_lost():
    chip_program()
    firmware_elf()
    figures = await figures_of("bench_lamp.py")
    for kind in ("chip", "python"):
        assert figures[f"{kind}_edges"].value == 40
        for what in ("edge_p50_ms", "lit_p50_ms", "steady_p50_s", "off_p50_s", "instant_p50_ms"):
            assert figures[f"{kind}_{what}"].value > 0
        assert 3 <= figures[f"{kind}_off_p50_s"].value <= figures[f"{kind}_off_p99_s"].value
        assert "target <= 50" in figures[f"{kind}_edge_p99_ms"].told
    assert figures["changes"].value == 100
    assert figures["changes_lost"].value == figures["changes_wrong"].value == 0
    assert figures["watching_lamps"].value == 32
    assert 0 < figures["watching_core_share"].value < 100
