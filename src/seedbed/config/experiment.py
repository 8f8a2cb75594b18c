"""The typed experiment: read, checked and expanded into variants and seeds, before any work is done."""

from __future__ import annotations

import os
import pickle
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

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
from seedbed.config.misplaced import (
    DATA_SET,
    VARIANT,
    Kind,
    refuse_collisions,
    refuse_misplaced,
    refuse_no_choice,
    refuse_overlap,
    refuse_shadowed,
    refuse_two_choices,
)
from seedbed.config.override_errors import explain, explain_file
from seedbed.config.override_grammar import by_group, in_grammar, parse, parse_single
from seedbed.config.published_values import check_stated
from seedbed.config.recipe import fingerprint, recipe_of, without_later
from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.config.single_choice import refuse_lists, refuse_lists_in_files
from seedbed.config.written_files import are_lists, refuse_misread, why_no_lists
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
    def data_set(self) -> str:
        """The one of the data sets which the experiment's file lists that the config is for; "" where it lists none."""
        return next(iter(self.config.get(DATA_SET.key) or ()), "")

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
    """The overrides that give a key the value, or make the choice, that the file has anyway, pick all that it lists, or ask for
    its seeds and more."""
    data_set: str = ""
    """The one of the data sets which the file lists that this is about; "" where it lists none."""
    of_data_set: tuple[str, ...] = ()
    """The overrides that are that data set's."""

    @property
    def command(self) -> str:
        """The command that gives the same again."""
        folder = ["--config-dir", self.config_dir] if self.config_dir else []
        return shlex.join(["seedbed", "run", self.name, *self.overrides, *folder])

    @property
    def tracking(self) -> TrackingSettings:
        return TrackingSettings.of(self.config)

    @property
    def tracked_as(self) -> str:
        """What MLflow calls it."""
        return self.tracking.tracked_as(self.name)

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
    """Read experiment ``name`` on one data set; otherwise as ``load_experiments``.

    Raises ``ConfigError`` also where its file lists several data sets, and the overrides do not pick one of them.
    """
    experiments = load_experiments(name, overrides, config_dir)
    if len(experiments) > 1:
        names = [experiment.data_set for experiment in experiments]
        raise ConfigError(
            f"experiments/{name}.yaml: this is about one data set, and the file lists {len(names)}. Pick one with "
            f"data_sets=NAME, of {', '.join(names)}."
        )
    return experiments[0]


def load_experiments(
    name: str, overrides: Sequence[str] = (), config_dir: str | os.PathLike[str] | None = None
) -> tuple[Experiment, ...]:
    """Read experiment ``name`` on each of its data sets, apply the overrides, and check all that can be checked without data.

    There is one, with ``data_set`` "", where the file lists no data sets. Raises ``ConfigError`` for an unknown
    experiment, data set, variant, group, choice or key, an override that collides with a variant's or data set's own,
    and values that cannot work.
    """
    file = _File.read(name, overrides, config_dir)
    if not file.data_sets:
        return (_on_data_set(file, "", ()),)
    return tuple(_on_data_set(file, name, own) for name, own in file.data_sets.items())


def load_first(
    name: str, overrides: Sequence[str] = (), config_dir: str | os.PathLike[str] | None = None
) -> Experiment:
    """Read experiment ``name`` on the first of its data sets, for what all have in common; otherwise as ``load_experiments``."""
    file = _File.read(name, overrides, config_dir)
    data_set, own = next(iter(file.data_sets.items()), ("", []))
    return _on_data_set(file, data_set, own)


@dataclass(frozen=True)
class Shown:
    """The config of an experiment, or of its one variant that is picked, for people to look at."""

    config: DictConfig
    overrides: tuple[str, ...]
    """That Hydra composes it by, the variant's and the data set's own among them."""


