"""The space of a search: keys and the values to be tried, read from Hydra's grammar into Optuna's distributions."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from seedbed.config.override_grammar import FILES, parse
from seedbed.config.recipe import can_change_results
from seedbed.errors import ConfigError, near_misses

WAYS = "choice(a, b), range(10, 50, step=10), interval(0.0, 0.5) or tag(log, interval(1e-4, 1e-1))"

MOST_POINTS = 1_000_000
"""Most points and trials of one study: a number beyond is a mistake, and samplers keep all of them in memory."""


@dataclass(frozen=True)
class Space:
    """What is searched: by key, the values as typed and as Optuna's distribution."""

    texts: dict[str, str]
    distributions: dict[str, BaseDistribution]

    @property
    def size(self) -> int | None:
        """Number of points; None where a key takes any number of an interval."""
        counts = [_count(values) for values in self.distributions.values()]
        return None if None in counts else math.prod(count for count in counts if count)

    @property
    def endless(self) -> list[str]:
        """The keys that take any number of an interval."""
        return [key for key, values in self.distributions.items() if _count(values) is None]

    def corners(self) -> list[dict[str, Any]]:
        """Points that together hold each choice, and both ends of each range, of every key."""
        ends = {key: _ends(values) for key, values in self.distributions.items()}
        longest = max(len(values) for values in ends.values())
        return [{key: values[min(place, len(values) - 1)] for key, values in ends.items()} for place in range(longest)]


def read_space(params: Mapping[str, Any], typed: Sequence[str]) -> tuple[Space, list[str]]:
    """The space of ``search.params`` and of the ``typed`` overrides, and those of them that give one value only.

    Both are Hydra's grammar, and that of its Optuna sweeper; what is typed counts. Raises ``ConfigError``.
    """
    overrides: dict[str, Override] = {}
    for item in parse([*(f"{key}={_text(value)}" for key, value in params.items()), *typed]):
        overrides[item.get_key_element()] = item
    swept = {key: item for key, item in overrides.items() if item.is_sweep_override()}
    for key in swept:
        _refuse_pointless(key)
    texts = {key: (item.input_line or "").split("=", 1)[1] for key, item in swept.items()}
    space = Space(texts, {key: _distribution(key, item) for key, item in swept.items()})
    return space, [item.input_line or "" for key, item in overrides.items() if key not in swept]


def read_points(given: Any, space: Space) -> tuple[dict[str, Any], ...]:
    """The points of ``search.first``, each a mapping from every searched key to one of its values.

    Raises ``ConfigError``.
    """
    if not isinstance(given, list):
        raise ConfigError(f"search.first={given} cannot be used: it must be a list of points, {_example(space)}.")
    return tuple(_point(f"search.first[{place}]", point, space) for place, point in enumerate(given))


def _point(place: str, given: Any, space: Space) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{place}={given} cannot be used: it must be a point, {_example(space)}.")
    texts = {str(key): value for key, value in given.items()}
    for key in texts:
        if key not in space.distributions:
            raise ConfigError(f"{place}: {key} is not searched, {near_misses(key, space.distributions)}")
    for key in space.distributions:
        if key not in texts:
            raise ConfigError(
                f"{place} has no value of {key}: give one to each key that is searched, {_example(space)}."
            )
    return {key: _value(place, key, texts[key], space) for key in space.distributions}


def _example(space: Space) -> str:
    point = ", ".join(f"{key}: {_text(_ends(values)[0])}" for key, values in space.distributions.items())
    return f"such as [{{{point}}}]"


def _value(place: str, key: str, value: Any, space: Space) -> Any:
    """A value of the space as Optuna keeps it."""
    distribution = space.distributions[key]
    if isinstance(distribution, CategoricalDistribution):
        same = [choice for choice in distribution.choices if _spelling(choice) == _spelling(value)]
        if same:
            return same[0]
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        kind = float if isinstance(distribution, FloatDistribution) else int
        if kind(value) == value and distribution._contains(distribution.to_internal_repr(kind(value))):
            return kind(value)
    raise ConfigError(f"{place}: {key}={_text(value)} is not among the values that are searched: {space.texts[key]}.")


