"""What the trained seeds of a rating experiment recommend, and how far they agree about it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import starmap
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
from seedbed.errors import ConfigError, DataError, TrackingError, near_misses
from seedbed.experiment import build
from seedbed.paths import make_importable
from seedbed.report.formatting import mean_text, places
from seedbed.results import Results
from seedbed.statistics import Summary, summary
from seedbed.tasks.rating import UNKNOWN, Rating
from seedbed.tracking import CONFIG, TAG, WEIGHTS, Store, find_launch, open_project_store, read_results
from seedbed.training import StackTrainer, task_class

# ---- lists, from arrays alone ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recommended:
    """An item of a list of k, with its score over S seeds."""

    item: int
    """Its column in the scores."""
    score: Summary
    seeds: int
    """How many seeds have it in their own list of k."""


def top_unseen(scores: NDArray[np.floating], seen: NDArray[np.bool_], k: int) -> list[Recommended]:
    """The k items with the highest mean of ``scores`` (S, I) among those not in ``seen`` (I,), best first.

    Fewer where fewer are left; of equal items the lower one comes first, in a seed's own list too.
    """
    left = np.flatnonzero(~seen)
    of_left = scores[:, left].astype(np.float64)
    own_lists = _best_first(of_left)[:, :k]
    votes = np.bincount(own_lists.ravel(), minlength=len(left))
    return [
        Recommended(int(left[position]), summary(of_left[:, position]), int(votes[position]))
        for position in _best_first(of_left.mean(0))[:k]
    ]


def nearest(factors: NDArray[np.floating], item: int, k: int) -> list[Recommended]:
    """The k items whose ``factors`` (S, I, F) have the highest cosine similarity to those of ``item``, mean over seeds.

    An item whose factors are all zero has the similarity 0 to every other.
    """
    exact = factors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=-1, keepdims=True)
    directions = np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0)
    similarity = np.einsum("sif,sf->si", directions, directions[:, item])
    return top_unseen(similarity, np.arange(similarity.shape[1]) == item, k)


def _best_first(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    return np.argsort(-scores, axis=-1, kind="stable")


# ---- networks, from the tracking store -------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainedSeed:
    """An ordinary network with the weights of one seed, and the rows that it knows users and items by."""

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

    def factors(self) -> NDArray[np.floating] | None:
        """(I, F) of the embedding ``item_factors``; None for a network without one."""
        embedding = getattr(self.network, "item_factors", None)
        return embedding.weight.detach()[self.items[1:].long()].numpy() if isinstance(embedding, nn.Embedding) else None


@dataclass(frozen=True)
class TrainedVariant:
    """The seeds of one variant that ended well, and the ratings that they were trained on."""

    name: str
    about: str
    """A sentence about which variant of which launch this is, and how many seeds it has."""
    table: RatingTable
    seeds: tuple[TrainedSeed, ...]


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
    about = f"{experiment}, launch {launch.info.run_id[:8]}: {name}{why}, {len(cells)}{of_all} {_seeds(len(cells))}."
    return TrainedVariant(name, about, table, seeds)


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
    return TrainedSeed(network, *_known_rows(trainer, seed))


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


# ---- what the command prints -----------------------------------------------------------------------------------------


def for_user(trained: TrainedVariant, user: str, k: int) -> str:
    """A table of the k items with the highest mean prediction among those that the user has not rated in the file."""
    table = trained.table
    row = _row_of(user, table.user_names, "--user", f"{table.name} has no such user")
    seen = np.zeros(table.item_rows, dtype=bool)
    seen[table.items[table.users == row]] = True
    found = top_unseen(np.stack([seed.predictions(row) for seed in trained.seeds]), seen[1:], k)
    title = f"For user {table.user_names[row - 1]}, without the {int(seen.sum())} items that this user has rated."
    return _text(trained, title, "prediction", found, k)


def similar(trained: TrainedVariant, item: str, k: int) -> str:
    """A table of the k items whose factors have the highest mean cosine similarity to those of ``item``."""
    names = trained.table.item_names
    row = _row_of(item, names, "--similar-to", f"{trained.table.name} has no item of that name")
    factors = [of_seed for seed in trained.seeds if (of_seed := seed.factors()) is not None]
    if not factors:
        raise ConfigError(
            f"--similar-to: the network of variant {trained.name!r} has no embedding item_factors to compare items by. "
            "Name a variant of another model with --variant, or ask with --user."
        )
    title = f"Most similar to {names[row - 1]}."
    return _text(trained, title, "cosine similarity", nearest(np.stack(factors), row - 1, k), k)


def _row_of(wanted: str, names: Sequence[str], option: str, unknown: str) -> int:
    """The row, from 1, of a name in its vocabulary: as it stands, else without regard to letter case."""
    forms: tuple[Callable[[str], str], ...] = (str, str.casefold)
    for form in forms:
        matches = [row for row, name in enumerate(names, 1) if form(name) == form(wanted)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            several = " and ".join(repr(names[row - 1]) for row in matches[:3])
            raise DataError(f"{option} {wanted!r} could be {several}. Write the name as it stands there.")
    raise DataError(f"{option} {wanted!r}: {unknown}, {near_misses(wanted, names)}")


def _text(trained: TrainedVariant, title: str, score: str, found: Sequence[Recommended], k: int) -> str:
    if not found:
        return f"{trained.about}\n{title}\n\nNo item is left."
    decimals, seeds = places(row.score for row in found), len(trained.seeds)
    header = ("rank", "item", f"{score} ± std", f"in the top {k} of")
    rows = [
        (
            str(rank),
            trained.table.item_names[row.item],
            mean_text(row.score, decimals),
            f"{row.seeds} of {seeds} {_seeds(seeds)}",
        )
        for rank, row in enumerate(found, 1)
    ]
    width_of_items, width_of_scores = (max(len(row[column]) for row in [header, *rows]) for column in (1, 2))

    def line(rank: str, item: str, value: str, agreement: str) -> str:
        return f"{rank:>4}  {item:<{width_of_items}}  {value:<{width_of_scores}}  {agreement}"

    lines = list(starmap(line, [header, *rows]))
    return "\n".join([trained.about, title, "", lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _seeds(count: int) -> str:
    return "seed" if count == 1 else "seeds"
