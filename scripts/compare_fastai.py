"""Times fastai beside all seeds stacked, and a stacked step beside what no way of training can spare.

``scripts/compare_fastai`` sets up what this needs; its --help states the choices that decide the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
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
from torch.nn import functional

from seedbed.config.experiment import load_experiment
from seedbed.data.ratings import RatingTable
from seedbed.errors import ConfigError, SeedbedError
from seedbed.running.planning import plan_experiment
from seedbed.stacking.engines import COMPILED, TORCH
from seedbed.stacking.layers import StackedEmbedding
from seedbed.statistics import summary
from seedbed.tasks.base import SeedData
from seedbed.training import stack_size
from seedbed.training.devices import accelerator, numbers
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.workers import Workers, train_in_worker

EXPERIMENT, VARIANT = "fastai_collab", "collab_learner_wd_0.1"
WANTED_RATIO, WANTED_STEP = 55.0, 1.5
HERE = Path(__file__).resolve().parent
MSE = "val/mse"


def main() -> None:
    options = read_options()
    try:
        planned = plan_variant(options)
        data = data_of(planned)
        print_machine()
        if not options.steps_only:
            compare_sides(planned, data, options)
        compare_steps(planned, data, options.repeats)
    except SeedbedError as error:
        print(f"compare_fastai: {error}", file=sys.stderr)
        sys.exit(2)


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="compare_fastai", add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=positive, default=10)
    parser.add_argument("--fastai-seeds", type=positive, default=1)
    parser.add_argument("--repeats", type=positive, default=3)
    parser.add_argument("--steps-only", action="store_true")
    parser.add_argument("--default-loader", action="store_true")
    add_json(parser)
    return parser.parse_intermixed_args()


def plan_variant(options: argparse.Namespace) -> PlannedVariant:
    experiment = load_experiment(EXPERIMENT, [f"variant={VARIANT}", f"seeds={options.seeds}", *options.overrides])
    if experiment.config["monitor"] != MSE or len(experiment.variants) > 1:
        raise ConfigError(f"This compares {VARIANT} alone, by {MSE}. Leave out variant= and monitor=.")
    _, [planned] = plan_experiment(experiment, Display(quiet=True))
    return planned


# ---- fastai, beside all seeds stacked --------------------------------------------------------------------------------


def compare_sides(planned: PlannedVariant, data: Sequence[SeedData], options: argparse.Namespace) -> None:
    config, repeats, fastai_seeds = planned.variant.config, options.repeats, options.fastai_seeds
    print(
        f"task      {planned.table.name}, variant {planned.name}: {config['trainer']['max_epochs']} epochs, "
        f"batch size {config['trainer']['batch_size']}; fastai {count(data[:fastai_seeds])} in each repeat, "
        f"seedbed {count(data)}, devices={config['trainer']['devices']}"
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        fastai_process(planned, Path(folder), options.default_loader) as fastai,
        Workers() as workers,
    ):
        devices = numbers(planned.trainer.settings)
        pool = workers.pool(planned.trainer.settings, devices) if len(devices) > 1 else None
        train_stacked(planned, data, pool, len(devices))  # once before the first timing: memory and caches are there
        seconds: dict[str, list[float]] = {"fastai": [], "seedbed": []}
        errors: dict[str, list[float]] = {}
        disturbed = 0.0
        for repeat in range(1, repeats + 1):
            trained = [ask(fastai, item.seed) for item in data[:fastai_seeds]]
            seconds["fastai"].append(statistics.mean(one["seconds"] for one in trained))
            others, begin = others_cpu_seconds(), time.perf_counter()
            found = train_stacked(planned, data, pool, len(devices))
            spent = time.perf_counter() - begin
            if pool is None:
                disturbed = max(disturbed, (others_cpu_seconds() - others) / spent)
            seconds["seedbed"].append(spent / len(data))
            errors = {"fastai": [one["mse"] for one in trained], "seedbed": found}
            print(
                f"repeat {repeat}  fastai {seconds['fastai'][-1]:7.3f} s/seed, seedbed {seconds['seedbed'][-1]:6.3f} s/seed",
                flush=True,
            )
    print_ratio(seconds["fastai"], seconds["seedbed"])
    print_disturbance(disturbed)
    keep_figures(options.json, seconds, disturbed)
    ours = summary(errors["seedbed"])
    print(
        f"{MSE} after the last epoch: fastai {', '.join(f'{mse:.4f}' for mse in errors['fastai'])}; "
        f"seedbed {ours.mean:.4f}" + (f" ± {ours.std:.4f}" if ours.std is not None else "") + f" ({count(data)})"
    )


def train_stacked(
    planned: PlannedVariant, data: Sequence[SeedData], pool: Executor | None, devices: int
) -> list[float]:
    """The last validation MSE of each seed; the measurement of the stack size is part of it."""
    stack_size._MEASURED.clear()
    size = min(stack_size.seeds_at_once(planned.trainer.builder, data), -(-len(data) // devices))
    stacks = [data[start : start + size] for start in range(0, len(data), size)]
    if pool is None:
        trained = [planned.trainer.train(stack) for stack in stacks]
    else:
        table = planned.trainer.task.for_training(planned.table)
        arguments = zip(*((planned.variant.config, table, stack, planned.code) for stack in stacks), strict=True)
        trained = [results for results, _ in pool.map(train_in_worker, *arguments)]
    last = planned.trainer.settings["max_epochs"] - 1
    return [
        value
        for results in trained
        for result in results
        for name, epoch, value in result.curves
        if (name, epoch) == (MSE, last)
    ]


@contextmanager
def fastai_process(planned: PlannedVariant, folder: Path, default_loader: bool) -> Iterator[subprocess.Popen[str]]:
    """A process that has read the ratings and imported fastai."""
    table, config = planned.table, planned.variant.config
    assert isinstance(table, RatingTable)
    ratings = pd.DataFrame({"user": table.users, "item": table.items, "rating": table.ratings})
    ratings.to_csv(folder / "ratings.csv", index=False)
    settings = {
        "batch_size": config["trainer"]["batch_size"],
        "epochs": config["trainer"]["max_epochs"],
        "lr": config["optimizer"]["lr"],
        "weight_decay": config["optimizer"]["weight_decay"],
        "factors": config["model"]["factors"],
        "y_range": config["model"]["y_range"],
        "default_loader": default_loader,
    }
    arguments = [str(folder / "ratings.csv"), json.dumps(settings)]
    with other_side("fastai", arguments, cpu=accelerator(planned.trainer.settings) == "cpu") as process:
        print(f"fastai    {answer(process)}")
        yield process


def print_ratio(fastai: Sequence[float], seedbed: Sequence[float]) -> None:
    ratios = [one / other for one, other in zip(fastai, seedbed, strict=True)]
    medians = statistics.median(fastai), statistics.median(seedbed)
    ratio = medians[0] / medians[1]
    print(f"median fastai {medians[0]:.3f} s/seed, seedbed {medians[1]:.3f} s/seed")
    print(f"ratio {ratio:.1f} (repeats {min(ratios):.1f} to {max(ratios):.1f})")
    print(f"ratio >= {WANTED_RATIO:g}: {'yes' if ratio >= WANTED_RATIO else 'no'}")


# ---- a stacked step, beside what no way of training can spare ---------------------------------------------------------


class StepWatch(pl.Callback):
    """Seconds spent in training chunks of ``Trainer.fit``, Lightning's loop between them left out."""

    def __init__(self) -> None:
        self.seconds, self.steps, self._start = 0.0, 0, 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, batch_idx: int) -> None:
        self._start = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.seconds += time.perf_counter() - self._start
        self.steps += len(batch.host_counts)


