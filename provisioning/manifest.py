"""Remembers what was rendered from what, so that an unchanged handset is not rendered again.

Beside the folder of the rendered files, not in it, because that one is served, lies a manifest:
for each handset a key of everything that its files are
made from (intent, profile, templates, this program), and a digest of each file. A handset
whose key is the same and whose files on the disk still have their digests is unchanged.

It also has one digest of everything that the whole site is read and rendered from: where that is
the same, the site need not even be read (:mod:`provisioning.input_notes`).

The first line is a head with the digest of the second, so a manifest that was cut short or
written in by hand is none.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import provisioning
from provisioning.errors import RigError
from provisioning.input_notes import InputSeal
from provisioning.intent import HandsetIntent
from provisioning.loss import Loss
from provisioning.profile_model import Profile
from provisioning.render import RenderedFile
from provisioning.resources import device_profiles_dir, templates_dir

_VERSION = 2
_LIBRARIES = ("jinja2", "PyYAML", "pydantic")
_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file as it was written.

    Attributes:
        digest: of its octets.
        secret: readable by its owner only.
        handset: whose it is; empty for a file that handsets share.
    """

    digest: str
    secret: bool
    handset: str


@dataclass(frozen=True, slots=True)
class KeptHandset:
    """What was written for one handset.

    Attributes:
        key: of everything that the files were made from.
        files: by name.
        losses: what the model could not express.
    """

    key: str
    files: Mapping[str, KeptFile]
    losses: tuple[Loss, ...]

    def is_on_disk(self, folder: Path) -> bool:
        """Whether the folder holds the files exactly as they were written.

        Args:
            folder: of the rendered files.
        """
        return all(_is_as_kept(folder / name, kept) for name, kept in self.files.items())


def digest_of(content: bytes) -> str:
    """Digest of a file.

    Args:
        content: its octets.
    """
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()


