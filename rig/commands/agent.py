"""``phonerig agent``: phones and lamps at other places, told through an MQTT broker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, print_json, profiles, read_site, say
from rig.commands.service import EventLines, run_until_stopped
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.agent.config import AgentConfig, WatchConfig
    from rig.agent.remote import RemoteNews, RemoteSites
    from rig.timeline import LampSeen

app = typer.Typer(
    no_args_is_help=True, help="Phones and lamps at other places, by an MQTT broker."
)

File = Annotated[Path, typer.Argument(help="YAML file with the broker and the agents.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]
Patience = Annotated[
    float, typer.Option("--within", min=0.1, metavar="SECONDS", help="How long to wait.")
]


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="YAML file of the agent.")],
    as_json: Json = False,
) -> None:
    """Be the agent of a place: tell what its lamps do, what is fetched and captured.

    It does nothing for others unless its file allows it ('allow': press, power). What happens
    while the broker is away is told later. Runs until Ctrl-C or SIGTERM.
    """
    from rig.agent.config import load_agent

    with clear_errors(as_json=as_json):
        config = load_agent(file)
        run_until_stopped(_be_agent(config, EventLines(as_json=as_json)))


async def _be_agent(config: AgentConfig, lines: EventLines) -> None:
    from rig.agent.place import Place
    from rig.clock import now

    def told(text: str) -> None:
        event = "connected" if text == "connected" else "note"
        lines.tell(now(), f"{config.name}: {text}", event=event, agent=config.name, note=text)

    site = read_site(str(config.site)) if config.site else None
    async with Place(config, site, profiles(), told) as place:
        lines.tell(
            now(),
            f"agent {config.name} tells {config.broker.host}:{config.broker.port}; allows "
            f"{', '.join(config.allow) or 'nothing'}; Ctrl-C stops",
            event="started",
            agent=config.name,
            allows=list(config.allow),
            handsets=[each.name for each in config.handsets],
        )
        await place.agent.wait()


@app.command()
def watch(file: File, as_json: Json = False) -> None:
    """Show what the lamps of all places do, on this machine's clock, and what was fetched.

    A lamp is unknown, with the reason, while its agent is gone or silent, events are missing, or
    it is not known how far its clock is from this one. Runs until Ctrl-C or SIGTERM.
    """
    from rig.agent.config import load_watch

    with clear_errors(as_json=as_json):
        config = load_watch(file)
        run_until_stopped(_watch(config, EventLines(as_json=as_json)))


async def _watch(config: WatchConfig, lines: EventLines) -> None:
    from rig.clock import now

    def news(what: RemoteNews) -> None:
        data = what.data
        if data.kind == "fetch":
            text = f"{data.data.get('handset') or '-'} fetched {data.data.get('path')!r}"
            more: dict[str, object] = {"event": "fetch", "fetch": data.data}
        else:
            counts = ", ".join(f"{name} {count}" for name, count in sorted(data.counts.items()))
            text = f"{data.interface}: {counts}; {data.dropped} dropped"
            more = {"event": "capture", "interface": data.interface, "counts": data.counts,
                    "dropped": data.dropped}  # fmt: skip
        lines.tell(what.at, f"{what.agent}: {text}", agent=what.agent, **more)

    async def look(sites: RemoteSites) -> None:
        sites.listen(news)
        states: dict[str, object] = {}
        watched: set[tuple[str, str]] = set()
        while True:
            for name, agent in sites.agents.items():
                for handset in agent.status.handsets if agent.status else ():
                    if (name, handset) not in watched:
                        watched.add((name, handset))
                        _watch_lamps(sites, name, handset, lines)
                offset = agent.offset
                state = sites.doubt(name)
                if states.get(name) != state:
                    states[name] = state
                    known = offset is not None and not state
                    clock = f"; its clock is {offset.offset_s:+.3f} s from ours" if offset else ""
                    lines.tell(
                        now(),
                        f"{name}: {state or 'all is known'}{clock if known else ''}",
                        event="agent",
                        agent=name,
                        doubt=state,
                        offset_s=round(offset.offset_s, 6) if offset else None,
                        uncertainty_s=round(offset.uncertainty_s, 6) if offset else None,
                    )
            await asyncio.sleep(0.1)

    await _with_sites(config, look)


def _watch_lamps(sites: RemoteSites, agent: str, handset: str, lines: EventLines) -> None:
    """Tell what the lamps of a handset do, and what is known of them by now."""
    from rig.clock import now
    from rig.timeline import LampSeen

    sensor, tell = sites.lamp(agent, handset), _lamp_line(sites, agent, lines)
    sensor.subscribe(tell)
    for lamp in sensor.lamps:
        tell(LampSeen(at=now(), handset=handset, lamp=lamp, state=sensor.state(lamp)))


def _lamp_line(sites: RemoteSites, agent: str, lines: EventLines) -> Callable[[LampSeen], None]:
    def seen(what: LampSeen) -> None:
        why = sites.lamp(agent, what.handset).reason(what.lamp)
        lines.tell(
            what.at,
            f"{agent}: {what.handset}: lamp {what.lamp} {what.state}"
            + (f" ({why})" if why and what.state.value == "unknown" else ""),
            event="lamp",
            agent=agent,
            handset=what.handset,
            lamp=what.lamp,
            state=what.state.value,
            uncertainty_s=what.latency_s,
            why=why,
        )

    return seen


async def _with_sites(config: WatchConfig, work: Callable[[RemoteSites], Awaitable[None]]) -> None:
    from rig.agent.remote import RemoteSites

    sites = RemoteSites(config.broker, config.agents)
    await sites.start()
    try:
        await work(sites)
    finally:
        await sites.stop()


@app.command()
def do(
    file: File,
    agent: Annotated[str, typer.Argument(help="Name of the place's agent.")],
    verb: Annotated[str, typer.Argument(help="press: the message key; power: off and on again.")],
    handset: Annotated[str, typer.Argument(help="Handset, as the place's inventory names it.")],
    within: Patience = 30.0,
    as_json: Json = False,
) -> None:
    """Have a key pressed, or the power cut and given back, at another place.

    Its agent must allow it.
    """
    from rig.agent.config import Verb, load_watch

    with clear_errors(as_json=as_json):
        if verb not in set(Verb):
            raise UsageError(f"{verb!r} cannot be asked for; expected {', '.join(Verb)}")
        config = load_watch(file)

        async def work(sites: RemoteSites) -> None:
            await sites.wait_known(within, [agent])
            await sites.do(agent, verb, handset, timeout_s=within)

        asyncio.run(_with_sites(config, work))
        if as_json:
            print_json({"agent": agent, "verb": verb, "handset": handset, "done": True})
        else:
            say(f"{agent}: {verb} {handset}: done")
