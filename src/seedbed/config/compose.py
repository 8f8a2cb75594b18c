"""Hydra with seedbed's configs, apart from the Hydra that the calling program may have initialised for its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException

from seedbed.config import choices
from seedbed.config.keys import refuse_names_of_optuna_sweeper
from seedbed.config.overrides import parse, parse_single
from seedbed.config.single_choice import refuse_lists, refuse_lists_in_files
from seedbed.errors import ConfigError, near_misses
from seedbed.paths import config_groups, current_folder, expanded, resources
from seedbed.quoting import quoted

# What initialising Hydra sets anew; of plugins, it only registers more.
_SET_ANEW = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)
_OF_HYDRA = ("hydra", "_dummy_empty_config_.yaml")
"""What Hydra and its plugins have in the config store."""


@contextmanager
def own_hydra(job_name: str = "app") -> Iterator[GlobalHydra]:
    """Hydra on the shipped configs. The caller's (a notebook's, ``@hydra.main``'s, a job's) is back as it was afterwards."""
    current_folder()  # Hydra asks for it, too
    before: dict[type, Singleton] = {
        kind: Singleton._instances[kind] for kind in _SET_ANEW if kind in Singleton._instances
    }
    resolvers = dict(BaseContainer._resolvers)
    for kind in _SET_ANEW:
        Singleton._instances.pop(kind, None)
    try:
        with (
            _without_own_configs(),
            initialize_config_dir(str(resources() / "conf"), job_name=job_name, version_base="1.3"),
        ):
            yield GlobalHydra.instance()
    finally:
        for kind in _SET_ANEW:
            Singleton._instances.pop(kind, None)
        Singleton._instances.update(before)
        BaseContainer._resolvers.update(resolvers)  # Hydra registers "now" and "hydra" again, whoever has them


@contextmanager
def _without_own_configs() -> Iterator[None]:
    """Put aside what the caller has stored by Python: Hydra takes it for a part of configs of the same names."""
    store = ConfigStore.instance()
    before = store.repo
    store.repo = {name: node for name, node in before.items() if name in _OF_HYDRA}
    try:
        yield
    finally:
        before.update({name: node for name, node in store.repo.items() if name in _OF_HYDRA})
        store.repo = before


def search_path(folders: Sequence[Path]) -> str:
    """The override that lets Hydra find configs in these folders too; it resolves no ``${...}`` in them."""
    named = (QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in folders)
    return f"hydra.searchpath=[{','.join(named)}]"


def search_folders(config_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Folders that hold ``experiments/``: seedbed's own and the user's."""
    if config_dir is None:
        return [resources()]
    folder = expanded(config_dir).resolve()
    if not folder.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder. Name one that holds experiments/.")
    return [folder, resources()]


def check_name(name: str, config_dir: str | os.PathLike[str] | None = None) -> None:
    """Raise ``ConfigError`` where there is no such experiment."""
    if name not in (known := experiment_names(config_dir)):
        places = " or ".join(str(folder / "experiments") for folder in search_folders(config_dir))
        raise ConfigError(f"There is no experiment {name!r} in {places}: {near_misses(name, known)}")


def experiment_names(config_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """The experiments that can be run."""
    return sorted({path.stem for folder in search_folders(config_dir) for path in folder.glob("experiments/*.yaml")})


OF_HYDRAS_SWEEPER = "hydra.sweeper."


def hydra_arguments(name: str, config_dir: str | os.PathLike[str] | None) -> list[str]:
    """The overrides that make Hydra find experiment ``name``."""
    return _selection(name, search_folders(config_dir))


def _selection(name: str, folders: Sequence[Path]) -> list[str]:
    return [search_path(folders), f"experiments={quoted(name)}"]


def hydra_settings(name: str, overrides: Sequence[str], config_dir: str | os.PathLike[str] | None) -> DictConfig:
    """Hydra's own part of the config under the overrides that are for it: launcher, sweeper, job, ..."""
    given = [item.key_or_group for item in parse(overrides)]
    refuse_lists(parse(overrides), ("hydra/launcher", "hydra/sweeper"))
    refuse_lists_in_files(name, {}, ("hydra/launcher", "hydra/sweeper"), search_folders(config_dir))
    refuse_names_of_optuna_sweeper(key.split(".")[2] for key in given if key.startswith(OF_HYDRAS_SWEEPER))
    try:
        return cast(DictConfig, compose_experiment(name, overrides, search_folders(config_dir), with_hydra=True).hydra)
    except (HydraException, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split("Config search path")[0].split())
        place = " ".join(overrides) or f"experiments/{name}.yaml"
        raise ConfigError(f"{place}: Hydra refuses that: {reason}") from error


def compose_experiment(
    name: str, overrides: Sequence[str], folders: Sequence[Path], *, with_hydra: bool = False
) -> DictConfig:
    with own_hydra():
        return hydra.compose("config", [*_selection(name, folders), *overrides], return_hydra_config=with_hydra)


def compose_fitting(
    name: str, overrides: Sequence[str], folders: Sequence[Path], groups: Mapping[str, set[str]], bare: DictConfig
) -> tuple[DictConfig, list[str]]:
    """The config under these overrides, and what was left out of it, since it does not fit a choice of theirs.

    ``groups`` are those of the folders, and ``bare`` is the config without overrides, with Hydra's own part, which says
    what the file chooses.
    """
    parsed = parse_single(overrides)
    made = {item.key_or_group: str(item.value()) for item in parsed if item.key_or_group in groups}
    refuse_lists_in_files(name, {**bare.hydra.runtime.choices, **made}, groups, folders)
    configs = {group: choices.config_of(group, choice, folders) for group, choice in made.items()}
    by_file, own = choices.settings_of_file(name, folders), bare.hydra.runtime.choices
    composed = compose_experiment(name, overrides, folders)
    left_out = choices.leave_out(
        composed,
        by_file,
        {
            group: config
            for group, config in configs.items()
            if own.get(group) != made[group] or choices.has_other_target(by_file, group, config)
        },
        [item.key_or_group for item in parsed if item.key_or_group not in groups],
    )
    return composed, [choices.note(name, group, made[group], settings) for group, settings in left_out.items()]


def resolved(composed: DictConfig, name: str) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))
    except InterpolationKeyError as error:
        raise ConfigError(_nothing_to_take(error, name)) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"experiments/{name}.yaml: {str(error).splitlines()[0]}. Give the key a value.") from error


def _nothing_to_take(error: InterpolationKeyError, name: str) -> str:
    """For a value that is that of a key which other choices have, such as ``${split.side}``."""
    found = re.search(r"'([\w.]+)'", str(error))
    key = found[1] if found else "another key"
    group, _, rest = key.partition(".")
    having = [
        choice
        for choice in sorted(config_groups([]).get(group, ()))
        if OmegaConf.select(choices.config_of(group, choice, []), rest, throw_on_missing=False) is not None
    ]
    remedy = f"Choose one that has it, {group}={' or '.join(having)}" if having else "Set it"
    return (
        f"experiments/{name}.yaml: {error.full_key} is that of {key}, and there is none under these choices. {remedy}; or "
        f"give {error.full_key} a value of its own."
    )


def with_found_path(config: dict[str, Any], project: Path) -> dict[str, Any]:
    """``data.path`` made absolute: from the folder in which the command is typed, else from the project folder."""
    data = config.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    if not isinstance(path, str) or not path:
        return config
    places = [folder / expanded(path) for folder in (Path.cwd(), project)]
    found = next((place for place in places if place.exists()), places[0])
    return config | {"data": {**cast(dict[str, Any], data), "path": str(found)}}
