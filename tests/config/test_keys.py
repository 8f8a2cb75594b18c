"""Keys that nothing reads are refused when the experiment is loaded, however they come; and nothing useless is advised."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from seedbed.config.experiment import load_experiment
from seedbed.config.keys import interpolated, unknown_argument, unknown_key
from seedbed.config.trainer import INSTEAD, check_keys
from seedbed.errors import ConfigError
from seedbed.models.building import build_network

CONFIG: dict[str, Any] = {
    "seeds": 3,
    "report": {"metric": "test/accuracy"},
    "trainer": {"max_epochs": 2, "batch_size": 8, "benchmark": True},
    "tracking": {"checkpoints": True},
    "search": {"trials": 3, "sampler": {"_target_": "optuna.samplers.TPESampler", "_partial_": True}, "pruner": {}},
    "published": {"source": "a book", "numbers": [{"variant": "none", "metric": "test/accuracy", "value": 1}]},
    "model": {"_target_": "seedbed.models.mlp.mlp", "_partial_": True, "hidden": [3]},
    "task": {"_target_": "seedbed.tasks.matrix.RatingMatrix", "_partial_": True, "cells": "all", "vocabulary": "file"},
    "imbalance": {
        "_target_": "seedbed.imbalance.resample.Resample",
        "sampler": {"_target_": "imblearn.over_sampling.SMOTE", "k_neighbors": 3},
    },
    "optimizer": {"_target_": "torch.optim.AdamW", "_partial_": True, "betas": [0.9, 0.99]},
    "schedule": None,
    "callbacks": {"lr": {"_target_": "pytorch_lightning.callbacks.LearningRateMonitor", "log_momentum": True}},
    "loggers": {"csv": {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "logs"}},
}


def test_keys_that_are_read_are_known() -> None:
    assert unknown_key(CONFIG) is None


@pytest.mark.parametrize(
    ("place", "key", "why"),
    [
        ("", "zzz", "known: callbacks, data, data_sets, imbalance"),
        ("", "logger", "loggers: {NAME: {_target_: ...}}"),
        ("", "accumulate_grad_batches", "set trainer.batch_size to as many rows"),
        ("", "max_epochs", "write trainer.max_epochs"),
        ("", "seed", "did you mean 'seeds'"),
        ("report", "metrik", "did you mean 'metric'"),
        ("trainer", "max_epoch", "did you mean 'max_epochs'"),
        ("trainer", "callbacks", "callbacks: {NAME: {_target_: ...}}"),
        ("trainer", "min_steps", "set trainer.max_epochs"),
        ("tracking", "loggers", "it belongs beside tracking, not in it: write loggers."),
        ("tracking", "checkpoint", "did you mean 'checkpoints'"),
        ("search", "n_trials", "is search.trials here"),
        ("search", "trals", "did you mean 'trials'"),
        ("published", "sources", "did you mean 'source'"),
        ("model", "hiden", "seedbed.models.mlp.mlp has no such setting, did you mean 'hidden'"),
        ("task", "cell", "did you mean 'cells'"),
        ("task", "clip_norm", "known: "),  # set from trainer.gradient_clip_val, whatever stands here
        ("task", "highest", "has no such setting"),
        ("optimizer", "momentum", "torch.optim.AdamW has no such setting"),
        ("imbalance", "samplers", "did you mean 'sampler'"),
        ("schedule", "max_lr", "nothing is chosen"),
        ("callbacks.lr", "momentum", "pytorch_lightning.callbacks.LearningRateMonitor has no such setting"),
    ],
)
def test_a_key_that_nothing_reads_is_found(place: str, key: str, why: str) -> None:
    top, _, inner = place.partition(".")
    of_place = CONFIG[top][inner] if inner else CONFIG[top] or {} if top else {}
    config = CONFIG | ({top: {inner: of_place | {key: 3}} if inner else of_place | {key: 3}} if top else {key: 3})
    found = unknown_key(config)
    assert found is not None
    assert found.key == f"{place}.{key}".lstrip(".")
    assert why in found.why


def test_nested_objects_and_entries_of_lists_are_searched() -> None:
    imbalance = CONFIG["imbalance"] | {"sampler": CONFIG["imbalance"]["sampler"] | {"k": 3}}
    found = unknown_key(CONFIG | {"imbalance": imbalance})
    assert found is not None
    assert found.key == "imbalance.sampler.k"
    found = unknown_key(CONFIG | {"published": {"numbers": [{"variant": "none", "value": 1, "epok": 2}]}})
    assert found is not None
    assert found.key == "published.numbers[0].epok"


def takes_any(in_features: int, **settings: Any) -> nn.Module:
    return nn.Linear(in_features, settings["out"])


@pytest.mark.parametrize("target", [f"{__name__}.takes_any", "there.is.no.such_thing"])
def test_what_takes_any_argument_or_cannot_be_looked_at_is_left_alone(target: str) -> None:
    assert unknown_argument({"_target_": target, "_partial_": True, "out": 3}, "model") is None


def test_a_key_that_others_are_made_of_may_have_any_name() -> None:
    assert interpolated("a: ${width}\nb: [${trainer.max_epochs}, '${oc.env:HOME,x}-${..deep.er}']") >= {
        "width",
        "trainer",
        "deep",
    }
    assert unknown_key(CONFIG | {"width": 64}, {"width"}) is None
    assert load_experiment("spam_imbalance", ["variant=none", "+width=64", "model.hidden=['${width}']"])


@pytest.mark.parametrize("argument", INSTEAD)
def test_an_argument_of_lightnings_trainer_is_refused_in_one_sentence_of_what_to_do(argument: str) -> None:
    with pytest.raises(ConfigError, match=rf"^trainer\.{argument}: seedbed does not take .*\.$"):
        check_keys([argument])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("trainer.min_steps=100", "set trainer.max_epochs"),
        ("+trainer.min_steps=100", "set trainer.max_epochs"),
        ("logger=x", "logger: seedbed does not take this setting of Lightning's"),
        ("++logger=x", "logger: seedbed does not take this setting of Lightning's"),
        ("+model.hiden=[3]", "did you mean 'hidden'"),
    ],
)
def test_an_override_of_a_key_that_nothing_reads_is_refused_at_the_first_try(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_experiment("spam_imbalance", ["variant=none", override])
    assert said in str(error.value)
    assert f"Override {override!r}" in str(error.value)
    assert "to add a new key" not in str(error.value)


@pytest.mark.slow
def test_a_key_is_added_only_where_that_does_something() -> None:
    with pytest.raises(ConfigError, match=r"to add a new key: \+trainer.max_steps=9"):
        load_experiment("spam_imbalance", ["variant=none", "trainer.max_steps=9"])
    with pytest.raises(ConfigError, match=r"to add a new key: \+trainer.benchmark=true"):
        load_experiment("spam_imbalance", ["variant=none", "trainer.benchmark=true"])
    assert load_experiment("spam_imbalance", ["variant=none", "+trainer.benchmark=true"])
    with pytest.raises(ConfigError, match=r"optimizer=adamw names takes it too, write \+\+optimizer.eps=1e-3"):
        load_experiment("spam_imbalance", ["variant=none", "optimizer.eps=1e-3"])
    with pytest.raises(ConfigError) as error:
        load_experiment("spam_imbalance", ["variant=none", "optimizer.momentum=0.9"])
    assert "optimizer=sgd" in str(error.value) or "keras_rmsprop" in str(error.value)
    assert "++" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds: 3", "seeds: 3\nlogger: [x]", "experiments/messages.yaml.*loggers"),
        ("seeds: 3", "seeds: 3\ncallbacks: [x]", r"experiments/messages.yaml.*callbacks=\[x\]: give a mapping"),
        (
            "none: [imbalance=none]",
            "none: [+trainer.max_time=1]",
            r"'\+trainer.max_time=1' of variant 'none'.*max_epochs",
        ),
        ("metric: test/accuracy", "metrics: 3, metric: test/accuracy", "experiments/messages.yaml.*report.metrics"),
    ],
)
def test_a_key_in_the_experiment_file_is_refused_too(bare_project: Path, old: str, new: str, said: str) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=said):
        load_experiment("messages", config_dir=bare_project)


@pytest.mark.slow
def test_what_the_file_sets_for_another_choice_is_named_with_what_leaves_it_out(bare_project: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"model.hidden: .*takes_none has no such setting.*experiments/messages.yaml sets it: leave it out by ~model.hidden ~model.dropout",
    ):
        load_experiment("messages", [f"model._target_={__name__}.takes_none"], bare_project)


def test_what_a_choice_sets_is_not_said_to_stand_in_the_experiment(bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("model: {hidden: [8]}", ""))
    with pytest.raises(ConfigError, match=r"The config chosen for model sets it: leave it out by ~model.hidden"):
        load_experiment("messages", [f"model._target_={__name__}.takes_none"], bare_project)


@pytest.mark.parametrize("in_file", ["model: {hidden: [8]}", ""])
def test_a_choice_that_is_taken_away_is_asked_for(in_file: str, bare_project: Path) -> None:
    path = bare_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("model: {hidden: [8]}", in_file))
    with pytest.raises(ConfigError, match=r"nothing is chosen.* Write model=CHOICE") as error:
        load_experiment("messages", ["~model"], bare_project)
    assert "leave it out" not in str(error.value)


def takes_none() -> nn.Module:
    return nn.Identity()


@pytest.mark.slow
def test_only_profilers_whose_report_is_printed_are_taken() -> None:
    assert load_experiment("spam_imbalance", ["variant=none", "+trainer.profiler=simple"])
    with pytest.raises(ConfigError, match=r"trainer.profiler=pytorch cannot be used"):
        load_experiment("spam_imbalance", ["variant=none", "+trainer.profiler=pytorch"])


def test_what_the_data_say_cannot_be_set() -> None:
    with pytest.raises(TypeError, match=r"model.in_features=3 would do nothing. Leave it out: ~model.in_features"):
        build_network(partial(nn.Linear, in_features=3), {"in_features": 4, "out_features": 2})


class Base(nn.Module):
    def __init__(self, depth: int = 2, slope: float = 0.0) -> None:
        super().__init__()


class HandsOn(Base):
    def __init__(self, width: int, **others: Any) -> None:
        super().__init__(slope=0.1, **others)


class Keeps(Base):
    def __init__(self, width: int, **others: Any) -> None:
        super().__init__()
        self.others = others


@pytest.mark.parametrize(
    ("kind", "key", "unknown"),
    [
        ("HandsOn", "dept", "model.dept"),
        ("HandsOn", "depth", None),
        ("HandsOn", "slope", "model.slope"),
        ("Keeps", "dept", None),
    ],
)
def test_arguments_that_a_base_class_is_handed_are_known(kind: str, key: str, unknown: str | None) -> None:
    found = unknown_argument({"_target_": f"{__name__}.{kind}", "width": 3, key: 4}, "model")
    assert (found and found.key) == unknown


def test_a_name_that_is_not_found_is_not_logged_beside_what_is_said_of_it(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConfigError, match="no module 'mynett'"):
        load_experiment("spam_imbalance", ["variant=none", "model._target_=mynett.Net"])
    assert caplog.records == []
