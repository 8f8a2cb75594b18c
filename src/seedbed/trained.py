"""The trained networks of a rating experiment, built again from the tracking store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from seedbed.data.ratings import RatingTable
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError, DataError, TrackingError, near_misses
from seedbed.experiment import build
from seedbed.paths import make_importable
from seedbed.results import Results
from seedbed.statistics import summary
from seedbed.tasks.rating import UNKNOWN, Rating
from seedbed.tracking import CONFIG, TAG, WEIGHTS, Store, find_launch, open_project_store, read_results
from seedbed.training import StackTrainer, task_class

EVALUATED_AT_ONCE = 100_000


@dataclass(frozen=True)
class TrainedSeed:
    """An ordinary network with the weights of one seed, and the rows that it knows users and items by."""

    seed: int
    network: nn.Module
    """In evaluation mode."""
    users: Tensor
    """(U + 1,) int32: the row of the network's own for each row of the table's vocabulary."""
    items: Tensor
    """(I + 1,) int32, likewise."""

    @torch.inference_mode()
    def predictions(self, user: int) -> NDArray[np.floating]:
        """(I,): what the user with this row would give to each item."""
        items = self.items[1:]
        predicted: Tensor = self.network(self.users[user].expand(len(items)), items)
        return predicted.numpy()

    @torch.inference_mode()
    def predictions_of(self, users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.floating]:
        """(N,): what these users (N,) would give to these items (N,), both by their rows in the table's vocabulary."""
        pairs = zip(self._parts(self.users, users), self._parts(self.items, items), strict=True)
        return torch.cat([self.network(*pair) for pair in pairs]).numpy()

    @staticmethod
    def _parts(own_rows: Tensor, rows: NDArray[np.int32]) -> Iterator[Tensor]:
        for start in range(0, len(rows), EVALUATED_AT_ONCE):
            yield own_rows[torch.from_numpy(rows[start : start + EVALUATED_AT_ONCE]).long()]

    def factors(self) -> NDArray[np.floating] | None:
        """(I, F) of the embedding ``item_factors``; None for a network without one."""
        return self._of_items("item_factors")

    def biases(self) -> NDArray[np.floating] | None:
        """(I,) of the embedding ``item_bias``; None for a network without one."""
        values = self._of_items("item_bias")
        return None if values is None else values[:, 0]

    def _of_items(self, name: str) -> NDArray[np.floating] | None:
        embedding = getattr(self.network, name, None)
        return embedding.weight.detach()[self.items[1:].long()].numpy() if isinstance(embedding, nn.Embedding) else None


@dataclass(frozen=True)
class TrainedVariant:
    """The seeds of one variant that ended well, and the ratings that they were trained on."""

    name: str
    about: str
    """A sentence about which variant of which launch this is, and how many seeds it has."""
    table: RatingTable
    seeds: tuple[TrainedSeed, ...]
    config: dict[str, Any]

    def rows(self, seed: int) -> Rows:
        """How this seed's ratings were split."""
        return cast(Rows, self._split.rows(self.table, seed))

    @cached_property
    def _split(self) -> Any:
        return build(self.config["split"], "split")


def load_variant(
    experiment: str,
    variant: str | None = None,
    run: str | None = None,
    config_dir: str | PathLike[str] | None = None,
) -> TrainedVariant:
    """Build the networks of a variant from the store; default: the best one of the latest launch.

    Raises a ``SeedbedError`` for an unknown variant, an experiment without ratings, data that are not those of the
    launch, and where no weights are stored.
    """
    store = open_project_store(experiment, config_dir)
    launch = find_launch(store, run)
    results = read_results(store, launch, curves=False)
    name, why = (variant, "") if variant is not None else _best_variant(results)
    config = _config_of(store, launch.info.run_id, results, name)
    if config_dir is not None:
        make_importable(Path(config_dir).expanduser().resolve())
    if not issubclass(task_class(config), Rating):
        raise ConfigError(
            f"{experiment!r} has the task {config['task']['_target_']}, and only an experiment on ratings (task=rating) "
            "can recommend. Name such an experiment."
        )
    cells = _cells_with_weights(store, results, name)
    table = _same_table(config, results)
    # The weights may come from a machine with other devices.
    trainer = StackTrainer(config | {"trainer": config["trainer"] | {"accelerator": "cpu", "devices": 1}}, table)
    seeds = tuple(_seed(store, trainer, seed, run_id) for seed, run_id in cells)
    of_all = "" if len(cells) == len(results.cells_of(name)) else f" of {len(results.cells_of(name))}"
    about = (
        f"{experiment}, launch {launch.info.run_id[:8]}: {name}{why}, {len(cells)}{of_all} {seed_or_seeds(len(cells))}."
    )
    return TrainedVariant(name, about, table, seeds, config)


