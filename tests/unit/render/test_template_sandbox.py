"""The short way to records gives what the sandbox's long way gives, and no more."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, StrictUndefined, TemplateError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup
from render_intents import intent

from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.template_context import template_context
from provisioning.template_environment import FILTERS, template_environment
from provisioning.template_sandbox import RecordSandbox, TableSet

PROFILE = shipped_profiles()["T46U"]
WANTED = intent(PROFILE)
DIALECT = load_dialect(PROFILE.render.dialect, PROFILE.render.format)
CONTEXT = template_context(WANTED, PROFILE, DIALECT.tables)

SAME = [
    "{{ intent.accounts[0].label }}/{{ intent.accounts[0].mwi.mode }}",
    "{{ intent.accounts[0].aor }} {{ intent.accounts[0].next_hop[1] }}",
    "{{ intent.mac.plain }} {{ profile.limits.accounts }} {{ profile.quirks.static }}",
    "{% for slot in slots %}{{ slot.index }}{{ slot.account.user if slot.account }},{% endfor %}",
    "{% for slot in key_slots if slot.key %}{{ slot.position }}{{ slot.key.kind }}{% endfor %}",
    "{% macro m(it) %}{{ it.accounts[1].diverts.busy.enabled }}{% endmacro %}{{ m(intent) }}",
    "{{ tables.transports[intent.accounts[0].transport] }}",
    "{{ intent.nobody is defined }} {{ intent.lamp.icon is none }}",
    "{{ intent.accounts[0].transport.upper() }}",
    "{{ intent.accounts[0].password }} {{ intent.accounts[0].password | reveal }}",
]


def plain():
    """The sandbox as Jinja2 has it."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    environment.filters.update(FILTERS)
    return environment


def quick(tmp_path, format_name="key_value"):
    return template_environment(tmp_path, format_name)


@pytest.mark.parametrize("source", SAME)
def test_attributes_are_what_the_sandbox_gives(tmp_path, source):
    text = quick(tmp_path).from_string(source).render(CONTEXT)
    assert text == plain().from_string(source).render(CONTEXT)
    assert text


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("{{ intent.nobody }}", UndefinedError),
        ("{{ intent.nobody.further }}", UndefinedError),
        ("{{ tables.nothing.x }}", UndefinedError),
        ("{{ intent.__class__ }}", SecurityError),
        ("{{ intent.accounts[0].__init__.__globals__ }}", SecurityError),
        ("{{ intent.accounts[0].password._value }}", SecurityError),
        ("{{ slots[0]._replace(index=2) }}", SecurityError),
        ("{{ '{0.__class__}'.format(intent) }}", SecurityError),
        ("{{ intent.accounts[0].transport.format.__self__ }}", TemplateError),
    ],
)
def test_what_the_sandbox_refuses_is_refused(tmp_path, source, error):
    with pytest.raises(error):
        plain().from_string(source).render(CONTEXT)
    with pytest.raises(error):
        quick(tmp_path).from_string(source).render(CONTEXT)


class Claims(str):
    """A text that says it needs no escaping."""

    __slots__ = ()

    def __html__(self):
        return str(self)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Anna", "Anna"),
        ("Müller", "Müller"),
        ("", ""),
        (7, "7"),
        (None, "None"),
        ("a&b", "a&amp;b"),
        ("<b>", "&lt;b&gt;"),
        ("\"'", "&#34;&#39;"),
        (Markup("<i>"), "&lt;i&gt;"),
        (Claims("<u>"), "&lt;u&gt;"),
        (("<", 1), "(&#39;&lt;&#39;, 1)"),
    ],
)
def test_every_value_is_escaped_where_the_format_needs_it(tmp_path, value, written):
    source = "<x>{{ value }}</x>{{ 'a<b' }}"
    text = quick(tmp_path, "xml_elements").from_string(source).render(value=value)
    assert text == f"<x>{written}</x>a&lt;b"
    flat = quick(tmp_path).from_string(source).render(value=value)
    assert flat == f"<x>{value}</x>a<b"


def test_records_are_named_by_their_fields_and_properties_alone():
    held = RecordSandbox.held
    assert type(WANTED) in held["accounts"]
    assert type(WANTED.accounts[0]) in held["next_hop"]
    assert type(CONTEXT["slots"][0]) in held["index"]
    assert held["format"] == {type(PROFILE.render)}
    assert type(WANTED.accounts[0].transport) not in set().union(*held.values())
    assert not {"fill", "count", "upper", "_replace"} & held.keys()


def test_a_part_of_a_template_may_use_records_too(tmp_path):
    environment = quick(tmp_path)
    environment.loader = DictLoader(
        {"a": "{% include 'b' %}", "b": "{{ intent.provisioning.url }}"}
    )
    assert environment.get_template("a").render(CONTEXT) == WANTED.provisioning.url


def test_tables_are_asked_by_name(tmp_path):
    tables = TableSet({"words": {"x": "<1>"}})
    environment = quick(tmp_path, "xml_elements")
    assert environment.from_string("{{ tables.words.x }}").render(tables=tables) == "&lt;1&gt;"
