"""The trained networks of a variant, built again from the tracking store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from seedbed.config.building import build
from seedbed.config.code import check_code, code_of, reread
from seedbed.config.recipe import recipe_of
from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, DataError, TrackingError, near_misses
from seedbed.imbalance.adjustment import Adjustment
from seedbed.imbalance.after import After
from seedbed.imbalance.building import after_of
from seedbed.models.estimator_files import NotKept, read
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fits import FittedOnce
from seedbed.models.fitted import FittedModel
from seedbed.paths import expanded, make_importable
from seedbed.results import Results
from seedbed.statistics import summary
from seedbed.tasks.base import RECOMMENDER, SeedData, Task
from seedbed.tasks.rating import UNKNOWN
from seedbed.tracking.launches import find_launch, only_searched, read_config, refuse_imported
from seedbed.tracking.names import ADJUSTMENT, CONFIG, ESTIMATOR, WEIGHTS
from seedbed.tracking.other_code import shortened
from seedbed.tracking.reading import read_results
from seedbed.tracking.store import Store, open_project_store
from seedbed.trained.seed import TrainedSeed
from seedbed.training.parts import task_class
from seedbed.training.stack_trainer import StackTrainer


@dataclass(frozen=True)
class TrainedRecommender:
    """The seeds of a variant that ended well, each with its network of users and items, and the ratings they were trained on."""

    name: str
    about: str
    """A sentence about which variant of which launch this is, and how many seeds it has."""
    table: RatingTable
    seeds: tuple[TrainedSeed, ...]
    config: dict[str, Any]

    @property
    def task(self) -> type[Task]:
        return task_class(self.config)

    @property
    def counts_missing_as_zero(self) -> bool:
        """Whether a cell of user and item without a rating was trained on as a rating of 0."""
        return self.task.counts_missing_as_zero(self.config["task"])

    @property
    def held_out(self) -> tuple[str, ...]:
        """The sides, "user" or "item", of which every seed holds some out."""
        return self.task.held_out(self.config["task"])

    def rows(self, seed: int) -> Rows:
        """How this seed's ratings were split."""
        return cast(Rows, self._split.rows(self.table, seed))

    @cached_property
    def _split(self) -> Any:
        return build(self.config["split"], "split")


@dataclass(frozen=True)
class TrackedVariant:
    """A variant of a launch in the store, of any task, before its networks are built."""

    store: Store
    results: Results
    name: str
    chosen_by: str
    """"" where the variant was named."""
    config: dict[str, Any]
    run: str
    """Id of the variant's run in the launch."""
    data_set: str = ""
    """The one of the data sets of the experiment's file that it was trained on; "" where that lists none."""

    @property
    def task(self) -> type[Task]:
        return task_class(self.config)

    def networks(self, seed: int | None = None) -> TrainedNetworks:
        """The networks of all its seeds that ended well, or of one; raises a ``SeedbedError`` as ``load_recommender`` does."""
        results, name = self.results, self.name
        cells = _cells_with_weights(self.store, results, name)
        if seed is not None:
            cells = _only(cells, seed, name)
        unrecorded = _refuse_other_code(self, [run for _, run in cells])
        table = _same_table(self.config, results)
        # The weights may come from a machine with other devices.
        cpu = self.config["trainer"] | {"accelerator": "cpu", "devices": 1}
        trainer = StackTrainer(self.config | {"trainer": cpu}, table)
        networks = tuple((of_seed, self._network(trainer, of_seed, run)) for of_seed, run in cells)
        of_all = "" if len(cells) == len(results.cells_of(name)) else f" of {len(results.cells_of(name))}"
        which = f"{len(cells)}{of_all} {seed_or_seeds(len(cells))}" if seed is None else f"seed {seed} alone"
        on = f" on {self.data_set}" if self.data_set else ""
        about = f"{results.experiment}{on}, launch {results.launch[:8]}: {name}{self.chosen_by}, {which}.{unrecorded}"
        adjustments = {of_seed: adjustment_of(self.store, run) for of_seed, run in cells} if self.after else {}
        return TrainedNetworks(self, about, table, networks, adjustments)

    @property
    def after(self) -> After | None:
        """What acts on its scores after training."""
        return after_of(self.config) if "imbalance" in self.config else None

    def _network(self, trainer: StackTrainer, seed: int, run: str) -> nn.Module:
        network = trainer.parts.network().eval()
        if isinstance(network, FittedModel) and not network.KEPT:
            rows = build(self.config["split"], "split").rows(trainer.table, seed)
            self.task.fit(network, trainer.table, SeedData(seed, rows))
            return network
        if isinstance(network, FittedEstimator):
            return with_estimator(network, self.store, seed, run)
        return with_weights(network, self.store, seed, run)


