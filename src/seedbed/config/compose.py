"""Configs composed from an experiment's file, or another group's, under overrides, and resolved."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import InterpolationKeyError, MissingMandatoryValue, OmegaConfBaseException

from seedbed.config import choice_settings
from seedbed.config.code import is_users
from seedbed.config.folders import search_folders
from seedbed.config.keys import MODULES, NAMED, parameters_of, refuse_names_of_optuna_sweeper
from seedbed.config.lightning_modules import SEED, trains_modules
from seedbed.config.override_grammar import is_node, parse, parse_single, same_or_inside
from seedbed.config.own_hydra import apply_overrides, compose_config, search_path
from seedbed.config.recipe import FILES_OF_DATA
from seedbed.config.signatures import look_up
from seedbed.config.single_choice import refuse_lists, refuse_lists_in_files
from seedbed.errors import ConfigError
from seedbed.paths import config_groups, expanded
from seedbed.quoting import quoted

OF_HYDRAS_SWEEPER = "hydra.sweeper."


@dataclass(frozen=True)
class BaseConfig:
    """What overrides are applied to: an experiment's file, or the file of another group without an experiment."""

    name: str
    folders: tuple[Path, ...]
    """In which configs are looked for beside seedbed's own."""
    group: str = "experiments"
    beside: tuple[str, ...] = ()
    """Where it is no experiment, choices of the groups beside it, such as ``optimizer=adamw``: there are no others."""

    @classmethod
    def of_experiment(cls, name: str, config_dir: str | os.PathLike[str] | None) -> BaseConfig:
        """Raises ``ConfigError`` where there is no such folder."""
        return cls(name, tuple(search_folders(config_dir)))

    @property
    def place(self) -> str:
        """How messages name it: ``experiments/NAME.yaml``."""
        return f"{self.group}/{self.name}.yaml"

    @property
    def path(self) -> Path:
        """Its file; where several folders have one, the first one counts."""
        return next(path for folder in self.folders if (path := folder / self.place).is_file())

    @property
    def selection(self) -> list[str]:
        """The overrides that make Hydra find and choose it."""
        if self.group == "experiments":
            return [search_path(self.folders), f"experiments={quoted(self.name)}"]
        return [
            search_path(self.folders),
            *(f"+{choice}" for choice in (*self.beside, f"{self.group}={quoted(self.name)}")),
        ]

    @cached_property
    def groups(self) -> dict[str, set[str]]:
        """The config groups of its folders, and their choices."""
        return config_groups(self.folders)

    @cached_property
    def bare(self) -> DictConfig:
        """The config without overrides, with Hydra's own part, which says what the file chooses; raises Hydra's errors."""
        return self.compose(with_hydra=True)

    @cached_property
    def own_settings(self) -> DictConfig:
        """What its file sets, and those that its defaults list names before it."""
        return choice_settings.config_of(self.group, self.name, self.folders)

    def compose(self, overrides: Sequence[str] = (), *, with_hydra: bool = False) -> DictConfig:
        """The config under these overrides, and with Hydra's own part if asked for; raises Hydra's errors.

        A group that is given a whole node, ``model={_target_: ...}``, is that node, and nothing of any choice.
        """
        try:
            return self._composed(overrides, with_hydra)
        except ConfigCompositionException:
            if not (keys := self.added_keys(overrides)):
                raise
            return self._composed(adding(overrides, keys), with_hydra)

    def _composed(self, overrides: Sequence[str], with_hydra: bool = False) -> DictConfig:
        name = "config" if self.group == "experiments" else None
        if not any("={" in text.replace(" ", "") for text in overrides):
            return compose_config([*self.selection, *overrides], with_hydra=with_hydra, name=name, groups=self.groups)
        parsed = parse_single(overrides)
        nodes = {item.key_or_group: at for at, item in enumerate(parsed) if is_node(item, self.groups)}
        before = [item for item in parsed if not any(same_or_inside(item.key_or_group, group) for group in nodes)]
        composed = compose_config(
            [*self.selection, *(str(item.input_line) for item in before)],
            with_hydra=with_hydra,
            name=name,
            groups=self.groups,
        )
        for group, at in nodes.items():
            OmegaConf.update(composed, group.replace("/", "."), parsed[at].value(), merge=False, force_add=True)
            inside = [item for item in parsed[at + 1 :] if same_or_inside(item.key_or_group, group)]
            apply_overrides(composed, inside)
        return composed

    def added_keys(self, overrides: Sequence[str]) -> set[str]:
        """Of the keys that overrides change, the arguments that the config leaves at their defaults; raises Hydra's errors."""
        keys = {
            text: item.key_or_group
            for text in overrides
            for item in parse([text])
            if "." in item.key_or_group and not (item.is_add() or item.is_force_add() or item.is_delete())
            # These say what the node is that another override gives an argument.
            if not item.key_or_group.endswith("._target_") and not isinstance(item.value(), dict)
        }
        composed = self._composed([text for text in overrides if text not in keys])
        return {key for key in keys.values() if is_argument(composed, key)}

    def compose_fitting(self, overrides: Sequence[str]) -> tuple[DictConfig, list[str]]:
        """The config under these overrides, and what was left out of it, since it does not fit a choice of theirs."""
        parsed, own = parse_single(overrides), self.bare.hydra.runtime.choices
        chosen = [item for item in parsed if item.key_or_group in self.groups and not is_node(item, self.groups)]
        made = {item.key_or_group: str(item.value()) for item in chosen}
        refuse_lists_in_files(self.name, {**own, **made}, self.groups, self.folders)
        configs = {group: choice_settings.config_of(group, choice, self.folders) for group, choice in made.items()}
        composed = self.compose(overrides)
        left_out = choice_settings.leave_out(
            composed,
            self.own_settings,
            {
                group: config
                for group, config in configs.items()
                if own.get(group) != made[group] or choice_settings.has_other_target(self.own_settings, group, config)
            },
            [item.key_or_group for item in parsed if item.key_or_group not in self.groups],
        )
        return composed, [
            choice_settings.note(self.name, group, made[group], settings) for group, settings in left_out.items()
        ]

    def resolved(self, composed: DictConfig) -> dict[str, Any]:
        """A config of it with all interpolations followed; raises ``ConfigError`` where one leads nowhere or a value is missing.

        Under ``task=lightning``, what ``${seed}`` refers to stays as it is.
        """
        seeded = trains_modules(composed) and "seed" not in composed
        if seeded:
            composed = deepcopy(composed)
            with open_dict(composed):
                composed.seed = f"\\{SEED}"
        try:
            config = cast(dict[str, Any], OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))
            return {key: value for key, value in config.items() if key != "seed"} if seeded else config
        except InterpolationKeyError as error:
            raise ConfigError(_nothing_to_take(error, self.place)) from error
        except MissingMandatoryValue as error:
            raise ConfigError(_to_be_given(sorted(OmegaConf.missing_keys(composed)), self.place)) from error
        except OmegaConfBaseException as error:
            raise ConfigError(f"{self.place}: {str(error).splitlines()[0]}. Give the key a value.") from error


