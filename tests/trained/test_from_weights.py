"""Scores that are computed from kept weights: those that would have been kept, or none, with the reason."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from safetensors.torch import load_file, save_file

from seedbed.cli.main import main
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.recorded import DECISIONS, LOGITS, PREDICTED
from seedbed.report.record import read_record
from seedbed.running.runner import run
from seedbed.tracking.client import ProjectClient
from seedbed.tracking.names import (
    ABOUT_SCORES_FROM_WEIGHTS,
    ADJUSTMENT,
    ESTIMATOR,
    SCORES,
    SCORES_FROM_WEIGHTS,
    WEIGHTS,
)
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store, open_project_store
from seedbed.trained.from_weights import ScoresFromWeights

pytestmark = pytest.mark.slow

ALL_KINDS = """
# @package _global_
defaults:
  - override /data: feature_csv
  - override /model: mlp
  - override /task: classification
question: Are they the same?
seeds: 2
data: {path: rows.csv, label: state}
split: {train: 0.5, val: 0.25, test: 0.25}
model: {hidden: [8]}
optimizer: {lr: 0.01}
select: best
monitor: val/loss
trainer: {max_epochs: 3, batch_size: 32, accelerator: cpu, seeds_at_once: 2}
tracking: {pictures: false}
variants:
  none: []
  weighted: [imbalance=class_weights]
  corrected: [imbalance=undersample, imbalance.after=prior_correction]
  forest: [model=random_forest, model.n_estimators=5, imbalance.after=threshold]
  isotonic: [model=logistic_regression, imbalance.after=recalibrate, imbalance.after.method=isotonic]
  decides: ["model={_target_: sklearn.svm.LinearSVC}"]
