"""Jinja2 as templates are run by it: sandboxed, undefined names are errors, escaping by format.

Values are data and never rendered a second time. Templates are loaded whole, with their parts in
their places; the place of an error is looked for in the parts.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Callable
from pathlib import Path

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)

from provisioning.formats.format import Format
from provisioning.formats.registry import format_named
from provisioning.secret import Secret
from provisioning.template_sandbox import RecordSandbox

_INCLUDE = re.compile(r'^\{% include "([^"]+)" %\}\n', re.MULTILINE)
_XML_SPECIAL = re.compile("[&<>\"']")
_XML_REFERENCES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
)


def template_environment(folder: Path, format_name: str) -> RecordSandbox:
    """Jinja2 as all templates are run by it.

    Args:
        folder: the templates folder.
        format_name: syntax of the files.
    """
    return environment_of(folder, format_named(format_name))


class WholeLoader(FileSystemLoader):
    """Loads a template with its parts in their places.

    A part sees what its place sees either way; but every include of Jinja2 makes a context of
    its own and passes every line on once more, which costs as much as many a part itself.
    """

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        """Source, file and whether it is fresh."""
        source, path, fresh = super().get_source(environment, template)

        def part(match: re.Match[str]) -> str:
            return self.get_source(environment, match[1])[0]

        return _INCLUDE.sub(part, source), path, fresh


def environment_of(
    folder: Path, form: Format, loader: type[FileSystemLoader] = FileSystemLoader
) -> RecordSandbox:
    """Jinja2 as templates of a format are run by it.

    Args:
        folder: the templates folder.
        form: syntax of the files.
        loader: of templates; :class:`WholeLoader` for rendering.
    """
    environment = RecordSandbox(
        loader=loader(folder),
        undefined=StrictUndefined,
        # Escaping is the business of finalize, which no value and no filter can talk out of it.
        autoescape=False,
        finalize=_escape_xml if form.xml else None,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)
    return environment


def _escape_xml(value: object) -> object:
    """Write a value so that XML reads it as text, whatever the value says of itself."""
    if type(value) is int:
        return value
    text = str(value)
    return text.translate(_XML_REFERENCES) if _XML_SPECIAL.search(text) else text


def _reveal(secret: Secret) -> str:
    return secret.reveal()


def _hostport(host: str, port: int) -> str:
    """Join host and port; an IPv6 address gets its brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def template_place(error: TemplateError, template: str) -> str:
    """File and line of the template at which an error arose.

    Args:
        error: as raised while rendering.
        template: the entry template, named when nothing better is known.
    """
    if isinstance(error, TemplateSyntaxError):
        return f"{error.name or template}:{error.lineno}"
    folder = f"{template.partition('/')[0]}/"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if folder in frame.filename
    ]
    frames = [frame for frame in frames if frame.filename.endswith(".j2")]
    if not frames:
        return template
    name = frames[-1].filename
    return f"{name[name.rindex(f'/{folder}') + 1 :]}:{frames[-1].lineno}"


def _serial(text: str) -> str:
    """Twelve digits that change with a text: firmware skips a file whose number it knows."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return f"{number % 10**12:012d}"


FILTERS = {"reveal": _reveal, "hostport": _hostport, "serial": _serial}
"""What a template may use besides Jinja2's own filters."""
