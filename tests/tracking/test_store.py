"""What is written to MLflow, and what comes back."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import sqlite3
import warnings
from pathlib import Path

import pytest
from hypothesis import strategies
from pytorch_lightning.loggers import MLFlowLogger

from seedbed import tracking
from seedbed.errors import TrackingError
from seedbed.tracking import (
    Cell,
    Store,
    TrackedRun,
    ending,
    from_parts,
    in_parts,
    metric_name,
    metric_names,
    param_text,
)
from seedbed.training.logger import LightningLogger
from tests.properties import Examine


@pytest.fixture
def store(project: Path) -> Store:
    return Store(tracking.store_uri(project), project, "e")


@pytest.fixture
def run(store: Store) -> TrackedRun:
    return store.start("a run", "seed", {})


def logged(run: TrackedRun) -> dict[str, float]:
    return dict(run.client.get_run(run.id).data.metrics)


def cell(value: float, outcome: str = "ok") -> Cell:
    return Cell("r", "v", 0, "f", "FINISHED", outcome, "l", {"test/accuracy": value})


# ---- names


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("val/top@10", "val/top_at_10"), ("f1 (macro)", "f1_macro"), ("acc%", "acc_percent"), ("test/loss", "test/loss"),
        ("ndcg@5 é", "ndcg_at_5"),
    ],
)  # fmt: skip
def test_one_canonical_name_in_both_paths(run: TrackedRun, label: str, name: str) -> None:
    assert metric_name(label) == name
    LightningLogger(run).log_metrics({label: 0.5, "epoch": 3})
    run.log(curves=[(label, 4, 0.6)])
    assert [(point.step, point.value) for point in run.client.get_metric_history(run.id, name)] == [(3, 0.5), (4, 0.6)]
    tags = run.client.get_run(run.id).data.tags
    assert tags.get(f"seedbed.label.{name}", name) == label


def test_two_labels_that_would_share_a_name_are_refused(run: TrackedRun) -> None:
    with pytest.raises(TrackingError, match=r"'acc\(a\)' and 'acc\[a\]' would both be called 'acc_a'"):
        metric_names(["acc(a)", "acc[a]"])
    logger = LightningLogger(run)
    logger.log_metrics({"acc(a)": 0.1})
    with pytest.raises(TrackingError, match="Rename one"):
        logger.log_metrics({"acc[a]": 0.2})


# ---- params


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
    back = run.client.get_run(run.id).data.params
    assert len(back) == 253
    assert "…[truncated" in back["a"]
    assert len(back["a"]) == 6000
    assert back["a"] != back["b"]  # they differ in the last element only
    assert param_text([1.0, 2]) == param_text([1, 2.0])


# ---- values that are not finite


def test_no_non_finite_value_is_written(run: TrackedRun) -> None:
    run.log(curves=[("a", 0, math.nan), ("b", 0, math.inf), ("c", 0, 0.5)])
    assert logged(run) == {"c": 0.5}


def test_aggregates_leave_out_what_diverged() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = tracking.variant_metrics([cell(0.8), cell(math.nan, "diverged"), cell(0.9)])
        infinite = tracking.variant_metrics([cell(0.8), cell(1.7976931348623157e308), cell(0.9)])
    assert values["test/accuracy"] == pytest.approx(0.85)
    assert values["test/accuracy_n"] == infinite["test/accuracy_n"] == 2
    assert infinite["test/accuracy"] == pytest.approx(0.85)


def test_sample_std_and_one_seed() -> None:
    values = tracking.variant_metrics([cell(0.10), cell(0.12), cell(0.30)])
    assert values["test/accuracy"] == pytest.approx(0.173333, abs=1e-6)
    assert values["test/accuracy_std"] == pytest.approx(0.110151, abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tracking.variant_metrics([cell(0.9)]) == {"test/accuracy": 0.9, "test/accuracy_n": 1}


# ---- the store


def test_sqlite_by_default_and_absolute(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare_project.parent)
    store = Store(tracking.store_uri(bare_project), bare_project, "e")
    store.start("r", "seed", {})
    assert store.uri == f"sqlite:///{bare_project}/mlflow.db"
    assert (bare_project / "mlflow.db").is_file()
    assert not list(bare_project.parent.rglob("mlruns"))
    logger = MLFlowLogger("with Lightning's own logger", tracking_uri=store.uri)
    logger.log_metrics({"a": 1.0}, step=1)
    assert store.client.get_experiment_by_name("with Lightning's own logger") is not None


def test_a_configured_address_is_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert tracking.store_uri(project) == "http://127.0.0.1:1"


@pytest.mark.parametrize("uri", ["sqlite:///{project}/broken.db", "postgresql+nodriver://localhost/x"])
def test_a_store_that_cannot_be_used_is_named(project: Path, uri: str) -> None:
    (project / "broken.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(TrackingError, match=r"cannot be used.*MLFLOW_TRACKING_URI"):
        Store(uri.format(project=project), project, "e")


def test_a_deleted_experiment_is_answered_with_the_remedy(project: Path, store: Store) -> None:
    store.client.delete_experiment(store.experiment_id)
    with pytest.raises(TrackingError, match=r"was deleted .* mlflow experiments restore --experiment-id"):
        Store(store.uri, project, "e")


def test_reading_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="seedbed run e"):
        Store(tracking.store_uri(tmp_path), tmp_path, "e", create=False)
    assert not (tmp_path / "mlflow.db").exists()


def test_artifacts_in_folders_with_blanks_and_accents(tmp_path: Path) -> None:
    project = tmp_path / "my runs" / "é"
    store = Store(tracking.store_uri(project), project, "e")
    run = store.start("r", "seed", {})
    run.artifact("notes/a b.txt", "content é")
    assert run.text("notes/a b.txt") == "content é"


def _open(arguments: tuple[str, Path]) -> str:
    uri, project = arguments
    store = Store(uri, project, "e")
    store.start("r", "seed", {})
    return store.experiment_id


@pytest.mark.slow
@pytest.mark.extended
def test_many_processes_may_open_a_store_that_is_not_there_yet(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        found = pool.map(_open, [(tracking.store_uri(tmp_path), tmp_path)] * 3)
    assert len(set(found)) == 1
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        assert connection.execute("select count(*) from runs").fetchone() == (3,)


# ---- status


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, "FINISHED"), (ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(143), "KILLED")],
    ids=["done", "error", "interrupt", "terminated"],
)
def test_the_final_status_is_true(run: TrackedRun, error: BaseException | None, status: str) -> None:
    with contextlib.suppress(ValueError, KeyboardInterrupt, SystemExit), ending(run):
        if error is not None:
            raise error
    assert run.client.get_run(run.id).info.status == status


def test_repair_ends_what_a_crash_left_and_spares_live_neighbours(store: Store) -> None:
    def started(**tags: str) -> str:
        run = store.start("r", "seed", {})
        run.log(tags={f"seedbed.{name}": value for name, value in tags.items()})
        return run.id

    alive = started()
    crashed = started(pid="4194303999")
    reused = started(process_start="12.00")  # the process number lives on in another process
    neighbour = started(host="elsewhere")
    lost = started(host="elsewhere", heartbeat="1000")
    foreign = store.client.create_run(store.experiment_id).info.run_id  # somebody else's run
    assert store.repair() == 3
    statuses = {
        run_id: store.client.get_run(run_id).info.status
        for run_id in (alive, crashed, reused, neighbour, lost, foreign)
    }
    assert [statuses[run_id] for run_id in (crashed, reused, lost)] == ["KILLED"] * 3
    assert [statuses[run_id] for run_id in (alive, neighbour, foreign)] == ["RUNNING"] * 3


def test_an_unknown_launch_is_named(store: Store) -> None:
    with pytest.raises(TrackingError, match="seedbed run e"):
        tracking.find_launch(store)
    launch = store.start("l", "launch", {})
    with pytest.raises(TrackingError, match="got as far as"):
        tracking.find_launch(store)
    with pytest.raises(TrackingError, match="ended before its first variant"):
        tracking.read_results(store, tracking.find_launch(store, launch.id))
    with pytest.raises(TrackingError, match=f"--run zzz.*{launch.id[:8]}"):
        tracking.find_launch(store, "zzz")
    assert tracking.find_launch(store, launch.id[:6]).info.run_id == launch.id


def test_what_the_mean_of_found_rates_does_not_say_is_noted() -> None:
    def cell(seed: int, outcome: str = "ok", **fields: str) -> Cell:
        metrics = {"lr": 0.01} if outcome == "ok" else {}
        return Cell(f"run{seed}", "none", seed, f"print{seed}", "FINISHED", outcome, "first", metrics, **fields)

    cells = [cell(0, lr="0.01"), cell(1, lr="0.001", lr_fallback="too few"), cell(2, "diverged", lr="0.5")]
    finished = {found.fingerprint: found for found in cells}
    plan = {"none": [(seed, f"print{seed}") for seed in range(3)]}
    assert tracking._with_notes_on_rates({"none": ["As it is."]}, plan, finished)["none"] == [
        "As it is.",
        "1 of 3 seeds found no learning rate by their range test and trained with lr_finder.fallback=0.001 (seeds: 1).",
        "Diverged at the rate that it trained with: seed 2 at 0.5.",
    ]
    assert tracking._with_notes_on_rates({}, {"none": plan["none"][:1]}, finished) == {}


def test_a_text_of_any_length_is_kept_in_tags(examine: Examine) -> None:
    def holds(text: str, length: int) -> None:
        tags = in_parts("seedbed.long", text * length)
        assert from_parts({**tags, "seedbed.longer": "x"}, "seedbed.long") == text * length
        assert all(len(part) <= 5000 for part in tags.values())

    examine(holds, text=strategies.text(max_size=10), length=strategies.sampled_from([0, 1, 500, 5000]))
