"""Hydra's errors explained: the override or the file that it stumbled over, and what it could have been."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from seedbed.checks import shown
from seedbed.config import choice_settings
from seedbed.config.compose import BaseConfig, Request
from seedbed.config.keys import interpolated, refuse_names_of_optuna_sweeper, unknown_key
from seedbed.config.override_grammar import is_node, parse_single, same_or_inside
from seedbed.config.recipe import flatten
from seedbed.config.written_files import explained
from seedbed.errors import ConfigError, near_misses

MISSPELT = 0.75
"""How alike two names are, by difflib's ratio, of which one is surely the other misspelt: "hiden" and "hidden" are by 0.91."""


def explain(error: Exception, request: Request) -> ConfigError:
    """Find the override that Hydra stumbled over and say what it could have been."""
    groups = request.base.groups
    last = {item.key_or_group: item for item in request.typed}  # of two overrides of one key, the last one counts
    for override, said in request.said(last.values()):
        key = override.key_or_group
        if is_node(override, groups):
            continue
        if key in groups:
            choice = shown(override.value())
            if choice not in groups[key]:
                return ConfigError(
                    f"{said}: group {key!r} has no choice {choice!r}, {near_misses(choice, groups[key])}"
                )
            if f"override '{key}'. No match" in str(error):
                return ConfigError(
                    f"{said}: what is chosen for {key.split('/')[0]} has no {key}. Leave it out, or make another choice "
                    "there."
                )
        elif override.is_add() and "already at" in str(error) and _names(error, key):
            text = str(override.input_line)
            return ConfigError(f"Override {text!r}: there is a key {key!r} already, write {text.removeprefix('+')}.")
        elif not override.is_add() and not override.is_force_add() and _names(error, key):
            return _unknown_key(override, said, request)
    return ConfigError(f"{request.place}: {str(error).strip().splitlines()[0]}")


def _names(error: Exception, key: str) -> bool:
    """Whether the error is about this dotted key, which may stand in paths and longer keys too."""
    return re.search(rf"(?<![\w./-]){re.escape(key)}(?![\w./-])", str(error)) is not None


def _no_place_for_a_mapping(key: str, value: Any) -> str:
    """Why no mapping can be typed for a key that has this value: Hydra puts it into what is there, and adds no entry."""
    if isinstance(value, Mapping):
        return (
            f"the mapping {shown(value)}, whose entries are changed one by one: +{key}.NAME=VALUE adds one, "
            f"{key}.NAME=VALUE changes one, ~{key}.NAME takes one out."
        )
    return f"{shown(value)}, no mapping that another one could be put into. Give a value of its kind."


def _unknown_key(override: Override, said: str, request: Request) -> ConfigError:
    key, variant, base = override.key_or_group, request.variant, request.base
    # The override itself may be one of the variant's, with which nothing can be composed.
    own = [text for text in request.own if text != override.input_line]
    given = _that_compose([*own, *request.choices], base)
    own_keys = _keys(base.compose(given))
    if (meant := _misspelling(key, own_keys)) and not _is_elsewhere(key, request):
        return ConfigError(f"{said}: {meant}")  # without importing what the config names
    keys = {
        other: _keys(base.compose(_that_compose([*theirs, *request.choices], base)))
        for other, theirs in request.variants.items()
        if other != variant
    }
    keys[variant] = own_keys
    having = [other for other in request.variants if key in keys[other]]
    if variant in having:
        return ConfigError(f"{said}: {key} is {_no_place_for_a_mapping(key, keys[variant][key])}")
    if having:
        return ConfigError(
            f"Override {override.input_line!r}: variant {variant!r} ({', '.join(request.own)}) has no key {key!r}, only "
            f"{', '.join(having)} {'have' if len(having) > 1 else 'has'} it. Pick them with variant={','.join(having)}."
        )
    if elsewhere := _in_other_choices(override, base, given):
        return ConfigError(f"{said}: {elsewhere}")
    no_such = f"there is no key {key!r}, {near_misses(key, keys[variant])}"
    why = _why_not_added(override, base, given)
    if why is None:
        return ConfigError(f"{said}: {no_such} (to add a new key: +{override.input_line})")
    is_inner = any(known.endswith(f".{key}") for known in keys[variant])
    return ConfigError(f"{said}: {no_such if is_inner else why}")


def _that_compose(overrides: Sequence[str], base: BaseConfig) -> list[str]:
    """The overrides; where nothing can be composed under them all, those that choose of a group; else none."""
    choices = [str(item.input_line) for item in parse_single(overrides) if item.key_or_group in base.groups]
    for given in (list(overrides), choices):
        with suppress(HydraException, OmegaConfBaseException, ValueError):
            base.compose(given)
            return given
    return []


def _misspelling(key: str, known: Collection[str]) -> str:
    """What a dotted key is surely a misspelling of, by the ``known`` ones beside its first part that is not known; "" for another."""
    parts = key.split(".")
    absent = next((number for number in range(1, len(parts) + 1) if ".".join(parts[:number]) not in known), None)
    if absent is None:
        return ""
    node, name = ".".join(parts[: absent - 1]), parts[absent - 1]
    beside = [other.rpartition(".")[2] for other in known if other.rpartition(".")[0] == node]
    close = difflib.get_close_matches(name, beside, cutoff=MISSPELT)
    said = f"there is no key {'.'.join(parts[:absent])!r}"
    return f"{said}, did you mean {' or '.join(map(repr, close))}?" if close else ""


