"""Scores of validation and test rows: kept as they were measured, and summarised over the seeds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from seedbed.recorded import DECISIONS, LABELS, LOGITS, PREDICTED
from seedbed.report.json_values import json_text, plain, restored
from seedbed.results import Scored
from seedbed.tracking.kept_scores import kept_scores
from seedbed.tracking.launches import find_launch
from seedbed.tracking.reading import read_results
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.scored import summarised
from seedbed.tracking.scores import ROWS, Scores, named
from seedbed.tracking.store import Store, open_project_store
from tests.conftest import TrainOnce

LIST = """
  net: [select=best, monitor=val/f1]
  decides: ['model={_target_: sklearn.svm.LinearSVC}']
  labels: ['model={_target_: sklearn.multiclass.OutputCodeClassifier, estimator: {_target_: sklearn.svm.LinearSVC}}']
"""


@pytest.mark.slow
def test_what_is_kept_gives_the_recorded_metrics(train_once: TrainOnce) -> None:
    """Of the epoch that was chosen, and of estimators; seeds of one split have as many rows, those of others may not."""

    def prepare(folder: Path) -> None:
        path = folder / "experiments" / "messages.yaml"
        start, rest = path.read_text().split("variants:\n")
        end = rest[rest.index("report:") :].replace("baseline: none", "baseline: net")
        path.write_text(f"{start}variants:{LIST}{end}")

    folder, outcome = train_once("messages", ["trainer.max_epochs=4", "optimizer.lr=0.05"], prepare)
    assert not outcome.failures
    store = open_project_store("messages", folder)
    for cell in store.cells().values():
        scores = kept_scores(store, cell)
        for side in ("val", "test"):
            kept = scores.of(side)
            metrics = recorded(store, cell, side)
            spam = kept[LABELS] == 1
            assert (kept[ROWS] < 20).tolist() == spam.tolist()  # the first 20 rows of the table are spam
            assert f1_score(spam, kept[PREDICTED] == 1) == pytest.approx(metrics["f1"])
            if cell.variant == "labels":
                assert not {LOGITS, DECISIONS} & set(kept)
                continue
            values = kept[LOGITS if cell.variant == "net" else DECISIONS]
            assert values.dtype == np.float32
            assert roc_auc_score(spam, values) == pytest.approx(metrics["auroc"])
            assert average_precision_score(spam, values) == pytest.approx(metrics["average_precision"])
            assert balanced_accuracy_score(spam, values > 0) == pytest.approx(metrics["balanced_accuracy"])
    scored = read_results(store, find_launch(store), curves=False, scored=True).scored
    assert scored is not None
    assert (list(scored.variants), scored.lacking, scored.positive) == (["net", "decides"], {"labels": 3}, "spam")
    assert scored.variants["net"].f1 is not None
    assert scored.variants["decides"].f1 is None


def recorded(store: Store, cell: SeedRun, side: str) -> dict[str, float]:
    """Metrics of test rows, or those of validation rows at the epoch that was chosen: the first with the highest F1."""
    if side == "test":
        return {name.removeprefix("test/"): value for name, value in cell.metrics.items()}
    names = [f"val/{name}" for name in ("f1", "auroc", "average_precision", "balanced_accuracy")]
    points = {(name.removeprefix("val/"), epoch): value for name, epoch, value in store.curves(cell.id, names)}
    of_f1 = {epoch: value for (name, epoch), value in points.items() if name == "f1"}
    chosen = max(of_f1, key=lambda epoch: (of_f1[epoch], -epoch))
    return {name: value for (name, epoch), value in points.items() if epoch == chosen}


def made(shift: float, seed: int) -> Scores:
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for side in ("val", "test"):
        labels = (rng.random(400) < 0.2).astype(np.uint8)
        logits = (rng.normal(2.0 * labels - 2, 1) + shift).astype(np.float32)
        of_side = {ROWS: np.arange(400), LABELS: labels, PREDICTED: (logits > 0).astype(np.uint8), LOGITS: logits}
        arrays |= named(of_side, side)
    return Scores(arrays)


def test_a_shift_of_the_log_odds_moves_the_threshold_and_nothing_else() -> None:
    kept = {name: {seed: made(shift, seed) for seed in range(4)} for name, shift in {"none": 0.0, "more": 1.5}.items()}
    scored = summarised(kept, 1, "spam")
    assert scored is not None
    none, more = scored.variants["none"], scored.variants["more"]
    assert (none.precision, none.recall) == (more.precision, more.recall)
    for name in ("auroc", "average_precision", "f1_tuned"):
        assert none.measures[name] == pytest.approx(more.measures[name], abs=1e-6)
    assert none.measures["brier_recalibrated"] == pytest.approx(more.measures["brier_recalibrated"], abs=1e-5)
    odds = [logit(of.measures["threshold"]) for of in (none, more)]
    np.testing.assert_allclose(odds[1] - odds[0], 1.5, atol=0.02)
    assert np.mean(more.measures["brier"]) > np.mean(more.measures["brier_recalibrated"]) + 0.02
    assert sum(none.histogram or []) == 4 * 400
    # The curve of F1 moves by the shift.
    step = 2 * scored.reach / (scored.points - 1)
    best = [step * float(np.argmax(of.f1.mean)) for of in (none, more) if of.f1]
    assert best[1] - best[0] == pytest.approx(1.5, abs=0.5)


def test_seeds_without_scores_or_without_a_class_are_counted() -> None:
    one_class = Scores({**made(0, 1).arrays, LABELS: np.zeros(400, dtype=np.uint8)})
    scored = summarised({"none": {0: made(0, 0), 1: one_class, 2: Scores({})}, "old": {0: Scores({})}}, 1, "spam")
    assert scored is not None
    assert (scored.variants["none"].seeds, scored.lacking) == ([0], {"none": 2, "old": 1})
    assert restored(json.loads(json_text(plain(scored))), Scored) == scored
    assert summarised({"old": {0: Scores({})}}, 1, "spam") is None
