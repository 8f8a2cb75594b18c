"""A matrix as a whole: full-batch steps of a stack against a plain loop, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from seedbed.cli.main import main
from seedbed.errors import ConfigError, SeedbedError
from seedbed.imbalance.base import Strategy
from seedbed.optimizers import KerasRMSprop
from seedbed.running.runner import run
from seedbed.tasks.matrix import RatingMatrix
from seedbed.torch_random import global_stream
from seedbed.trained.loading import load_recommender
from seedbed.trained.queries import answer_queries
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.tasks.test_rating import DOT, TABLE, rows_of, table_of
from tests.tasks.test_rating import config as rating_config

# One rating of each pair, as the 300 of the table hold some twice.
ONCE = np.sort(np.unique(TABLE.pair_numbers, return_index=True)[1])
MATRIX = table_of(TABLE.users[ONCE].tolist(), TABLE.items[ONCE].tolist(), TABLE.ratings[ONCE].tolist())
MODEL = {"_target_": "seedbed.models.matrix.MatrixFactorization", "_partial_": True, "factors": 4}
RMSPROP = {"_target_": "seedbed.optimizers.KerasRMSprop", "_partial_": True, "lr": 1e-2, "momentum": 0.9}
STEPS, EPOCHS = 7, 3


def config(cells: str = "all", **changes: Any) -> dict[str, Any]:
    task = {"_target_": "seedbed.tasks.matrix.RatingMatrix", "_partial_": True, "cells": cells, "steps": STEPS}
    settings = rating_config(MODEL, task=task, optimizer=RMSPROP, schedule=None, monitor="val/rmse")
    trainer = settings["trainer"] | {"batch_size": None, "max_epochs": EPOCHS}
    return settings | {"trainer": trainer} | changes


def rows_in(seed: int) -> Any:
    """Those of ``rows_of`` that the smaller table has."""
    rows = rows_of(seed)
    return type(rows)(*(side[side < len(MATRIX.ratings)] for side in (rows.train, rows.val, rows.test)))


def train(seeds: list[int], settings: dict[str, Any]) -> dict[int, SeedResult]:
    trainer = StackTrainer(settings, MATRIX)
    results = trainer.train([RatingMatrix.seed_data(MATRIX, rows_in(seed), Strategy(), seed) for seed in seeds])
    return {result.seed: result for result in results}


@pytest.mark.slow
@pytest.mark.parametrize("cells", ["all", "rated"])
def test_seeds_learn_what_a_plain_loop_over_the_whole_matrix_learns(cells: str) -> None:
    settings = config(cells)
    users = torch.arange(1, MATRIX.user_rows).repeat_interleave(MATRIX.item_rows - 1)
    items = torch.arange(1, MATRIX.item_rows).repeat(MATRIX.user_rows - 1)
    for seed, result in train([0, 1, 2], settings).items():
        with global_stream(seed, "weights"):
            network = StackTrainer(settings, MATRIX).parts.network().double()
        optimizer, rows = KerasRMSprop(network.parameters(), lr=1e-2, momentum=0.9), rows_in(seed)
        ratings = torch.zeros(MATRIX.user_rows, MATRIX.item_rows, dtype=torch.float64)
        ratings[MATRIX.users[rows.train], MATRIX.items[rows.train]] = torch.from_numpy(
            MATRIX.ratings[rows.train]
        ).double()
        wanted = ratings[1:, 1:].flatten() / 5
        counted = torch.ones_like(wanted) if cells == "all" else (wanted > 0).double()
        losses = []
        for _ in range(STEPS * EPOCHS):
            optimizer.zero_grad()
            loss = ((network(users, items) / 5 - wanted) ** 2 * counted).sum() / counted.sum()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        curve = [value for metric, _, value in result.curves if metric == "train/loss"]
        np.testing.assert_allclose(curve, np.reshape(losses, (EPOCHS, STEPS)).mean(1), rtol=1e-6)
        for key, value in network.state_dict().items():
            np.testing.assert_allclose(result.weights[key], value, rtol=1e-4, atol=1e-7, err_msg=key)


@pytest.mark.slow
def test_a_seed_trains_in_a_stack_as_it_does_alone_and_rests_once_it_has_diverged() -> None:
    """At this rate the weights of all seeds leave the finite numbers in the first epoch; at the usual one none does."""
    for lr, outcome in ((1e-2, "ok"), (1e308, "diverged")):
        settings = config(optimizer=RMSPROP | {"lr": lr}, schedule={"_target_": "seedbed.schedules.OneCycle"})
        together = train([0, 1, 2], settings)
        for seed, stacked in together.items():
            alone = train([seed], settings)[seed]
            assert stacked.outcome == alone.outcome == outcome
            np.testing.assert_allclose([p[2] for p in stacked.curves], [p[2] for p in alone.curves], rtol=1e-6)


def test_ratings_are_evaluated_in_stars_and_the_loss_in_the_training_losss_units() -> None:
    (result,) = train([0], config("rated")).values()
    last = {metric: value for metric, epoch, value in result.curves if epoch == EPOCHS - 1}
    assert last["val/loss"] == pytest.approx(last["val/rmse"] ** 2 / 25)
    rows = rows_in(0)
    with global_stream(0, "weights"):
        network = StackTrainer(config(), MATRIX).parts.network()
    network.load_state_dict(result.weights)
    predicted = network(torch.from_numpy(MATRIX.users[rows.val]), torch.from_numpy(MATRIX.items[rows.val]))
    rmse = float((predicted.detach().double() - torch.from_numpy(MATRIX.ratings[rows.val])).square().mean().sqrt())
    assert last["val/rmse"] == pytest.approx(rmse, rel=1e-5)


def test_the_untrained_matrix_starts_in_the_middle_of_its_range() -> None:
    """Factors within Glorot's limit for the matrix without the reserved row, and biases of 0."""
    network = StackTrainer(config(), MATRIX).parts.network()
    limit = (6 / (30 + 4)) ** 0.5
    assert 0.9 * limit < network.user_factors.weight.abs().max() <= limit  # type: ignore[union-attr, operator]
    assert not network.user_bias.weight.any()  # type: ignore[union-attr, operator]
    assert network(torch.tensor([0]), torch.tensor([0])).item() == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (config("foo"), r"task\.cells=foo"),
        (config(task=config()["task"] | {"steps": 0}), r"task\.steps=0"),
        (config(trainer=config()["trainer"] | {"batch_size": 64}), r"trainer\.batch_size=64: .*Set it to null"),
        (config(model=DOT), "model=matrix_factorization"),
        (config(model=MODEL | {"factors": 0}), r"model\.factors=0"),
        (rating_config(DOT, trainer=config()["trainer"]), r"trainer\.batch_size=null: .*trains by batches"),
    ],
)
def test_bad_settings_are_found_before_training(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        StackTrainer(settings, MATRIX)


def test_a_cell_holds_one_rating_and_none_may_look_like_a_missing_one() -> None:
    rows = rows_in(0)
    with pytest.raises(ConfigError, match=r"data\.duplicates=latest"):
        RatingMatrix.check(TABLE, rows, Strategy())
    with pytest.raises(ConfigError, match="0 stands for a cell without a rating"):
        RatingMatrix.check(table_of([1, 2], [1, 1], [0, 4]), rows, Strategy())


EXPERIMENT = """
# @package _global_
defaults:
  - override /data: ratings_csv
  - override /split: random
  - override /model: matrix_factorization
  - override /task: matrix
  - override /optimizer: keras_rmsprop
question: Do missing ratings count?
seeds: 3
model: {factors: 3}
optimizer: {lr: 0.05, momentum: 0.9}
trainer: {max_epochs: 3, batch_size: null, accelerator: cpu, seeds_at_once: 3}
task: {steps: 20}
monitor: val/rmse
variants:
  all: [task.cells=all]
  rated: [task.cells=rated]
report: {metric: val/rmse, baseline: all, learned: all}
"""
COLUMNS = ["data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars"]


def write(project: Path) -> None:
    rows = zip(MATRIX.users, MATRIX.items, MATRIX.ratings, strict=True)
    lines = [f"u{user},Film {item},{rating:g}" for user, item, rating in rows]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "matrix.yaml").write_text(EXPERIMENT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("imbalance=smote", "ratings have none"),
        ("task.cells=every", r"task\.cells=every"),
        ("task.steps=0", r"task\.steps=0"),
    ],
)
def test_bad_input_of_a_matrix_experiment(project: Path, override: str, said: str) -> None:
    write(project)
    with pytest.raises(SeedbedError, match=said):
        run("matrix", [*COLUMNS, override, "variant=all"], config_dir=project)


