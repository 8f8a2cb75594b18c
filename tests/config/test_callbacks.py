"""Callbacks in a config: each of Lightning's observes, or is refused with what takes its place."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import pytorch_lightning as pl
from pytorch_lightning import callbacks

from seedbed.config.callbacks import BASES, INSTEAD, OBSERVERS, check_nodes, only_observes, refuse_acting
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError

LIGHTNINGS = "pytorch_lightning.callbacks"


class Patient(callbacks.EarlyStopping):
    """A user's own."""


class Rates(callbacks.LearningRateMonitor):
    """A user's own."""


class Own(pl.Callback):
    """A user's own."""


def check(target: str) -> None:
    check_nodes({"callbacks": {"mine": {"_target_": target}}})


def test_every_callback_of_lightnings_is_known() -> None:
    assert sorted((*OBSERVERS, *BASES, *INSTEAD)) == sorted(callbacks.__all__)


@pytest.mark.parametrize("name", INSTEAD)
def test_one_that_acts_is_refused_by_name_in_one_paragraph_of_what_to_do(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^callbacks\.mine: {LIGHTNINGS}\.{name} is not allowed .*: .*Leave it out\.$"
    ):
        check(f"{LIGHTNINGS}.{name}")


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("EarlyStopping", "patience"),
        ("ModelCheckpoint", "select=best"),
        ("LearningRateFinder", "seedbed lr-find"),
        ("GradientAccumulationScheduler", "trainer.batch_size"),
        ("Timer", "trainer.max_steps"),
    ],
)
def test_what_takes_its_place_is_named(name: str, instead: str) -> None:
    with pytest.raises(ConfigError, match=instead):
        check(f"{LIGHTNINGS}.{name}")


def test_a_class_that_is_derived_from_one_is_refused_too() -> None:
    with pytest.raises(ConfigError, match=rf"{__name__}.Patient \(EarlyStopping\).*patience stops each seed"):
        check(f"{__name__}.Patient")
    with pytest.raises(ConfigError, match=r"a module \(EarlyStopping\)"):
        refuse_acting(Patient, "callbacks.mine", "a module")


@pytest.mark.parametrize("name", [*(f"{LIGHTNINGS}.{each}" for each in (*OBSERVERS, *BASES)), f"{__name__}.Rates", f"{__name__}.Own"])  # fmt: skip
def test_one_that_observes_and_one_of_the_users_pass(name: str) -> None:
    check(name)


def test_one_that_seedbed_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    later = type("Later", (pl.Callback,), {"__module__": f"{LIGHTNINGS}.later"})
    with pytest.raises(ConfigError, match=r"x.Later may change a stack .* derived from pytorch_lightning"):
        refuse_acting(later, "callbacks.mine", "x.Later")


@pytest.mark.slow
def test_one_of_the_package_lightning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, whether that package is installed or not, and by its base class."""
    for target in ("lightning.pytorch.callbacks.EarlyStopping", "lightning.pytorch.callbacks.LearningRateMonitor"):
        with pytest.raises(
            ConfigError, match=rf"{target} is made for the package lightning.*pytorch_lightning.Callback"
        ):
            check(target)
        with pytest.raises(ConfigError, match="made for the package lightning"):
            load_experiment("spam_imbalance", ["variant=none", f"+callbacks.mine._target_={target}"])
    module, base = ModuleType("theirs"), type("Callback", (), {"__module__": "lightning.pytorch.callbacks.callback"})
    module.Mine = type("Mine", (base,), {"__module__": "theirs"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "theirs", module)
    with pytest.raises(ConfigError, match=r"theirs.Mine is made for the package lightning"):
        refuse_acting(module.Mine, "callbacks.mine", "theirs.Mine")


@pytest.mark.parametrize("node", ["EarlyStopping", "{monitor: val/loss}"])
def test_a_callback_is_a_node(node: str) -> None:
    with pytest.raises(ConfigError, match=r"callbacks.mine=.* a node with the _target_ of a callback"):
        load_experiment("spam_imbalance", ["variant=none", f"+callbacks.mine={node}"])


def test_what_only_observes_is_told_by_its_name() -> None:
    assert only_observes({"_target_": f"{LIGHTNINGS}.LearningRateMonitor"})
    assert only_observes({"_target_": f"{LIGHTNINGS}.lr_monitor.LearningRateMonitor", "log_momentum": True})
    assert not only_observes({"_target_": f"{LIGHTNINGS}.LambdaCallback"})
    assert not only_observes({"_target_": "mine.LearningRateMonitor"})
    assert not only_observes("x")
