"""Device profiles: what each handset model is and can do, one YAML file per model.

A new model is one file; nothing in Python names a model. Files inherit by ``extends``, are
checked strictly, and every fault is reported with its file and line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from provisioning.errors import InputErrors, InputFault, Position, UsageError
from provisioning.formats.registry import known_formats
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
)
from provisioning.resources import device_profiles_dir
from provisioning.yaml_source import to_plain

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


class ProfileSet(Mapping[str, Profile]):
    """All known models, by name."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        merged: Mapping[str, MergedProfile],
        uncited: Mapping[str, Position] | None = None,
    ) -> None:
        """Keep profiles together with the place of every value.

        Args:
            profiles: by model name.
            merged: the same profiles as trees with positions.
            uncited: entries of the catalogue of sources that no profile names.
        """
        self.uncited = dict(uncited or {})
        self._profiles = dict(profiles)
        self._merged = dict(merged)

    def __getitem__(self, model: str) -> Profile:
        """The profile of a model.

        Raises:
            UnknownModelError: there is none; also a :class:`KeyError`.
        """
        try:
            return self._profiles[model]
        except KeyError:
            raise UnknownModelError(model, sorted(self._profiles)) from None

    def get(self, model: str, default: Profile | None = None) -> Profile:  # type: ignore[override]  # a missing profile is never None here: it is an error that names near matches
        """The profile of a model.

        Args:
            model: as the inventory names it.
            default: given back when there is no such model; None to raise.

        Raises:
            UnknownModelError: there is none and no default; names near matches.
        """
        if default is not None and model not in self._profiles:
            return default
        return self[model]

    def __iter__(self) -> Iterator[str]:
        """Model names in order."""
        return iter(sorted(self._profiles))

    def __len__(self) -> int:
        """How many models."""
        return len(self._profiles)

    def __contains__(self, model: object) -> bool:
        """Whether there is a profile."""
        return model in self._profiles

    def merged(self, model: str) -> MergedProfile:
        """The profile as a tree with positions.

        Raises:
            UnknownModelError: there is none.
        """
        self[model]
        return self._merged[model]

    def models_of(self, user_agent: str) -> tuple[str, ...]:
        """Models whose requests carry a User-Agent, as their profiles tell.

        Args:
            user_agent: as sent.
        """
        seen: dict[str, str] = {}
        for profile in self._profiles.values():
            pattern = profile.identify.user_agent
            if pattern not in seen:
                match = re.search(pattern, user_agent)
                seen[pattern] = match["model"] if match else ""
        return tuple(
            name
            for name, profile in sorted(self._profiles.items())
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

    def __init__(self, model: str, known: list[str]) -> None:
        self.model = model
        by_lower = {name.lower(): name for name in known}
        matches = difflib.get_close_matches(model.lower(), list(by_lower), n=3, cutoff=0.5)
        self.near = tuple(by_lower[name] for name in matches)
        hint = f"Did you mean {' or '.join(self.near)}?" if self.near else "Add a profile file."
        self._message = f"no device profile of {model!r}; known are {', '.join(known)}. {hint}"
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
    profiles: dict[str, Profile] = {}
    trees: dict[str, MergedProfile] = {}
    faults: list[InputFault] = []
    files = ProfileFiles(folder)
    for merged in files.concrete():
        try:
            profile = _ADAPTER.validate_python(_plain(merged))
        except ValidationError as error:
            faults.extend(_faults_of(error, merged))
            continue
        faults.extend(_check(profile, merged))
        if profile.model in profiles:
            faults.append(
                InputFault(
                    position_at(merged.tree, ("model",)),
                    "a second profile of this model",
                    got=f"{profile.model}, also in {trees[profile.model].path}",
                    fix="Remove one of the two.",
                )
            )
            continue
        profiles[profile.model] = profile
        trees[profile.model] = merged
    if faults:
        raise InputErrors(sorted(set(faults)))
    cited = frozenset[tuple[Path, str]]().union(*(tree.cited for tree in trees.values()))
    uncited = {entry[1]: at for entry, at in files.catalogued().items() if entry not in cited}
    return ProfileSet(profiles, trees, uncited)


@lru_cache(maxsize=1)
def shipped_profiles() -> ProfileSet:
    """The profiles that come with the package, read once: reading takes half a second.

    Raises:
        InputErrors: as :func:`load_profiles`.
    """
    return load_profiles(device_profiles_dir())


def profile_schema() -> dict[str, object]:
    """JSON Schema of a profile joined with its parents, for editors and the reference page."""
    schema = _ADAPTER.json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "phonerig device profile, joined with its parents"
    return schema


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


def _faults_of(error: ValidationError, merged: MergedProfile) -> Iterator[InputFault]:
    for detail in error.errors(include_url=False, include_context=False):
        location = detail["loc"]
        unknown = detail["type"] in {"unexpected_keyword_argument", "extra_forbidden"}
        value = detail["input"]
        yield InputFault(
            position_at(merged.tree, location),
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
