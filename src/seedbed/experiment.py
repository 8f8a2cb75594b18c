"""The typed experiment: read, checked and expanded into variants and seeds, before any work is done."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, OmegaConfBaseException
from yaml import YAMLError

from seedbed import choices
from seedbed.checks import is_from_zero, is_installed, is_number, is_positive, is_whole, require, shown
from seedbed.code import Code, check_code, code_of, reread
from seedbed.errors import ConfigError, check_storable, near_misses, without_addresses
from seedbed.kinds import check_kinds
from seedbed.known_keys import (
    interpolated,
    is_task,
    refuse_names_of_optuna_sweeper,
    unknown_key,
    unknown_keys,
)
from seedbed.lightning_modules import refuse_named_network, why_no_task
from seedbed.lr_finder import AUTO, FinderSettings
from seedbed.metric_names import wanted_of_own
from seedbed.one_choice import refuse_lists, refuse_lists_in_files
from seedbed.overrides import escaped, in_grammar, parse, quoted
from seedbed.own_hydra import compose_config, search_path
from seedbed.paths import config_groups, expanded, make_importable, project_folder, resources
from seedbed.signatures import hydra_says_nothing, look_up
from seedbed.stated import check_stated
from seedbed.trainer_settings import PRECISIONS, PROFILERS
from seedbed.value_types import misfit

# Part of every fingerprint. Raise it when a change of code changes results for the same config.
RECIPE_VERSION = 2

OF_HYDRAS_SWEEPER = "hydra.sweeper."

# What cannot change a cell's result: what is asked and shown, where things lie, and what it runs on.
NOT_IN_FINGERPRINT = {
    "question", "seeds", "variant", "variants", "report", "published", "tracking", "search",
    "data.root", "data.edition", "data.path",
    "data.encoder.threads", "data.encoder.device", "data.encoder.batch_size",
    "data.encoder.model", "data.encoder.revision",  # the encoder's name says which weights these are
    "trainer.accelerator", "trainer.devices", "trainer.deterministic",
    "trainer.seeds_at_once", "trainer.steps_per_chunk",
}  # fmt: skip

# Settings of seedbed's own data sets that are younger than cells which count, each with the value at which it changes
# nothing: with that value they are no part of a fingerprint.
ADDED_LATER: dict[str, Any] = {
    "labels": None, "join_labels": False, "drop_classes": [], "positive": None, "missing_values": [], "skip_lines": 0,
}  # fmt: skip
# The same of one data set alone: others have had the key from the start.
ADDED_LATER_TO = {"seedbed.data.ratings_csv.RatingsCsv": {"decimal": "point"}}

MOST_SEEDS = 1_000_000
"""Of one experiment; a number beyond is a mistake, and would fill the memory before anything is said."""
MOST_EPOCHS = 1_000_000
"""Of one training; a number beyond is a mistake."""
LARGEST = 2**31 - 1
"""Of a number of rows or steps: a larger one is a mistake, and some are kept in 32 bits."""


NEEDED = {
    "data", "split", "model", "task", "imbalance", "optimizer", "trainer", "tracking", "seeds", "report", "select", "monitor",
    "patience", "lr_finder",
    *(f"trainer.{key}" for key in ("max_epochs", "batch_size", "precision", "seeds_at_once", "steps_per_chunk")),
    *(f"trainer.{key}" for key in ("accelerator", "devices", "gradient_clip_val")),
    *(f"report.{key}" for key in ("metric", "baseline", "bars", "axis", "rope", "loss", "learned", "similar_to", "user")),
    *(f"tracking.{key}" for key in ("checkpoints", "pictures")),
}  # fmt: skip
"""Parts of a config that no override can take away."""


def can_change_results(key: str) -> bool:
    """Whether the setting of a dotted key is part of what a cell's result is made by."""
    return not any(key == left_out or key.startswith(f"{left_out}.") for left_out in NOT_IN_FINGERPRINT)