def _spelling(value: Any) -> str:
    """One spelling for a choice as it is typed and as YAML reads it, and for a number however it is written."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(float(value))
    return re.sub(r"[\s'\"]", "", _text(value))


def as_override(key: str, value: Any) -> str:
    """A point's value in Hydra's grammar."""
    if value is None:
        return f"{key}=null"
    if isinstance(value, bool):
        return f"{key}={str(value).lower()}"
    return f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}"


def _text(value: Any) -> str:
    """A value of ``search.params`` as it would be typed; YAML has made numbers and lists of some."""
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def _refuse_pointless(key: str) -> None:
    plain = key.replace("/", ".")
    if plain == "split" or plain.startswith("split."):
        raise ConfigError(
            f"search: {key} would give each trial other validation rows, so that their values could not be compared."
        )
    if plain in FILES:
        raise ConfigError(
            f"search: {key} is given several values, and a search is about one. Name one; where its name has a comma in it, "
            f"quote it twice: \"{key}='a, b'\"."
        )
    if not can_change_results(plain):
        raise ConfigError(f"search: {key} cannot change a result, so there is nothing to search. Leave it out.")


def _distribution(key: str, item: Override) -> BaseDistribution:
    value, place = item.value(), f"search: {item.input_line}"
    _refuse_tags(place, value)
    try:
        if isinstance(value, ChoiceSweep) or (isinstance(value, RangeSweep) and value.shuffle):
            choices = value.list if isinstance(value, ChoiceSweep) else value.range()
            typed = item.sweep_string_iterator()
            return _categorical(place, [_storable(*both) for both in zip(choices, typed, strict=True)])
        if isinstance(value, RangeSweep):
            return _range(place, value)
        if isinstance(value, IntervalSweep):
            return _interval(place, value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{place}: {error}. Give values such as {WAYS}.") from error
    raise ConfigError(f"{place}: a search does not know this way to give values. Give them as {WAYS}.")


def _refuse_tags(place: str, value: Any) -> None:
    """Tags that would be lost: all but ``log``, which is the scale of numbers in order."""
    tags = set(getattr(value, "tags", ()))
    if other := sorted(tags - {"log"}):
        raise ConfigError(
            f"{place}: a search knows no tag {other[0]!r}. Take it out; tag(log, ...) is a logarithmic scale."
        )
    if tags and not (isinstance(value, IntervalSweep) or (isinstance(value, RangeSweep) and not value.shuffle)):
        raise ConfigError(
            f"{place}: choices have no scale, so tag(log, ...) says nothing of them. Take it out, or give an interval, such as "
            "tag(log, interval(1e-4, 1e-1))."
        )


def _categorical(place: str, values: list[Any]) -> CategoricalDistribution:
    repeated = [value for value in values if sum(value is other or value == other for other in values) > 1]
    if repeated:
        raise ConfigError(f"{place}: {repeated[0]!r} appears twice. Give each choice once.")
    if len(values) < 2:
        raise ConfigError(f"{place}: a single choice leaves nothing to search. Give two or more.")
    return CategoricalDistribution(values)


def _storable(choice: Any, typed: str) -> Any:
    """A choice as Optuna keeps it: numbers and truth values as they are, all else as it is typed."""
    return choice if isinstance(choice, bool | int | float) or choice is None else typed


def _range(place: str, value: RangeSweep) -> BaseDistribution:
    start, stop, step = value.start, value.stop, value.step
    if start is None or stop is None or step <= 0 or not stop > start:
        raise ConfigError(f"{place}: a range rises from its start to its end, such as range(10, 50, step=10).")
    _refuse_endless(place, start, stop)
    steps = math.floor((stop - start) / step + 1e-9)
    if "log" in value.tags:
        return _log_range(place, start, stop, step)
    if any(isinstance(number, float) for number in (start, stop, step)):
        # In decimals: 0.0 + 3 * 0.3 is a little less than 0.9, and Optuna would cut the range there.
        end = Decimal(str(start)) + steps * Decimal(str(step))
        return FloatDistribution(float(start), float(end), step=float(step))
    return IntDistribution(int(start), int(start + steps * step), step=int(step))


def _log_range(place: str, start: float, stop: float, step: float) -> IntDistribution:
    """Whole numbers on a logarithmic scale, which has no steps but those of 1."""
    if not all(isinstance(number, int) for number in (start, stop, step)) or step != 1 or start < 1:
        raise ConfigError(
            f"{place}: a range on a logarithmic scale is one of whole numbers from 1 on, without steps. Give such a one, as "
            f"tag(log, range(1, {max(2, math.ceil(stop))})), or an interval, as tag(log, interval(1e-4, 1e-1))."
        )
    return IntDistribution(int(start), int(stop), log=True)


def _refuse_endless(place: str, low: float, high: float) -> None:
    """Optuna draws from what has two ends, a finite distance apart."""
    if not all(map(math.isfinite, (low, high, float(high) - float(low)))):
        raise ConfigError(f"{place}: it has an infinite end. Give two finite ends, such as interval(0.0, 0.5).")


def _interval(place: str, value: IntervalSweep) -> BaseDistribution:
    low, high, log = value.start, value.end, "log" in value.tags
    if low is None or high is None or not high > low:
        raise ConfigError(f"{place}: an interval rises from its low to its high end, such as interval(0.0, 0.5).")
    _refuse_endless(place, low, high)
    if log and low <= 0:
        raise ConfigError(
            f"{place}: a logarithmic scale has no {low:g}. Start above 0, such as tag(log, interval(1e-4, {high:g}))."
        )
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _count(distribution: BaseDistribution) -> int | None:
    """How many values there are; None for an interval of numbers."""
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return (distribution.high - distribution.low) // distribution.step + 1
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return round((distribution.high - distribution.low) / distribution.step) + 1
    return None


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return [distribution.low, distribution.high]


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two mappings set differently, a line each."""
    keys = dict.fromkeys(itertools.chain(before, now))
    return [
        f"{key} was {before.get(key, 'not set')}, is now {now.get(key, 'not set')}"
        for key in keys
        if before.get(key) != now.get(key)
    ]
