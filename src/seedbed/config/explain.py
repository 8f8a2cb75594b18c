"""Hydra's errors explained: the override or the file that it stumbled over, and what it could have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seedbed.checks import shown
from seedbed.config import choices
from seedbed.config.compose import compose_experiment, resolved
from seedbed.config.keys import interpolated, refuse_names_of_optuna_sweeper, unknown_key
from seedbed.config.overrides import parse_single, same_or_inside
from seedbed.config.recipe import flatten
from seedbed.errors import ConfigError, near_misses
from seedbed.paths import config_groups


def explain(
    error: Exception,
    name: str,
    variant: str,
    parsed: Sequence[Override],
    own: Mapping[str, Sequence[str]],
    folders: Sequence[Path],
) -> ConfigError:
    """Find the override that Hydra stumbled over and say what it could have been."""
    groups = config_groups(folders)
    last = {item.key_or_group: item for item in parsed}  # of two overrides of one key, the last one counts
    for override, whose in [(item, "") for item in last.values()] + [
        (item, f" of variant {variant!r}") for item in parse_single(own[variant])
    ]:
        key = override.key_or_group
        if key in groups:
            choice = shown(override.value())
            if choice not in groups[key]:
                return ConfigError(
                    f"Override {override.input_line!r}{whose}: group {key!r} has no choice {choice!r}, "
                    f"{near_misses(choice, groups[key])}"
                )
            if f"override '{key}'. No match" in str(error):
                return ConfigError(
                    f"Override {override.input_line!r}{whose}: what is chosen for {key.split('/')[0]} has no {key}. Leave "
                    "it out, or make another choice there."
                )
        elif override.is_add() and "already at" in str(error) and str(key) in str(error):
            text = str(override.input_line)
            return ConfigError(f"Override {text!r}: there is a key {key!r} already, write {text.removeprefix('+')}.")
        elif not override.is_add() and not override.is_force_add() and str(key) in str(error):
            chosen = [str(item.input_line) for item in parsed if item.key_or_group in groups]
            return _unknown_key(override, whose, name, variant, own, chosen, folders)
    return ConfigError(f"experiments/{name}.yaml, variant {variant!r}: {str(error).strip().splitlines()[0]}")


def _unknown_key(
    override: Override,
    whose: str,
    name: str,
    variant: str,
    own: Mapping[str, Sequence[str]],
    given: Sequence[str],
    folders: Sequence[Path],
) -> ConfigError:
    """``given`` are the choices of groups in the command."""
    key = override.key_or_group
    keys = {
        other: flatten(
            OmegaConf.to_container(compose_experiment(name, [*overrides, *given], folders), resolve=False), inner=True
        )
        for other, overrides in own.items()
    }
    having = [other for other, known in keys.items() if key in known]
    if variant in having:  # Hydra puts a mapping into what is there, and only into a mapping
        return ConfigError(
            f"Override {override.input_line!r}{whose}: {key} is {shown(keys[variant][key])}, no mapping that another one could "
            f"be put into. Give a value of its kind."
        )
    if having:
        return ConfigError(
            f"Override {override.input_line!r}: variant {variant!r} ({', '.join(own[variant])}) has no key {key!r}, only "
            f"{', '.join(having)} {'have' if len(having) > 1 else 'has'} it. Pick them with variant={','.join(having)}."
        )
    if elsewhere := _in_other_choices(override, name, [*own[variant], *given], folders):
        return ConfigError(f"Override {override.input_line!r}{whose}: {elsewhere}")
    why = _why_not_added(override, name, [*own[variant], *given], folders)
    if why is None:
        added = f" (to add a new key: +{override.input_line})"
        return ConfigError(
            f"Override {override.input_line!r}{whose}: there is no key {key!r}, {near_misses(key, keys[variant])}{added}"
        )
    in_full = "" if any(known.endswith(f".{key}") for known in keys[variant]) else why
    return ConfigError(
        f"Override {override.input_line!r}{whose}: "
        + (in_full or f"there is no key {key!r}, {near_misses(key, keys[variant])}")
    )


def _why_not_added(override: Override, name: str, given: Sequence[str], folders: Sequence[Path]) -> str | None:
    """Why the override's key would do nothing if it were added; None where it would be read."""
    key = override.key_or_group
    if override.is_delete():
        return f"there is no key {key!r} to take away."
    try:
        composed = compose_experiment(name, [*given, f"++{override.input_line}"], folders)
        found = unknown_key(resolved(composed, name), interpolated(OmegaConf.to_yaml(composed)))
    except (HydraException, OmegaConfBaseException, ConfigError):
        return f"there is no key {key!r}."
    return f"{found.key}: {found.why}" if found and same_or_inside(key, found.key) else None