def adding(overrides: Iterable[str], keys: Collection[str]) -> list[str]:
    """The overrides, in which those that change one of these keys add it."""
    return [f"++{text}" if text.partition("=")[0] in keys else text for text in overrides]


def is_argument(composed: DictConfig, key: str) -> bool:
    """Whether a dotted key that a config lacks is an argument of what is built of its node.

    That is asked of the nodes of ``task=lightning``, whatever they name, and elsewhere of what is the user's own: the
    configs of all else list what there is to be set.
    """
    place, _, name = key.rpartition(".")
    node = OmegaConf.select(composed, place, throw_on_missing=False, throw_on_resolution_failure=False)
    if not isinstance(node, DictConfig) or name in node:
        return False
    if place == "trainer":  # its keys are checked with the modules
        return trains_modules(composed)
    target = None if OmegaConf.is_missing(node, "_target_") else node.get("_target_")
    if not isinstance(target, str) or not (place.split(".")[0] in (*MODULES, *NAMED) or is_users(target)):
        return False
    return name in parameters_of(look_up(target))


@dataclass(frozen=True)
class Request:
    """The overrides of a command, and of one variant, for a base config."""

    base: BaseConfig
    typed: Sequence[Override]
    variant: str = ""
    variants: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"": ()})
    """The overrides of each variant, after those of the data set; of a config without variants, of one called ""."""
    data_set: str = ""
    """One of the data sets that the experiment's file lists; "" where it lists none."""
    of_data_set: Sequence[str] = ()
    """The overrides that are that data set's."""

    @property
    def place(self) -> str:
        """What a message names where no override is at fault."""
        data_set = f", data set {self.data_set!r}" if self.data_set else ""
        return f"{self.base.place}{data_set}, variant {self.variant!r}" if self.variant else self.base.place

    @property
    def own(self) -> Sequence[str]:
        """The overrides of the data set, and the variant's own."""
        return self.variants[self.variant]

    @property
    def choices(self) -> list[str]:
        """Those of the command's overrides that choose of a group."""
        return [str(item.input_line) for item in self.typed if item.key_or_group in self.base.groups]

    def said(self, typed: Iterable[Override] | None = None) -> list[tuple[Override, str]]:
        """All overrides, each with how a message names it; of the command, only those in ``typed`` if given."""
        of_command = self.typed if typed is None else typed
        return [(item, f"Override {item.input_line!r}") for item in of_command] + [
            (item, f"Override {item.input_line!r} of {self._whose(str(item.input_line))} in {self.base.place}")
            for item in parse_single(self.own)
        ]

    def _whose(self, override: str) -> str:
        return f"data set {self.data_set!r}" if override in self.of_data_set else f"variant {self.variant!r}"


