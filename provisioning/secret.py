"""Secrets that do not leak: ``***`` wherever text is made, the value only by asking."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A secret value that prints as ``***``.

    Comparison is by value, so that a rendered file can be compared with its intent.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Hand out the value: only at the border where it must be written or hashed."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass the reference instead")
