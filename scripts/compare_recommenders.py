"""Times TensorFlow Recommenders, or a program written by hand, beside all seeds stacked, on one recipe.

``scripts/compare_recommenders`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import two_towers_by_hand as by_hand
from timing import (
    add_json,
    answer,
    ask,
    count,
    data_of,
    keep_figures,
    other_side,
    others_cpu_seconds,
    positive,
    print_disturbance,
    print_machine,
)

from seedbed.config.experiment import load_experiment
from seedbed.data.ratings import RatingTable
from seedbed.errors import ConfigError, SeedbedError
from seedbed.models.two_tower import TwoTower
from seedbed.running.planning import plan_experiment
from seedbed.schedules import Constant
from seedbed.statistics import summary
from seedbed.tasks.base import SeedData
from seedbed.torch_random import global_stream
from seedbed.training import stack_size
from seedbed.training.devices import accelerator
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display

EXPERIMENT, VARIANT = "two_tower_retrieval", "two_tower"
WANTED_RATIO = 50.0
MOST_OF_FLOOR = 1.5
MEASURED = {"top_1": "top_at_1", "top_100": "top_at_100", "loss": "loss_last_batch"}
SHOWN = ("loss", "top_at_100", "recall_at_10", "ndcg_at_10", "map", "mrr", "coverage_at_100", "novelty_at_100")
"""Metrics that are printed beside the floor's."""

PLAIN: dict[str, dict[str, Any]] = {
    "task": {
        "loss": "in_batch_softmax", "temperature": 1.0, "correct_sampling": False, "remove_accidental_hits": False,
        "hard_negatives": None, "sampled_negatives": None,
    },
    "model": {"hidden": [], "metadata": False},
    "optimizer": {"_target_": "torch.optim.Adagrad", "weight_decay": 0.0},
    "trainer": {"gradient_clip_val": None, "max_steps": None},
}  # fmt: skip
"""What the program by hand knows of these settings."""

Values = list[dict[str, float]]
"""By seed, those of the validation rows after the last epoch, by their names."""


def main() -> None:
    options = read_options()
    try:
        planned = plan_variant(options)
        print_machine()
        (compare_floor if options.floor else compare)(planned, data_of(planned), options)
    except SeedbedError as error:
        print(f"compare_recommenders: {error}", file=sys.stderr)
        sys.exit(2)


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_recommenders", add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--other-seeds", type=positive, default=1)
    parser.add_argument("--repeats", type=positive, default=1)
    parser.add_argument("--floor", action="store_true")
    add_json(parser)
    return parser.parse_intermixed_args()


def plan_variant(options: argparse.Namespace) -> PlannedVariant:
    experiment = load_experiment(EXPERIMENT, [f"variant={VARIANT}", f"seeds={options.seeds}", *options.overrides])
    if len(experiment.variants) > 1:
        raise ConfigError(f"This compares {VARIANT} alone. Leave out variant=.")
    _, [planned] = plan_experiment(experiment, Display(quiet=True))
    return planned


def compare(planned: PlannedVariant, data: Sequence[SeedData], options: argparse.Namespace) -> None:
    settings = planned.variant.config["trainer"]
    epochs, others_seeds = settings["max_epochs"], data[: options.other_seeds]
    print(
        f"task      {planned.table.name}, variant {planned.name}: {epochs} epochs, batch size {settings['batch_size']}; "
        f"TensorFlow Recommenders {count(others_seeds)} in each repeat, seedbed {count(data)}"
    )
    cpu = accelerator(planned.trainer.settings) == "cpu"
    with tempfile.TemporaryDirectory() as folder, other_side("recommenders", written(planned, Path(folder)), cpu=cpu) as other:  # fmt: skip
        print(f"other     {answer(other)}")
        train_stacked(planned, data)  # once before the first timing: memory and caches are there
        seconds: dict[str, list[float]] = {"other": [], "seedbed": []}
        disturbed = 0.0
        for repeat in range(1, options.repeats + 1):
            theirs = [ask(other, item.seed) for item in others_seeds]
            seconds["other"].append(statistics.mean(one["fit"] for one in theirs) / epochs)
            others, begin = others_cpu_seconds(), time.perf_counter()
            ours = train_stacked(planned, data)
            spent = time.perf_counter() - begin
            disturbed = max(disturbed, (others_cpu_seconds() - others) / spent)
            seconds["seedbed"].append(spent / len(data) / epochs)
            print(
                f"repeat {repeat}  a seed's epoch: TensorFlow Recommenders {seconds['other'][-1]:.3f} s (its ranking at the "
                f"end {statistics.mean(one['evaluate'] for one in theirs):.1f} s more), seedbed {seconds['seedbed'][-1]:.4f} s",
                flush=True,
            )
    ratios = [one / another for one, another in zip(seconds["other"], seconds["seedbed"], strict=True)]
    ratio = statistics.median(seconds["other"]) / statistics.median(seconds["seedbed"])
    print(f"ratio {ratio:.0f} (repeats {min(ratios):.0f} to {max(ratios):.0f})")
    print(f"ratio >= {WANTED_RATIO:g}: {'yes' if ratio >= WANTED_RATIO else 'no'}")
    print_disturbance(disturbed)
    keep_figures(options.json, seconds, disturbed)
    print_measured(theirs, ours)