def compare_steps(planned: PlannedVariant, data: Sequence[SeedData], repeats: int) -> None:
    """Print the time of a stacked step beside PyTorch's, and of parts of it on the same tensors, without anything around them."""
    trainer = planned.trainer
    trainer.settings |= {"max_epochs": 1, "accelerator": "cpu", "devices": 1}
    engine = trainer.builder.engine(data)
    by_hand = HandWritten(trainer.builder.stack(data, torch.device("cpu")), planned.variant.config["model"]["y_range"])

    def stacked(engine: str) -> float:
        trainer.settings["engine"] = engine
        watch = StepWatch()
        trainer.train(data, [watch])
        return watch.seconds / watch.steps

    ways: dict[str, Callable[[], float]] = {
        "written by hand, without seedbed and Lightning": lambda: by_hand.seconds_of_a_step(by_hand.whole_step),
        "look-ups, sums of given gradients and optimizer": lambda: by_hand.seconds_of_a_step(
            by_hand.look_up_sum_and_step
        ),
        "look-ups and optimizer": lambda: by_hand.seconds_of_a_step(by_hand.look_up_and_step),
    }
    if engine == COMPILED:
        ways = {"stacked, by PyTorch's operations (trainer.engine=torch)": lambda: stacked(TORCH), **ways}

    def in_turns() -> list[float]:
        return [stacked(engine), *(seconds() for seconds in ways.values())]

    in_turns()
    step, *others = (
        statistics.median(column) * 1e3 for column in zip(*(in_turns() for _ in range(repeats)), strict=True)
    )
    print(f"\na step of {count(data)}: {step:.2f} ms; medians of {repeats} repeats")
    for name, other in zip(ways, others, strict=True):
        met = "yes" if step <= WANTED_STEP * other else "no"
        print(f"{name}: {other:.2f} ms; ratio {step / other:.2f}; <= {WANTED_STEP:g}: {met}")


