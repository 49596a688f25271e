"""Makes HTML of templates; every value is escaped, every unknown name is an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rig.mailbox_platform.embedded.web.words import LANGUAGES, Words

_HERE = Path(__file__).parent


class PageWriter:
    """Writes pages.

    Args:
        site: name shown on every page.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "pages"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def write(self, name: str, words: Words, context: Mapping[str, Any]) -> str:
        """Make a page.

        Args:
            name: of the template.
            words: of the reader's language.
            context: values of the template.
        """
        return self._environment.get_template(f"{name}.html.j2").render(
            {
                "site": self._site,
                "language": words.language,
                "languages": LANGUAGES,
                "page": name,
                **context,
            }
        )


def static_file(name: str) -> bytes:
    """A style sheet or script of ours.

    Raises:
        KeyError: there is none of this name.
    """
    files = {path.name: path for path in (_HERE / "static").iterdir()}
    return files[name].read_bytes()