def shown_config(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | os.PathLike[str] | None = None,
    *,
    resolve: bool = False,
) -> Shown:
    """What Hydra composes of experiment ``name`` under the overrides and, where they pick a single variant or data set, under those
    that are its own. With ``resolve``, interpolations are followed, and it is what the variant trains by.

    Raises ``ConfigError`` as ``load_experiments``.
    """
    experiments = load_experiments(name, overrides, config_dir)
    file, experiment = _File.read(name, overrides, config_dir), experiments[0]
    base, of_data_set = file.base, experiment.of_data_set if len(experiments) == 1 else ()
    picked = file.chosen[0] if len(file.chosen) == len(experiments) == 1 else ""
    own = [*of_data_set, *(file.variants[picked] if picked else ())]
    typed = meant_for({picked: own}, file.typed, base.groups, base.folders)[picked] if picked else file.typed
    texts = (*own, *(str(item.input_line) for item in typed))
    if resolve and picked:
        return Shown(OmegaConf.create(experiment.variants[0].config), texts)
    composed, _ = base.compose_fitting(texts)
    return Shown(OmegaConf.create(base.resolved(composed)) if resolve else composed, texts)


@dataclass(frozen=True)
class Listed:
    """The cells that an experiment's file asks for, read without composing the config of each."""

    seeds: tuple[int, ...]
    variants: dict[str, list[str]]
    data_sets: dict[str, list[str]]
    """The overrides of each; {} where the file lists no data sets."""
    config: dict[str, Any]
    """The file's own settings, which these overrides change; interpolations are not followed."""


def listed_in(name: str, config_dir: str | os.PathLike[str] | None = None) -> Listed:
    """What the file of experiment ``name`` lists; raises ``ConfigError`` for what is wrong in these lists."""
    file = _File.read(name, (), config_dir)
    config = cast(dict[str, Any], OmegaConf.to_container(file.bare, resolve=False))
    return Listed(
        seeds=seeds_of(config.get("seeds")),
        variants=_variant_overrides(file.base.place, file.bare),
        data_sets=file.data_sets,
        config={key: value for key, value in config.items() if key != "hydra"},
    )


@dataclass(frozen=True)
class _File:
    """An experiment's file and what a command says of it, read before anything is composed."""

    base: BaseConfig
    project: Path
    config_dir: str | None
    bare: DictConfig
    """The config without overrides."""
    overrides: tuple[str, ...]
    """Those of the command."""
    typed: tuple[Override, ...]
    """The same, but those that pick data sets."""
    variants: dict[str, list[str]]
    """The overrides of each variant in the file."""
    chosen: list[str]
    """The variants that the command picks."""
    data_sets: dict[str, list[str]]
    """The overrides of each data set that the command picks; {} where the file lists none."""
    restated: tuple[str, ...]
    """As ``Experiment.restated``."""

    @classmethod
    def read(cls, name: str, overrides: Sequence[str], config_dir: str | os.PathLike[str] | None) -> _File:
        """Raises ``ConfigError`` for what is wrong on any data set."""
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
        refuse_misread(base.path, base.place, base.groups)
        refuse_lists_in_files(name, {}, base.groups, base.folders)
        bare = _bare(base)
        own = {variant: by_group(texts, base.groups) for variant, texts in _variant_overrides(base.place, bare).items()}
        chosen = _chosen(typed, own, VARIANT)
        _check_own_overrides({variant: own[variant] for variant in chosen}, base)
        data_sets = _data_sets(base, bare, typed, config_dir)
        picks_all = {
            VARIANT.key: len(chosen) == len(own),
            DATA_SET.key: len(data_sets) == len(data_set_overrides(base.place, bare)),
        }
        return cls(
            base=base,
            project=project,
            config_dir=None if config_dir is None else os.fspath(config_dir),
            bare=bare,
            overrides=tuple(overrides),
            typed=tuple(item for item in typed if item.key_or_group != DATA_SET.key),
            variants=own,
            chosen=chosen,
            data_sets=data_sets,
            restated=tuple(
                str(item.input_line)
                for item in typed
                if picks_all.get(item.key_or_group) or _restates(item, typed, bare)
            ),
        )