def _best_variant(results: Results) -> tuple[str, str]:
    """The variant with the best mean, of equal ones the first, and by what it is the best."""
    metric = str(results.config["report"]["metric"])
    means = {variant: summary(results.values(variant, metric)).mean for variant in results.variants}
    sign = -1 if results.lower_is_better(metric) else 1
    quality = {variant: sign * mean for variant, mean in means.items() if mean is not None}
    if not quality:
        raise TrackingError(
            f"No seed of {results.experiment!r} has a value of {metric}, by which the best variant is chosen. Look at "
            f"'seedbed status {results.experiment}', or name a variant with --variant."
        )
    return max(quality, key=lambda variant: quality[variant]), f" (the best variant by {metric})"


def _config_of(store: Store, launch: str, results: Results, variant: str) -> dict[str, Any]:
    """The resolved config under which the launch had this variant."""
    if variant not in results.variants:
        raise ConfigError(
            f"--variant {variant}: launch {launch[:8]} of {results.experiment!r} has no such variant, "
            f"{near_misses(variant, results.variants)}"
        )
    for run in store.children(launch):
        if run.data.tags.get(f"{TAG}variant") == variant and CONFIG in _artifacts(store, run.info.run_id):
            return cast(dict[str, Any], yaml.safe_load(store.run(run.info.run_id).text(CONFIG)))
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
    found = [
        (int(seed), str(run))
        for seed, run in zip(sound["seed"], sound["run"], strict=True)
        if WEIGHTS in _artifacts(store, run)
    ]
    if not found:
        raise TrackingError(
            f"No weights of variant {variant!r} of {results.experiment!r} are in the store: it was trained with "
            "tracking.checkpoints=false, or the files are gone. Train seeds that it does not have yet with "
            f"tracking.checkpoints=true; or delete its seeds' runs in 'seedbed ui {results.experiment}', so that these "
            "are trained again."
        )
    return found


def _artifacts(store: Store, run: str) -> set[str]:
    return {artifact.path for artifact in store.client.list_artifacts(run)}


def _same_table(config: dict[str, Any], results: Results) -> RatingTable:
    """The ratings, whose vocabularies must be those that the rows of the embeddings stand for."""
    table: RatingTable = build(config["data"], "data").load()
    made_with = dict(table.made_with)
    # Launches of earlier versions do not say what else the table was made with.
    if table.digest != results.data["digest"] or results.data.get("made_with", made_with) != made_with:
        raise DataError(
            f"The ratings of {table.name} are no longer those that {results.experiment!r} was trained on (SHA-256 "
            f"{table.digest[:16]}, then {str(results.data['digest'])[:16]}, or other names of the items). Put the file "
            f"back, or run 'seedbed run {results.experiment}' on the new one."
        )
    return table


def _seed(store: Store, trainer: StackTrainer, seed: int, run: str) -> TrainedSeed:
    network = trainer.network().eval()
    try:
        with tempfile.TemporaryDirectory() as folder:
            network.load_state_dict(load_file(store.client.download_artifacts(run, WEIGHTS, folder)))
    except (RuntimeError, SafetensorError) as error:
        raise TrackingError(
            f"The weights of seed {seed} (run {run}) cannot be loaded: {' '.join(str(error).split())[:500]} Delete the "
            "run, and run the experiment again."
        ) from error
    return TrainedSeed(seed, network, *_known_rows(trainer, seed))


def _known_rows(trainer: StackTrainer, seed: int) -> tuple[Tensor, Tensor]:
    """The rows of users and items; under task.vocabulary=train those that the seed has not trained on share one."""
    table = cast(RatingTable, trainer.table)
    users, items = (torch.arange(rows, dtype=torch.int32) for rows in (table.user_rows, table.item_rows))
    if trainer.config["task"].get("vocabulary") != "train":
        return users, items
    train = build(trainer.config["split"], "split").rows(table, seed).train
    for rows, trained in ((users, table.users[train]), (items, table.items[train])):
        rows[~torch.isin(rows, torch.from_numpy(trained))] = UNKNOWN
    return users, items


def seed_or_seeds(count: int) -> str:
    return "seed" if count == 1 else "seeds"
