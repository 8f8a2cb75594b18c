"""Configs of task=lightning: what is kept of seedbed's defaults, what stands for the seed, and what makes a recipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seedbed.config.experiment import Template, load_experiment
from seedbed.config.own_modules import at_seed
from seedbed.config.recipe import fingerprint, recipe_of
from seedbed.errors import ConfigError
from tests.own_modules import projects


@pytest.fixture
def folder(tmp_path: Path, empty_store: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = list(sys.path)
    yield projects.write(tmp_path / "project", empty_store, name=f"config{abs(hash(request.node.name))}")
    sys.path[:] = path


def config_of(folder: Path, *overrides: str, **replaced: str) -> dict[str, Any]:
    file = folder / "experiments" / "width.yaml"
    text = file.read_text()
    for old, new in replaced.items():
        assert f"{old}: " in text
        text = "\n".join(f"{old}: {new}" if line.startswith(f"{old}: ") else line for line in text.splitlines())
    file.write_text(text)
    return load_experiment("width", list(overrides), folder).variants[0].config


def test_the_seed_stands_where_it_is_asked_for() -> None:
    config = {"seed": "${seed}", "name": "run_${seed}", "list": [{"n": "${seed}"}, 5], "other": None}
    assert at_seed(config, 7) == {"seed": 7, "name": "run_7", "list": [{"n": 7}, 5], "other": None}


def test_only_what_was_set_of_the_trainer_is_given_to_it(folder: Path) -> None:
    kept = {"max_epochs": 2, "accelerator": "cpu", "devices": 1, "seeds_at_once": "auto"}
    assert config_of(folder)["trainer"] == kept
    assert config_of(folder, "trainer.precision=32-true")["trainer"] == {**kept, "precision": "32-true"}
    config = config_of(folder, trainer="{max_steps: 5}")
    assert "max_epochs" not in config["trainer"]
    config = config_of(folder, trainer="{max_steps: 5, max_epochs: 10, _target_: pytorch_lightning.Trainer}")
    assert (config["trainer"]["max_epochs"], "_target_" in config["trainer"]) == (10, False)
    assert not {"data", "split", "model", "optimizer", "imbalance", "patience", "lr_finder"} & set(config)


def test_names_are_those_of_everything_else(folder: Path) -> None:
    config = config_of(
        folder, metrics="{val_loss: lower, valid/acc: higher, test_mse: 1.5}", report="{metric: test_mse}"
    )
    assert config["metrics"] == config["task"]["metrics"] == {"val/loss": "lower", "val/acc": "higher", "test/mse": 1.5}
    assert config["report"]["metric"] == "test/mse"
    assert config["monitor"] == "val/loss"  # whose curves are shown
    with pytest.raises(ConfigError, match="metrics: val/loss and val_loss would both be called val/loss"):
        config_of(folder, metrics="{val_loss: lower, val/loss: lower}")


def test_what_a_seed_runs_on_is_part_of_its_recipe_and_what_is_written_down_is_not(folder: Path) -> None:
    recipe = recipe_of(config_of(folder))
    assert {"trainer.devices", "trainer.accelerator", "module.hidden", "datamodule.split_seed", "select"} <= set(recipe)
    assert not any(
        key.startswith(("metrics", "task.metrics", "loggers", "report", "trainer.seeds_at_once")) for key in recipe
    )
    more = "+loggers={csv: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: logs}}"
    assert recipe_of(config_of(folder, more, "trainer.seeds_at_once=2")) == recipe
    assert recipe_of(config_of(folder, "trainer.deterministic=true")) != recipe


@pytest.mark.parametrize("key", ["limit_train_batches", "limit_val_batches", "overfit_batches", "val_check_interval"])
def test_one_batch_and_all_of_them_are_two_recipes(folder: Path, key: str) -> None:
    one, all_of_them = (fingerprint(config_of(folder, f"+trainer.{key}={count}"), 0, {}) for count in ("1", "1.0"))
    assert one != all_of_them


def test_every_callback_is_part_of_the_recipe_as_it_may_act(folder: Path) -> None:
    """Also those that may only observe a stack."""
    node = "+callbacks={rates: {_target_: pytorch_lightning.callbacks.LearningRateMonitor}}"
    assert recipe_of(config_of(folder, node)) != recipe_of(config_of(folder))


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        ({"metrics": "{}"}, r"metrics: nothing is chosen. Say which of what self.log logs"),
        ({"metrics": "{test/mse: lowest}"}, r"metrics.test/mse=lowest cannot be used: it must be lower, higher, none, or the number"),
        ({"metrics": "{test/mse: lower, val/mse: higher}"}, r"metrics.val/mse=higher cannot be used: it must be lower, as metrics.test/mse says"),
        ({"module": "null"}, r"module: nothing is chosen. Name a LightningModule"),
        ({"module": "{_target_: nowhere.Regressor}"}, r"module: _target_=nowhere.Regressor: nowhere cannot be imported"),
        ({"module": "{_target_: torch.nn.ReLU, hidden: 3}"}, r"module._target_=torch.nn.ReLU: it is not a LightningModule. task=lightning trains"),
        ({"datamodule": "{batch_size: 3}"}, r"datamodule=.* cannot be used: it must be a node with the _target_ of a LightningDataModule"),
        ({"report": "{metric: val/loss}"}, r"report.metric=val/loss: the module is tested, .* Write report.metric=test/loss"),
        ({"seeds": "2\nseed: 5"}, r"seed=5: under task=lightning \$\{seed\} is the seed of the cell"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_cannot_work_is_refused(folder: Path, replaced: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_of(folder, **{"variants": "{narrow: []}", **replaced})


def test_the_tuned_epoch_is_watched_by_a_metric_that_says_which_values_are_good(folder: Path) -> None:
    best = "+callbacks={best: {_target_: pytorch_lightning.callbacks.ModelCheckpoint, monitor: val_loss, mode: MODE}}"
    assert config_of(folder, "select=best", best.replace("MODE", "min"))["monitor"] == "val/loss"
    with pytest.raises(
        ConfigError, match="mode=max cannot be used: it must be min, as metrics says that lower is better"
    ):
        config_of(folder, "select=best", best.replace("MODE", "max"))
    with pytest.raises(ConfigError, match=r"monitor=val_size: select=best goes by it, and metrics does not say"):
        config_of(folder, "select=best", best.replace("MODE", "min").replace("val_loss", "val_size"))


def module_of_narrow(folder: Path, own: str, *overrides: str) -> dict[str, Any]:
    file = folder / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("[module.hidden=2]", f'["{own}"]'))
    return dict(load_experiment("width", list(overrides), folder).variants[0].config["module"])


def test_an_argument_that_the_yaml_leaves_at_its_default_is_set_as_any_other(folder: Path) -> None:
    module = module_of_narrow(
        folder, "module.scheduler=plateau", "module.fails_for=7", "trainer.accumulate_grad_batches=2"
    )
    assert (module["scheduler"], module["fails_for"]) == ("plateau", 7)
    of_experiment = load_experiment("width", [], folder)
    assert Template(of_experiment, of_experiment.variants[1]).at("trial", ["module.fails_for=3"]).config["module"] == {
        **of_experiment.variants[1].config["module"],
        "fails_for": 3,
    }
    name = str(module["_target_"]).rpartition(".")[0]
    nested = load_experiment(
        "width",
        [f"+module.scheduler._target_={name}.Regressor", "module.scheduler.fails_for=2", "variant=wide"],
        folder,
    )
    assert nested.config["module"]["scheduler"] == {"_target_": f"{name}.Regressor", "fails_for": 2}


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("module.schedular=x", r"^Override 'module.schedular=x' of variant 'narrow' in experiments/width.yaml: module.schedular: .*Regressor has no such setting, did you mean 'scheduler'"),
        ("module.network.dropout=0.2", r"variant 'narrow' in experiments/width.yaml: module.network: .* has no such setting"),
        ("module.lr.x=3", r"variant 'narrow' in experiments/width.yaml: there is no key 'module.lr.x'"),
        ("~module.nothing", r"variant 'narrow' in experiments/width.yaml: there is no key 'module.nothing' to take away"),
        ("task=lightening", r"variant 'narrow' in experiments/width.yaml: group 'task' has no choice"),
        ("module={", r"^experiments/width.yaml, variant 'narrow': Override 'module={' is not in Hydra's grammar"),
        ("module.lr=1,2", r"^experiments/width.yaml, variant 'narrow': .* gives several values"),
        ("+hydra.job=3", r"'narrow' sets '\+hydra.job=3', but that belongs to the whole experiment"),
    ],
)  # fmt: skip
def test_an_override_of_a_variant_that_cannot_be_is_refused_by_its_name(folder: Path, own: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        module_of_narrow(folder, own)
    with pytest.raises(ConfigError, match=said):  # whatever else is wrong in what is typed
        load_experiment("width", ["module.hiden=3", "variant=narrow"] if "hydra" not in own else [], folder)
