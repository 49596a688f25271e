"""Jinja2's sandbox with a short way to the records that templates are made for.

Rendering is mostly asking records for attributes. Records of the intent and of the profile are
frozen and hold data only, so their public attributes need none of the sandbox's general checks.
What decides it, the type of the owner, is asked in the compiled template itself:
``account.label`` becomes ::

    (owner.label if type(owner := account) in has_label
     else owner['label'] if type(owner) in plain and 'label' in owner
     else environment.getattr(owner, 'label'))

``has_label`` holds the types of records that have such an attribute, ``plain`` the types of
mappings of plain data, asked only for names that are none of a mapping's own. Whatever is neither
goes the sandbox's long way, and so does every name that begins with an underscore. A value that is
written where the format needs escaping is escaped at once unless it is one plain word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisioning import intent, profile_files, profile_model, template_context

_MODULES = (intent, profile_files, profile_model, template_context)


def _held() -> dict[str, frozenset[type]]:
    held: dict[str, set[type]] = {}
    for module in _MODULES:
        for record in vars(module).values():
            if isinstance(record, type) and record.__module__ == module.__name__:
                for name in _public(record):
                    held.setdefault(name, set()).add(record)
    return {name: frozenset(records) for name, records in held.items()}


def _public(record: type) -> Iterator[str]:
    """Fields and properties; nothing of what is no record."""
    if issubclass(record, tuple):
        names = list(getattr(record, "_fields", ()))
    elif is_dataclass(record):
        names = [field.name for field in fields(record)]
        names += [name for name, item in vars(record).items() if isinstance(item, property)]
    else:
        return
    yield from (name for name in names if not name.startswith("_"))


class TableSet(dict[str, dict[str, object]]):
    """The tables of a dialect; templates ask for them by attribute, ``tables.transports``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> dict[str, object]:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


_PLAIN = frozenset({dict, TableSet})
"""Mappings of plain data; Jinja2 looks for an attribute of them first and for an entry then."""


class RecordGenerator(CodeGenerator):
    """Compiles templates as Jinja2 does, but for attributes of records and plain words."""

    environment: RecordSandbox

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja2's name
        """Compile a template."""
        self._used = sorted(
            {one.attr for one in node.find_all(nodes.Getattr)} & self.environment.held.keys()
        )
        super().visit_Template(node, frame)

    def write_commons(self) -> None:
        """Begin a function of the template."""
        super().write_commons()
        self.writeline("plain = environment.plain")
        for name in self._used:
            self.writeline(f"has_{name} = environment.held[{name!r}]")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802 - Jinja2's name
        """Compile ``owner.name``."""
        name = node.attr
        if hasattr(dict, name) or name.startswith("_"):
            super().visit_Getattr(node, frame)
            return
        of_plain = f"in plain and {name!r} in owner else environment.getattr(owner, {name!r}))"
        if name in self._used:
            before = f"(owner.{name} if type(owner := "
            after = f") in has_{name} else owner[{name!r}] if type(owner) {of_plain}"
        else:
            before, after = f"(owner[{name!r}] if type(owner := ", f") {of_plain}"
        self.write(before)
        self.visit(node.node, frame)
        self.write(after)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if finalize.src is None:
            super()._output_child_pre(node, frame, finalize)
        else:
            self.write("(word if (word := str(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if finalize.src is None:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(f")).isalnum() else {finalize.src}word))")


class RecordSandbox(ImmutableSandboxedEnvironment):
    """The sandbox of all templates.

    Attributes:
        held: types of records by each public attribute that they have.
        plain: types of mappings of plain data.
    """

    code_generator_class = RecordGenerator
    held: Mapping[str, frozenset[type]] = _held()
    plain = _PLAIN

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Read an attribute: at once for a record, else by the sandbox's rules."""
        if type(obj) in self.held.get(attribute, ()):
            return getattr(obj, attribute)
        if type(obj) in _PLAIN and attribute in obj and not hasattr(dict, attribute):
            return obj[attribute]
        return super().getattr(obj, attribute)
