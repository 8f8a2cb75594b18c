"""What Lightning's users rely on stays at work: both packages, hand-made steps, schedulers, arguments of Trainer, processes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from seedbed.checks import is_installed
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, DataError
from seedbed.running.planning import plan_cells
from seedbed.running.runner import run
from seedbed.tracking.store import open_project_store
from seedbed.training.progress import Display
from tests.own_modules.conftest import Write
from tests.own_modules.projects import TEMPLATE, TEMPLATE_EXPERIMENT

pytestmark = pytest.mark.slow  # nearly all of them train

PACKAGES = [
    "pytorch_lightning",
    pytest.param(
        "lightning", marks=pytest.mark.skipif(not is_installed("lightning"), reason="needs the extra lightning")
    ),
]
ONE = ["seeds=1", "variant=narrow"]
RATES = "+callbacks={rate: {_target_: pytorch_lightning.callbacks.LearningRateMonitor}}"


def name_of(project: Path) -> str:
    return next(project.glob("mine*.py")).stem


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_a_project_in_the_shape_of_lightning_hydra_template_runs_as_it_is(new_project: Write, package: str) -> None:
    project = new_project(package=package, code=TEMPLATE, experiment=TEMPLATE_EXPERIMENT)
    outcome = run("width", config_dir=project)
    assert outcome.failures == {}
    assert outcome.cells["test/acc"].between(0, 1).all()
    drawn = {"train/loss", "train/acc", "val/loss", "val/acc", "val/acc_best"}
    assert set(outcome.curves["metric"]) == drawn
    data = outcome.results.data
    assert (data["split"], data["same_split"], data["notes"]) == ({"train": 60, "val": 20, "test": 20}, True, [])
    kept = sorted((project / "logs" / "csv").rglob("metrics.csv"))
    assert len(kept) == 4
    assert {"lr-Adam", "test/acc"} <= set(next(csv.reader(kept[0].open())))


@pytest.mark.skipif(not is_installed("lightning"), reason="needs the extra lightning")
def test_parts_of_the_other_package_are_refused(new_project: Write) -> None:
    project = new_project(package="lightning")
    callback = "+callbacks={stop: {_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/loss}}"
    with pytest.raises(
        ConfigError,
        match=r"callbacks.stop._target_=.*: it is of the package pytorch_lightning, and the module of lightning",
    ):
        run("width", [callback], project)
    logger = "+loggers={csv: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: logs}}"
    with pytest.raises(ConfigError, match=r"loggers.csv._target_=.*: it is of the package pytorch_lightning"):
        run("width", [logger], project)
    other = f"{name_of(project)}_other"
    (project / f"{other}.py").write_text(
        "import pytorch_lightning\nclass Data(pytorch_lightning.LightningDataModule): ...\n"
    )
    with pytest.raises(
        ConfigError, match=r"datamodule._target_=mine\d+_other.Data: it is of the package pytorch_lightning"
    ):
        run("width", [f"datamodule._target_={other}.Data"], project)


@pytest.mark.parametrize(
    "given",
    [
        ["+module.scheduler=plateau"],
        ["module._target_=mine.LateNetwork"],
        ["trainer.gradient_clip_val=0.5", "+trainer.gradient_clip_algorithm=norm"],
        ["+trainer.limit_train_batches=1", "+trainer.limit_val_batches=1", "+trainer.limit_test_batches=1"],
        ["+trainer.accumulate_grad_batches=2", "+trainer.check_val_every_n_epoch=2"],
        ["trainer.max_epochs=1", "+trainer.enable_checkpointing=false", RATES],
    ],
    ids=["plateau", "configure_model", "clipping", "limits", "accumulation", "without_loggers"],
)
def test_arguments_and_hooks_change_what_is_trained(project: Path, given: list[str]) -> None:
    given = [text.replace("mine.", f"{name_of(project)}.") for text in given]
    longer = ["trainer.max_epochs=8", "module.lr=0.3"] if "plateau" in given[0] else []
    plain, outcome = run("width", [*ONE, *longer], project), run("width", [*ONE, *longer, *given], project)
    assert outcome.failures == {}
    assert outcome.trained == 1
    assert float(outcome.cells["test/mse"][0]) != float(plain.cells["test/mse"][0])


def test_two_optimizers_are_stepped_by_hand(project: Path) -> None:
    file = project / "experiments" / "width.yaml"
    text = file.read_text().replace(".Regressor, hidden: 4, lr: 0.01}", ".TwoOptimizers, lr: 0.01}")
    text = text.replace("{val/loss: lower, test/mse: lower}", "{test/critic: 0}").replace("test/mse", "test/critic")
    file.write_text(text.replace("narrow: [module.hidden=2]", "narrow: []").replace("module.hidden=8", "module.lr=0.1"))
    outcome = run("width", config_dir=project)
    assert outcome.failures == {}
    assert outcome.cells["test/critic"].nunique() == 4
    assert {"train/generator", "train/critic", "val/critic"} == set(outcome.curves["metric"])


def test_a_number_of_steps_says_how_long_a_seed_trains(project: Path) -> None:
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("max_epochs: 2", "max_steps: 4"))
    outcome = run("width", ONE, project)
    assert outcome.failures == {}
    assert outcome.curves[outcome.curves["metric"] == "train/epochs"]["epoch"].tolist() == [0, 1]


def test_final_metrics_are_kept_where_the_first_epoch_was_written_during_the_fit(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many epochs there will be is not known beforehand where steps are counted."""
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("max_epochs: 2", "max_steps: 8"))
    monkeypatch.setattr("seedbed.own_modules.training.SECONDS_BETWEEN_FLUSHES", 0.0)
    logger = f"+loggers={{csv: {{_target_: pytorch_lightning.loggers.CSVLogger, save_dir: {project}/logs}}}}"
    outcome = run("width", [*ONE, logger], project)
    assert outcome.failures == {}
    assert outcome.cells["test/mse"].notna().all()
    assert (project / "logs" / "seed 0 narrow" / outcome.cells["run"].item() / "metrics.csv").is_file()


