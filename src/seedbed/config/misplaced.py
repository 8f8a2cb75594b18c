"""Overrides that Hydra would take, and that would not do what they seem to say."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from hydra.core.override_parser.types import Override

from seedbed.checks import shown
from seedbed.config.override_grammar import parse_single, same_or_inside
from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.config.single_choice import refuse_lists
from seedbed.errors import ConfigError
from seedbed.paths import config_groups, resources

_TYPED = {"trainer": TrainerSettings, "report": ReportSettings, "tracking": TrackingSettings}
NEEDED = {
    "data", "split", "model", "task", "imbalance", "optimizer", "seeds", "select", "monitor", "patience", "lr_finder", *_TYPED,
    *(f"{part}.{each.name}" for part, kind in _TYPED.items() for each in fields(kind) if each.default is MISSING),
}  # fmt: skip
"""Parts of a config that no override can take away."""


def refuse_misplaced(parsed: Sequence[Override], groups: Mapping[str, set[str]]) -> None:
    """Raise ``ConfigError`` for an override of what belongs elsewhere, or that takes away what every run needs."""
    refuse_lists(parsed, groups)
    for override in parsed:
        key, text = override.key_or_group, override.input_line
        set_anew = any(item is not override and same_or_inside(item.key_or_group, key) for item in parsed)
        if override.is_delete() and key in NEEDED and not set_anew:
            way = (
                f"Write {key}=CHOICE, one of {', '.join(sorted(groups[key]))}"
                if key in groups
                else f"Write {key}=VALUE"
            )
            raise ConfigError(
                f"Override {text!r}: {key}: nothing is chosen where every run needs something. {way}; or take the override back."
            )
        if not key:
            raise ConfigError(f"Override {text!r} names no key: write key=value.")
        if re.match(r"hydra\b", key):
            raise ConfigError(f"Override {text!r} is for Hydra's multirun. Add -m, or leave it out.")
        if key in ("experiments", "variants") or key.startswith(("variants.", "data_sets.")):
            raise ConfigError(
                f"Override {text!r}: the experiment is the command's first argument, and its variants and data sets stand in "
                "its file. Pick some with variant=NAME and data_sets=NAME."
            )


def refuse_no_choice(items: Sequence[Override], groups: Mapping[str, set[str]], whose: str = "") -> None:
    """Raise ``ConfigError`` for a name that is a number to Hydra, a second choice of a group, or one at another place than its own."""
    for item in items:
        key, value, place = item.key_or_group, item.value(), f"Override {item.input_line!r}{whose}"
        if key in groups and not isinstance(value, str) and value is not None and shown(value) in groups[key]:
            raise ConfigError(
                f"{place}: to Hydra {shown(value)} is not a name. Write it in quotes: \"{key}='{shown(value)}'\"."
            )
        if key in groups and item.is_add() and isinstance(value, str) and "/" not in key:
            raise ConfigError(f"{place}: something is chosen for {key} already. Write {key}={shown(value)}.")
        if item.package is not None:
            raise ConfigError(f"{place}: a choice goes to its own place only. Leave out '@{item.package}'.")


def refuse_shadowed(folders: Sequence[Path]) -> None:
    """Raise ``ConfigError`` for a user's file with the name of one of seedbed's: Hydra would take seedbed's without a word."""
    own = resources()
    for folder in folders:
        for group, names in config_groups([folder]).items() if folder != own else ():
            for choice in sorted(names):
                path, mine = folder / group / f"{choice}.yaml", own / "conf" / group / f"{choice}.yaml"
                if path.is_file() and mine.is_file() and path.resolve() != mine.resolve():
                    raise ConfigError(f"{path}: seedbed has a config {group}/{choice} of its own. Rename the file.")


def refuse_two_choices(named: Mapping[str, Sequence[str]], groups: Collection[str], place: str) -> None:
    """Raise ``ConfigError`` where a variant or data set chooses twice of one group: the last one alone would count."""
    for name, own in named.items():
        made = (item for item in parse_single(own) if not item.is_delete())
        chosen = [item.key_or_group for item in made if item.key_or_group in groups]
        if twice := next((group for group in chosen if chosen.count(group) > 1), ""):
            raise ConfigError(
                f"{place}: {name!r} chooses twice of group {twice!r}, in {', '.join(own)}. Leave one out, or write a variant for each."
            )


OF_ALL = {
    "hydra", "experiments", "seeds", "variants", "report", "published", "variant", "data_sets", "tracking", "loggers",
}  # fmt: skip
"""Parts of a config that all variants share, on all data sets."""


@dataclass(frozen=True)
class Kind:
    """What an experiment's file lists by names, with the overrides of each."""

    name: str
    """As a sentence says it."""
    key: str
    """The key that picks some of them."""


VARIANT, DATA_SET = Kind("variant", "variant"), Kind("data set", "data_sets")


def refuse_collisions(parsed: Sequence[Override], named: Mapping[str, Sequence[str]], kind: Kind = VARIANT) -> None:
    """Raise ``ConfigError`` for an override that changes what a variant, or a data set, sets itself, and for theirs of what all share."""
    for override in parsed:
        key = override.key_or_group
        hit = [name for name, own in named.items() if any(_changes(key, theirs) for theirs in parse_single(own))]
        if hit:
            raise ConfigError(
                f"Override {override.input_line!r} changes what {kind.name}{'s' if len(hit) > 1 else ''} "
                f"{', '.join(hit)} set{'' if len(hit) > 1 else 's'} for {'itself' if len(hit) == 1 else 'themselves'}: the result would be recorded under the wrong name. "
                f"Pick {kind.name}s with {kind.key}=NAME, or write a new {kind.name} into the experiment file."
            )
    for name, own in named.items():
        for theirs in parse_single(own):
            if re.split(r"[./]", theirs.key_or_group)[0] in OF_ALL:
                raise ConfigError(
                    f"{kind.name.capitalize()} {name!r} sets {theirs.input_line!r}, but that belongs to the whole experiment."
                )


def refuse_overlap(data_set: str, own: Sequence[str], variants: Mapping[str, Sequence[str]]) -> None:
    """Raise ``ConfigError`` where a variant changes what a data set sets itself."""
    for variant, overrides in variants.items():
        for theirs in parse_single(overrides):
            if clash := next((item for item in parse_single(own) if _changes(theirs.key_or_group, item)), None):
                raise ConfigError(
                    f"Variant {variant!r} sets {theirs.input_line!r}, and data set {data_set!r} sets {clash.input_line!r}: which of "
                    "the two is meant? Remove one of them."
                )


def _changes(key: str, theirs: Override) -> bool:
    """Whether an override of ``key`` changes what a variant's own override sets: the same, around it, or inside it."""
    own, value = theirs.key_or_group, theirs.value()
    inside = isinstance(value, dict) or key == f"{own.replace('/', '.')}._target_"
    return same_or_inside(own, key) or (inside and same_or_inside(key, own.replace("/", ".")))