def used(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what changes nothing: ``lr_finder`` where no rate is found by it, and later settings of data."""
    finds = (config.get("optimizer") or {}).get("lr") == AUTO
    kept = {key: value for key, value in config.items() if key != "lr_finder" or finds}
    if isinstance(data := config.get("data"), Mapping):
        target = str(data.get("_target_"))
        later = ADDED_LATER | ADDED_LATER_TO.get(target, {}) if target.startswith("seedbed.data.") else {}
        kept["data"] = {key: value for key, value in data.items() if key not in later or value != later[key]}
    return kept


def recipe_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What determines a cell's result, by its dotted key."""
    return {key: value for key, value in flatten(used(config)).items() if can_change_results(key)}


@dataclass(frozen=True)
class Variant:
    """A name, the overrides that make it different, and the resolved config that results."""

    name: str
    overrides: tuple[str, ...]
    config: dict[str, Any]

    def code(self) -> Code:
        """The user's modules and the packages that the recipe names; raises ``ConfigError``."""
        return code_of(recipe_of(self.config))

    def fingerprint(self, seed: int, inputs: Mapping[str, str], code: Code | None = None) -> str:
        """SHA-256 of all that determines the result of this variant under this seed.

        ``inputs`` is what the config does not say: the data's digest, the encoder's version, what a strategy found
        installed. Without ``code``, that of the recipe alone, whatever code its names stand for.
        """
        recipe = {key: canonical(value) for key, value in recipe_of(self.config).items()}
        content = {"config": recipe, "seed": seed, "inputs": dict(inputs), "recipe_version": RECIPE_VERSION}
        if code is not None and code.beyond_shipped:
            content["code"] = code.beyond_shipped
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Experiment:
    """One experiment file under the overrides of one command."""

    name: str
    project: Path
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]
    config_dir: str | None = None
    notes: tuple[str, ...] = ()
    """What of the file's settings does not fit a choice that was made in place of the file's own, in sentences."""
    restated: tuple[str, ...] = ()
    """The overrides that give a key the value, or make the choice, that the file has anyway."""

    @property
    def command(self) -> str:
        """The command that gives the same again."""
        folder = ["--config-dir", self.config_dir] if self.config_dir else []
        return shlex.join(["seedbed", "run", self.name, *self.overrides, *folder])

    @property
    def typed(self) -> set[str]:
        """The groups and keys that the overrides give."""
        return {item.key_or_group for item in parse(self.overrides)}

    @property
    def has_other_data(self) -> bool:
        """Whether the overrides say something of the data, so that they may not be those that the file means."""
        return any(key.split(".")[0] == "data" for key in self.typed)

    @property
    def config(self) -> dict[str, Any]:
        """What all variants share: the settings that no variant can set for itself, such as report and seeds."""
        return self.variants[0].config


def load_experiment(
    name: str, overrides: Sequence[str] = (), config_dir: str | os.PathLike[str] | None = None
) -> Experiment:
    """Read experiment ``name``, apply the overrides, and check all that can be checked without data.

    Raises ``ConfigError`` for an unknown experiment, variant, group, choice or key, an override that collides with a
    variant's own, and values that cannot work.
    """
    folders = _search_folders(config_dir)
    if config_dir is not None:
        make_importable(folders[0])
    reread()
    check_name(name, config_dir)
    overrides = in_grammar(overrides, config_dir)
    parsed = _parse(overrides)
    groups = config_groups(folders)
    _refuse_misplaced(parsed, groups)
    _refuse_no_choice(parsed, groups)
    _refuse_shadowed(folders)
    refuse_lists_in_files(name, {}, groups, folders)
    try:
        bare = _compose(name, [], folders, with_hydra=True)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        refuse_names_of_optuna_sweeper(_keys_of_sweeper(name, folders), taken=())
        raise ConfigError(
            f"experiments/{name}.yaml cannot be read: {' '.join(str(error).split())}{_without_package(name, folders)}"
        ) from error
    own_overrides = _variant_overrides(name, bare)
    chosen = _chosen_variants(parsed, own_overrides)
    for picked in chosen:
        own = _parse(own_overrides[picked])
        refuse_lists(own, groups, picked)
        _refuse_no_choice(own, groups, f" of variant {picked!r}")
    _refuse_collisions(parsed, {variant: own_overrides[variant] for variant in chosen})
    variants, notes = [], []
    for picked in chosen:
        try:
            composed, left_out = _compose_fitting(name, [*own_overrides[picked], *overrides], folders, groups, bare)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise _explain(error, name, picked, parsed, own_overrides, folders) from error
        notes += left_out
        config = _with_found_path(_resolved(composed, name), project_folder(config_dir))
        _refuse_unstorable(config, name)
        _refuse_unknown(composed, config, name, picked, parsed, own_overrides, folders)
        _refuse_misfit(config, name, picked, parsed, own_overrides)
        variants.append(Variant(picked, tuple(own_overrides[picked]), config))
    seeds = _seeds(variants[0].config.get("seeds"))
    for variant in variants:
        _check(variant, list(own_overrides))
    _refuse_findings(name, variants[0].config)
    # Under another task the source's numbers stand for themselves.
    own_task = not any(override.key_or_group.split(".")[0] == "task" for override in parsed)
    measured = {variant.name: metrics_of(variant.config["task"]) for variant in variants if own_task}
    check_stated(variants[0].config.get("published"), list(own_overrides), measured)
    folder = None if config_dir is None else os.fspath(config_dir)
    found = tuple(dict.fromkeys(notes))
    restated = tuple(str(item.input_line) for item in parsed if _restates(item, parsed, bare))
    return Experiment(
        name, project_folder(config_dir), tuple(overrides), seeds, tuple(variants), folder, found, restated
    )