def hydra_arguments(name: str, config_dir: str | os.PathLike[str] | None) -> list[str]:
    """The overrides that make Hydra find experiment ``name``."""
    return BaseConfig.of_experiment(name, config_dir).selection


def hydra_settings(name: str, overrides: Sequence[str], config_dir: str | os.PathLike[str] | None) -> DictConfig:
    """Hydra's own part of the config under the overrides that are for it: launcher, sweeper, job, ..."""
    base, parsed, groups = (
        BaseConfig.of_experiment(name, config_dir),
        parse(overrides),
        ("hydra/launcher", "hydra/sweeper"),
    )
    refuse_lists(parsed, groups)
    refuse_lists_in_files(name, {}, groups, base.folders)
    given = [item.key_or_group for item in parsed]
    refuse_names_of_optuna_sweeper(key.split(".")[2] for key in given if key.startswith(OF_HYDRAS_SWEEPER))
    try:
        return cast(DictConfig, base.compose(overrides, with_hydra=True).hydra)
    except (HydraException, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split("Config search path")[0].split())
        raise ConfigError(f"{' '.join(overrides) or base.place}: Hydra refuses that: {reason}") from error


_EXAMPLES = {"report.metric": "test/accuracy", "seeds": "10"}


def _to_be_given(keys: Sequence[str], place: str) -> str:
    """Message about keys for which a config leaves it to others to give a value, ``???``, and nobody does."""
    key = keys[0]
    value = _EXAMPLES.get(key, "VALUE")
    *nodes, name = key.split(".")
    written = f"{''.join(f'{node}: {{' for node in nodes)}{name}: {value}{'}' * len(nodes)}"
    others = f" So it is with {', '.join(keys[1:])}." if len(keys) > 1 else ""
    return f"{place}: {key} has no value. Write '{written}' there, or give it on the command line as {key}={value}.{others}"


def _nothing_to_take(error: InterpolationKeyError, place: str) -> str:
    """Message about a value that refers to a key which only other choices have, such as ``${split.side}``."""
    match = re.search(r"'([\w.]+)'", str(error))
    key = match[1] if match else "another key"
    if key == "seed":
        return (
            f"{place}: {error.full_key} is ${{seed}}, the seed of the cell, which there is under task=lightning only. Add "
            "'override /task: lightning' to the experiment's defaults, where it trains a LightningModule; or give "
            f"{error.full_key} a value of its own."
        )
    group, _, rest = key.partition(".")
    having = [
        choice
        for choice in sorted(config_groups([]).get(group, ()))
        if OmegaConf.select(choice_settings.config_of(group, choice, []), rest, throw_on_missing=False) is not None
    ]
    remedy = f"Choose one that has it, {group}={' or '.join(having)}" if having else "Set it"
    return (
        f"{place}: {error.full_key} is that of {key}, and there is none under these choices. {remedy}; or "
        f"give {error.full_key} a value of its own."
    )


def with_found_path(config: dict[str, Any], project: Path) -> dict[str, Any]:
    """Files of the data made absolute: from the folder in which the command is typed, else from the project folder."""
    data = config.get("data")
    if not isinstance(data, dict):
        return config
    found = {key: _found(data[key], project) for key in FILES_OF_DATA if isinstance(data.get(key), str) and data[key]}
    return config | {"data": {**data, **found}} if found else config


def _found(path: str, project: Path) -> str:
    places = [folder / expanded(path) for folder in (Path.cwd(), project)]
    return str(next((place for place in places if place.exists()), places[0]))