def _data_sets(
    base: BaseConfig, bare: DictConfig, typed: Sequence[Override], config_dir: str | os.PathLike[str] | None
) -> dict[str, list[str]]:
    """The overrides of each data set that is picked; {} where the file lists none."""
    listed = data_set_overrides(base.place, bare)
    known = {name: by_group(in_grammar(texts, config_dir), base.groups) for name, texts in listed.items()}
    if not known and any(item.key_or_group == DATA_SET.key for item in typed):
        raise ConfigError(
            f"data_sets: {base.place} lists no data sets to pick from. Choose one with data=..., or list some in the file, "
            "as in 'data_sets: {mine: [data=feature_csv, data.path=mine.csv, data.label=y]}'."
        )
    picked = {name: known[name] for name in _chosen(typed, known, DATA_SET)}
    for name, texts in picked.items():
        parsed = _parsed(texts, f"{base.place}, data set {name!r}")
        refuse_lists(parsed, base.groups)
        refuse_no_choice(parsed, base.groups, f" of data set {name!r} in {base.place}")
    own = [item for item in typed if item.key_or_group != DATA_SET.key]
    refuse_collisions(own, picked, DATA_SET)
    refuse_two_choices(picked, base.groups, base.place)
    return picked


def _on_data_set(file: _File, data_set: str, of_data_set: Sequence[str]) -> Experiment:
    """The experiment on one of its data sets, or on the one of the file where that lists none; raises ``ConfigError``."""
    base, typed = file.base, file.typed
    refuse_overlap(data_set, of_data_set, {variant: file.variants[variant] for variant in file.chosen})
    own = {variant: [*of_data_set, *texts] for variant, texts in file.variants.items()}
    of_chosen = {variant: own[variant] for variant in file.chosen}
    meant = meant_for(of_chosen, typed, base.groups, base.folders)
    for item in typed:
        for_it = {name: file.variants[name] for name in file.chosen if any(item is each for each in meant[name])}
        refuse_collisions([item], for_it)
    requests = {name: Request(base, meant[name], name, own, data_set, of_data_set) for name in file.chosen}
    composed = [_composed(request, file.project) for request in requests.values()]
    variants = tuple(variant for variant, _ in composed)
    seeds = seeds_of(variants[0].config.get("seeds"))
    for variant in variants:
        check_variant(variant.config, variant.name)
    refuse_findings(base.name, variants[0].config)
    _check_published(variants, list(own), typed)
    return Experiment(
        base.name,
        file.project,
        file.overrides,
        seeds,
        variants,
        file.config_dir,
        notes=tuple(
            dict.fromkeys([*notes_on_others(meant, typed), *(note for _, notes in composed for note in notes)])
        ),
        restated=file.restated,
        data_set=data_set,
        of_data_set=tuple(of_data_set),
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
        parsed = _parsed(overrides, f"{base.place}, variant {variant!r}")
        refuse_lists(parsed, base.groups, variant)
        refuse_no_choice(parsed, base.groups, f" of variant {variant!r} in {base.place}")
    refuse_collisions([], own)
    refuse_two_choices(own, base.groups, base.place)


def _parsed(overrides: Sequence[str], place: str) -> list[Override]:
    try:
        return parse_single(overrides)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _composed(request: Request, project: Path) -> tuple[Variant, list[str]]:
    """The variant of a request, and what of the file's settings does not fit a choice; raises ``ConfigError``."""
    try:
        typed = [str(item.input_line) for item in request.typed]
        composed, notes = request.base.compose_fitting([*request.own, *typed])
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise explain(error, request) from error
    own = tuple(request.own[len(request.of_data_set) :])
    return Variant(request.variant, own, _checked(composed, request, project)), notes


def _checked(composed: DictConfig, request: Request, project: Path) -> dict[str, Any]:
    """The config, resolved, in which every key is read and has a value of its kind; raises ``ConfigError``."""
    if trains_modules(composed):
        config = own_modules.resolved(composed, request)
    else:
        config = with_found_path(request.base.resolved(composed), project)
        if config.get("task"):
            config["task"] = without_later(config["task"])
    check_composed(composed, config, request)
    listed = {request.data_set: list(request.of_data_set)} if request.data_set else {}
    return {key: value for key, value in config.items() if key != DATA_SET.key} | (
        {DATA_SET.key: listed} if listed else {}
    )


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
        self._composed: dict[tuple[str, ...], bytes] = {}
        """By their choices of groups, pickled."""
        self.notes: list[str] = []
        """What of the file's settings does not fit a choice that is varied, as far as it was composed by now."""

    def at(self, name: str, overrides: Sequence[str]) -> Variant:
        """The variant called ``name`` that also sets ``overrides``; raises ``ConfigError`` as ``load_experiment``."""
        groups = self._base.groups
        typed = parse_single(by_group(overrides, groups))
        of_data_set = self.experiment.of_data_set
        own = {self.variant.name: [*of_data_set, *self.variant.overrides]}
        request = Request(self._base, typed, self.variant.name, own, self.experiment.data_set, of_data_set)
        refuse_misplaced(typed, groups)
        refuse_collisions(typed, {self.variant.name: self.variant.overrides})
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
            typed = [text for text in self.experiment.overrides if not text.startswith(f"{DATA_SET.key}=")]
            given = [*self.experiment.of_data_set, *self.variant.overrides, *typed, *texts]
            composed, notes = self._base.compose_fitting(given)
            self._composed[texts] = pickle.dumps(composed)
            self.notes += notes
        return pickle.loads(self._composed[texts])  # type: ignore[no-any-return]  # a fifth of what deepcopy takes


def _restates(override: Override, parsed: Sequence[Override], bare: DictConfig) -> bool:
    """Whether the last override of this key gives it what it has without any; of seeds, these and maybe more."""
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
    if last.key_or_group == "seeds":
        return _all_seeds_in(own, given)
    return own is not _NOTHING and own == given and type(own) is type(given)


_NOTHING = object()


def _all_seeds_in(own: Any, given: Any) -> bool:
    """False where either names no seeds."""
    try:
        file, asked = (
            seeds_of(OmegaConf.to_object(seeds) if OmegaConf.is_config(seeds) else seeds) for seeds in (own, given)
        )
    except ConfigError:
        return False
    return set(file) <= set(asked)


def _variant_overrides(file: str, bare: DictConfig) -> dict[str, list[str]]:
    place = f"{file}: variants"
    if OmegaConf.is_missing(bare, "variants") or not bare.variants:
        raise ConfigError(f"{place} is empty: give at least one variant, such as 'none: []'.")
    variants = OmegaConf.to_container(bare.variants)
    if not are_lists(variants):
        raise ConfigError(f"{place}: {why_no_lists(variants, 'smote: [imbalance=smote]')}")
    return {str(variant): list(own) for variant, own in variants.items()}  # type: ignore[union-attr]


def data_set_overrides(file: str, bare: DictConfig) -> dict[str, list[str]]:
    """The overrides of each data set that a file lists, all of a collection where it names one; raises ``ConfigError``."""
    listed = OmegaConf.to_container(bare.data_sets) if bare.get("data_sets") else {}
    if isinstance(listed, dict) and set(listed) == {"collection"} and isinstance(listed["collection"], str):
        return _of_collection(file, listed["collection"])
    if not are_lists(listed):
        example = "'pima: [data=keel, data.name=pima]', or all of a collection, 'collection: keel'"
        raise ConfigError(f"{file}: data_sets: {why_no_lists(listed, example)}")
    return {str(name): list(own) for name, own in listed.items()}  # type: ignore[union-attr]


def _of_collection(file: str, collection: str) -> dict[str, list[str]]:
    from seedbed.data.catalogue import COLLECTIONS  # noqa: PLC0415 - reads what it knows of each

    names = COLLECTIONS.get(collection)
    if names is None:
        raise ConfigError(
            f"{file}: data_sets.collection={collection}: there is no such collection, {near_misses(collection, COLLECTIONS)}"
        )
    return {name: [f"data={collection}", f"data.name={name}"] for name in names}


def _chosen(parsed: Sequence[Override], known: Mapping[str, Sequence[str]], kind: Kind) -> list[str]:
    """The names that the command picks, in the order of the file; all where it picks none."""
    wanted: list[str] = []
    for override in parsed:
        if override.key_or_group == kind.key:
            value = override.value()
            wanted = [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]
            if value == []:
                raise ConfigError(
                    f"{kind.key}=[] picks no {kind.name}. Name some of {', '.join(known)}, or leave it out for all."
                )
    for name in wanted:
        if name not in known:
            raise ConfigError(f"{kind.key}={name}: there is no such {kind.name}, {near_misses(name, known)}")
    return [name for name in known if name in wanted] or list(known)