class HandWritten:
    """The steps of a stacked dot product with biases as someone would write them for this one network.

    It trains the tensors of a module that ``StackTrainer`` has prepared, over the same batches.
    """

    def __init__(self, prepared: tuple[Any, ...], y_range: Sequence[float]) -> None:
        module, batches, *_ = prepared
        self.y_range = y_range
        named = {
            name.split(".")[-1]: layer
            for name, layer in module.network.named_modules()
            if isinstance(layer, StackedEmbedding)
        }
        layers = [named[name] for name in ("user_factors", "item_factors", "user_bias", "item_bias")]
        ids = [module.users, module.items] * 2
        self.steps = [
            (
                [layer.first.unsqueeze(1) + of_table[index] for layer, of_table in zip(layers, ids, strict=True)],
                module.ratings[index],
            )
            for chunk in batches
            for index in chunk.index
        ]
        module.configure_optimizers()
        self.optimizer = module.seed_optimizer.optimizer
        self.tables = [layer.weight.detach().flatten(0, 1) for layer in layers]
        self.sums = [torch.zeros_like(table) for table in self.tables]
        for layer, total in zip(layers, self.sums, strict=True):
            layer.weight.grad = total.view_as(layer.weight)
        self.given = [torch.randn_like(rows) * 1e-3 for rows in self._look_up(self.steps[0][0])]

    def seconds_of_a_step(self, step: Callable[[list[torch.Tensor], torch.Tensor], None]) -> float:
        start = time.perf_counter()
        for numbers_of_rows, ratings in self.steps:
            step(numbers_of_rows, ratings)
        return (time.perf_counter() - start) / len(self.steps)

    def look_up_and_step(self, numbers_of_rows: list[torch.Tensor], _: torch.Tensor) -> None:
        self._look_up(numbers_of_rows)
        self.optimizer.step()

    def look_up_sum_and_step(self, numbers_of_rows: list[torch.Tensor], _: torch.Tensor) -> None:
        self._look_up(numbers_of_rows)
        self._sum(numbers_of_rows, self.given)
        self.optimizer.step()

    def whole_step(self, numbers_of_rows: list[torch.Tensor], ratings: torch.Tensor) -> None:
        rows = [found.requires_grad_() for found in self._look_up(numbers_of_rows)]
        user, item, user_bias, item_bias = rows
        product = (user * item).sum(-1) + (user_bias + item_bias).squeeze(-1)
        low, high = self.y_range
        losses = ((torch.sigmoid(product) * (high - low) + low - ratings) ** 2).mean(1)
        torch.autograd.backward(losses.sum())
        self._sum(numbers_of_rows, [found.grad for found in rows if found.grad is not None])
        self.optimizer.step()

    def _look_up(self, numbers_of_rows: list[torch.Tensor]) -> list[torch.Tensor]:
        with torch.no_grad():
            return [functional.embedding(of, table) for table, of in zip(self.tables, numbers_of_rows, strict=True)]

    def _sum(self, numbers_of_rows: list[torch.Tensor], gradients: list[torch.Tensor]) -> None:
        for total, of, gradient in zip(self.sums, numbers_of_rows, gradients, strict=True):
            total.zero_().index_add_(0, of.flatten(), gradient.flatten(0, 1))


if __name__ == "__main__":
    main()