class Template:
    """One variant of an experiment, whose settings a search varies: ``at`` gives it under further overrides.

    What was composed once is kept, since composing takes longer than many a trial's records.
    """

    def __init__(self, experiment: Experiment, variant: Variant) -> None:
        self.experiment, self.variant = experiment, variant
        self._folders = _search_folders(experiment.config_dir)
        self._groups = config_groups(self._folders)
        self._bare = _compose(experiment.name, [], self._folders, with_hydra=True)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self.notes: list[str] = []
        """What of the file's settings does not fit a choice that is varied, as far as it was composed by now."""

    def at(self, name: str, overrides: Sequence[str]) -> Variant:
        """The variant called ``name`` that also sets ``overrides``; raises ``ConfigError`` as ``load_experiment``."""
        experiment, own = self.experiment, {self.variant.name: list(self.variant.overrides)}
        parsed = _parse(overrides)
        _refuse_misplaced(parsed, self._groups)
        _refuse_collisions(parsed, own)
        try:
            composed = self._with_groups([item for item in parsed if item.key_or_group in self._groups])
            for item in parsed:
                if item.key_or_group not in self._groups:
                    OmegaConf.update(composed, item.key_or_group, item.value(), merge=True)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise _explain(error, experiment.name, self.variant.name, parsed, own, self._folders) from error
        config = _with_found_path(_resolved(composed, experiment.name), experiment.project)
        _refuse_unknown(composed, config, experiment.name, self.variant.name, parsed, own, self._folders)
        _refuse_misfit(config, experiment.name, self.variant.name, parsed, own)
        varied = Variant(name, (*self.variant.overrides, *overrides), config)
        _check(varied, list(config["variants"]))
        return varied

    def _with_groups(self, choices: Sequence[Override]) -> DictConfig:
        """A copy of the config that these choices give."""
        texts = tuple(item.input_line or "" for item in choices)
        if texts not in self._composed:
            given = [*self.variant.overrides, *self.experiment.overrides, *texts]
            self._composed[texts], notes = _compose_fitting(
                self.experiment.name, given, self._folders, self._groups, self._bare
            )
            self.notes += notes
        return deepcopy(self._composed[texts])


def _check(variant: Variant, variants: list[str]) -> None:
    check_code(recipe_of(variant.config))
    try:
        _check_values(variant, variants)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"Variant {variant.name!r}: the config lacks a part that every run needs, or has another kind of value "
            f"there ({type(error).__name__}: {error}). Take back the override that removes it."
        ) from error


def _restates(override: Override, parsed: Sequence[Override], bare: DictConfig) -> bool:
    """Whether the last override of this key gives it what it has without any."""
    last = [item for item in parsed if item.key_or_group == override.key_or_group][-1]
    if last.is_delete() or last.package is not None:
        return False
    if last.key_or_group in bare.hydra.runtime.choices:
        return str(last.value()) == str(bare.hydra.runtime.choices[last.key_or_group])
    try:
        own = OmegaConf.select(bare, last.key_or_group, default=_NOTHING, throw_on_missing=False)
    except OmegaConfBaseException:
        return False
    given = OmegaConf.create({"value": last.value()}).value
    return own is not _NOTHING and own == given and type(own) is type(given)


_NOTHING = object()