def test_a_trial_run_takes_one_seed_and_records_nothing(project: Path) -> None:
    outcome = run("width", ["+trainer.fast_dev_run=true"], project)
    assert (outcome.failures, outcome.trained, outcome.launch) == ({}, 0, "")
    assert outcome.cells["status"].tolist() == ["MISSING"]
    with pytest.raises(ConfigError, match=r"metrics.val/los: .* did you mean 'val/loss'.*Nothing is recorded"):
        run("width", ["+metrics.val_los=lower", "trainer.fast_dev_run=true"], project)
    failing = [f"module._target_={name_of(project)}.Fails", "+module.fails_for=0", "+trainer.fast_dev_run=true"]
    assert run("width", failing, project).failures == {"narrow, seed 0": "RuntimeError: no luck with this seed"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["+trainer.max_epoch=3"],
            r"trainer.max_epoch: Trainer of pytorch_lightning has no such argument, did you mean 'max_epochs'",
        ),
        (
            ["trainer.batch_size=8"],
            "trainer.batch_size: not under task=lightning, where the data module makes the batches",
        ),
        (["optimizer=sgd"], "optimizer: not under task=lightning, where the module holds its network"),
        (["model=mlp"], "model: not under task=lightning"),
        (["patience=3"], "patience: not under task=lightning, where a callback says so, such as .*EarlyStopping"),
        (["split=random", "split.val=0.3"], "split: not under task=lightning"),
        (
            ["module._target_=torch.nn.ReLU", "~module.hidden"],
            "module._target_=torch.nn.ReLU: it is not a LightningModule",
        ),
        (
            ["datamodule._target_=mine.NoData"],
            "datamodule._target_=.*: it is not a LightningDataModule",
        ),
        (["+callbacks.x={_target_: torch.nn.ReLU}"], "callbacks.x._target_=torch.nn.ReLU: it is not a Callback"),
        (["+trainer.logger=true"], "trainer.logger: not under task=lightning, where name loggers under loggers"),
        (["trainer.accelerator=abacus"], "trainer: pytorch_lightning.Trainer refuses these settings"),
        (
            ["trainer.devices=2", "+trainer.strategy=ddp_spawn"],
            "trainer.strategy=ddp_spawn: it trains in spawned or forked copies .* Write trainer.strategy=ddp,",
        ),
        (
            ["trainer.devices=2", "+trainer.strategy=ddp_fork"],
            "trainer.strategy=ddp_fork: it trains in spawned or forked",
        ),
        (
            ["trainer.devices=2", "+trainer.strategy=fsdp"],
            "trainer: pytorch_lightning.Trainer refuses these settings: .*fsdp",
        ),
        (["+datamodule.batch_size=none"], "Data cannot prepare the data of seed 0: ValueError"),
        (["trainer.seeds_at_once=0"], "trainer.seeds_at_once=0 cannot be used"),
        (["seeds=[4294967296]"], "seeds: 4294967296 is more than seed_everything takes"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_is_refused_before_any_work(project: Path, given: list[str], said: str) -> None:
    given = [text.replace("mine.", f"{name_of(project)}.") for text in given]
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("[module.hidden=2]", "[]"))
    with pytest.raises((ConfigError, DataError), match=said):
        run("width", [*given, "variant=narrow"], project)
    assert not (project / "mlartifacts").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "+loggers.keyed={_target_: mine.Keyed, save_dir: FOLDER/logs}",
            "loggers.keyed: cannot build .*: there is no key",
        ),
        (
            "+loggers.made={_target_: mine.function_of_a_network}",
            "loggers.made._target_=.* gives ReLU, which is no Logger",
        ),
        ("+callbacks.late={_target_: mine.NotMade}", "callbacks.late: cannot build .*: not today"),
        ("+callbacks.made={_target_: mine.function_of_a_network}", "callbacks.made._target_=.* which is no Callback"),
    ],
)
def test_loggers_and_callbacks_that_cannot_be_made_are_refused_before_any_training(
    project: Path, given: str, said: str
) -> None:
    given = given.replace("mine.", f"{name_of(project)}.").replace("FOLDER", str(project))
    with pytest.raises(ConfigError, match=f"Variant 'narrow': {said}"):
        run("width", [given, "variant=narrow"], project)
    assert not (project / "mlartifacts").exists()
    assert not (project / "logs").exists()