def _in_other_choices(override: Override, name: str, given: Sequence[str], folders: Sequence[Path]) -> str:
    """Whether other choices of the key's group have the key, as of a sweep over the group; "" where none has."""
    groups, key = config_groups(folders), override.key_or_group
    group = max((found for found in groups if key.startswith(f"{found.replace('/', '.')}.")), key=len, default="")
    chosen = [item for item in parse_single(given) if item.key_or_group in groups]
    others = [str(item.input_line) for item in chosen if item.key_or_group != group]
    choices = [str(item.value()) for item in chosen if item.key_or_group == group]
    having = [
        choice
        for choice in sorted(groups.get(group, ()))
        if OmegaConf.select(_compose_choices(name, [*others, f"{group}={choice}"], folders), key, default=None)
        is not None
    ]
    if not having:
        return ""
    choice = choices[-1] if choices else _compose_choices(name, others, folders).hydra.runtime.choices[group]
    said = (
        f"{group}={choice} has no key {key!r}; of group {group!r}, {', '.join(having)} "
        f"{'have' if len(having) > 1 else 'has'} it. Choose only such, as {group}={having[0]}"
    )
    if override.is_delete() or _why_not_added(override, name, given, folders) is not None:
        return f"{said}."
    declared = f"declare '{key.removeprefix(group.replace('/', '.') + '.')}: ???' in {group}/{choice}.yaml"
    return f"{said}; or, since what {group}={choice} names takes it too, write ++{override.input_line} or {declared}."


def _compose_choices(name: str, choices: Sequence[str], folders: Sequence[Path]) -> DictConfig:
    """The config, Hydra's own part too, with these choices of groups; empty where they do not go together."""
    try:
        return compose_experiment(name, choices, folders, with_hydra=True)
    except (HydraException, OmegaConfBaseException):
        return OmegaConf.create()


def explain_file(error: Exception, name: str, folders: Sequence[Path]) -> ConfigError:
    """Say why ``experiments/NAME.yaml`` cannot be read by itself; raises the ``ConfigError`` of a sweeper's key."""
    refuse_names_of_optuna_sweeper(_keys_of_sweeper(name, folders), taken=())
    return ConfigError(
        f"experiments/{name}.yaml cannot be read: {' '.join(str(error).split())}{_without_package(name, folders)}"
    )


def _keys_of_sweeper(name: str, folders: Sequence[Path]) -> list[str]:
    """What the experiment's file sets of ``hydra.sweeper``; nothing where the file itself cannot be read."""
    try:
        sweeper = OmegaConf.select(choices.settings_of_file(name, folders), "hydra.sweeper")
    except (OmegaConfBaseException, YAMLError):
        return []
    return [str(key) for key in sweeper] if isinstance(sweeper, DictConfig) else []


def _without_package(name: str, folders: Sequence[Path]) -> str:
    """Hydra takes the package from the first line alone; without it the file's keys land under "experiments"."""
    path = next(path for folder in folders if (path := folder / "experiments" / f"{name}.yaml").is_file())
    first = path.read_text("utf-8", errors="replace").lstrip("\ufeff").partition("\n")[0]
    return "" if "@package" in first else " (The file's first line must be: # @package _global_)"
