"""Callbacks and what they see of a stack."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import pytorch_lightning as pl
from mlflow import MlflowClient

from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError
from seedbed.running.runner import run
from seedbed.running.verify import verify
from seedbed.tracking.store import store_uri
from seedbed.training.callbacks import built_callbacks
from seedbed.training.stack_trainer import StackTrainer
from tests.running.test_verify import here
from tests.stacking.test_against_reference import TABLE, config, curve, data_of, train
from tests.tasks import test_retrieval as retrieval

__all__ = ["here"]

FEW = ["seeds=2", "variant=none", "trainer.max_epochs=2"]
WATCHING = f"+callbacks.mine._target_={__name__}.Watching"
RATES = "+callbacks.lr._target_=pytorch_lightning.callbacks.LearningRateMonitor"


class Watching(pl.Callback):
    """Notes what there is to see."""

    chunks: ClassVar[list[int]] = []
    validated: ClassVar[list[dict[str, float]]] = []
    tested: ClassVar[list[dict[str, float]]] = []

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        for seen in (self.chunks, self.validated, self.tested):
            seen.clear()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.chunks.append(len(batch.index))

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.validated.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    def on_test_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self.tested.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def with_watching(**changes: Any) -> dict[str, Any]:
    return config(**changes) | {"callbacks": {"mine": {"_target_": f"{__name__}.Watching"}}}


def test_a_callback_sees_means_over_the_seeds_and_one_call_a_chunk() -> None:
    data = data_of([1, 2, 3])
    results = StackTrainer(with_watching(max_epochs=3, steps_per_chunk=4), TABLE).train(data)
    steps = math.ceil(len(data[0].rows.train) / 16)
    assert sum(Watching.chunks) == 3 * steps
    assert max(Watching.chunks) == 4
    for name in ("val/loss", "val/accuracy", "train/loss"):
        means = np.mean([curve(result, name) for result in results], axis=0)
        assert [seen[name] for seen in Watching.validated] == pytest.approx(means.tolist())
    (tested,) = Watching.tested
    assert tested["test/loss"] == pytest.approx(np.mean([result.metrics["test/loss"] for result in results]))


def test_the_mean_is_of_the_seeds_that_still_train() -> None:
    fast = {"_target_": "torch.optim.AdamW", "_partial_": True, "lr": 0.1}
    settings = with_watching(optimizer=fast, patience=2, max_epochs=12)
    results = StackTrainer(settings, TABLE).train(data_of(list(range(6))))
    curves = [curve(result, "val/loss") for result in results]
    assert min(map(len, curves)) < len(Watching.validated)
    means = [np.mean([own[epoch] for own in curves if len(own) > epoch]) for epoch in range(len(Watching.validated))]
    assert [seen["val/loss"] for seen in Watching.validated] == pytest.approx(means)


def test_a_model_without_steps_is_said_to_show_nothing() -> None:
    popular = {"_target_": "seedbed.models.baselines.Popular", "_partial_": True}
    settings = retrieval.settings(popular)
    assert StackTrainer(settings, retrieval.TABLE).traits.notes == ()
    (note,) = StackTrainer(settings | {"callbacks": with_watching()["callbacks"]}, retrieval.TABLE).traits.notes
    assert "Popular is computed from its training rows and takes no steps: callbacks see nothing of it" in note


@pytest.mark.slow
def test_callbacks_change_no_result() -> None:
    watched = StackTrainer(with_watching(), TABLE).train(data_of([3, 7]))
    for result in watched:
        assert result.curves == train([3, 7])[result.seed].curves


def function() -> pl.Callback:
    return pl.callbacks.EarlyStopping("val/loss")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"_target_": f"{__name__}.function"}, r"function \(EarlyStopping\) is not allowed.*patience"),
        ({"_target_": "torch.nn.ReLU"}, "gives ReLU, which is not a callback. Name a class derived from pytorch_lightning"),
        ({"_target_": "pytorch_lightning.callbacks.LearningRateMonitors"}, "did you mean 'LearningRateMonitor'"),
        ({"_target_": "pytorch_lightning.callbacks.LearningRateMonitor", "logging_interval": "day"}, "`step` or `epoch`"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_or_is_no_observer_is_refused(node: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"^callbacks.mine: .*{said}"):
        built_callbacks({"callbacks": {"mine": node}})
    with pytest.raises(ConfigError, match=f"^callbacks.mine: .*{said}"):  # before anything trains
        StackTrainer(config() | {"callbacks": {"mine": node}}, TABLE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("devices", "in_processes"),
    [(1, False), pytest.param(2, False, marks=pytest.mark.extended), (2, True)],
    ids=["one", "two_in_threads", "two_in_processes"],
)
def test_observers_of_lightnings_log_to_the_variants_run(
    project: Path, request: pytest.FixtureRequest, devices: int, in_processes: bool
) -> None:
    """Also where each stack trains on a device of its own, whose worker hands back what they logged."""
    if not in_processes:
        request.getfixturevalue("here")
    given = [*FEW, f"trainer.devices={devices}", "trainer.seeds_at_once=1", "trainer.steps_per_chunk=2"]
    assert run("messages", given, project).failures == {}
    observed = [*given, RATES, "+callbacks.device._target_=pytorch_lightning.callbacks.DeviceStatsMonitor"]
    assert run("messages", observed, project).trained == 0  # they change no result
    watched = run("messages", [*observed, "optimizer.lr=0.25"], project)
    assert watched.failures == {}
    client = MlflowClient(store_uri(project))
    (variant,) = {client.get_run(cell).data.tags["mlflow.parentRunId"] for cell in watched.cells["run"]}
    rates = client.get_metric_history(variant, "lr-AdamW")
    assert {point.value for point in rates} == {0.25}
    assert {point.step for point in rates} >= {0, 1, 2}
    assert "DeviceStatsMonitor.on_train_batch_end/cpu_percent" in client.get_run(variant).data.metrics
    names = {client.get_run(watched.launch).data.params[f"callbacks.{name}._target_"] for name in ("lr", "device")}
    assert {name.rpartition(".")[2] for name in names} == {"LearningRateMonitor", "DeviceStatsMonitor"}


@pytest.mark.extended
def test_a_callback_of_the_users_own_is_part_of_the_recipe(project: Path, here: None) -> None:
    plain, watched = run("messages", FEW, project), run("messages", [*FEW, WATCHING], project)
    assert watched.trained == 2
    columns = ["test/loss", "test/accuracy"]
    assert (watched.cells[columns].to_numpy() == plain.cells[columns].to_numpy()).all()
    assert watched.results.config["callbacks"] == {"mine": {"_target_": f"{__name__}.Watching"}}
    assert verify("messages", config_dir=project).verified


@pytest.mark.slow
def test_one_that_acts_is_refused_before_the_data_are_read(project: Path) -> None:
    stop = "+callbacks.stop={_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/loss}"
    with pytest.raises(ConfigError, match=r"callbacks.stop: pytorch_lightning.callbacks.EarlyStopping is not allowed"):
        load_experiment("messages", [stop], project)
