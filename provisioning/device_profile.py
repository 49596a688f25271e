"""Device profiles: what each handset model is and can do, one YAML file per model.

A new model is one file; nothing in Python names a model. Files inherit by ``extends``, are
checked strictly, and every fault is reported with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from provisioning.errors import InputErrors, InputFault, Position, UsageError
from provisioning.formats.registry import known_formats
from provisioning.known_names import near_names
from provisioning.profile_model import (
    Boot,
    BootRequest,
    DelayUnit,
    FileKind,
    FileScope,
    Lamp,
    LampPattern,
    MailboxReach,
    Mark,
    Profile,
    RenderFile,
    Source,
)
from provisioning.profile_source import (
    Explained,
    MergedProfile,
    ProfileFiles,
    explain,
    position_at,
    texts,
)
from provisioning.resources import device_profiles_dir
from provisioning.yaml_source import YamlMap, to_plain

__all__ = [
    "Boot",
    "BootRequest",
    "DelayUnit",
    "Explained",
    "FileKind",
    "FileScope",
    "Lamp",
    "LampPattern",
    "MailboxReach",
    "Mark",
    "Profile",
    "ProfileSet",
    "RenderFile",
    "Source",
    "load_profiles",
    "profile_schema",
]

_ADAPTER: TypeAdapter[Profile] = TypeAdapter(Profile)
_UNKNOWN = {"unexpected_keyword_argument", "extra_forbidden"}
_OF_FILE = {"schema", "extends", "abstract", "sources"}


class ProfileSet(Mapping[str, Profile]):
    """All models of a folder, by name; each profile is read when it is first asked for.

    What a model is called is known from the names of the files, so nothing is read for a site's
    other models. :func:`load_profiles` reads and checks all of them.
    """

    def __init__(self, folder: Path) -> None:
        """Look at the names of the files.

        Args:
            folder: with ``_base.yaml`` and one folder per vendor.
        """
        self._files = ProfileFiles(folder)
        self._paths = {path.stem: path for path in reversed(self._files.models())}
        self._profiles: dict[str, Profile] = {}

    def __getitem__(self, model: str) -> Profile:
        """The profile of a model.

        Raises:
            UnknownModelError: there is none; also a :class:`KeyError`.
            InputErrors: the faults of its file and of that file's parents.
        """
        found = self._profiles.get(model)
        if found is None:
            found = self._profiles[model] = _read(self._files.merged(self._path(model)))
        return found

    def _path(self, model: str) -> Path:
        try:
            return self._paths[model]
        except KeyError:
            vendors = {name: path.parent.name for name, path in sorted(self._paths.items())}
            raise UnknownModelError(model, vendors) from None

    def get(self, model: str, default: Profile | None = None) -> Profile:  # type: ignore[override]  # a missing profile is never None here: it is an error that names near matches
        """The profile of a model.

        Args:
            model: as the inventory names it.
            default: given back when there is no such model; None to raise.

        Raises:
            UnknownModelError: there is none and no default; names near matches.
        """
        if default is not None and model not in self._paths:
            return default
        return self[model]

    def __iter__(self) -> Iterator[str]:
        """Model names in order."""
        return iter(sorted(self._paths))

    def __len__(self) -> int:
        """How many models."""
        return len(self._paths)

    def __contains__(self, model: object) -> bool:
        """Whether there is a profile."""
        return model in self._paths

    def merged(self, model: str) -> MergedProfile:
        """The profile as a tree with positions.

        Raises:
            UnknownModelError: there is none.
        """
        return self._files.merged(self._path(model))

    def uncited(self) -> dict[str, Position]:
        """Entries of the catalogues of sources that no profile names, with their places."""
        trees = (self._files.merged(path) for path in self._paths.values())
        cited = frozenset[tuple[Path, str]]().union(*(tree.cited for tree in trees))
        listed = self._files.catalogued().items()
        return {word: at for (path, word), at in listed if (path, word) not in cited}

    def faults(self) -> list[InputFault]:
        """Read all profiles; everything that is wrong with any of them, in order of place."""
        faults: set[InputFault] = set(self._files.faults())
        first: dict[str, Path] = {}
        for path in self._files.models():
            try:
                merged = self._files.merged(path)
            except InputErrors:  # is among the faults of the files
                faults.update(_unknown_keys(self._files.alone(path)))
                continue
            model = texts(merged.tree).get("model", "")
            if first.setdefault(model, path) != path:
                faults.add(
                    InputFault(
                        position_at(merged.tree, ("model",)),
                        "a second profile of this model",
                        got=f"{model}, also in {first[model]}",
                        fix="Remove one of the two.",
                    )
                )
            try:
                self._profiles[path.stem] = _read(merged)
            except InputErrors as error:
                faults.update(error.faults)
        return sorted(faults)

    def drop_unreadable(self) -> None:
        """Forget the models that cannot be read, so that the others can be judged."""
        self._paths = {model: path for model, path in self._paths.items() if self._reads(model)}

    def _reads(self, model: str) -> bool:
        try:
            return self[model].model == model
        except InputErrors:
            return False

    def models_of(self, user_agent: str) -> tuple[str, ...]:
        """Models whose requests carry a User-Agent, as their profiles tell.

        Args:
            user_agent: as sent.
        """
        seen: dict[str, str] = {}
        for profile in self.values():
            pattern = profile.identify.user_agent
            if pattern not in seen:
                match = re.search(pattern, user_agent)
                seen[pattern] = match["model"] if match else ""
        return tuple(
            name
            for name, profile in self.items()
            if seen[profile.identify.user_agent] == profile.hardware.name
        )

    def explain(self, model: str, prefix: str = "") -> list[Explained]:
        """Say of every value of a profile which file and line it comes from.

        Args:
            model: as the inventory names it.
            prefix: only values below this dotted path; empty for all.

        Raises:
            UnknownModelError: there is no such model.
        """
        return explain(self.merged(model), prefix)


class UnknownModelError(UsageError, KeyError):
    """There is no profile of this model.

    Attributes:
        model: what was asked for.
        near: similar names that exist.
    """

    def __init__(self, model: str, known: Mapping[str, str]) -> None:
        """Say which models look like it and how to list the others.

        Args:
            model: what was asked for.
            known: vendor of each model that exists.
        """
        self.model = model
        self.near = near_names(model, known)
        if self.near:
            hint, vendor = f"Did you mean {' or '.join(self.near)}?", known[self.near[0]]
        else:
            hint, vendor = "None of the known ones is like it; add a profile file.", "NAME"
        self._message = (
            f"no device profile of {model[:64]!r}. {hint} 'phonerig models --vendor {vendor}' "
            f"lists the models of a vendor, 'phonerig models' all {len(known)}."
        )
        super().__init__(self._message)

    def __str__(self) -> str:
        """The message; KeyError would quote it."""
        return self._message


def load_profiles(folder: Path) -> ProfileSet:
    """Read and check all profiles of a folder.

    Args:
        folder: with ``_base.yaml`` and one folder per vendor.

    Raises:
        InputErrors: all faults of the profiles, each with file and line.
    """
    profiles = ProfileSet(folder)
    faults = profiles.faults()
    if faults:
        raise InputErrors(faults)
    return profiles


@lru_cache(maxsize=1)
def shipped_profiles() -> ProfileSet:
    """The profiles that come with the package; each is read once, when it is asked for."""
    return ProfileSet(device_profiles_dir())


def profile_schema() -> dict[str, object]:
    """JSON Schema of a profile joined with its parents, for editors and the reference page."""
    schema = _ADAPTER.json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "phonerig device profile, joined with its parents"
    return schema


def _read(merged: MergedProfile) -> Profile:
    """Check one profile.

    Raises:
        InputErrors: all its faults.
    """
    try:
        profile = _ADAPTER.validate_python(_plain(merged))
    except ValidationError as error:
        raise InputErrors(sorted(set(_faults_of(error, merged.tree)))) from error
    faults = list(_check(profile, merged))
    if faults:
        raise InputErrors(faults)
    return profile


def _plain(merged: MergedProfile) -> object:
    """The tree as data.

    The word ``none`` takes away the keys that a parent gave, and a model is called in its
    User-Agent as in the inventory unless its hardware has a name of its own.
    """
    plain = to_plain(merged.tree)
    if isinstance(plain, dict):
        if plain.get("line_keys") == "none":
            plain["line_keys"] = {}
        hardware = plain.setdefault("hardware", {})
        if isinstance(hardware, dict) and "model" in plain:
            hardware.setdefault("name", plain["model"])
    return plain


def _unknown_keys(tree: YamlMap | None) -> list[InputFault]:
    """Keys of a file that cannot be joined with its parents, as far as no schema has them."""
    plain = to_plain(tree) if tree is not None else {}
    if not isinstance(plain, dict):
        return []
    try:
        _ADAPTER.validate_python({k: v for k, v in plain.items() if k not in _OF_FILE})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        if tree is not None and any(detail["type"] in _UNKNOWN for detail in details):
            return [fault for fault in _faults_of(error, tree) if "unknown key" in fault.what]
    return []


def _faults_of(error: ValidationError, tree: YamlMap) -> Iterator[InputFault]:
    for detail in error.errors(include_url=False, include_context=False):
        location = detail["loc"]
        unknown = detail["type"] in _UNKNOWN
        value = detail["input"]
        yield InputFault(
            position_at(tree, location),
            f"unknown key '{location[-1]}'" if unknown else _dotted(location),
            got="" if unknown or not isinstance(value, str) else repr(value),
            expected="a key of the schema" if unknown else detail["msg"],
            fix="Remove it or correct its spelling." if unknown else "",
        )


def _check(profile: Profile, merged: MergedProfile) -> Iterator[InputFault]:
    """What the schema cannot say, as far as loading depends on it."""
    at = position_at(merged.tree, ("model",))
    if merged.path.stem != profile.model:
        yield InputFault(
            at, "the file name is not the model", got=merged.path.name, expected=profile.model
        )
    if profile.render.format not in known_formats():
        yield InputFault(
            position_at(merged.tree, ("render", "format")),
            "no module of provisioning.formats reads this format",
            got=profile.render.format,
            expected=", ".join(known_formats()),
        )
    patterns = [
        (("identify", "user_agent"), profile.identify.user_agent),
        (("identify", "vendor_class", "pattern"), profile.identify.vendor_class.pattern),
        (("identify", "certificate", "pattern"), profile.identify.certificate.pattern),
    ]
    if profile.boot.listing is not None:
        patterns += [
            (("boot", "listing", "pattern"), profile.boot.listing.pattern),
            (("boot", "listing", "marker"), profile.boot.listing.marker),
        ]
    for where, pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            yield InputFault(
                position_at(merged.tree, where),
                "not a regular expression",
                expected=str(error),
            )


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in location)