@dataclass(frozen=True)
class TrainedNetworks:
    """Ordinary networks in evaluation mode, one a seed, and the data that they were trained on."""

    tracked: TrackedVariant
    about: str
    """A sentence about which variant of which launch this is, and how many seeds it has."""
    table: Any
    """Of the kind that the task is for."""
    networks: tuple[tuple[int, nn.Module], ...]
    """Seed and network, by rising seed."""
    adjustments: Mapping[int, Adjustment] = field(default_factory=dict)
    """By seed, where something acts on the scores after training."""

    def rows(self, seed: int) -> Rows:
        """How this seed's rows were split."""
        return cast(Rows, build(self.tracked.config["split"], "split").rows(self.table, seed))


def load_recommender(
    experiment: str,
    variant: str | None = None,
    run: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    seed: int | None = None,
    *,
    data_set: str | None = None,
) -> TrainedRecommender:
    """Build the networks of a variant from the store; default: the best one of the latest launch, and all its seeds.

    Of a launch over several data sets, ``data_set`` says on which. Raises a ``SeedbedError`` for an unknown variant, a task that is not served as a recommender, data that are not those
    of the launch, and where no weights are stored.
    """
    return trained_recommender(find_variant(experiment, variant, run, config_dir, data_set=data_set), seed)


def trained_recommender(tracked: TrackedVariant, seed: int | None = None) -> TrainedRecommender:
    """Build the networks of all its seeds that ended well, or of one; raises a ``SeedbedError`` as ``load_recommender`` does."""
    if tracked.task.SERVED_AS != RECOMMENDER:
        raise ConfigError(
            f"{tracked.results.experiment!r} has the task {tracked.config['task']['_target_']}, and only an experiment on "
            "ratings (task=rating, task=retrieval) can recommend. Name such an experiment."
        )
    trained = tracked.networks(seed)
    seeds = tuple(
        TrainedSeed(of_seed, network, *_known_rows(trained, of_seed)) for of_seed, network in trained.networks
    )
    return TrainedRecommender(tracked.name, trained.about, trained.table, seeds, tracked.config)


def find_variant(
    experiment: str,
    variant: str | None = None,
    run: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    *,
    data_set: str | None = None,
) -> TrackedVariant:
    """Find a variant of a launch, of any task; default: the best one of the latest launch. Raises a ``SeedbedError``.

    Of a launch over several data sets, ``data_set`` says on which. In an experiment that was only searched, the latest launch is the one that tested the settings which the search found.
    """
    store = open_project_store(experiment, config_dir)
    of_search = run is None and only_searched(store)
    launch = find_launch(store, run, of_search=of_search, data_set=data_set)
    refuse_imported(store, launch, "ask or export")
    results = read_results(store, launch, curves=False)
    name, why = (variant, "") if variant is not None else _best_variant(results)
    run_id, config = _config_of(store, launch.id, results, name)
    if config_dir is not None:
        make_importable(expanded(config_dir).resolve())
    reread()
    return TrackedVariant(store, results, name, why, config, run_id, launch.data_set)


