"""A LightningModule is no network and no task of seedbed's, and is refused as either; inside a network it is a layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from seedbed.config.experiment import load_experiment
from seedbed.config.lightning_modules import is_lightning_module, refuse_as_network, refuse_named_network
from seedbed.config.metric_checks import metrics_of
from seedbed.errors import ConfigError
from seedbed.running.planning import Planner
from seedbed.running.runner import run
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, data_of


class Lit(pl.LightningModule):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, out_features)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.layer(inputs)
        return outputs

    def training_step(self, batch: Any, _: int) -> None:
        raise AssertionError("is never called")


class SequentialLit(nn.Sequential, pl.LightningModule):
    """Would have a stacked form, by its first base."""


def makes_one(in_features: int, out_features: int) -> nn.Module:
    return Lit(in_features, out_features)


def annotated(in_features: int, out_features: int) -> Lit:
    return Lit(in_features, out_features)


def makes_a_sequential(in_features: int, out_features: int) -> nn.Module:
    return SequentialLit(nn.Linear(in_features, out_features))


def holds_one(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(Lit(in_features, out_features))


def named(name: str) -> dict[str, Any]:
    return {"_target_": f"{__name__}.{name}", "_partial_": True}


def test_both_packages_classes_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_other = type("LightningModule", (nn.Module,), {"__module__": "lightning.pytorch.core.module"})
    assert is_lightning_module(Lit)
    assert is_lightning_module(type("Mine", (of_the_other,), {}))
    assert not is_lightning_module(nn.Linear)
    assert not is_lightning_module(type("LightningModule", (nn.Module,), {}))


@pytest.mark.parametrize("name", ["Lit", "annotated"])
def test_one_that_is_named_is_refused_before_data_are_loaded(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is a LightningModule|gives Lit, a LightningModule") as error:
        refuse_named_network(named(name))
    for part in ("forward", "training_step", "configure_optimizers", "hooks and callbacks", "torch.nn.Module"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["Lit", "makes_one", "makes_a_sequential"])
def test_one_that_is_made_is_refused_before_anything_is_trained(name: str) -> None:
    with pytest.raises(ConfigError, match=r"LightningModule\. seedbed would use only its forward"):
        StackTrainer(config(model=named(name)), TABLE)


def test_networks_and_functions_of_plain_ones_are_taken() -> None:
    for name in ("holds_one", "makes_one", "nothing_of_this_name"):
        refuse_named_network(named(name))
    refuse_as_network(nn.Linear, "torch.nn.Linear")


def test_inside_a_network_its_forward_is_used_and_that_is_said() -> None:
    trainer = StackTrainer(config(model=named("holds_one"), max_epochs=1), TABLE)
    [note] = trainer.traits.notes
    assert "its part 0 (Lit) is a LightningModule: only its forward is used" in note
    plain = StackTrainer(config(model=named("plain"), max_epochs=1), TABLE)
    assert plain.traits.notes == ()
    [with_it], [without] = trainer.train(data_of([0])), plain.train(data_of([0]))
    assert with_it.metrics["test/loss"] == pytest.approx(without.metrics["test/loss"])


def plain(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, out_features))


def test_one_that_is_named_as_a_task_is_refused_with_what_is_needed() -> None:
    with pytest.raises(
        ConfigError, match=r"^task._target_=.*Lit: it is a LightningModule .*model._target_.*tasks.base.Task"
    ):
        metrics_of(named("Lit"))
    with pytest.raises(ConfigError, match="it is not a task of seedbed's"):
        metrics_of({"_target_": "torch.nn.Linear"})
    with pytest.raises(ConfigError, match="not a task class"):
        metrics_of({"_target_": f"{__name__}.plain"})


@pytest.mark.slow
def test_a_run_names_it_without_loading_data(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Planner, "plan", lambda *_: pytest.fail("data would be loaded"))
    given = [f"model._target_={__name__}.Lit", "~model.hidden", "~model.dropout"]
    with pytest.raises(ConfigError, match=r"model._target_: .*Lit is a LightningModule"):
        run("messages", given, config_dir=bare_project)
    with pytest.raises(ConfigError, match=r"task._target_=.*Lit: it is a LightningModule"):
        load_experiment("messages", [f"task._target_={__name__}.Lit", "~task.own_metrics"], config_dir=bare_project)