def _is_elsewhere(key: str, request: Request) -> bool:
    """Whether a variant sets the key, or another choice of its group may."""
    group = _group_of(key, request.base)
    by_variants = [item.key_or_group for own in request.variants.values() for item in parse_single(own)]
    return key in by_variants or any(
        _may_set(request.base, group, choice, key) for choice in request.base.groups.get(group, ())
    )


def _group_of(key: str, base: BaseConfig) -> str:
    """The config group that a dotted key is a setting of; "" where there is none."""
    return max((name for name in base.groups if key.startswith(f"{name.replace('/', '.')}.")), key=len, default="")


def _keys_of(variant: str, request: Request) -> dict[str, Any]:
    """Those of a variant; {} where the command's choices do not go with its own settings."""
    try:
        return _keys(request.base.compose([*request.variants[variant], *request.choices]))
    except (HydraException, OmegaConfBaseException):
        return {}


def _keys(composed: DictConfig) -> dict[str, Any]:
    """The values by dotted key, those of mappings too, as they stand."""
    return flatten(OmegaConf.to_container(composed, resolve=False), inner=True)


def _why_not_added(override: Override, base: BaseConfig, given: Sequence[str]) -> str | None:
    """Why the override's key would do nothing if it were added; None where it would be read."""
    key = override.key_or_group
    if override.is_delete():
        return f"there is no key {key!r} to take away."
    try:
        composed = base.compose([*given, f"++{override.input_line}"])
        unknown = unknown_key(base.resolved(composed), interpolated(OmegaConf.to_yaml(composed)))
    except (HydraException, OmegaConfBaseException, ConfigError):
        return f"there is no key {key!r}."
    return f"{unknown.key}: {unknown.why}" if unknown and same_or_inside(key, unknown.key) else None


def _in_other_choices(override: Override, base: BaseConfig, given: Sequence[str]) -> str:
    """Whether other choices of the key's group have the key, as of a sweep over the group; "" where none has."""
    groups, key = base.groups, override.key_or_group
    group = _group_of(key, base)
    if not group:
        return ""
    chosen = [item for item in parse_single(given) if item.key_or_group in groups]
    others = [str(item.input_line) for item in chosen if item.key_or_group != group]
    choices = [str(item.value()) for item in chosen if item.key_or_group == group]
    having = [
        choice
        for choice in sorted(groups.get(group, ()))
        if _may_set(base, group, choice, key)
        and OmegaConf.select(_compose_choices(base, [*others, f"{group}={choice}"]), key, default=None) is not None
    ]
    if not having:
        return ""
    choice = choices[-1] if choices else _compose_choices(base, others).hydra.runtime.choices[group]
    said = (
        f"{group}={choice} has no key {key!r}; of group {group!r}, {', '.join(having)} "
        f"{'have' if len(having) > 1 else 'has'} it. Choose only such, as {group}={having[0]}"
    )
    if override.is_delete() or _why_not_added(override, base, given) is not None:
        return f"{said}."
    declared = f"declare '{key.removeprefix(group.replace('/', '.') + '.')}: ???' in {group}/{choice}.yaml"
    return f"{said}; or, since what {group}={choice} names takes it too, write ++{override.input_line} or {declared}."


def _may_set(base: BaseConfig, group: str, choice: str, key: str) -> bool:
    """Whether the file of a choice sets the key, or a choice below it may: composing all to see takes seconds."""
    below = key.removeprefix(f"{group.replace('/', '.')}.")
    return f"{group}/{below}" in base.groups or below in _keys(choice_settings.config_of(group, choice, base.folders))


def _compose_choices(base: BaseConfig, choices: Sequence[str]) -> DictConfig:
    """The config, Hydra's own part too, with these choices of groups; empty where they do not go together."""
    try:
        return base.compose(choices, with_hydra=True)
    except (HydraException, OmegaConfBaseException):
        return OmegaConf.create()


def explain_file(error: Exception, base: BaseConfig) -> ConfigError:
    """Say why an experiment's file cannot be read by itself; raises the ``ConfigError`` of a sweeper's key."""
    refuse_names_of_optuna_sweeper(_keys_of_sweeper(base), taken=())
    place, path = base.place, base.path
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        read = Path(error.problem_mark.name)
        if read.is_file() and read != path:  # of a choice of the user's
            place, path = str(read), read
        return ConfigError(f"{place} cannot be read: {explained(error, path.read_text('utf-8', errors='replace'))}")
    reason = " ".join(str(error).split("Config search path")[0].split()) or type(error).__name__
    return ConfigError(f"{place} cannot be read: {reason}")


def _keys_of_sweeper(base: BaseConfig) -> list[str]:
    """What the experiment's file sets of ``hydra.sweeper``; nothing where the file itself cannot be read."""
    try:
        sweeper = OmegaConf.select(base.own_settings, "hydra.sweeper")
    except (OmegaConfBaseException, YAMLError):
        return []
    return [str(key) for key in sweeper] if isinstance(sweeper, DictConfig) else []
