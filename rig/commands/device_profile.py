"""``phonerig profile``: what handset models are and can do, and how sure that is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.commands.common import (
    clear_errors,
    complain,
    print_json,
    profiles,
    say,
    several,
    show_table,
)

if TYPE_CHECKING:
    from provisioning.errors import Position
    from provisioning.lint_finding import LintFinding, LintLevel
    from provisioning.profile_model import Profile

app = typer.Typer(no_args_is_help=True, help="Look into device profiles.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the handset models that phonerig knows."""
    with clear_errors(as_json=as_json):
        rows = [profile_row(profile) for profile in profiles().values()]
        if as_json:
            print_json({"models": rows})
            return
        show_table(
            ("model", "vendor", "accounts", "keys", "fetches by", "maturity"),
            (
                (
                    row["model"],
                    row["vendor"],
                    row["accounts"],
                    row["line_keys"],
                    ", ".join(row["transports"]),
                    row["maturity"],
                )
                for row in rows
            ),
        )


def profile_row(profile: Profile) -> dict[str, Any]:
    """The outstanding facts of one model, for tables."""
    return {
        "model": profile.model,
        "vendor": profile.vendor,
        "accounts": profile.limits.accounts,
        "line_keys": profile.limits.line_keys,
        "transports": list(profile.boot.transports),
        "firmware": profile.firmware.minimum,
        "maturity": profile.maturity,
    }


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="Model, as 'profile list' names it.")],
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of every value which file and line it is from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything a profile says, inherited values included."""
    with clear_errors(as_json=as_json):
        known = profiles()
        if explain:
            rows = known.explain(model)
            if as_json:
                print_json({"model": model, "values": [dataclasses.asdict(row) for row in rows]})
            for row in () if as_json else rows:
                say(f"{row.path} = {row.value}  ({_short(row.position)})")
            return
        data = plain(known.get(model))
        if as_json:
            print_json(data)
        else:
            import yaml

            text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=99)
            for line in text.splitlines():
                say(line)


def plain(value: Any) -> Any:
    """A profile as data of YAML and JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _short(position: Position) -> str:
    """``device_profiles/yealink/T46U.yaml:12`` instead of where phonerig is installed."""
    from provisioning.resources import device_profiles_dir

    base = device_profiles_dir().parent
    path = Path(position.file)
    name = path.relative_to(base) if path.is_relative_to(base) else path
    return f"{name}:{position.line}"


def _by_place(
    findings: list[LintFinding],
) -> dict[tuple[Position, LintLevel, str, str], list[str]]:
    """What a parent says is one finding, however many models inherit it."""
    groups: dict[tuple[Position, LintLevel, str, str], list[str]] = {}
    for item in findings:
        key = (item.position, item.level, item.path, item.text)
        groups.setdefault(key, []).append(item.model)
    return groups


@app.command()
def lint(as_json: AsJson = False) -> None:
    """Judge all profiles: what is wrong, and what nobody has verified.

    Exit code 2 if anything is wrong; a fact that nobody has verified is no fault.
    """
    from provisioning.profile_lint import LintLevel, lint_folder
    from provisioning.resources import device_profiles_dir

    with clear_errors(as_json=as_json):
        count, findings = lint_folder(device_profiles_dir())
        faults = [finding for finding in findings if finding.level is LintLevel.FAULT]
        if as_json:
            print_json(
                {
                    "models": count,
                    "faults": len(faults),
                    "findings": [
                        {
                            "file": finding.position.file,
                            "line": finding.position.line,
                            "level": finding.level.value,
                            "model": finding.model,
                            "path": finding.path,
                            "text": finding.text,
                        }
                        for finding in findings
                    ],
                }
            )
        else:
            groups = _by_place(findings)
            for (position, level, path, text), models in groups.items():
                who = models[0] if len(models) == 1 else f"{models[0]} and {len(models) - 1} more"
                line = f"{_short(position)}: {level}: {who} {path}: {text}"
                (complain if level is LintLevel.FAULT else say)(line)
            wrong = sum(key[1] is LintLevel.FAULT for key in groups)
            say(
                f"{several(count, 'model')}, {several(wrong, 'fault')}, "
                f"{several(len(groups) - wrong, 'unverified fact')}"
            )
        raise typer.Exit(2 if faults else 0)
