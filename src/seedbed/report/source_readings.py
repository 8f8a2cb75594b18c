"""What the source read off its own models, to stand beside what was read off ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seedbed.config.published_values import entries_of
from seedbed.errors import ConfigError
from seedbed.results import Results

if TYPE_CHECKING:
    from seedbed.trained.inspection import Inspection


@dataclass(frozen=True)
class Readings:
    """What the source read off its own models."""

    of: str
    """Which of its models."""
    lowest_bias: tuple[str, ...] = ()
    highest_bias: tuple[str, ...] = ()
    nearest_to: tuple[tuple[str, str], ...] = ()
    """Title and the one nearest to it."""
    recommended_to: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """User, and the titles recommended first."""


def readings_of_the_source(results: Results) -> list[Readings]:
    """Read ``published.learned``: a list of {of, lowest_bias, highest_bias, nearest_to, recommended_to}.

    Raises ConfigError for an entry that cannot be read.
    """
    published = results.config.get("published") or {}
    return [_readings(entry) for entry in entries_of(published, "learned")]


def _readings(entry: Any) -> Readings:
    try:
        titles = {key: tuple(map(str, entry.get(key) or [])) for key in ("lowest_bias", "highest_bias")}
        near = tuple((str(title), str(other)) for title, other in (entry.get("nearest_to") or {}).items())
        lists = tuple((str(user), tuple(map(str, of))) for user, of in (entry.get("recommended_to") or {}).items())
        unknown = set(entry) - {"of", *titles, "nearest_to", "recommended_to"}
        if unknown:
            raise KeyError(*unknown)
        return Readings(str(entry["of"]), **titles, nearest_to=near, recommended_to=lists)
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"published.learned: {entry!r} cannot be read ({error!r}). Each entry is a mapping with of (which model), and "
            "some of lowest_bias and highest_bias (lists of titles), nearest_to (title: the nearest one) and recommended_to "
            "(user: list of titles)."
        ) from error


def refuse_unread(experiment: str, learned: Inspection, readings: Sequence[Readings]) -> None:
    """Titles that the source has come to name after the weights were read; raises ConfigError."""
    biased = ((learned.lowest, "lowest_bias"), (learned.highest, "highest_bias"))
    shown = {key: {learned.titles[of.item] for _, of in ranked} for ranked, key in biased if ranked is not None}
    shown |= {"nearest_to": set(learned.nearest)} if learned.nearest else {}
    for reading in readings:
        named = {"lowest_bias": reading.lowest_bias, "highest_bias": reading.highest_bias}
        named["nearest_to"] = tuple(title for title, _ in reading.nearest_to)
        for key in shown:
            if unread := sorted({*named[key]} - shown[key] - {*learned.absent}):
                raise ConfigError(
                    f"published.learned: {key} of {reading.of!r} names {unread[0]!r}, of which nothing was read off the "
                    "weights when this report was first written. Write it from the tracking store, with 'seedbed report "
                    f"{experiment}', or take the title out."
                )
