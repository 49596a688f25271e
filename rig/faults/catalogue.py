"""Every seeded fault, by name and by its number among the faults known from the field."""

from __future__ import annotations

from provisioning.known_names import known_names
from rig.errors import UsageError
from rig.faults.diversion_seeds import diversion_seeds
from rig.faults.mwi_seeds import mwi_seeds
from rig.faults.provisioning_seeds import provisioning_seeds
from rig.faults.seed import Seed


def seeds() -> dict[str, Seed]:
    """Every seeded fault by name, freshly made."""
    catalogue = (*mwi_seeds(), *diversion_seeds(), *provisioning_seeds())
    return {seed.name: seed for seed in catalogue}


def find_seed(word: str) -> Seed:
    """Look a seeded fault up.

    Args:
        word: its name (``notify-lost``) or its number (``B25``), in any case.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    known = seeds()
    wanted = word.casefold()
    for seed in known.values():
        if wanted and wanted in {seed.name, seed.id.casefold()}:
            return seed
    names: dict[str, str] = {}
    for seed in known.values():
        shown = f"{seed.name} ({seed.id})" if seed.id else seed.name
        names |= {seed.name: shown, seed.id or seed.name: shown}
    raise UsageError(
        f"no seeded fault {word!r}; {known_names(word, names, names)}. "
        "'phonerig faults list' shows all of them."
    )