@pytest.mark.slow
def test_a_launch_reports_its_losses_and_what_it_was_asked(project: Path, draw_only: Callable[..., None]) -> None:
    """The user's ratings beside the seeds' own predictions and the published rule, worked out from the stored weights."""
    draw_only("loss")
    write(project)
    asked = [
        "report.similar_to=Film 3",
        "report.user=u5",
        "report.loss=true",
        "model.factors=2",
        "tracking.pictures=false",
    ]
    outcome = run("matrix", [*COLUMNS, *asked], config_dir=project)
    assert not outcome.failures
    to = project / "written"
    done = CliRunner().invoke(
        main, ["report", "matrix", "--format", "md", "--config-dir", str(project), "--output", str(to)]
    )
    assert done.exit_code == 0, done.output
    page = (to / "report.md").read_text()
    assert (to / "loss.png").stat().st_size > 10_000

    losses = outcome.curves[outcome.curves["metric"] == "train/loss"].set_index(["variant", "epoch"])["value"]
    assert losses["all", 2].mean() < losses["all", 0].mean()
    (row,) = [line for line in page.split("## Training loss")[1].splitlines()[:9] if line.startswith("| 2 |")]
    assert [float(cell.split(" ± ")[0]) for cell in row.split("|")[2:4]] == pytest.approx(
        [losses["all", 1].mean(), losses["rated", 1].mean()], abs=1e-4
    )
    assert "An epoch is 20 steps." in page

    trained = load_recommender("matrix", "all", config_dir=project)
    table, factors = trained.table, np.stack([seed.factors() for seed in trained.seeds])  # type: ignore[arg-type]
    three, user = table.item_names.index("Film 3"), table.user_names.index("u5") + 1
    alike = (np.einsum("sif,sf->si", factors, factors[:, three]) / (factors[:, [three]] ** 2).sum(-1)).mean(0)
    first = next(item for item in np.argsort(-alike) if item != three)
    assert page.split("### Most similar to Film 3")[1].splitlines()[6].startswith(f"| 1 | {table.item_names[first]} |")

    own = page.split("### Ratings of user u5")[1].splitlines()[6].split(" | ")
    rated = np.flatnonzero(table.users == user)
    best = rated[np.argmax(table.ratings[rated])]
    item = int(table.items[best])
    assert own[0] == f"| {table.item_names[item - 1]}"
    assert float(own[1]) == table.ratings[best]
    predicted, rescaled, between = [], [], []
    for seed in trained.seeds:
        u, m, bu, bm, b = (
            seed.network.get_submodule(name).weight.detach().numpy()[1:]
            if name != "global_bias"
            else seed.network.global_bias.weight.item()  # type: ignore[operator, union-attr]
            for name in ("user_factors", "item_factors", "user_bias", "item_bias", "global_bias")
        )
        raw = u @ m.T
        whole = (raw - bu - bm.T - b).astype(np.float64)
        whole = 5 * (whole - whole.min(0)) / np.ptp(whole, axis=0)
        between.append(100 * whole.mean(1).var() / whole.var())
        predicted.append(5 / (1 + np.exp(-(raw + bu + bm.T + b)[user - 1, item - 1])))
        column = (raw - bu - bm.T - b)[:, item - 1]
        rescaled.append(5 * (column[user - 1] - column.min()) / np.ptp(column))
    assert float(own[2].split(" ± ")[0]) == pytest.approx(np.mean(predicted), abs=1e-3)
    assert float(own[4].split(" ± ")[0]) == pytest.approx(np.mean(rescaled), abs=1e-3)
    held_out = sum(best not in trained.rows(seed.seed).train for seed in trained.seeds)
    assert own[3] == f"{held_out} of 3 seeds"
    share = page.split("Of the variance over all cells, ")[1].split(" ± ")[0]
    assert float(share) == pytest.approx(np.mean(between), abs=0.006)
    for similar_to, of_user, said in (
        ("Film 333", None, "similar_to='Film 333': .* did you mean 'Film 3'"),
        (None, "u", "user='u'"),
    ):
        with pytest.raises(ConfigError, match=said):
            answer_queries(trained, similar_to, of_user)
