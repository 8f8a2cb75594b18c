"""The cells of an experiment over several data sets as its file states it: which are recorded, by data set and variant."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

from seedbed.config.experiment import Listed, listed_in
from seedbed.config.recipe import canonical, recipe_of
from seedbed.errors import ConfigError
from seedbed.tracking.launches import read_inapplicable, read_plan, read_recorded_config, recipe_overrides
from seedbed.tracking.runs import Launch, SeedRun
from seedbed.tracking.store import Store

NOT_APPLYING = "-"
NARROWEST = 60
"""Columns of a terminal that the table may take in any case."""

Cell = tuple[str, str, int]
"""Data set, variant and seed."""
ConfigDir = str | PathLike[str] | None


def listed_cells(store: Store, latest: Launch, finished: Mapping[str, SeedRun], config_dir: ConfigDir) -> list[str]:
    """A table of the file's data sets and variants, with how many seeds of each are recorded; [] where it lists no data sets.

    What is recorded under other settings than the file's of today does not count. The data are not read: a file that has
    changed since is found by ``seedbed run``.
    """
    try:
        listed = listed_in(store.experiment, config_dir)
    except ConfigError as error:
        return [f"What the experiment's file asks for is not counted: {error}", ""] if latest.data_sets else []
    if not listed.data_sets:
        return []
    by_launch, inapplicable = _recorded(store, listed, finished)
    counts = Counter((data_set, variant) for data_set, variant, _ in set().union(*by_launch.values()))
    asked = [(data_set, variant) for data_set in listed.data_sets for variant in listed.variants]
    texts = {pair: str(counts[pair]) if counts[pair] or pair not in inapplicable else NOT_APPLYING for pair in asked}
    of_seeds = len(listed.seeds)
    total = of_seeds * sum(text != NOT_APPLYING for text in texts.values())
    missing = total - sum(counts[pair] for pair in asked)
    run = f"'seedbed run {store.experiment}' trains them" if missing else ""
    return [
        f"experiments/{store.experiment}.yaml as it stands: seeds trained, of {of_seeds}",
        *_tables(list(listed.data_sets), list(listed.variants), texts),
        *([f"{NOT_APPLYING}: the variant does not apply to the data set."] if NOT_APPLYING in texts.values() else []),
        f"{total - missing} of {total} cells are trained{f', {missing} are missing: {run}' if missing else ''}.",
        *_reported(store, latest, by_launch),
        "",
    ]


def _reported(store: Store, latest: Launch, by_launch: Mapping[str, set[Cell]]) -> list[str]:
    """Which launch a report shows, and one that has more of the cells."""
    if latest.search is not None:
        return []
    shown = len(by_launch.get(latest.id, ()))
    said = f"'seedbed report {store.experiment}' shows the latest launch, {latest.id[:8]}, with {shown} of them"
    most = max(by_launch, key=lambda launch: len(by_launch[launch]), default=latest.id)
    more = len(by_launch.get(most, ()))
    return [f"{said}; with --run {most[:8]}, one with {more}." if more > shown else f"{said}."]


def _recorded(
    store: Store, listed: Listed, finished: Mapping[str, SeedRun]
) -> tuple[dict[str, set[Cell]], set[tuple[str, str]]]:
    """The cells that are recorded, by launch, and the pairs of data sets and variants that do not apply to them."""
    by_overrides = {tuple(own): name for name, own in listed.data_sets.items()}
    by_launch: dict[str, set[Cell]] = {}
    inapplicable: set[tuple[str, str]] = set()
    for part in reversed(store.on_data_sets()):  # the latest first, of which a tie is named
        if not part.readable or recipe_overrides(store, part):
            continue
        config = read_recorded_config(store, part.id)
        data_set = by_overrides.get(tuple(next(iter((config.get("data_sets") or {}).values()), ())))
        if data_set is None:
            continue
        plan = read_plan(store, part.id)
        if not _same_settings(config, listed, [*listed.data_sets[data_set], *_overrides(config, next(iter(plan)))]):
            continue
        for variant, cells in plan.items():
            seeds = {seed for seed, fingerprint in cells if seed in listed.seeds and fingerprint in finished}
            for name in _called_today(listed, config, variant):
                by_launch.setdefault(part.above, set()).update((data_set, name, seed) for seed in seeds)
        for variant in read_inapplicable(store, part.id):
            inapplicable |= {(data_set, name) for name in _called_today(listed, config, variant)}
    return by_launch, inapplicable


def _overrides(config: Mapping[str, Any], variant: str) -> list[str]:
    return list((config.get("variants") or {}).get(variant) or ())


def _called_today(listed: Listed, config: Mapping[str, Any], variant: str) -> list[str]:
    """The file's variants with the overrides that this one had."""
    return [name for name, own in listed.variants.items() if own == _overrides(config, variant)]


def _same_settings(recorded: Mapping[str, Any], listed: Listed, overrides: Iterable[str]) -> bool:
    """Whether what the overrides leave alone was then as it is in the file today."""
    changed = {re.split(r"[./@=]", text.lstrip("+~"))[0] for text in overrides}
    ours, theirs = _recipe(recorded), _recipe(listed.config)
    changed |= {key.split(".")[0] for key, value in theirs.items() if "${" in str(value) or value == "???"}
    return all(ours.get(key) == theirs.get(key) for key in {*ours, *theirs} if key.split(".")[0] not in changed)


def _recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: canonical(value) for key, value in recipe_of(config).items()}


def _tables(data_sets: Sequence[str], variants: Sequence[str], texts: Mapping[tuple[str, str], str]) -> list[str]:
    """A line for each data set and a column for each variant; of more variants than fit, in several tables."""
    first = max(map(len, ["data set", *data_sets]))
    widths = {variant: max(len(variant), *(len(texts[name, variant]) for name in data_sets)) for variant in variants}
    lines = []
    for columns in _fitting(variants, widths, max(shutil.get_terminal_size().columns, NARROWEST) - first):
        lines.append("  ".join(["data set".ljust(first), *(variant.rjust(widths[variant]) for variant in columns)]))
        for name in data_sets:
            shown = (texts[name, variant].rjust(widths[variant]) for variant in columns)
            lines.append("  ".join([name.ljust(first), *shown]))
    return lines


def _fitting(variants: Sequence[str], widths: Mapping[str, int], room: int) -> Iterator[list[str]]:
    columns: list[str] = []
    for variant in variants:
        if columns and sum(widths[each] + 2 for each in [*columns, variant]) > room:
            yield columns
            columns = []
        columns.append(variant)
    yield columns