def _best_variant(results: Results) -> tuple[str, str]:
    """The variant with the best mean, of equal ones the first, and by what it is the best.

    One that lacks seeds, as they diverged or failed, is taken only where all do.
    """
    metric = str(results.config["report"]["metric"])
    declared = results.metric(metric)
    if not declared.is_ranked:
        raise ConfigError(
            f"report.metric={metric}: no value of this metric is better than another, so that no variant is the best one. "
            f"Name a variant with --variant: {', '.join(results.variants)}."
        )
    summaries = {variant: summary(declared.compared(results.values(variant, metric))) for variant in results.variants}
    complete = [variant for variant, of in summaries.items() if of.n and not of.missing]
    means = {variant: summaries[variant].mean for variant in complete or summaries}
    sign = -1 if declared.lower_is_better else 1
    quality = {variant: sign * mean for variant, mean in means.items() if mean is not None}
    if not quality:
        raise TrackingError(
            f"No seed of {results.experiment!r} has a value of {metric}, by which the best variant is chosen. Look at "
            f"'seedbed status {results.experiment}', or name a variant with --variant."
        )
    among = "" if len(complete) in (0, len(summaries)) else " of those that lack no seed"
    return max(quality, key=lambda variant: quality[variant]), f" (the best variant by {metric}{among})"


def _config_of(store: Store, launch: str, results: Results, variant: str) -> tuple[str, dict[str, Any]]:
    """The variant's run in the launch, and the resolved config that it had there."""
    if variant not in results.variants:
        raise ConfigError(
            f"--variant {variant}: launch {launch[:8]} of {results.experiment!r} has no such variant, "
            f"{near_misses(variant, results.variants)}"
        )
    for run in store.variants(launch):
        if run.variant == variant and CONFIG in store.files(run.id):
            return run.id, read_config(store, run.id)
    raise TrackingError(
        f"Launch {launch[:8]} of {results.experiment!r} ended before its variant {variant!r}. Run "
        f"'seedbed run {results.experiment}' again, or name another variant with --variant."
    )


def _cells_with_weights(store: Store, results: Results, variant: str) -> list[tuple[int, str]]:
    """Seed and run of each cell that ended well and has its weights in the store, by rising seed."""
    cells = results.cells_of(variant)
    sound = cells[(cells["status"] == "FINISHED") & (cells["outcome"] == "ok")]
    if sound.empty:
        raise TrackingError(
            f"No seed of variant {variant!r} of {results.experiment!r} ended well. Look at 'seedbed status "
            f"{results.experiment}', or name another variant with --variant."
        )
    cells_of_variant = [(int(seed), str(run)) for seed, run in zip(sound["seed"], sound["run"], strict=True)]
    weighted = [cell for cell in cells_of_variant if {WEIGHTS, ESTIMATOR} & set(store.files(cell[1]))]
    if not weighted and (why := store.seed(cells_of_variant[0][1]).not_kept):
        raise TrackingError(
            f"What variant {variant!r} of {results.experiment!r} has fitted is not in the store: {why}. Name another variant "
            "with --variant, or make such an estimator of scikit-learn's own parts."
        )
    if not weighted:
        raise TrackingError(
            f"No weights of variant {variant!r} of {results.experiment!r} are in the store: it was trained with "
            "tracking.checkpoints=false, or the files are gone. Train seeds that it does not have yet with "
            f"tracking.checkpoints=true; or delete its seeds' runs in 'seedbed ui {results.experiment}', so that these "
            "are trained again."
        )
    return weighted


def _only(cells: list[tuple[int, str]], seed: int, variant: str) -> list[tuple[int, str]]:
    """Pick the cell of one seed; raises ``ConfigError`` where there is none."""
    chosen = [cell for cell in cells if cell[0] == seed]
    if not chosen:
        raise ConfigError(
            f"--seed {seed}: variant {variant!r} has no such seed that ended well and has its weights in the store, "
            f"{near_misses(str(seed), [str(known) for known, _ in cells])}"
        )
    return chosen


