"""What a run writes, and how it ends."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import pytest

from seedbed.errors import TrackingError
from seedbed.metrics import metric_name
from seedbed.tracking import client
from seedbed.tracking.params import param_text
from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.tracked_run import TrackedRun, ending
from seedbed.training.logger import LightningLogger


def logged(run: TrackedRun) -> dict[str, float]:
    return dict(run._client.get_run(run.id).data.metrics)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("val/top@10", "val/top_at_10"), ("f1 (macro)", "f1_macro"), ("acc%", "acc_percent"), ("test/loss", "test/loss"),
        ("ndcg@5 é", "ndcg_at_5"),
    ],
)  # fmt: skip
def test_one_canonical_name_in_both_paths(run: TrackedRun, label: str, name: str) -> None:
    assert metric_name(label) == name
    LightningLogger(lambda points: run.log(curves=points)).log_metrics({label: 0.5, "epoch": 3})
    run.log(curves=[(label, 4, 0.6)])
    assert [(point.step, point.value) for point in run._client.get_metric_history(run.id, name)] == [(3, 0.5), (4, 0.6)]
    tags = run._client.get_run(run.id).data.tags
    assert tags.get(f"seedbed.label.{name}", name) == label


def test_equal_params_may_be_logged_again_and_changed_ones_are_named(run: TrackedRun) -> None:
    run.log(params={"lr": 1, "name": "x"}, curves=[("val/loss", 0, 0.5)])
    run.log(params={"lr": 1.0})
    with pytest.raises(TrackingError, match=r"lr was 1, is now 2.*new run"):
        run.log(params={"lr": 2.0})
    assert logged(run) == {"val/loss": 0.5}


def test_many_and_long_params(run: TrackedRun) -> None:
    first, second = [0] * 3500, [0] * 3499 + [1]
    params = {f"key{number}": number for number in range(250)} | {"a": first, "b": second, "k" * 300: "long"}
    run.log(params=params)
    back = run._client.get_run(run.id).data.params
    assert len(back) == 253
    assert "…[truncated" in back["a"]
    assert len(back["a"]) == 6000
    assert back["a"] != back["b"]  # they differ in the last element only
    assert param_text([1.0, 2]) == param_text([1, 2.0])


def test_no_non_finite_value_is_written(run: TrackedRun) -> None:
    run.log(curves=[("a", 0, math.nan), ("b", 0, math.inf), ("c", 0, 0.5)])
    assert logged(run) == {"c": 0.5}


@pytest.mark.slow
def test_artifacts_in_folders_with_blanks_and_accents(tmp_path: Path) -> None:
    project = tmp_path / "my runs" / "é"
    store = Store(store_uri(project), project, "e")
    run = store.start("r", "seed", {})
    run.artifact("notes/a b.txt", "content é")
    assert run.text("notes/a b.txt") == "content é"


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "FINISHED"), (ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(143), "KILLED")],
    ids=["done", "error", "interrupt", "terminated"],
)
def test_the_final_status_is_true(run: TrackedRun, error: BaseException | None, status: str) -> None:
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), ending(run):
        if error is not None:
            raise error
    assert run._client.get_run(run.id).info.status == status


def test_points_that_are_read_at_once_are_those_that_mlflow_gives(
    run: TrackedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a store that is no database are asked for by MLflow, a metric after the other."""
    run.log(curves=[("val/loss", epoch, 1 / (epoch + 1)) for epoch in (1, 0, 2)])
    for value in (0.5, math.nan, math.inf):
        run._client.log_metric(run.id, "val/f1", value, step=1)
    run._client.log_metric(run.id, "other", 1.0)
    asked = ["val/loss", "val/f1", "absent"]

    def points() -> list[tuple[str, int, str]]:
        return sorted((point.key, point.step, str(point.value)) for point in run._client.points(run.id, asked))

    at_once = points()
    assert len(at_once) == 6
    monkeypatch.setattr(client, "TrackingStore", type(None))
    assert points() == at_once


def batches_of(run: TrackedRun, monkeypatch: pytest.MonkeyPatch, last: int = 100) -> list[tuple[int, int, int]]:
    """How many metrics, params and tags are written at once from now on; what comes after the ``last`` is interrupted."""
    batches: list[tuple[int, int, int]] = []
    store = run._client._tracking_client.store
    log_batch = store.log_batch

    def counted(run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        if len(batches) == last:
            raise KeyboardInterrupt
        batches.append((len(metrics), len(params), len(tags)))
        log_batch(run_id, metrics, params, tags)

    monkeypatch.setattr(store, "log_batch", counted)
    return batches


def test_a_cell_is_written_at_once(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(run, monkeypatch)
    curves = [(f"val/m{number}", epoch, epoch + number / 10) for epoch in range(40) for number in range(14)]
    run.log(params={f"key{number}": number for number in range(50)}, curves=curves, tags={"outcome": "ok"})
    assert batches == [(560, 50, 1)]
    assert logged(run) == {f"val/m{number}": 39 + number / 10 for number in range(14)}
    history = run._client.get_metric_history(run.id, "val/m3")
    assert [(point.step, point.value) for point in history] == [(epoch, epoch + 0.3) for epoch in range(40)]


@pytest.mark.slow
def test_what_is_too_much_for_one_batch_is_written_in_several(run: TrackedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = batches_of(run, monkeypatch)
    run.log(
        params={f"key{number}": number for number in range(150)},
        curves=[("a", epoch, -epoch) for epoch in range(1500)],
        tags={f"tag{number}": "x" for number in range(101)},
    )
    assert batches == [(800, 100, 100), (700, 50, 1)]
    data = run._client.get_run(run.id).data
    assert len(data.params) == 150
    assert len([tag for tag in data.tags if tag.startswith("seedbed.tag")]) == 101
    assert logged(run) == {"a": -1499}
    assert len(run._client.get_metric_history(run.id, "a")) == 1500


def test_what_is_killed_while_it_is_written_has_its_first_points(
    run: TrackedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches_of(run, monkeypatch, last=1)
    with pytest.raises(KeyboardInterrupt):
        run.log(curves=[("a", epoch, -epoch) for epoch in range(1500)])
    assert [point.step for point in run._client.get_metric_history(run.id, "a")] == list(range(1000))
    assert logged(run) == {"a": -999}


def test_files_of_a_run_that_is_begun_here_are_written_without_reading_it(
    run: TrackedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run._client, "get_run", None)
    run.artifact("a.txt", "said")
    assert run.text("a.txt") == "said"
