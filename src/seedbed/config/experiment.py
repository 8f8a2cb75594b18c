"""The typed experiment: read, checked and expanded into variants and seeds, before any work is done."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seedbed.config import own_modules
from seedbed.config.checking import check_composed, check_variant, refuse_findings, seeds_of
from seedbed.config.code import Code, code_of, reread
from seedbed.config.compose import BaseConfig, Request, is_argument, with_found_path
from seedbed.config.folders import check_name
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.meant_for import meant_for, notes_on_others
from seedbed.config.metric_checks import metrics_of
from seedbed.config.misplaced import refuse_collisions, refuse_misplaced, refuse_no_choice, refuse_shadowed
from seedbed.config.override_errors import explain, explain_file
from seedbed.config.override_grammar import by_group, in_grammar, parse, parse_single
from seedbed.config.published_values import check_stated
from seedbed.config.recipe import fingerprint, recipe_of, without_later
from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.config.single_choice import refuse_lists, refuse_lists_in_files
from seedbed.errors import ConfigError, near_misses
from seedbed.metrics import joined
from seedbed.paths import make_importable, project_folder


@dataclass(frozen=True)
class Variant:
    """A name, the overrides that make it different, and the resolved config that results."""

    name: str
    overrides: tuple[str, ...]
    config: dict[str, Any]

    @property
    def trainer(self) -> TrainerSettings:
        return TrainerSettings.of(self.config)

    @property
    def tracking(self) -> TrackingSettings:
        return TrackingSettings.of(self.config)

    def code(self) -> Code:
        """The user's modules and the packages that the recipe names; raises ``ConfigError``."""
        return code_of(recipe_of(self.config))

    def fingerprint(self, seed: int, inputs: Mapping[str, str], code: Code | None = None) -> str:
        """The fingerprint of this variant's config, as ``recipe.fingerprint``."""
        return fingerprint(self.config, seed, inputs, code)


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

    @property
    def report(self) -> ReportSettings:
        """How the results of all variants are reported."""
        return ReportSettings.of(self.config)


def load_experiment(
    name: str, overrides: Sequence[str] = (), config_dir: str | os.PathLike[str] | None = None
) -> Experiment:
    """Read experiment ``name``, apply the overrides, and check all that can be checked without data.

    Raises ``ConfigError`` for an unknown experiment, variant, group, choice or key, an override that collides with a
    variant's own, and values that cannot work.
    """
    base, project = BaseConfig.of_experiment(name, config_dir), project_folder(config_dir)
    if config_dir is not None:
        make_importable(base.folders[0])
    reread()
    check_name(name, config_dir)
    overrides = by_group(in_grammar(overrides, config_dir), base.groups)
    typed = parse_single(overrides)
    refuse_misplaced(typed, base.groups)
    refuse_no_choice(typed, base.groups)
    refuse_shadowed(base.folders)
    refuse_lists_in_files(name, {}, base.groups, base.folders)
    bare = _bare(base)
    own = {variant: by_group(texts, base.groups) for variant, texts in _variant_overrides(base.place, bare).items()}
    chosen = _chosen_variants(typed, own)
    of_chosen = {variant: own[variant] for variant in chosen}
    _check_own_overrides(of_chosen, base)
    meant = meant_for(of_chosen, typed, base.groups, base.folders)
    for item in typed:
        refuse_collisions(
            [item], {variant: each for variant, each in of_chosen.items() if any(item is of for of in meant[variant])}
        )
    composed = [_composed(Request(base, meant[variant], variant, own), project) for variant in chosen]
    variants = tuple(variant for variant, _ in composed)
    seeds = seeds_of(variants[0].config.get("seeds"))
    for variant in variants:
        check_variant(variant.config, variant.name)
    refuse_findings(name, variants[0].config)
    _check_published(variants, list(own), typed)
    return Experiment(
        name,
        project,
        tuple(overrides),
        seeds,
        variants,
        None if config_dir is None else os.fspath(config_dir),
        notes=tuple(
            dict.fromkeys([*notes_on_others(meant, typed), *(note for _, notes in composed for note in notes)])
        ),
        restated=tuple(str(item.input_line) for item in typed if _restates(item, typed, bare)),
    )


