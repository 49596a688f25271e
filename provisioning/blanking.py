"""Files without their secrets, for whoever may know the rest: what goes over TFTP or plain HTTP.

The settings that hold secrets are left out, so that a handset keeps what it has; where that would
break the file they are written empty. A file in which a secret can still be found afterwards is
not served in clear at all.

Must not know transports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioning.access_model import NO_SECRET
from provisioning.dialect import Dialect, load_dialect
from provisioning.errors import UsageError
from provisioning.formats.settings import Key
from provisioning.intent import HandsetIntent, ProvisioningIntent
from provisioning.inventory_site import Site
from provisioning.profile_model import FileKind, Profile
from provisioning.render import RenderedFile, render_handset
from provisioning.secret import Secret

_MASK = "***"
_SHORTEST = 6
"""Shorter secrets are found in any file by chance; their settings are blanked all the same."""


@dataclass(frozen=True, slots=True)
class ClearFiles:
    """The files of one handset for those who may not know its secrets.

    Attributes:
        files: without secrets.
        withheld: names of files that could not be freed of theirs.
    """

    files: tuple[RenderedFile, ...]
    withheld: tuple[str, ...] = ()


def clear_files(
    intent: HandsetIntent, profile: Profile, provisioning: ProvisioningIntent
) -> ClearFiles:
    """Render the files of one handset without its secrets.

    Args:
        intent: what it must be told.
        profile: of its model.
        provisioning: of the site: its URL holds no token of a handset.

    Raises:
        UsageError: as :func:`provisioning.render.render_handset`.
    """
    fetch = replace(provisioning, user="", password=NO_SECRET)
    rendered = render_handset(replace(intent, provisioning=fetch), profile)
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    keys = dialect.plans(profile).secret_keys()
    secrets = frozenset(_needles(intent))
    clear, withheld = [], []
    for file in rendered.files:
        content = _blanked(file, dialect, keys)
        if content is None or _holds(content, file.path, secrets, dialect):
            withheld.append(file.path)
        else:
            clear.append(replace(file, content=content))
    return ClearFiles(tuple(clear), tuple(withheld))


def clear_site_files(
    site: Site, profiles: Mapping[str, Profile], published: Mapping[str, RenderedFile]
) -> tuple[dict[str, RenderedFile], tuple[str, ...]]:
    """Render the files of a site without its secrets.

    Args:
        site: its inventory, whose files have been rendered before without a fault.
        profiles: by model.
        published: the same files as phones get them whole; an encrypted one may be read along.

    Returns:
        Files by name, and names of those that could not be freed of their secrets.
    """
    files: dict[str, RenderedFile] = {}
    withheld: list[str] = []
    for handset in site.handsets:
        intent = site.intent(handset.name)
        clear = clear_files(intent, profiles[handset.model], site.provisioning)
        files |= {file.path: file for file in clear.files}
        withheld += clear.withheld
    if site.encryption is not None:
        names = [*(path for path, file in files.items() if file.secret), *withheld]
        encrypted = {path: published[path] for path in names if not published[path].secret}
        files |= encrypted
        withheld = [path for path in withheld if path not in encrypted]
    return files, tuple(dict.fromkeys(withheld))


def _blanked(file: RenderedFile, dialect: Dialect, keys: frozenset[str]) -> bytes | None:
    """The content without secret settings; None when nothing readable can be made of it."""
    if file.kind is FileKind.LIST:
        return file.content
    text = file.content.decode(dialect.format.encoding)
    masked = dialect.format.mask(text, keys)
    if masked == text:
        return file.content
    pairs = list(zip(text.split("\n"), masked.split("\n"), strict=True))
    kept = [line for line, other in pairs if line == other]
    emptied = [line if line == other else other.replace(_MASK, "") for line, other in pairs]
    wanted = _settings(file.content, file.path, dialect, keys)
    for lines in (kept, emptied):
        content = "\n".join(lines).encode(dialect.format.encoding)
        if wanted is not None and _settings(content, file.path, dialect, keys) == wanted:
            return content
    return None


def _settings(
    content: bytes, path: str, dialect: Dialect, without: frozenset[str]
) -> Mapping[Key, str] | None:
    """What a file says apart from secrets; None when its reader finds a problem in it."""
    try:
        read = dialect.format.read(content, path)
    except UsageError:
        return None
    if read.problems:
        return None
    return {
        (setting.key, setting.index): setting.value
        for setting in read.settings
        if setting.key not in without
    }


def _holds(content: bytes, path: str, secrets: frozenset[str], dialect: Dialect) -> bool:
    """Whether a secret can be found, as it stands or behind the escapes of the syntax."""
    if any(secret.encode(dialect.format.encoding, "replace") in content for secret in secrets):
        return True
    values = [setting.value for setting in dialect.format.read(content, path).settings]
    return any(secret in value for secret in secrets for value in values)


def _needles(intent: HandsetIntent) -> Iterator[str]:
    for secret in secrets_of(intent):
        text = secret.reveal()
        if len(text) >= _SHORTEST:
            yield text


def secrets_of(intent: HandsetIntent) -> Iterable[Secret]:
    """Every secret that one handset is told."""
    yield intent.admin_password
    yield intent.provisioning.password
    for account in intent.accounts:
        yield account.password
