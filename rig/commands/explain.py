"""``phonerig explain``: what a fault class, rule or seeded fault is, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, print_json, say, show_table

if TYPE_CHECKING:
    from rig.fault_guide import Line


def explain(
    topic: Annotated[
        str,
        typer.Argument(help="Class (M9), rule or seeded fault (B25); all classes without one."),
    ] = "",
    lang: Annotated[str, typer.Option("--lang", "--language", help="en or de.")] = "en",
    vendor: Annotated[str, typer.Option(help="Show the settings of this vendor only.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a fault: how to see it, what causes it, what to do, and at which setting.

    Without TOPIC it lists the classes.
    """
    from rig import fault_guide

    with clear_errors(as_json=as_json):
        if topic:
            lines = list(fault_guide.explain(fault_guide.find_topic(topic), lang, vendor))
        else:
            lines = list(fault_guide.overview(lang))
        if as_json:
            print_json({"lines": [{"kind": line.kind, "text": line.text} for line in lines]})
            return
        _show(lines)


def _show(lines: list[Line]) -> None:
    rows: list[list[str]] = []
    for line in lines:
        text = line.text.replace("`", "")
        if line.kind == "row":
            rows.append(text.split("\t"))
        elif line.kind == "item":
            say(f"  - {text}")
        else:
            say(text, style="bold" if line.kind == "heading" else None)
    if rows and len(rows[0]) > 2:
        show_table(rows[0], rows[1:])
    for row in rows if rows and len(rows[0]) == 2 else ():
        say(f"{row[0]:30}{row[1]}")
