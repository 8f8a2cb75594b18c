"""A LightningModule and a data module as people write them are trained, tracked and compared without a changed line."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from seedbed.errors import ConfigError, DataError
from seedbed.running.runner import run
from seedbed.tracking.store import open_project_store

pytestmark = pytest.mark.slow  # nearly all of them train

CPU = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}


def module_of(project: Path) -> Any:
    return importlib.import_module(next(project.glob("mine*.py")).stem)


def by_hand(project: Path, seed: int, hidden: int) -> tuple[float, list[float]]:
    """Test loss, and validation loss by epoch, of an ordinary script."""
    mine = module_of(project)
    kept: list[float] = []

    class Keep(pl.Callback):
        def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            if not trainer.sanity_checking:
                kept.append(float(trainer.callback_metrics["val/loss"]))

    pl.seed_everything(seed, workers=True)
    data = mine.Data(split_seed=seed)
    pl.seed_everything(seed, workers=True)
    module = mine.Regressor(hidden=hidden)
    trainer = pl.Trainer(max_epochs=2, callbacks=[Keep()], enable_model_summary=False, **CPU)  # type: ignore[arg-type]
    trainer.fit(module, datamodule=data)
    [tested] = trainer.test(module, datamodule=data, verbose=False)
    return tested["mse"], kept


def test_the_numbers_are_those_of_an_ordinary_script(project: Path) -> None:
    outcome = run("width", config_dir=project)
    assert outcome.failures == {}
    cells = outcome.cells.set_index(["variant", "seed"])
    curves = outcome.curves[outcome.curves["metric"] == "val/loss"].set_index(["variant", "seed"])
    for variant, hidden in (("narrow", 2), ("wide", 8)):
        for seed in (0, 1):
            mse, losses = by_hand(project, seed, hidden)
            assert cells.loc[(variant, seed), "test/mse"] == mse
            assert curves.loc[(variant, seed), "value"].tolist() == losses


def test_what_is_logged_per_epoch_is_drawn_and_what_is_declared_is_ranked(project: Path) -> None:
    results = run("width", config_dir=project).results
    drawn = {"train/loss", "train/epochs", "train/by_step", "train/first", "val/loss", "val/size"}
    assert set(results.curves["metric"]) == drawn
    assert results.labels["val/size"] == "val_size"
    assert results.labels["test/mse"] == "mse"
    assert results.metric("test/mse").good == "lower"
    assert not results.metric("val/size").is_ranked
    assert results.metrics == ["seconds", "test/mse"]


def test_what_is_logged_per_step_only_has_the_last_value_of_each_epoch(project: Path) -> None:
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("{val/loss: lower", "{train/by_step: lower, val/loss: lower"))
    curves = run("width", ["seeds=1", "variant=narrow"], project).results.curves
    values = {name: of["value"].tolist() for name, of in curves.groupby("metric")}
    kept: list[dict[str, float]] = []

    class Keep(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
            kept.append({name: float(value) for name, value in trainer.callback_metrics.items()})

    mine = module_of(project)
    pl.seed_everything(0, workers=True)
    data = mine.Data(split_seed=0)
    pl.seed_everything(0, workers=True)
    trainer = pl.Trainer(max_epochs=2, callbacks=[Keep()], enable_model_summary=False, **CPU)  # type: ignore[arg-type]
    trainer.fit(mine.Regressor(hidden=2), datamodule=data)
    assert values["train/by_step"] == [epoch["train/by_step"] for epoch in kept]
    assert values["train/loss"] == [epoch["train/loss_epoch"] for epoch in kept]
    assert values["train/first"] == [kept[0]["train/first"]]


def test_seeds_that_redraw_the_split_are_found(project: Path) -> None:
    data = run("width", config_dir=project).results.data
    assert data["split"] == {"train": 48, "val": 16, "test": 16}
    assert (data["same_split"], data["same_test"], data["notes"]) == (False, False, [])
    assert set(run("width", ["datamodule.split_seed=3"], project).comparisons["test"]) == {"paired t-test"}


@pytest.mark.parametrize("how", ["subset", "tensors"])
def test_variants_with_other_rows_are_refused(project: Path, how: str) -> None:
    file = project / "experiments" / "width.yaml"
    text = file.read_text().replace('split_seed: "${seed}"', f'split_seed: "${{seed}}", how: {how}')
    file.write_text(text.replace("[module.hidden=8]", "[datamodule.split_seed=7]"))
    with pytest.raises(ConfigError, match=r"'wide' serves other rows than 'narrow' under seed 0 \(train, val, test\)"):
        run("width", config_dir=project)
    assert open_project_store("width", project).launches() == [] if (project / "mlartifacts").exists() else True


def test_a_split_drawn_from_the_global_stream_is_the_same_for_all_variants(project: Path) -> None:
    outcome = run("width", ["+datamodule.how=global"], project)
    assert outcome.failures == {}
    assert outcome.results.data["same_split"] is False
    store = open_project_store("width", project)
    rows = {(cell.variant, cell.seed): json.dumps(cell.rows) for cell in store.cells().values()}
    assert rows["narrow", 0] == rows["wide", 0] != rows["narrow", 1] == rows["wide", 1]


def test_rows_that_cannot_be_seen_are_said_to_be_assumed(project: Path) -> None:
    data = run("width", ["+datamodule.how=stream"], project).results.data
    assert data["same_split"] is True
    assert "cannot be seen: it is assumed that all seeds share one split" in data["notes"][0]


def test_redrawn_rows_of_unknown_number_are_said_to_be_taken_for_one_split(project: Path) -> None:
    outcome = run("width", ["+datamodule.how=stream_train", "seeds=3"], project)
    assert outcome.failures == {}
    assert "redraw the rows that are served as val, test, but the numbers of" in outcome.results.data["notes"][0]
    assert set(outcome.comparisons["test"]) == {"paired t-test"}


def test_without_a_test_part_validation_values_are_compared_and_said_to_be_optimistic(project: Path) -> None:
    name = next(project.glob("mine*.py")).stem
    given = [f"datamodule._target_={name}.WithoutTest"]
    with pytest.raises(ConfigError, match=r"there is no test part .* Write report.metric=val/mse"):
        run("width", given, project)
    outcome = run("width", [*given, "report.metric=val/loss"], project)
    assert outcome.failures == {}
    assert outcome.cells["val/loss"].notna().all()
    assert "which are optimistic if" in outcome.results.notes["narrow"][0]
    with pytest.raises(ConfigError, match="select=best: there is no test part"):
        run("width", [*given, "report.metric=val/loss", "select=best", BEST], project)


def test_data_that_have_changed_since_are_refused_beside_cells_from_before(project: Path) -> None:
    assert run("width", ["variant=narrow"], project).failures == {}
    mine = module_of(project)
    made_up = mine.made_up
    mine.made_up = lambda rows: made_up(rows - 5)
    changed = r"'narrow', seed 0: the data have changed .* \(train: 48 rows of digest \w+ recorded, 45 rows of digest \w+ now; val: "
    for more in (["variant=narrow", "seeds=3"], []):
        with pytest.raises(DataError, match=changed):
            run("width", more, project)
    assert len(open_project_store("width", project).launches()) == 1
    assert run("width", ["variant=narrow"], project).trained == 0  # nothing is added to them
    assert run("width", ["variant=wide"], project).failures == {}


def test_values_that_have_changed_in_as_many_rows_are_refused(project: Path) -> None:
    given = ["variant=narrow", "+datamodule.how=tensors"]
    assert run("width", [*given, "seeds=[3]"], project).failures == {}
    mine = module_of(project)
    made_up = mine.made_up
    mine.made_up = lambda rows: [values + 1 for values in made_up(rows)]
    with pytest.raises(DataError, match=r"seed 3: .* 48 rows of digest (\w+) recorded, 48 rows of digest (?!\1)"):
        run("width", [*given, "seeds=4"], project)


BEST = "+callbacks={best: {_target_: pytorch_lightning.callbacks.ModelCheckpoint, monitor: val/loss}}"


def test_more_seeds_cost_the_new_ones(project: Path) -> None:
    assert run("width", config_dir=project).trained == 4
    assert run("width", ["seeds=3"], project).trained == 2
    assert run("width", ["seeds=3"], project).trained == 0


def test_the_best_epoch_is_tested(project: Path) -> None:
    with pytest.raises(
        ConfigError, match="select=best: the epoch that is tested is the one that a ModelCheckpoint keeps"
    ):
        run("width", ["select=best"], project)
    with pytest.raises(ConfigError, match="mode=max cannot be used: it must be min"):
        run("width", ["select=best", BEST.replace("val/loss}", "val/loss, mode: max}")], project)
    given = ["variant=wide", "seeds=1", "module.lr=0.5", "trainer.max_epochs=6"]
    last = run("width", given, project)
    outcome = run("width", [*given, "select=best", BEST], project)
    assert outcome.failures == {}
    losses = outcome.curves[outcome.curves["metric"] == "val/loss"].set_index("epoch")["value"]
    [cell] = [
        each for each in open_project_store("width", project).cells().values() if each.id == outcome.cells["run"][0]
    ]
    assert cell.chosen_epoch == losses.idxmin() < 5
    assert cell.circumstances["selection"] == "select=best by val/loss"
    assert float(outcome.cells["test/mse"][0]) != float(last.cells["test/mse"][0])


def test_a_seed_that_fails_stops_no_other(project: Path) -> None:
    name = next(project.glob("mine*.py")).stem
    outcome = run("width", ["seeds=3", f"module._target_={name}.Fails", "variant=narrow"], project)
    assert outcome.failures == {"narrow, seed 1": "RuntimeError: no luck with this seed"}
    assert "on_train_start" in outcome.tracebacks["narrow, seed 1"]
    assert outcome.cells["status"].tolist() == ["FINISHED", "FAILED", "FINISHED"]


def test_a_seed_without_a_finite_value_has_diverged(project: Path) -> None:
    name = next(project.glob("mine*.py")).stem
    outcome = run("width", [f"module._target_={name}.Diverges", "variant=narrow"], project)
    assert outcome.cells["outcome"].tolist() == ["diverged", "diverged"]


def test_a_metric_that_nothing_logs_ends_the_run_after_its_first_seed(project: Path) -> None:
    file = project / "experiments" / "width.yaml"
    file.write_text(file.read_text().replace("test/mse: lower}", "test/mse: lower, test/mze: lower}"))
    with pytest.raises(
        ConfigError,
        match=r"metrics.test/mze: test/mze: the module logs nothing of that name per epoch, did you mean 'test/mse'",
    ):
        run("width", ["seeds=3"], project)
    store = open_project_store("width", project)
    assert [cell.status for cell in store.cells().values()] == ["FINISHED"]
    assert store.launches()[0].status == "FAILED"
    with pytest.raises(ConfigError, match=r"report.metric=test/acc: metrics declares nothing of that name"):
        run("width", ["report.metric=test/acc"], project)


def test_the_surroundings_are_as_they_were(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run("width", ["variant=narrow", "seeds=1", "trainer.deterministic=true"], project)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()
    assert "PL_GLOBAL_SEED" not in os.environ
