"""Metrics that were not recorded, computed from kept scores: as they would have been recorded, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from seedbed.cli.main import main
from seedbed.errors import ConfigError
from seedbed.recorded import DECISIONS, LABELS, PREDICTED
from seedbed.report.record import read_record
from seedbed.results import Results
from seedbed.stacking.metrics import CLASSIFICATION
from seedbed.tracking.launches import find_launch
from seedbed.tracking.names import SCORES, WEIGHTS
from seedbed.tracking.reading import read_results
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store, open_project_store
from seedbed.trained.unrecorded import with_metric

OWN = """
def share(probabilities, labels):
    return probabilities[:, 1].mean()
"""
ENTRY = "task: {own_metrics: {share: {function: {_target_: own_share.share, _partial_: true}, good: lower}}}\n"


def without(results: Results, label: str) -> Results:
    return replace(results, cells=results.cells.drop(columns=label))


def read(folder: Path) -> tuple[Store, Results]:
    store = open_project_store("messages", folder)
    return store, read_results(store, find_launch(store), curves=False)


@pytest.mark.slow
def test_each_metric_is_what_it_was_recorded_as(trained_project: Path) -> None:
    store, results = read(trained_project)
    for metric in CLASSIFICATION:
        label = f"test/{metric.name}"
        found = with_metric(store, without(results, label), label, trained_project)
        pd.testing.assert_series_equal(found.cells[label], results.cells[label], rtol=1e-6)
        assert list(found.cells) == list(results.cells)
    assert with_metric(store, results, "test/f1", trained_project) is results
    assert "test/nothing" not in with_metric(store, results, "test/nothing", trained_project).metrics


@pytest.mark.slow
def test_a_users_metric_of_today_is_reported_and_tested(trained_project: Path, tmp_path: Path) -> None:
    (trained_project / "own_share.py").write_text(OWN)
    experiment = trained_project / "experiments" / "messages.yaml"
    experiment.write_text(experiment.read_text() + ENTRY)
    arguments = [
        "report",
        "messages",
        "--metric",
        "test/share",
        "--config-dir",
        str(trained_project),
        "--format",
        "csv",
    ]
    result = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path / "report")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    comparisons = pd.read_csv(tmp_path / "report" / "comparisons.csv")
    assert comparisons["n"].tolist() == [3]
    assert comparisons["test"].tolist() == ["corrected resampled t-test"]
    found = read_record("messages", tmp_path / "report").results
    assert found.metric("test/share").good == "lower"
    cell = found.cells.iloc[0]
    logits = kept(trained_project, cell["run"])["logits"].astype(float)
    assert cell["test/share"] == pytest.approx((1 / (1 + np.exp(-logits))).mean())


def kept(folder: Path, run: str) -> dict[str, np.ndarray]:
    return dict(Scores.read(place(folder, run)).arrays)


def place(folder: Path, run: str) -> Path:
    return folder / "mlartifacts" / "messages" / run / "artifacts" / SCORES


@pytest.mark.slow
def test_what_is_not_there_is_refused(trained_project: Path) -> None:
    store, results = read(trained_project)
    first, second = results.cells["run"][:2]
    some = {**kept(trained_project, first)}
    some[DECISIONS] = some.pop("logits")
    place(trained_project, first).write_bytes(Scores(some).content())
    assert "test/auroc" in with_metric(store, without(results, "test/auroc"), "test/auroc", trained_project).metrics
    with pytest.raises(ConfigError, match="it is computed from probabilities, and 'none' gave none"):
        with_metric(store, without(results, "test/loss"), "test/loss", trained_project)
    place(trained_project, first).write_bytes(Scores({name: some[name] for name in (LABELS, PREDICTED)}).content())
    assert with_metric(store, without(results, "test/f1"), "test/f1", trained_project).cells["test/f1"].tolist() == (
        pytest.approx(results.cells["test/f1"].tolist())
    )
    place(trained_project, second).unlink()
    place(trained_project, second).with_name(WEIGHTS).unlink()
    with pytest.raises(
        ConfigError, match=r"one seed has kept no scores \(1 of none\).* no weights are in the store.*run them"
    ):
        with_metric(store, without(results, "test/f1"), "test/f1", trained_project)


@pytest.mark.slow
def test_it_is_computed_from_weights_where_no_scores_were_kept(trained_project: Path) -> None:
    store, results = read(trained_project)
    place(trained_project, results.cells["run"][1]).unlink()
    found = with_metric(store, without(results, "test/brier"), "test/brier", trained_project)
    pd.testing.assert_series_equal(found.cells["test/brier"], results.cells["test/brier"], rtol=1e-5)
    (said,) = found.notes["none"][len(results.notes.get("none", ())) :]
    assert said == "test/brier of 1 seed is of scores that were computed after training, from the weights."
    assert found.notes.get("oversample") == results.notes.get("oversample")