def _refuse_other_code(tracked: TrackedVariant, runs: list[str]) -> str:
    """Refuse to give weights to a network whose code is no longer that which they were trained by.

    Returns a sentence where that cannot be known.
    """
    check_code(recipe_of(tracked.config))
    now = code_of(recipe_of(as_rebuilt(tracked.config))).modules
    if not now:
        return ""
    recorded = [tracked.store.seed(run).code for run in runs]
    if None in recorded:
        return f" They were trained before seedbed recorded the code of {shortened(now)}, which may be another by now."
    changed = [name for name in now if any(code and code.modules.get(name) != now[name] for code in recorded)]
    if not changed:
        return ""
    results = tracked.results
    command = next(row["command"] for row in results.launches if row["id"] == results.launch)
    raise ConfigError(
        f"{shortened(changed)} {'has' if len(changed) == 1 else 'have'} changed since variant {tracked.name!r} of "
        f"{results.experiment!r} was trained (launch {results.launch[:8]}), so that its weights may not fit "
        f"the network as it is now. Put the file back as it was, or train with the new code: {command}"
    )


def as_rebuilt(config: dict[str, Any]) -> dict[str, Any]:
    """The parts of a config that a network, and the rows that it is asked about, are made by."""
    task = {key: value for key, value in config["task"].items() if key != "own_metrics"}
    return {**{key: config[key] for key in ("data", "split", "model")}, "task": task}


def _same_table(config: dict[str, Any], results: Results) -> Dataset:
    """Load the data, which must be those that were trained on: embeddings go by their rows, encoders are fitted to them."""
    table: Dataset = build(config["data"], "data").load()
    made_with = dict(table.made_with)
    # Launches of earlier versions do not say what else the table was made with.
    if table.digest != results.data["digest"] or results.data.get("made_with", made_with) != made_with:
        what = "ratings" if isinstance(table, RatingTable) else "rows"
        raise DataError(
            f"The {what} of {table.name} are no longer those that {results.experiment!r} was trained on (SHA-256 "
            f"{table.digest[:16]}, then {str(results.data['digest'])[:16]}, or other names of items, or another encoder). Put the file "
            f"back, or run 'seedbed run {results.experiment}' on the new one."
        )
    return table


def with_weights(network: nn.Module, store: Store, seed: int, run: str) -> nn.Module:
    """The network with the weights of a seed's run; raises ``TrackingError`` for such as do not fit."""
    try:
        with store.file(run, WEIGHTS) as path:
            network.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise TrackingError(
            f"The weights of seed {seed} (run {run}) cannot be loaded: {' '.join(str(error).split())[:500]} Delete the "
            "run, and run the experiment again."
        ) from error
    return network


def with_estimator(network: FittedEstimator, store: Store, seed: int, run: str) -> nn.Module:
    """The model with the fitted estimator of a seed's run; raises ``TrackingError`` for one that cannot be read."""
    try:
        with store.file(run, ESTIMATOR) as path:
            network.take(FittedOnce(read(path), 0.0))
    except (NotKept, ValueError) as error:
        raise TrackingError(
            f"The estimator of seed {seed} (run {run}) cannot be loaded: {' '.join(str(error).split())[:500]}. Delete the run, "
            "and run the experiment again."
        ) from error
    return network


def adjustment_of(store: Store, run: str) -> Adjustment:
    """What acts on the scores of a seed's run; raises ``TrackingError`` where it cannot be read."""
    try:
        with store.file(run, ADJUSTMENT) as path:
            return Adjustment.of_plain(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackingError(
            f"{ADJUSTMENT} of run {run}, what acts on its scores, cannot be read: {error}. Delete the run, and run the "
            "experiment again."
        ) from error


def _known_rows(trained: TrainedNetworks, seed: int) -> tuple[Tensor, Tensor]:
    """The rows of users (U + 1,) and items (I + 1,) in a seed's network; those that it did not train on may share one."""
    table = cast(RatingTable, trained.table)
    users, items = (torch.arange(rows, dtype=torch.int32) for rows in (table.user_rows, table.item_rows))
    if not trained.tracked.task.shares_unknown_row(trained.tracked.config["task"]):
        return users, items
    train = trained.rows(seed).train
    for rows, of_rating in ((users, table.users[train]), (items, table.items[train])):
        rows[~torch.isin(rows, torch.from_numpy(of_rating))] = UNKNOWN
    return users, items


def seed_or_seeds(count: int) -> str:
    return "seed" if count == 1 else "seeds"
