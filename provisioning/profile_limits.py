"""What an inventory must know of handset models, taken from their profiles as it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioning.inventory_model import ModelLimits
from provisioning.profile_model import Profile


class LimitsOfModels(Mapping[str, ModelLimits]):
    """Limits by model; a profile is looked at only when its model is on a handset."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        """Look at nothing yet.

        Args:
            profiles: by model.
        """
        self._profiles = profiles
        self._limits: dict[str, ModelLimits] = {}

    def __getitem__(self, model: str) -> ModelLimits:
        """The limits of a model.

        Raises:
            KeyError: there is no such model.
        """
        if model not in self._limits:
            profile = self._profiles[model]
            limits = profile.limits
            self._limits[model] = ModelLimits(
                accounts=limits.accounts,
                line_keys=limits.line_keys,
                expansion_modules=limits.modules,
                module_keys=limits.module_keys,
                vendor=profile.vendor,
                mac_oui=profile.identify.mac_oui,
            )
        return self._limits[model]

    def __contains__(self, model: object) -> bool:
        """Whether there is a profile."""
        return model in self._profiles

    def __iter__(self) -> Iterator[str]:
        """Names of all models."""
        return iter(self._profiles)

    def __len__(self) -> int:
        """How many models."""
        return len(self._profiles)