def test_a_logger_that_can_be_made_leaves_nothing_where_nothing_trains(project: Path) -> None:
    node = f"+loggers.keyed={{_target_: {name_of(project)}.Keyed, save_dir: {project}/logs, key: 1}}"
    plan_cells(load_experiment("width", [node, "variant=narrow"], project), Display(quiet=True))
    assert not (project / "logs").exists()


def test_settings_of_modules_belong_to_their_task(project: Path) -> None:
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("/task: lightning", "/task: rating"))
    with pytest.raises(
        ConfigError, match=r"split_seed is \$\{seed\}, the seed of the cell, which there is under task=lightning"
    ):
        run("width", config_dir=project)
    with pytest.raises(ConfigError, match="module: it is a setting of task=lightning"):
        run("width", ["datamodule.split_seed=0"], project)


@pytest.mark.extended
def test_two_processes_train_a_seed_each_by_the_same_numbers(project: Path) -> None:
    apart = run("width", ["trainer.seeds_at_once=2", "variant=narrow"], project)
    assert apart.failures == {}
    store = open_project_store("width", project)
    assert {cell.threads for cell in store.cells().values()} == {"1"}
    (project / "mlflow.db").unlink()
    here = run("width", ["variant=narrow"], project)
    assert apart.cells["test/mse"].tolist() == here.cells["test/mse"].tolist()


@pytest.mark.extended
def test_processes_of_one_seed_train_it_together(project: Path) -> None:
    ddp = ["trainer.devices=2", "+trainer.strategy=ddp", "variant=narrow", "seeds=1"]
    outcome = run("width", ddp, project)
    assert outcome.failures == {}
    [alone] = run("width", ONE, project).cells["test/mse"]
    assert outcome.cells["test/mse"].notna().all()
    assert float(outcome.cells["test/mse"][0]) != float(alone)
