"""Checks of single values in a config; what does not hold is a ``ConfigError`` that names the key and the value."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterable
from typing import Any

from seedbed.errors import ConfigError, near_misses, without_addresses


def shown(value: Any) -> str:
    """A value as it is typed."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    return without_addresses(str(value))


def require(holds: bool, key: str, value: Any, wanted: str) -> None:
    """``key`` is the dotted name under which the user gives the value, ``wanted`` what it must be."""
    if not holds:
        raise ConfigError(f"{key}={shown(value)} cannot be used: it must be {wanted}.{in_quotes(value)}")


def in_quotes(value: Any) -> str:
    """What to say of a text that looks like a number, a switch or null: quotes make it one; "" of all else."""
    looks_plain = isinstance(value, str) and re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?|true|false|null", value)
    return " It stands in quotes, which make it text: leave them out." if looks_plain else ""


def require_choice(key: str, value: Any, known: Iterable[str]) -> None:
    """The value must be one of the few that the key knows."""
    if value not in (choices := tuple(known)):
        raise ConfigError(f"{key}={shown(value)}: there is no such choice, {near_misses(shown(value), choices)}")


def is_installed(package: str) -> bool:
    """Whether a package can be imported, by the name under which it is."""
    return importlib.util.find_spec(package) is not None


def is_whole(value: Any) -> bool:
    """A whole number from 1 on."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_positive(value: Any) -> bool:
    return is_number(value) and value > 0


def is_from_zero(value: Any) -> bool:
    return is_number(value) and value >= 0
