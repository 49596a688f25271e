"""What the pages share: template with its filters, style, script, and a policy that binds them.

A page holds texts of strangers. They are escaped, and should one slip through, the browser runs no
script but ours, known by its hash, and loads nothing from anywhere.
Source: W3C Content Security Policy Level 3, sections 2.3.1 and 6.7.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from rig.report.record import ScenarioRecord
from rig.report.words import PAGES, Words

_RELATIONS = {"<=": "≤", ">=": "≥", "==": "="}


def page_template(
    name: str,
    words: Words,
    filters: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
) -> Template:
    """A page's template in one language.

    Args:
        name: file in ``pages``.
        words: of the language; the template finds them as ``t`` and ``lang``.
        filters: of this page alone, by name.
    """
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=words.texts, lang=words.lang)
    environment.filters.update(
        seconds=lambda value: words.fixed(value, 3),
        fixed=words.fixed,
        number=lambda value: f"{value:.4g}" if isinstance(value, float) else str(value),
        relation=lambda sign: _RELATIONS.get(sign, sign),
        phrase=words.phrase,
        part=words.part,
        sentence=words.sentence,
        remedy=words.remedy,
        hides=words.hides,
        verdict=words.verdict,
        marked=_marked,
        **filters,
    )
    return environment.get_template(name)


def page_parts(script: str = "") -> dict[str, Any]:
    """Style, script and policy of a page.

    Args:
        script: file in ``pages``; empty for a page without.
    """
    style = (PAGES / "style.css").read_text(encoding="utf-8")
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    code = ""
    if script:
        code = f"\n{(PAGES / script).read_text(encoding='utf-8')}"
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
    return {"style": Markup(style), "script": Markup(code), "policy": policy}  # noqa: S704 - files of our own


def instant(at: float) -> str:
    """``2026-11-25 14:03:59 UTC`` from seconds since the epoch."""
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _marked(event: Mapping[str, Any], scenario: ScenarioRecord) -> Markup:
    """A message's text with the lines marked that prove a finding."""
    quoted = {
        part
        for finding in scenario.findings
        for proof in finding["proofs"]
        if proof["packet"] == event["number"]
        for part in (proof["text"], *proof["text"].split(", "))
        if ":" in part or " " in part
    }
    lines = event["text"].split("\n")
    return Markup("\n").join(_line(line, quoted) for line in lines)


def _line(line: str, quoted: Iterable[str]) -> Markup:
    if any(text in line for text in quoted):
        return Markup("<mark>{}</mark>").format(line.rstrip("\r"))
    return escape(line)
