"""What an experiment states of its source, in ``published``: lists, whose entries are checked before any work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from seedbed.checks import is_number, require
from seedbed.errors import ConfigError, near_misses

CHECKS = (
    "all_means_between", "best_group_then", "can_beat", "largest_std", "below", "worse_than", "not_significant",
)  # fmt: skip
"""What a claim can ask for; ``report.claims`` answers."""
LISTS = ("claims", "numbers", "curves", "learned")
NONE = "none"


def entries_of(published: Mapping[str, Any] | None, key: str) -> list[Any]:
    """The list ``published.KEY``; "none" is none. ConfigError for anything else."""
    given = (published or {}).get(key)
    if not given or given == NONE:
        return []
    require(isinstance(given, list | tuple), f"published.{key}", given, f"a list of entries, or {NONE}")
    return list(given)


def check_stated(published: Any, variants: Collection[str], metrics: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError for a claim, number or curve that no report could read.

    ``variants`` are those of the experiment, ``metrics`` the names that a variant's task measures, without "test/" or
    "val/"; a variant that it lacks may measure any.
    """
    if not published:
        return
    require(isinstance(published, Mapping), "published", published, "a mapping with what the source has published")
    lists = {key: entries_of(published, key) for key in LISTS}
    for place, claim in enumerate(lists["claims"]):
        _check_claim(f"published.claims[{place}]", claim, variants)
    for place, number in enumerate(lists["numbers"]):
        _check_number(f"published.numbers[{place}]", number, variants, metrics)
    for place, curve in enumerate(lists["curves"]):
        _check_curve(f"published.curves[{place}]", curve, variants, metrics)
    for place, entry in enumerate(lists["learned"]):
        readable = isinstance(entry, Mapping) and "of" in entry
        require(readable, f"published.learned[{place}]", entry, "a mapping with of: which model it is about")


def _check_claim(place: str, claim: Any, variants: Collection[str]) -> None:
    readable = isinstance(claim, str) or (isinstance(claim, Mapping) and isinstance(claim.get("text"), str))
    require(readable, place, claim, "a sentence, or a mapping with text and check")
    check = None if isinstance(claim, str) else claim.get("check")
    if not check:
        return
    one = isinstance(check, Mapping) and len(check) == 1
    require(one, f"{place}.check", check, "one check, written {name: argument}")
    [(name, argument)] = check.items()
    _require_known(f"{place}.check", name, CHECKS)
    for variant in variants_in(name, argument):
        _require_known(f"{place}.check.{name}", variant, variants)


def variants_in(check: str, argument: Any) -> list[str]:
    """The variants that a check names."""
    match argument:
        case str():
            return [argument]
        case Mapping():
            return [name for value in argument.values() for name in variants_in(check, value)]
        case list() | tuple() if check != "all_means_between":
            return [name for value in argument for name in variants_in(check, value)]
    return []


def _check_number(place: str, number: Any, variants: Collection[str], metrics: Mapping[str, Collection[str]]) -> None:
    _check_place(place, number, "value", variants, metrics)
    require(is_number(number["value"]), f"{place}.value", number["value"], "a number")
    epoch = number.get("epoch")
    whole = epoch is None or (isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0)
    require(whole, f"{place}.epoch", epoch, "a whole number from 0 on, or absent: then the value is a final one")


def _check_curve(place: str, curve: Any, variants: Collection[str], metrics: Mapping[str, Collection[str]]) -> None:
    _check_place(place, curve, "values", variants, metrics)
    values = curve["values"]
    numbers = isinstance(values, list | tuple) and len(values) > 0 and all(map(is_number, values))
    require(numbers, f"{place}.values", values, "a list with one number for each epoch")


def _check_place(
    place: str, entry: Any, value: str, variants: Collection[str], metrics: Mapping[str, Collection[str]]
) -> None:
    whole = isinstance(entry, Mapping) and {"variant", "metric", value} <= set(entry)
    require(whole, place, entry, f"a mapping with variant, metric and {value}")
    _require_known(f"{place}.variant", entry["variant"], variants)
    side, _, name = str(entry["metric"]).rpartition("/")
    require(
        side in ("train", "val", "test"), f"{place}.metric", entry["metric"], "a metric with its side, as test/accuracy"
    )
    if entry["variant"] in metrics:
        _require_known(f"{place}.metric", name, [*metrics[entry["variant"]], "loss", "loss_last_batch"])


def _require_known(place: str, value: Any, known: Collection[str]) -> None:
    if value not in known:
        raise ConfigError(
            f"{place}={value}: there is no such name, {near_misses(str(value), known)} A launch that changes the "
            f"experiment can go without: ++{place.split('[', maxsplit=1)[0]}=none."
        )