def _bare(base: BaseConfig) -> DictConfig:
    """The config without overrides, with Hydra's own part; raises ``ConfigError`` where the file cannot be read."""
    try:
        return base.bare
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise explain_file(error, base) from error


def _check_own_overrides(own: Mapping[str, Sequence[str]], base: BaseConfig) -> None:
    """Raise ``ConfigError`` where a variant's own overrides cannot be."""
    for variant, overrides in own.items():
        try:
            parsed = parse_single(overrides)
        except ConfigError as error:
            raise ConfigError(f"{base.place}, variant {variant!r}: {error}") from error
        refuse_lists(parsed, base.groups, variant)
        refuse_no_choice(parsed, base.groups, f" of variant {variant!r} in {base.place}")
    refuse_collisions([], own)


def _composed(request: Request, project: Path) -> tuple[Variant, list[str]]:
    """The variant of a request, and what of the file's settings does not fit a choice; raises ``ConfigError``."""
    try:
        typed = [str(item.input_line) for item in request.typed]
        composed, notes = request.base.compose_fitting([*request.own, *typed])
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise explain(error, request) from error
    return Variant(request.variant, tuple(request.own), _checked(composed, request, project)), notes


def _checked(composed: DictConfig, request: Request, project: Path) -> dict[str, Any]:
    """The config, resolved, in which every key is read and has a value of its kind; raises ``ConfigError``."""
    if trains_modules(composed):
        config = own_modules.resolved(composed, request)
    else:
        config = with_found_path(request.base.resolved(composed), project)
        config["task"] = without_later(config["task"])
    check_composed(composed, config, request)
    return config


def _check_published(variants: Sequence[Variant], names: Sequence[str], typed: Sequence[Override]) -> None:
    """Check what is stated of the source; under another task than the file's, its numbers stand for themselves."""
    own_task = not any(override.key_or_group.split(".")[0] == "task" for override in typed)
    measured = {variant.name: metrics_of(variant.config["task"]) for variant in variants}
    joined(measured)  # refuses metrics of one name that two variants declare otherwise
    check_stated(variants[0].config.get("published"), names, measured if own_task else {})


class Template:
    """One variant of an experiment, whose settings a search varies: ``at`` gives it under further overrides.

    What was composed once is kept, since composing takes longer than many a trial's records.
    """

    def __init__(self, experiment: Experiment, variant: Variant) -> None:
        self.experiment, self.variant = experiment, variant
        self._base = BaseConfig.of_experiment(experiment.name, experiment.config_dir)
        self._composed: dict[tuple[str, ...], DictConfig] = {}
        self.notes: list[str] = []
        """What of the file's settings does not fit a choice that is varied, as far as it was composed by now."""

    def at(self, name: str, overrides: Sequence[str]) -> Variant:
        """The variant called ``name`` that also sets ``overrides``; raises ``ConfigError`` as ``load_experiment``."""
        groups = self._base.groups
        typed = parse_single(by_group(overrides, groups))
        request = Request(self._base, typed, self.variant.name, {self.variant.name: self.variant.overrides})
        refuse_misplaced(typed, groups)
        refuse_collisions(typed, request.variants)
        try:
            composed = self._with_groups([item for item in typed if item.key_or_group in groups])
            for item in typed:
                if item.key_or_group not in groups:
                    key = item.key_or_group
                    OmegaConf.update(composed, key, item.value(), merge=True, force_add=is_argument(composed, key))
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise explain(error, request) from error
        config = _checked(composed, request, self.experiment.project)
        check_variant(config, name)
        return Variant(name, (*self.variant.overrides, *overrides), config)

    def _with_groups(self, choices: Sequence[Override]) -> DictConfig:
        """A copy of the config that these choices give."""
        texts = tuple(item.input_line or "" for item in choices)
        if texts not in self._composed:
            given = [*self.variant.overrides, *self.experiment.overrides, *texts]
            self._composed[texts], notes = self._base.compose_fitting(given)
            self.notes += notes
        return deepcopy(self._composed[texts])


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


def _variant_overrides(file: str, bare: DictConfig) -> dict[str, list[str]]:
    place = f"{file}: variants"
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