def written(planned: PlannedVariant, folder: Path) -> list[str]:
    """Files of ratings and movies, and the settings: the arguments of the other side."""
    table, config = planned.table, planned.variant.config
    assert isinstance(table, RatingTable)
    users, titles = np.array(["", *table.user_names]), np.array(["", *table.item_names])
    ratings = pd.DataFrame({"user": users[table.users], "title": titles[table.items]})
    ratings.to_csv(folder / "ratings.csv", index=False)
    pd.DataFrame({"title": np.repeat(titles[1:], table.ids_of_items)}).to_csv(folder / "movies.csv", index=False)
    settings = {
        "train": len(next(iter(planned.rows.values())).train),
        "batch_size": config["trainer"]["batch_size"],
        "test_batch_size": config["task"]["evaluation_batch"],
        "epochs": config["trainer"]["max_epochs"],
        "lr": config["optimizer"]["lr"],
        "factors": config["model"]["factors"],
    }
    return [str(folder / "ratings.csv"), str(folder / "movies.csv"), json.dumps(settings)]


def train_stacked(planned: PlannedVariant, data: Sequence[SeedData]) -> Values:
    """Measuring how many seeds to stack is part of it."""
    stack_size._MEASURED.clear()
    size = stack_size.seeds_at_once(planned.trainer.builder, data)
    results = [
        result for start in range(0, len(data), size) for result in planned.trainer.train(data[start : start + size])
    ]
    last = planned.trainer.settings["max_epochs"] - 1
    return [
        {name.removeprefix("val/"): value for name, epoch, value in result.curves if epoch == last}
        for result in results
    ]


# ---- the floor -------------------------------------------------------------------------------------------------------


def compare_floor(planned: PlannedVariant, data: Sequence[SeedData], options: argparse.Namespace) -> None:
    refuse_other_settings(planned)
    epochs = planned.variant.config["trainer"]["max_epochs"]
    print(f"task      {planned.table.name}, variant {planned.name}: {epochs} epochs, {count(data)} of each")
    sides: dict[str, Callable[..., Values]] = {"by hand": train_by_hand, "seedbed": train_stacked}
    for train in sides.values():
        train(planned, data)  # once before the first timing: memory and caches are there
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    values: dict[str, Values] = {}
    others, begin = others_cpu_seconds(), time.perf_counter()
    for repeat in range(1, options.repeats + 1):
        for name, train in sides.items():
            start = time.perf_counter()
            values[name] = train(planned, data)
            seconds[name].append((time.perf_counter() - start) / len(data) / epochs)
        print(f"repeat {repeat}  a seed's epoch: " + ", ".join(f"{name} {of[-1]:.4f} s" for name, of in seconds.items()), flush=True)  # fmt: skip
    ratios = [ours / floor for floor, ours in zip(seconds["by hand"], seconds["seedbed"], strict=True)]
    ratio = statistics.median(seconds["seedbed"]) / statistics.median(seconds["by hand"])
    print(f"ratio {ratio:.2f} (repeats {min(ratios):.2f} to {max(ratios):.2f})")
    print(f"ratio <= {MOST_OF_FLOOR:g}: {'yes' if ratio <= MOST_OF_FLOOR else 'no'}")
    disturbed = max(0.0, others_cpu_seconds() - others) / (time.perf_counter() - begin)
    print_disturbance(disturbed)
    keep_figures(options.json, seconds, disturbed)
    for key in SHOWN:
        means = ", ".join(f"{name} {statistics.mean(one[key] for one in of):.5f}" for name, of in values.items())
        print(f"{key:15} {means}")


def refuse_other_settings(planned: PlannedVariant) -> None:
    for node, known in PLAIN.items():
        for key, value in known.items():
            if (given := planned.variant.config[node].get(key, value)) != value:
                raise ConfigError(f"{node}.{key}={given}: the program by hand knows {value} alone. Leave it as it is.")
    if not isinstance(planned.trainer.parts.schedule, Constant | None):
        raise ConfigError("schedule: the program by hand knows one rate for all steps. Write schedule=constant.")


def train_by_hand(planned: PlannedVariant, data: Sequence[SeedData]) -> Values:
    """One seed after another."""
    settings, task = planned.variant.config["trainer"], planned.variant.config["task"]
    optimizer = planned.trainer.parts.make_optimizer([torch.zeros(1, requires_grad=True)]).defaults
    recipe = by_hand.Recipe(
        epochs=settings["max_epochs"],
        batch_size=settings["batch_size"],
        evaluation_batch=task["evaluation_batch"],
        lr=optimizer["lr"],
        eps=optimizer["eps"],
        accumulated=optimizer["initial_accumulator_value"],
    )
    assert isinstance(planned.table, RatingTable)
    values = []
    for item in data:
        with global_stream(item.seed, "weights"):
            network = planned.trainer.parts.network()
        assert isinstance(network, TwoTower)
        towers = [tower.embedding.weight.detach() for tower in (network.query, network.candidate)]
        values.append(by_hand.train(planned.table, item, towers, recipe))
    return values


# ---- what was measured -----------------------------------------------------------------------------------------------


def print_measured(theirs: Sequence[dict[str, Any]], ours: Values) -> None:
    for key, name in MEASURED.items():
        found = summary([of_seed[name] for of_seed in ours])
        spread = f" ± {found.std:.4f}" if found.std is not None else ""
        print(f"{key:8}  TensorFlow Recommenders {', '.join(f'{one[key]:.4f}' for one in theirs)}; seedbed {found.mean:.4f}{spread}")  # fmt: skip
    exact = ", ".join(f"{one['top_1_by_one_matrix']:.4f}" for one in theirs)
    print(f"top_1 of its weights by one matrix of scores, in which a movie ties with itself: {exact}")


if __name__ == "__main__":
    main()