class HandsetKeys:
    """Makes the keys of handsets; what the models share is looked at once."""

    def __init__(self, templates: Path | None = None) -> None:
        """Look at the program; templates are looked at when a model needs them.

        Args:
            templates: templates folder; None for the one that is shipped.
        """
        self._templates = templates or templates_dir()
        self._program = _tree_digest(Path(provisioning.__file__).parent, "*.py")
        self._dialects: dict[str, str] = {}
        self._models: dict[str, bytes] = {}

    def key(self, intent: HandsetIntent, profile: Profile) -> str:
        """Key of everything that a handset's files are made from.

        Args:
            intent: what it must be told.
            profile: of its model.
        """
        state = hashlib.blake2b(self._model(profile), digest_size=_DIGEST_BYTES)
        # A secret hides itself in repr, so the secrets are added one by one.
        secrets = [account.password for account in intent.accounts]
        secrets += [intent.provisioning.password, intent.admin_password]
        state.update(repr(intent).encode("utf-8", "surrogatepass"))
        for secret in secrets:
            state.update(b"\0" + secret.reveal().encode("utf-8", "surrogatepass"))
        return state.hexdigest()

    def _model(self, profile: Profile) -> bytes:
        if profile.model not in self._models:
            folders = {profile.render.dialect}
            folders |= {file.template.partition("/")[0] for file in profile.render.files}
            parts = [self._program, repr(profile), *map(self._dialect, sorted(folders))]
            self._models[profile.model] = "\n".join(parts).encode("utf-8", "surrogatepass")
        return self._models[profile.model]

    def _dialect(self, name: str) -> str:
        if name not in self._dialects:
            self._dialects[name] = _tree_digest(self._templates / name, "*")
        return self._dialects[name]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was written to a folder.

    Attributes:
        handsets: what was written for each.
        seal: of everything that the whole site was read from; None when that is not known.
        stale: files that no handset has any more, with their digests.
    """

    handsets: Mapping[str, KeptHandset]
    seal: InputSeal | None = None
    stale: Mapping[str, str] = field(default_factory=dict)


def untouched(folder: Path, rest: str) -> Manifest | None:
    """What a folder holds, where that is known without reading the site.

    Args:
        folder: of the rendered files.
        rest: what the seal of the manifest was made with.

    Returns:
        What was written; None when an input or a file is not as it was, or nothing is known.
    """
    manifest = load_manifest(folder)
    if manifest.seal is None or not manifest.seal.is_whole(rest):
        return None
    whole = all(one.is_on_disk(folder) for one in manifest.handsets.values())
    return manifest if whole else None


def program_digest(profiles: Path | None = None, templates: Path | None = None) -> str:
    """Digest of what all sites are rendered by: program, profiles, templates, libraries.

    Args:
        profiles: profiles folder; None for the one that is shipped.
        templates: templates folder; None for the one that is shipped.
    """
    folders = (
        Path(provisioning.__file__).parent,
        profiles or device_profiles_dir(),
        templates or templates_dir(),
    )
    parts = [_tree_digest(folder, "*") for folder in folders]
    parts += [f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES]
    return "\n".join([*parts, sys.version])


def manifest_path(folder: Path) -> Path:
    """Where the manifest of a folder lies.

    Args:
        folder: of the rendered files.
    """
    whole = folder.absolute()
    return whole.parent / f".{whole.name}.phonerig.json"


def load_manifest(folder: Path) -> Manifest:
    """What was written to a folder; empty when there is no manifest or it cannot be read.

    Args:
        folder: of the rendered files.
    """
    try:
        head_line, _, body = manifest_path(folder).read_bytes().partition(b"\n")
        head = json.loads(head_line)
        if head["version"] != _VERSION or head["body"] != digest_of(body):
            return Manifest({})
        handsets = {
            name: KeptHandset(
                key=entry["key"],
                files={path: KeptFile(*parts) for path, parts in entry["files"].items()},
                losses=tuple([Loss(**loss) for loss in entry["losses"]]),
            )
            for name, entry in json.loads(body).items()
        }
        return Manifest(handsets, _seal(head["seal"]), _stale(head.get("stale", {})))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Manifest({})  # it only saves time: without it everything is rendered


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, whole or not at all; readable by its owner only.

    Args:
        folder: of the rendered files.
        manifest: what was written.

    Raises:
        RigError: it cannot be written.
    """
    target = manifest_path(folder)
    handsets = {
        name: {
            "key": kept.key,
            "files": {path: [f.digest, f.secret, f.handset] for path, f in kept.files.items()},
            "losses": [loss.to_json() for loss in kept.losses],
        }
        for name, kept in manifest.handsets.items()
    }
    body = json.dumps(handsets).encode()
    seal = None if manifest.seal is None else asdict(manifest.seal)
    head_data = {"version": _VERSION, "body": digest_of(body), "seal": seal}
    if manifest.stale:
        head_data["stale"] = dict(manifest.stale)
    head = json.dumps(head_data).encode()
    try:
        descriptor, name = tempfile.mkstemp(prefix=".phonerig-", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(head + b"\n" + body)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RigError(
            f"{target}: cannot be written: {error.strerror}. The files themselves are written; "
            "the next run renders all of them again."
        ) from error


def _seal(data: Any) -> InputSeal | None:
    if data is None:
        return None
    names = [*data["files"], *data["variables"], data["salt"], data["digest"]]
    if not all(isinstance(name, str) for name in names):
        return None
    return InputSeal(tuple(data["files"]), tuple(data["variables"]), data["salt"], data["digest"])


def _stale(data: Any) -> dict[str, str]:
    if not all(isinstance(text, str) for item in data.items() for text in item):
        raise ValueError(data)
    return dict(data)


def kept_handset(key: str, files: Iterable[RenderedFile], losses: tuple[Loss, ...]) -> KeptHandset:
    """What the manifest says of a handset that was just rendered.

    Args:
        key: of what it was made from.
        files: as rendered.
        losses: what the model cannot express.
    """
    kept = {
        file.path: KeptFile(digest_of(file.content), file.secret, file.handset) for file in files
    }
    return KeptHandset(key, kept, losses)


def _is_as_kept(path: Path, kept: KeptFile) -> bool:
    try:
        with path.open("rb") as stream:
            if kept.secret and os.fstat(stream.fileno()).st_mode & 0o077:
                return False
            return digest_of(stream.read()) == kept.digest
    except OSError:
        return False


@lru_cache(maxsize=64)
def _tree_digest(folder: Path, pattern: str) -> str:
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            state.update(f"{path.relative_to(folder)} {len(content)}\n".encode())
            state.update(content)
    return state.hexdigest()
