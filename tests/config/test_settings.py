"""Settings of the trainer, the report and the tracking."""

from __future__ import annotations

import re
from typing import Any

import pytest

from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.errors import ConfigError
from tests.config.refusals import assert_refused, first_override

TRAINER: dict[str, Any] = {
    "max_epochs": 3, "batch_size": 8, "gradient_clip_val": None, "precision": "32-true", "accelerator": "cpu",
    "devices": 1, "seeds_at_once": "auto", "steps_per_chunk": 50,
}  # fmt: skip
REPORT: dict[str, Any] = {
    "metric": "test/accuracy", "baseline": None, "bars": "2std", "axis": None, "rope": None, "loss": False,
    "learned": None, "similar_to": None, "user": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trainer.batch_size=0"], ["trainer.batch_size=0", "from 1 to 2147483647"]),
        (["trainer.batch_size=1000000000000"], ["trainer.batch_size=1000000000000", "from 1 to 2147483647"]),
        (["trainer.max_epochs=1000000000000"], ["trainer.max_epochs=1000000000000", "from 1 to 1000000"]),
        (["trainer.max_epochs=2.5"], ["trainer.max_epochs=2.5"]),
        (["trainer.seeds_at_once=-1"], ["trainer.seeds_at_once=-1", "auto"]),
        (["trainer.stacks_at_once=0"], ["trainer.stacks_at_once=0", "auto"]),
        (["trainer.precision=16-mixed"], ["16-mixed", "bf16-mixed"]),
        (["tracking.checkpoints=maybe"], ["true or false"]),
        (["+loggers=3"], ["loggers=3", "a mapping"]),
        (["+callbacks=[x]"], ["callbacks=[x]", "a mapping"]),
        (["+trainer.max_steps=0"], ["trainer.max_steps=0", "from 1 to 2147483647"]),
        (["+trainer.max_steps=2.5"], ["trainer.max_steps=2.5", "a whole number"]),
        (["+trainer.limit_train_batches=0"], ["trainer.limit_train_batches=0", "a fraction of them such as 0.1"]),
        (["+trainer.limit_train_batches=1.5"], ["trainer.limit_train_batches=1.5", "a fraction of them such as 0.1"]),
        (["+trainer.limit_train_batches=all"], ["trainer.limit_train_batches=all", "a number or null"]),
        (["report.axis=[a,1]"], ["report.axis"]),
        (["report.baseline=nome"], ["did you mean 'none'"]),
    ],
    ids=first_override,
)  # fmt: skip
def test_values_that_cannot_work_are_refused_before_any_work(overrides: list[str], said: list[str]) -> None:
    assert_refused(overrides, said)


def test_settings_of_lightning_may_be_absent() -> None:
    settings = TrainerSettings.of({"trainer": TRAINER})
    assert (settings.max_epochs, settings.benchmark, settings.detect_anomaly) == (3, None, False)
    assert TrainerSettings.of({"trainer": TRAINER | {"benchmark": True}}).benchmark is True


@pytest.mark.parametrize("key", ["max_epochs", "precision", "devices"])
def test_settings_that_every_run_needs_may_not(key: str) -> None:
    with pytest.raises(KeyError, match=key):
        TrainerSettings.of({"trainer": {name: value for name, value in TRAINER.items() if name != key}})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("gradient_clip_val", 0, "null or a positive number"),
        ("steps_per_chunk", 0, "a whole number from 1 to 2147483647"),
        ("precision", "64-tru", "did you mean '64-true'"),
        ("profiler", "pytorch", "null, simple or advanced"),
    ],
)
def test_a_trainers_setting_is_refused_with_its_key(key: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=f"^trainer.{key}=") as error:
        TrainerSettings.of({"trainer": TRAINER | {key: value}})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bars", "sd"),
        ("similar_to", [1]),
        ("loss", "yes"),
        ("rope", 0),
        ("nemenyi", "yes"),
        ("margin", 0),
        ("axis", [2, 1]),
        ("learned", "c"),
    ],
)
def test_a_reports_setting_is_refused_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^report.{key}="):
        ReportSettings.of({"report": REPORT | {key: value}, "variants": {"a": [], "b": []}})


def test_a_report_names_variants_that_there_are() -> None:
    config = {"report": REPORT | {"baseline": "a", "learned": "1"}, "variants": {"a": [], 1: []}}
    assert ReportSettings.of(config).baseline == "a"


def test_tracking_is_switched() -> None:
    assert TrackingSettings.of({"tracking": {"checkpoints": True, "pictures": False}}).pictures is False
    with pytest.raises(ConfigError, match=r"^tracking\.pictures=1 cannot be used: it must be true or false"):
        TrackingSettings.of({"tracking": {"checkpoints": True, "pictures": 1}})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tags", {"mlflow.user": "a"}, "a name that does not begin with mlflow. or seedbed."),
        ("tags", {"team": ["a"]}, "a text or a number"),
        ("tags", "team", "names with their texts"),
        ("experiment", "/", "what stands before it"),
        ("experiment", 3, "what stands before it"),
    ],
)
def test_names_and_tags_of_ones_own_that_cannot_work_are_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"^tracking\.{key}.*{re.escape(said)}"):
        TrackingSettings.of({"tracking": {"checkpoints": True, "pictures": True, key: value}})


def test_mlflow_calls_an_experiment_as_asked() -> None:
    def tracked_as(experiment: str | None) -> str:
        return TrackingSettings(checkpoints=True, pictures=True, experiment=experiment).tracked_as("messages")

    assert [tracked_as(None), tracked_as("anna/"), tracked_as("ours")] == ["messages", "anna/messages", "ours"]
