"""Which settings of a file changed between its rendering and the handset that read it.

Most settings carry a field of the intent and are compared there. Others only a firmware heeds (how
long a subscription lasts, the summer time), and a number that is none reads back as if it were not
there: of those nothing is seen but that the file is another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioning.device_profile import Profile
from provisioning.dialect import load_dialect
from provisioning.errors import PhonerigError
from provisioning.intent import HandsetIntent
from provisioning.readback import ReadBack, read_back_places
from rig.verdict.evidence import ConfigDifference


def changed_settings(
    rendered: Mapping[str, bytes],
    reading: ReadBack,
    profile: Profile,
    intent: HandsetIntent,
) -> Iterator[ConfigDifference]:
    """Find settings that have another value than the one they were rendered with.

    Secrets are compared with the intent and are none of these.

    Args:
        rendered: content by name.
        reading: of what the handset got.
        profile: of its model.
        intent: what it must be told.
    """
    names = [file.path for file in reading.files if file.path in rendered]
    if profile.boot.precedence == "first":
        names.reverse()
    try:
        wanted = read_back_places({name: rendered[name] for name in names}, profile, intent.mac)
    except PhonerigError:
        return  # nothing to compare with
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    secret = {name.partition("@")[0] for name in dialect.plans(profile).secret_keys()}
    settings = {(s.key, s.index) for file in wanted.files for s in file.settings}
    for key, index in sorted(settings, key=str):
        meant, got = wanted.find(key, index), reading.find(key, index)
        if meant is None or key in secret or meant.value == (got.value if got else ""):
            continue
        yield ConfigDifference(
            field=key if index is None else f"{key}[{index}]",
            wanted=meant.value,
            got=got.value if got else "",
            file=got.file if got else meant.file,
            line=got.line if got else 0,
            key=key,
        )
