"""Variation module of snmpsim: a PoE port whose detection status follows its admin state.

A record's value says what kind of port it is: ``phone`` obeys, ``stuck`` takes the command and
goes on delivering, ``empty`` has nobody to feed, ``broken`` reports a fault, ``late`` obeys
after half a second, ``fixed`` refuses to be written. ``moduleContext`` is put in by snmpsim.
"""

import time

from pysnmp.smi import error
from snmpsim.grammar.snmprec import SnmprecGrammar
from snmpsim.record.snmprec import SnmprecRecord

LATE_S = 0.5


def init(**context):
    moduleContext["ports"] = {}  # noqa: F821 - snmpsim puts it in


def shutdown(**context):
    pass


def detection(kind, admin, since):
    if kind == "stuck":
        return 3
    if kind == "late" and time.monotonic() - since < LATE_S:
        admin = 3 - admin
    if admin == 2:
        return 1
    return {"empty": 2, "broken": 4}.get(kind, 3)


def variate(oid, tag, value, **context):
    if not context["nextFlag"] and not context["exactMatch"]:
        return context["origOid"], tag, context["errorStatus"]
    ports = moduleContext["ports"]  # noqa: F821 - snmpsim puts it in
    column, index = oid[-3], tuple(oid[-2:])
    admin, since = ports.get(index, (1, 0.0))
    if context["setFlag"]:
        position = max(0, context["varsTotal"] - context["varsRemaining"] - 1)
        if value == "fixed" or column != 3:
            raise error.NotWritableError(name=oid, idx=position)
        wanted = int(context["origValue"])
        if wanted not in {1, 2}:
            raise error.WrongValueError(name=oid, idx=position)
        admin = wanted
        ports[index] = (admin, time.monotonic())
    found = admin if column == 3 else detection(value, admin, since)
    kind = SnmprecGrammar.TAG_MAP[SnmprecRecord.unpack_tag(tag)[0]]
    return oid, tag, kind(found)