report: {metric: test/f1, baseline: none}
"""


@pytest.fixture(scope="module")
def all_kinds(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "experiments").mkdir()
    (folder / "experiments" / "kinds.yaml").write_text(ALL_KINDS)
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(2, 400))
    ill = draw.random(400) < 1 / (1 + np.exp(3 - 2 * a - b))
    pd.DataFrame({"a": a, "b": b, "state": np.where(ill, "ill", "well")}).to_csv(folder / "rows.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBED_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        assert not run("kinds", config_dir=folder).failures
    return folder


def files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"mlartifacts/*/*/artifacts/{name}"))


def without_kept(folder: Path) -> dict[str, Scores]:
    """What was kept of each run, which is then deleted."""
    kept = {}
    for path in files(folder, SCORES):
        kept[path.parent.parent.name] = Scores.read(path)
        path.unlink()
    return kept


def computed(store: Store) -> ScoresFromWeights:
    found = ScoresFromWeights(store)
    found.compute(list(store.cells().values()))
    return found


def test_they_are_those_that_were_kept(all_kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(all_kinds)
    kept = without_kept(all_kinds)
    found = computed(open_project_store("kinds", all_kinds))
    assert (found.refused, found.not_kept) == ({}, "")
    assert len(kept) == len(found.scores) == 12
    for run_id, then in kept.items():
        now = Scores.read(all_kinds / "mlartifacts" / "kinds" / run_id / "artifacts" / SCORES_FROM_WEIGHTS).arrays
        assert list(now) == list(then.arrays)
        for name, values in then.arrays.items():
            if name.removeprefix("val_") in (LOGITS, DECISIONS):
                np.testing.assert_allclose(now[name], values, rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(now[name], values)
        assert now[PREDICTED].dtype == then.arrays[PREDICTED].dtype
    again = computed(open_project_store("kinds", all_kinds))
    assert not again.scores
    assert list(again.sentences()) == []


def report(folder: Path, to: Path, *options: str, experiment: str = "messages") -> Result:
    return CliRunner().invoke(
        main, ["report", experiment, "--config-dir", str(folder), "--output", str(to), "--format", "csv", *options]
    )


def test_a_report_computes_them_when_asked_and_finds_them_afterwards(trained_project: Path, tmp_path: Path) -> None:
    before = read_record("messages", reported(trained_project, tmp_path / "kept")).results.scored
    assert before is not None
    without_kept(trained_project)
    plain = report(trained_project, tmp_path / "plain")
    assert "6 seeds have kept no scores of rows" in plain.stderr
    assert "--scores computes them from the weights" in plain.stderr
    assert read_record("messages", tmp_path / "plain").results.scored is None
    asked = report(trained_project, tmp_path / "asked", "--scores")
    assert (
        "Scores of 6 seeds (3 of none, 3 of oversample) were computed from their weights. They are kept" in asked.stderr
    )
    later = report(trained_project, tmp_path / "later")
    assert "scores" not in later.stderr
    for name in ("asked", "later"):
        scored = read_record("messages", tmp_path / name).results.scored
        assert scored is not None
        assert scored.from_weights == {"none": 3, "oversample": 3}
        for variant, of in before.variants.items():
            assert scored.variants[variant].measures["auroc"] == pytest.approx(of.measures["auroc"])
            assert scored.variants[variant].measures["brier"] == pytest.approx(of.measures["brier"], rel=1e-5)
    assert len(files(trained_project, ABOUT_SCORES_FROM_WEIGHTS)) == 6


def reported(folder: Path, to: Path) -> Path:
    assert report(folder, to).exit_code == 0
    return to


def test_a_store_that_cannot_be_written_is_reported_too(
    trained_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_kept(trained_project)

    def refused(_: ProjectClient) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(ProjectClient, "open_for_writing", refused)
    asked = report(trained_project, tmp_path / "asked", "--scores")
    assert "were computed from their weights. They are not kept, as the store cannot be written" in asked.stderr
    scored = read_record("messages", tmp_path / "asked").results.scored
    assert scored is not None
    assert scored.from_weights == {"none": 3, "oversample": 3}
    assert not files(trained_project, SCORES_FROM_WEIGHTS)


@pytest.mark.parametrize("what", ["weights", "data", "gone", "split"])
def test_what_is_not_the_cells_own_is_refused(
    trained_project: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_kept(trained_project)
    reason = _changed(trained_project, what, monkeypatch)
    asked = report(trained_project, tmp_path / "asked", "--scores")
    assert asked.exit_code == 0, asked.output
    assert reason in asked.stderr
    scored = read_record("messages", tmp_path / "asked").results.scored
    seeds = 0 if scored is None else sum(len(of.seeds) for of in scored.variants.values())
    assert seeds == (5 if what == "weights" else 0)


def _changed(folder: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Change something, and what is said then."""
    if what == "weights":
        path = files(folder, WEIGHTS)[0]
        save_file({name: values * 1.5 for name, values in load_file(path).items()}, path)
        return "No scores of 1 seed (1 of "
    if what == "gone":
        for path in files(folder, WEIGHTS):
            path.unlink()
        return "No scores of 6 seeds (3 of none, 3 of oversample) can be computed from weights: no weights are in the store"
    if what == "data":
        for path in folder.glob("mlartifacts/*/*/artifacts/config.yaml"):
            path.write_text(path.read_text().replace("d" * 64, "e" * 64))
        return "are no longer those that it was trained on (SHA-256 eeeeeeeeeeeeeeee, then dddddddddddddddd)"
    drawn = GroupStratifiedSplit.rows
    monkeypatch.setattr(GroupStratifiedSplit, "rows", lambda self, table, seed: drawn(self, table, seed + 7))
    return "is recorded, further apart than rounding explains"


def test_an_adjustment_that_is_gone_is_no_reason_to_use_raw_scores(
    all_kinds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(all_kinds)
    for name in (SCORES, SCORES_FROM_WEIGHTS):
        for path in files(all_kinds, name):
            path.unlink()
    (gone,) = [path for path in files(all_kinds, ADJUSTMENT) if (path.parent / ESTIMATOR).exists()][:1]
    content = gone.read_text()
    gone.unlink()
    try:
        found = computed(open_project_store("kinds", all_kinds))
    finally:
        gone.write_text(content)
    ((cell, why),) = found.refused.values()
    assert cell.id == gone.parent.parent.name
    assert f"{ADJUSTMENT} of run" in why
    assert len(found.scores) == 11