def _refuse_findings(name: str, config: dict[str, Any]) -> None:
    """What was found belongs to results, and not to the experiment that any launch may run with other seeds."""
    published = config.get("published")
    if isinstance(published, dict) and "findings" in published:
        raise ConfigError(
            f"experiments/{name}.yaml: published.findings={published['findings']!r}: findings are about results, and stand "
            f"beside their report. Move them to experiments/{name}/findings.yaml, under the keys cells (the digest of those "
            "results, which 'seedbed report' gives where it is missing) and findings."
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


def check_name(name: str, config_dir: str | os.PathLike[str] | None = None) -> None:
    """Raise ``ConfigError`` where there is no such experiment."""
    if name not in (known := experiment_names(config_dir)):
        places = " or ".join(str(folder / "experiments") for folder in _search_folders(config_dir))
        raise ConfigError(f"There is no experiment {name!r} in {places}: {near_misses(name, known)}")


def experiment_names(config_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """The experiments that can be run."""
    return sorted({path.stem for folder in _search_folders(config_dir) for path in folder.glob("experiments/*.yaml")})


def build(config: Mapping[str, Any], place: str) -> Any:
    """Instantiate the object that the config node ``place`` describes; a failure is a ``ConfigError``."""
    try:
        # Escaped twice, as Hydra resolves a node before it calls what it names, and then reads it.
        return instantiate(OmegaConf.create(escaped(escaped(dict(config)))), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ConfigError):
            raise cause from error
        if "Error locating target" in str(error) or "Error loading" in str(cause):
            raise ConfigError(f"{place}: {_not_found(str(config.get('_target_')), f'{error} {cause}')}") from error
        message = without_addresses(" ".join(str(cause or error).split()))
        versions = _versions(message) if isinstance(cause, ImportError) else ""
        raise ConfigError(
            f"{place}: cannot build {config.get('_target_')}: {message}{versions} (The keys of the config node are the "
            "arguments of its _target_; what is called later, such as a function, has _partial_: true.)"
        ) from error


PACKAGES = {"imblearn": "imbalanced-learn", "sklearn": "scikit-learn", "torch": "torch"}
"""Of which two versions may not fit: modules and the names under which they are installed."""


def _not_found(target: str, message: str) -> str:
    """Why a ``_target_``, or one inside its node that the message names, cannot be loaded, and what to do."""
    target = next(iter(re.findall(r"Error l(?:oading|ocating target) '([\w.]+)'", message)[::-1]), target)
    module, _, name = target.rpartition(".")
    try:
        names = [known for known in vars(importlib.import_module(module)) if not known.startswith("_")]
        return f"_target_={target}: {module} has no {name!r}, {near_misses(name, names)}{_versions(module)}"
    except Exception as error:  # a module of the user's may raise anything
        why = f"_target_={target}: {module} cannot be imported: {type(error).__name__}: {error}"
    return f"{why}{_versions(why)}. A module of your own, and what it imports, lies in the folder that --config-dir names, or is installed."


def _versions(message: str) -> str:
    """Which versions are installed of packages that a message names, as two that do not fit are the usual reason."""
    named = [package for package in PACKAGES if re.search(rf"\b{package}\b", message)]
    named = list(PACKAGES)[:2] if {"imblearn", "sklearn"} & set(named) else named
    versions = []
    for package in (PACKAGES[module] for module in named):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} is not installed")
    return f" (installed: {', '.join(versions)})" if versions else ""


def missing_extra(config: Mapping[str, Any]) -> str:
    """The extra of seedbed that brings the package which the model says it needs; "" where it needs none, or has it."""
    module, _, name = str(config["model"].get("_target_")).rpartition(".")
    try:
        needs = getattr(getattr(importlib.import_module(module), name, None), "NEEDS", None)
    except (ValueError, ImportError):
        return ""  # what is wrong there is found when the model is built
    return "" if needs is None or is_installed(needs[0]) else str(needs[1])


# ---- composition -----------------------------------------------------------------------------------------------------


def _search_folders(config_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Folders that hold ``experiments/``: seedbed's own and the user's."""
    if config_dir is None:
        return [resources()]
    folder = expanded(config_dir).resolve()
    if not folder.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder. Name one that holds experiments/.")
    return [folder, resources()]


def hydra_arguments(name: str, config_dir: str | os.PathLike[str] | None) -> list[str]:
    """The overrides that make Hydra find experiment ``name``."""
    return _selection(name, _search_folders(config_dir))


def _selection(name: str, folders: Sequence[Path]) -> list[str]:
    return [search_path(folders), f"experiments={quoted(name)}"]


def hydra_settings(name: str, overrides: Sequence[str], config_dir: str | os.PathLike[str] | None) -> DictConfig:
    """Hydra's own part of the config under the overrides that are for it: launcher, sweeper, job, ..."""
    given = [item.key_or_group for item in parse(overrides)]
    refuse_lists(parse(overrides), ("hydra/launcher", "hydra/sweeper"))
    refuse_lists_in_files(name, {}, ("hydra/launcher", "hydra/sweeper"), _search_folders(config_dir))
    refuse_names_of_optuna_sweeper(key.split(".")[2] for key in given if key.startswith(OF_HYDRAS_SWEEPER))
    try:
        return cast(DictConfig, _compose(name, overrides, _search_folders(config_dir), with_hydra=True).hydra)
    except (HydraException, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split("Config search path")[0].split())
        place = " ".join(overrides) or f"experiments/{name}.yaml"
        raise ConfigError(f"{place}: Hydra refuses that: {reason}") from error


def _compose(name: str, overrides: Sequence[str], folders: Sequence[Path], *, with_hydra: bool = False) -> DictConfig:
    return compose_config([*_selection(name, folders), *overrides], with_hydra=with_hydra)


def _compose_fitting(
    name: str, overrides: Sequence[str], folders: Sequence[Path], groups: Mapping[str, set[str]], bare: DictConfig
) -> tuple[DictConfig, list[str]]:
    """The config under these overrides, and what was left out of it, since it does not fit a choice of theirs.

    ``groups`` are those of the folders, and ``bare`` is the config without overrides, with Hydra's own part, which says
    what the file chooses.
    """
    parsed = _parse(overrides)
    made = {item.key_or_group: str(item.value()) for item in parsed if item.key_or_group in groups}
    refuse_lists_in_files(name, {**bare.hydra.runtime.choices, **made}, groups, folders)
    configs = {group: choices.config_of(group, choice, folders) for group, choice in made.items()}
    by_file, own = choices.settings_of_file(name, folders), bare.hydra.runtime.choices
    composed = _compose(name, overrides, folders)
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


def _resolved(composed: DictConfig, name: str) -> dict[str, Any]:
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


def _with_found_path(config: dict[str, Any], project: Path) -> dict[str, Any]:
    """``data.path`` made absolute: from the folder in which the command is typed, else from the project folder."""
    data = config.get("data")
    path = data.get("path") if isinstance(data, dict) else None
    if not isinstance(path, str) or not path:
        return config
    places = [folder / expanded(path) for folder in (Path.cwd(), project)]
    found = next((place for place in places if place.exists()), places[0])
    return config | {"data": {**cast(dict[str, Any], data), "path": str(found)}}


def _parse(overrides: Sequence[str]) -> list[Override]:
    parsed = parse(overrides)
    for override in parsed:
        if override.is_sweep_override():
            raise ConfigError(
                f"Override {override.input_line!r} gives several values. Add -m to run one job for each, "
                f"or write a list: {override.get_key_element()}=[...]."
            )
    return parsed


# ---- variants and collisions -----------------------------------------------------------------------------------------


def _variant_overrides(name: str, bare: DictConfig) -> dict[str, list[str]]:
    place = f"experiments/{name}.yaml: variants"
    if OmegaConf.is_missing(bare, "variants") or not bare.variants:
        raise ConfigError(f"{place} is empty: give at least one variant, such as 'none: []'.")
    variants = OmegaConf.to_container(bare.variants)
    if not isinstance(variants, dict) or not all(
        isinstance(own, list) and all(isinstance(item, str) for item in own) for own in variants.values()
    ):
        raise ConfigError(
            f"{place}: each variant is a name and a list of overrides, such as 'smote: [imbalance=smote]'."
        )
    return {str(variant): list(own) for variant, own in variants.items()}


def _chosen_variants(parsed: Sequence[Override], known: Mapping[str, Sequence[str]]) -> list[str]:
    wanted: list[str] = []
    for override in parsed:
        if override.key_or_group == "variant":
            value = override.value()
            wanted = [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]
            if value == []:
                raise ConfigError(
                    f"variant=[] picks no variant. Name some of {', '.join(known)}, or leave it out for all."
                )
    for variant in wanted:
        if variant not in known:
            raise ConfigError(f"variant={variant}: there is no such variant, {near_misses(variant, known)}")
    return [variant for variant in known if variant in wanted] or list(known)


def _refuse_collisions(parsed: Sequence[Override], variants: Mapping[str, Sequence[str]]) -> None:
    """An override must not change what a variant sets itself: the result would stand under a wrong name."""
    for override in parsed:
        key = override.key_or_group
        hit = [variant for variant, own in variants.items() if any(_changes(key, theirs) for theirs in _parse(own))]
        if hit:
            raise ConfigError(
                f"Override {override.input_line!r} changes what variant{'s' if len(hit) > 1 else ''} "
                f"{', '.join(hit)} set{'' if len(hit) > 1 else 's'} for {'itself' if len(hit) == 1 else 'themselves'}: the result would stand under a wrong name. "
                "Pick variants with variant=NAME, or write a new variant into the experiment file."
            )
    for variant, own in variants.items():
        for theirs in _parse(own):
            if theirs.key_or_group.split(".")[0] in {"seeds", "variants", "report", "published", "variant", "tracking"}:
                raise ConfigError(
                    f"Variant {variant!r} sets {theirs.input_line!r}, but that belongs to the whole experiment."
                )


def _refuse_shadowed(folders: Sequence[Path]) -> None:
    """Hydra takes seedbed's own file where a user's has the same name; without a word it would not be used."""
    own = resources()
    for folder in folders:
        for group, names in config_groups([folder]).items() if folder != own else ():
            for choice in sorted(names):
                path, mine = folder / group / f"{choice}.yaml", own / "conf" / group / f"{choice}.yaml"
                if path.is_file() and mine.is_file() and path.resolve() != mine.resolve():
                    raise ConfigError(f"{path}: seedbed has a config {group}/{choice} of its own. Rename the file.")


def _refuse_misplaced(parsed: Sequence[Override], groups: Mapping[str, set[str]]) -> None:
    """Overrides that Hydra would take, and that would not do what they seem to say."""
    refuse_lists(parsed, groups)
    for override in parsed:
        key, text = override.key_or_group, override.input_line
        set_anew = any(item is not override and _same_or_inside(item.key_or_group, key) for item in parsed)
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
        if key in ("experiments", "variants") or key.startswith("variants."):
            raise ConfigError(
                f"Override {text!r}: the experiment is the command's first argument, and its variants stand in its file. "
                "Pick some with variant=NAME."
            )
        group = key.replace(".", "/")
        if "." in key and group in groups and isinstance(override.value(), str):
            raise ConfigError(f"Override {text!r}: {key} is a config group, write {group}={override.value()}.")


def _refuse_no_choice(items: Sequence[Override], groups: Mapping[str, set[str]], whose: str = "") -> None:
    """A name that is a number to Hydra, a second choice of a group, or one at another place than its own."""
    for item in items:
        key, value, place = item.key_or_group, item.value(), f"Override {item.input_line!r}{whose}"
        if key in groups and not isinstance(value, str) and value is not None and shown(value) in groups[key]:
            raise ConfigError(
                f"{place}: to Hydra {shown(value)} is no name. Write it in quotes: \"{key}='{shown(value)}'\"."
            )
        if key in groups and item.is_add() and isinstance(value, str) and "/" not in key:
            raise ConfigError(f"{place}: something is chosen for {key} already. Write {key}={shown(value)}.")
        if item.package is not None:
            raise ConfigError(f"{place}: a choice stands at its own place only. Leave out '@{item.package}'.")


def _refuse_unknown(
    composed: DictConfig,
    config: Mapping[str, Any],
    name: str,
    variant: str,
    parsed: Sequence[Override],
    own: Mapping[str, Sequence[str]],
    folders: Sequence[Path],
) -> None:
    """A key that nothing reads would seem to say something of the result, and have it trained anew."""
    refuse_named_network(config.get("model"))
    unknown = unknown_keys(config)
    if any("." not in item.key for item in unknown):
        unknown = unknown_keys(config, interpolated(OmegaConf.to_yaml(composed)))
    if not unknown:
        return
    found, key = unknown[0], re.sub(r"\[\d+\]", "", unknown[0].key)
    given = [(item, "") for item in parsed] + [(item, f" of variant {variant!r}") for item in _parse(own[variant])]
    by_key = {item.key_or_group.replace("/", "."): f"Override {item.input_line!r}{whose}" for item, whose in given}
    setting = [other for other in by_key if _same_or_inside(key, other) or _same_or_inside(other, key)]
    place = by_key[max(setting, key=len)] if setting else f"experiments/{name}.yaml, variant {variant!r}"
    node = key.rpartition(".")[0]
    chosen = OmegaConf.select(composed, node)
    has_target = isinstance(chosen, DictConfig) and "_target_" in chosen
    if has_target and key not in setting and by_key.keys() & {node, f"{node}._target_"}:  # set for another choice
        left = [item.key for item in unknown if item.key.rpartition(".")[0] == node]
        dropped = " ".join(f"~{other}" for other in left)
        by_file = OmegaConf.select(choices.settings_of_file(name, folders), key, throw_on_missing=False) is not None
        whose = f"experiments/{name}.yaml sets it" if by_file else f"The config that is chosen for {node} sets it"
        raise ConfigError(f"{place}: {found.key}: {found.why} {whose}: leave it out by {dropped}.")
    raise ConfigError(f"{place}: {found.key}: {found.why}")


def _refuse_unstorable(config: Mapping[str, Any], name: str) -> None:
    """A text that the tracking store could not keep."""
    for key, value in flatten(config).items():
        text = json.dumps([key, value], ensure_ascii=False, default=str)
        if not text.isascii():
            check_storable(f"experiments/{name}.yaml: {key}={shown(value)}", text)


def _refuse_misfit(
    config: Mapping[str, Any], name: str, variant: str, parsed: Sequence[Override], own: Mapping[str, Sequence[str]]
) -> None:
    """A value of another kind than its key takes would count as something that nobody meant."""
    found = misfit(config)
    if found is None:
        return
    key = re.sub(r"\[\d+\]", "", found.key)
    typed = any(_same_or_inside(key, item.key_or_group.replace("/", ".")) for item in parsed)
    by_variant = next((text for text in own[variant] if _same_or_inside(key, text.partition("=")[0].lstrip("+"))), None)
    place = "" if typed else f"experiments/{name}.yaml, variant {variant!r}: "
    place = f"{place}{by_variant!r}: " if by_variant and not typed else place
    raise ConfigError(
        f"{place}{found.key}={shown(found.value)}: give {found.wanted}{'' if found.wanted[-1] == '?' else '.'}"
    )


def _changes(key: str, theirs: Override) -> bool:
    """Whether an override of ``key`` changes what a variant's own override sets: the same, around it, or inside it."""
    own, value = theirs.key_or_group, theirs.value()
    inside = isinstance(value, dict) or key == f"{own.replace('/', '.')}._target_"
    return _same_or_inside(own, key) or (inside and _same_or_inside(key, own.replace("/", ".")))


def _same_or_inside(key: str, folder: str) -> bool:
    return key == folder or key.startswith((f"{folder}.", f"{folder}/"))


# ---- errors ----------------------------------------------------------------------------------------------------------


def _explain(
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
        (item, f" of variant {variant!r}") for item in _parse(own[variant])
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
        other: flatten(OmegaConf.to_container(_compose(name, [*overrides, *given], folders), resolve=False), inner=True)
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
        composed = _compose(name, [*given, f"++{override.input_line}"], folders)
        found = unknown_key(_resolved(composed, name), interpolated(OmegaConf.to_yaml(composed)))
    except (HydraException, OmegaConfBaseException, ConfigError):
        return f"there is no key {key!r}."
    return f"{found.key}: {found.why}" if found and _same_or_inside(key, found.key) else None


def _in_other_choices(override: Override, name: str, given: Sequence[str], folders: Sequence[Path]) -> str:
    """Whether other choices of the key's group have the key, as of a sweep over the group; "" where none has."""
    groups, key = config_groups(folders), override.key_or_group
    group = max((found for found in groups if key.startswith(f"{found.replace('/', '.')}.")), key=len, default="")
    chosen = [item for item in _parse(given) if item.key_or_group in groups]
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
        return _compose(name, choices, folders, with_hydra=True)
    except (HydraException, OmegaConfBaseException):
        return OmegaConf.create()


# ---- values ----------------------------------------------------------------------------------------------------------


def _seeds(value: Any) -> tuple[int, ...]:
    remedy = "Give the number of seeds, such as seeds=10, or a list, such as seeds=[3,5]."
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        if value > MOST_SEEDS:
            raise ConfigError(f"seeds={value}: more than {MOST_SEEDS} seeds. {remedy}")
        return tuple(range(value))
    if isinstance(value, list) and value and all(type(seed) is int and seed >= 0 for seed in value):
        repeated = sorted({seed for seed in value if value.count(seed) > 1})
        if not repeated:
            return tuple(value)
        raise ConfigError(f"seeds={value}: seed {repeated[0]} stands there twice. {remedy}")
    raise ConfigError(
        f"seeds={shown(value)}: not a number of seeds from 1 on, nor a list of numbers from 0 on. {remedy}"
    )


def _check_values(variant: Variant, variants: list[str]) -> None:
    config = variant.config
    for group in ("data", "split", "model", "task", "imbalance", "optimizer", "trainer"):
        if not config.get(group):
            raise ConfigError(
                f"{group}: nothing is chosen. Write {group}=CHOICE, or add 'override /{group}: ...' to the experiment's defaults."
            )
    check_kinds(config)
    trainer = config["trainer"]
    for key, most in (("max_epochs", MOST_EPOCHS), ("steps_per_chunk", LARGEST)):
        number = trainer[key]
        require(is_whole(number) and number <= most, f"trainer.{key}", number, f"a whole number from 1 to {most}")
    size = trainer["batch_size"]
    require(
        size is None or (is_whole(size) and size <= LARGEST),
        "trainer.batch_size",
        size,
        f"a whole number from 1 to {LARGEST}, or null for a task whose steps take all rows",
    )
    at_once = trainer["seeds_at_once"]
    require(
        at_once == "auto" or is_whole(at_once), "trainer.seeds_at_once", at_once, "auto or a whole number from 1 on"
    )
    lr = config["optimizer"].get("lr", AUTO)
    require(lr == AUTO or is_from_zero(lr), "optimizer.lr", lr, f"a number from 0 on, or {AUTO}: what lr_finder finds")
    FinderSettings.of(config)
    clip = trainer["gradient_clip_val"]
    require(clip is None or is_positive(clip), "trainer.gradient_clip_val", clip, "null or a positive number")
    require(trainer["precision"] not in ("16-mixed", "16-true", 16, "16"), "trainer.precision", trainer["precision"],
             "32-true, bf16-mixed or 64-true: with 16-bit floats one seed's overflow would skip every seed's step")  # fmt: skip
    if trainer["precision"] not in PRECISIONS:
        _require_known("trainer.precision", trainer["precision"], PRECISIONS[:4])
    profiler = trainer.get("profiler")
    require(profiler in (None, *PROFILERS), "trainer.profiler", profiler, f"null, {' or '.join(PROFILERS)}: others write files into Lightning's folder, which is removed")  # fmt: skip
    require(config["select"] in ("last", "best"), "select", config["select"], "last or best")
    patience = config["patience"]
    require(patience is None or is_whole(patience), "patience", patience, "null or a whole number from 1 on")
    for key in ("checkpoints", "pictures"):
        require(isinstance(config["tracking"][key], bool), f"tracking.{key}", config["tracking"][key], "true or false")
    metrics = metrics_of(config["task"])
    _require_known("monitor", config["monitor"], [f"val/{metric}" for metric in metrics])
    report = config["report"]
    split, tested = _test_part(config["split"])
    require(tested is not False or config["select"] == "last", "select", config["select"],
             f"last where there are no test rows ({split}): the value of the epoch that validation likes best is no fair estimate")  # fmt: skip
    _check_metric(shown(report["metric"]), metrics, split, tested)
    _require_known("report.bars", report["bars"], ["2std", "std", "ci95"])
    if report["baseline"] is not None:
        _require_known("report.baseline", report["baseline"], variants)
    if report["learned"] is not None:
        _require_known("report.learned", report["learned"], variants)
    for key in ("similar_to", "user"):
        name = report[key]
        require(name is None or isinstance(name, str | int), f"report.{key}", name, "null or a name in the data")
    require(report["loss"] in (True, False, "both"), "report.loss", report["loss"], "true, false, or both: training and validation")  # fmt: skip
    rope = report["rope"]
    require(rope is None or is_positive(rope), "report.rope", rope, "null or a positive number: differences up to it are too small to matter")  # fmt: skip
    axis = report["axis"]
    require(axis is None or (isinstance(axis, list) and len(axis) == 2 and all(map(is_number, axis)) and axis[0] < axis[1]),
             "report.axis", axis, "null or two rising numbers")  # fmt: skip


def _test_part(split: Mapping[str, Any]) -> tuple[str, bool | None]:
    """What says whether a split sets test rows apart, for a message, and whether it does; None where only its rows say it."""
    target = split.get("_target_")
    kind = look_up(target)
    key = getattr(kind, "TESTED_BY", "test")
    if key in split:
        return f"split.{key}={split[key]}", bool(split[key])
    return f"{str(target).rpartition('.')[2]} sets none apart", False if key is None else None


def _check_metric(metric: str, known: Sequence[str], split: str, tested: bool | None) -> None:
    """``report.metric`` is one of the final values, which are of test rows where there are some, else of validation rows."""
    if tested is None:
        _require_known("report.metric", metric, [f"{side}/{each}" for side in ("test", "val") for each in known])
        return
    side, name = ("test" if tested else "val"), metric.rpartition("/")[2]
    if name in known and metric == f"{'val' if tested else 'test'}/{name}":
        why = f"with {split}, final values are those of test rows" if tested else f"there are no test rows ({split})"
        raise ConfigError(f"report.metric={metric}: {why}. Write report.metric={side}/{name}, or change the split.")
    _require_known("report.metric", metric, [f"{side}/{each}" for each in known])


def _require_known(key: str, value: Any, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{key}={shown(value)}: there is no such name, {near_misses(str(value), known)}")


def metrics_of(task: Mapping[str, Any]) -> list[str]:
    """Names of the task's metrics, the user's own among them."""
    target = task.get("_target_")
    try:
        with hydra_says_nothing():
            kind = get_class(str(target))
    except (ValueError, ImportError, AttributeError) as error:
        raise ConfigError(
            f"task._target_={target}: not a task class of seedbed's kind: {' '.join(str(error).split())}"
        ) from error
    if not is_task(kind):
        raise ConfigError(f"task._target_={target}: {why_no_task(kind)}")
    built_in = list(kind.metric_names(task))  # type: ignore[attr-defined]
    own = task.get("own_metrics") or {}
    for name, entry in own.items():
        place = f"task.own_metrics.{name}"
        require(name not in built_in, place, entry, "called otherwise: the task has a metric of that name")
        wanted = wanted_of_own(name, [other for other in (*built_in, *own) if other != name])
        require(not wanted, place, entry, wanted)
        shape = isinstance(entry, dict) and isinstance(entry.get("function"), dict)
        known = shape and set(entry) <= {"function", "lower_is_better", "bounds"}
        require(
            known,
            place,
            entry,
            "{function: {_target_: ..., _partial_: true}}, with lower_is_better and bounds as options",
        )
        better, bounds = entry.get("lower_is_better", False), entry.get("bounds")
        require(isinstance(better, bool), f"{place}.lower_is_better", better, "true or false")
        ends = isinstance(bounds, list) and len(bounds) == 2 and all(end is None or is_number(end) for end in bounds)
        require(
            bounds is None or ends, f"{place}.bounds", bounds, "two numbers, each of them null where there is no end"
        )
    return [*built_in, *own]


def flatten(config: Any, prefix: str = "", *, inner: bool = False) -> dict[str, Any]:
    """Nested mappings as dotted keys; lists stay values. With ``inner``, the keys of mappings themselves too."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            if inner:
                flat[name] = value
            flat |= flatten(value, f"{name}.", inner=inner)
        else:
            flat[name] = value
    return flat


def canonical(value: Any) -> Any:
    """One spelling for equal values, so that 1, 1.0 and 1e0 are the same setting."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value
