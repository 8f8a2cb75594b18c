"""From the experiment file to the results, on made-up messages: what is trained, recorded and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import seedbed
from seedbed.config.experiment import load_experiment
from seedbed.errors import ConfigError, TrackingError
from seedbed.metrics import Bounds, Metric
from seedbed.report.analysis import Analysis, analyse
from seedbed.report.printed import table_text
from seedbed.results import Results
from seedbed.running import runner
from seedbed.running.planning import plan_experiment
from seedbed.running.runner import Outcome, run
from seedbed.tracking.launches import find_launch, overrides_of
from seedbed.tracking.names import OVERRIDES
from seedbed.tracking.processes import heartbeat
from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.progress import Display
from seedbed.training.recording import VariantRecord
from seedbed.training.stack_trainer import StackTrainer
from tests import made_up
from tests.stored import children, client_of, file_names, runs

ALL_SIX = ["none", "class_weights", "undersample", "oversample", "smote", "text_augment"]


def store_of(project: Path, name: str) -> Store:
    return Store(store_uri(project), project, name, create=False)


def statuses(store: Store, kind: str) -> dict[str, str]:
    return {found.info.run_name or "": found.info.status for found in runs(store, kind)}


def test_launch_variants_and_seeds_in_mlflow(trained_project: Path) -> None:
    """``trained_once`` has checked that 6 cells were trained and none failed."""
    store = store_of(trained_project, "messages")
    (launch,) = runs(store, "launch")
    variants = children(store, launch.info.run_id)
    assert [variant.info.run_name for variant in variants] == ["none", "oversample"]
    for variant in variants:
        seeds = children(store, variant.info.run_id)
        assert [seed.data.tags["seedbed.seed"] for seed in seeds] == ["0", "1", "2"]
        for seed in seeds:
            assert seed.info.status == "FINISHED"
            assert seed.data.params["optimizer.lr"] == "0.001"
            assert {"seedbed.fingerprint", "seedbed.data_digest", "seedbed.environment"} <= set(seed.data.tags)
            assert len(client_of(store).get_metric_history(seed.info.run_id, "val/loss")) == 2
            assert file_names(store, seed.info.run_id) == {"weights.safetensors", "scores.npz"}
        # One name per metric on every level, so that the compare page and searches work on all of them.
        assert set(seeds[0].data.metrics) <= set(variant.data.metrics)
        values = [seed.data.metrics["test/accuracy"] for seed in seeds]
        assert variant.data.metrics["test/accuracy"] == pytest.approx(sum(values) / 3)
        assert variant.data.metrics["test/accuracy_std"] == pytest.approx(pd.Series(values).std())
        assert variant.data.metrics["test/accuracy_n"] == 3
        assert variant.data.params["imbalance._target_"].startswith("seedbed.imbalance.")
    artifacts = file_names(store, launch.info.run_id)
    assert {"config.yaml", "environment.json", "data.json", "plan.json"} <= artifacts


@pytest.mark.slow
def test_a_launch_shows_its_answer_table_and_pictures_in_mlflow(
    trained_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyses = []

    def counted(results: Results) -> Analysis:
        analyses.append(results)
        return analyse(results)

    monkeypatch.setattr(runner, "analyse", counted)
    overrides = ["seeds=2", "tracking.pictures=true", "report.metric=test/loss"]
    outcome = run("messages", overrides, config_dir=trained_project)
    assert store_of(trained_project, "messages").run(outcome.launch).text("table.txt") == outcome.text()
    assert list(outcome.comparisons["variant"]) == ["oversample"]
    assert len(analyses) == 1
    store = store_of(trained_project, "messages")
    note = client_of(store).get_run(outcome.launch).data.tags["mlflow.note.content"]
    assert "**Does it work?**" in note
    assert "`oversample` can't be told apart from `none` on `test/loss` with 2 seeds." in note
    assert "| variant | test/loss | n | 95 % interval of the mean |" in note
    pictures = file_names(store, outcome.launch, "report")
    assert {"report/loss.png", "report/seeds.png", "report/differences.png"} <= pictures


@pytest.mark.slow
def test_overrides_that_change_the_recipe_are_known_to_the_results(project: Path) -> None:
    outcome = run(
        "messages", ["seeds=1", "variant=none", "trainer.max_epochs=1", "report.bars=std"], config_dir=project
    )
    assert outcome.results.overrides == ["trainer.max_epochs=1"]


@pytest.mark.slow
def test_a_claim_that_cannot_be_checked_is_refused_before_any_training(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text() + "published: {claims: [{text: x, check: {worse_then: [none, oversample]}}]}\n")
    with pytest.raises(ConfigError, match=r"check=worse_then.*did you mean 'worse_than'"):
        run("messages", ["seeds=1", "trainer.max_epochs=1"], config_dir=project)


@pytest.mark.slow
def test_what_is_finished_is_not_trained_again(trained_project: Path, first_outcome: Outcome) -> None:
    again = run("messages", config_dir=trained_project)
    assert again.trained == 0
    assert again.launch == first_outcome.launch
    pd.testing.assert_frame_equal(again.cells, first_outcome.cells)
    assert len(runs(store_of(trained_project, "messages"), "launch")) == 1


@pytest.mark.slow
def test_seeds_added_later_train_only_themselves(trained_project: Path, first_outcome: Outcome) -> None:
    few = run("messages", ["variant=none"], config_dir=trained_project)
    more = run("messages", ["variant=none", "seeds=5"], config_dir=trained_project)
    alone = run("messages", ["variant=none", "seeds=[4]"], config_dir=trained_project)
    assert (few.trained, more.trained, alone.trained) == (0, 2, 0)
    store = store_of(trained_project, "messages")
    variant = children(store, more.launch)[0]
    assert variant.data.metrics["test/accuracy_n"] == 5
    trained_in = json.loads(store.run(variant.info.run_id).text("cells.json"))
    assert [cell["launch"] for cell in trained_in] == [first_outcome.launch] * 3 + [more.launch] * 2
    assert more.cells["test/accuracy"].notna().all()
    merged = few.cells.merge(more.cells, on="fingerprint", suffixes=("", "_more"))
    assert (merged["test/accuracy"] == merged["test/accuracy_more"]).all()


@pytest.mark.slow
def test_python_load_reads_without_training(trained_project: Path, first_outcome: Outcome) -> None:
    results = seedbed.load("messages", config_dir=trained_project)
    pd.testing.assert_frame_equal(results.cells, first_outcome.cells)
    pd.testing.assert_frame_equal(results.curves, first_outcome.curves)
    assert set(results.curves["metric"]) >= {"train/loss", "val/loss", "val/accuracy"}


@pytest.mark.slow
def test_python_gives_data_frames_and_ids(trained_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seedbed.run("messages", ["variant=none", "trainer.max_epochs=1"], config_dir=trained_project)
    assert "none: 3 seeds trained" in capsys.readouterr().err
    outcome = seedbed.run("messages", config_dir=trained_project, quiet=True)
    assert outcome.trained == 0
    assert capsys.readouterr() == ("", "")
    (row,) = outcome.comparisons.to_dict("records")
    assert (row["variant"], row["other"], row["n"]) == ("oversample", "none", 3)
    store = store_of(trained_project, "messages")
    assert client_of(store).get_run(outcome.launch).data.tags["seedbed.kind"] == "launch"
    for cell in outcome.cells.to_dict("records"):
        assert client_of(store).get_run(cell["run"]).data.tags["seedbed.fingerprint"] == cell["fingerprint"]
    loaded = seedbed.load("messages", config_dir=trained_project)
    pd.testing.assert_frame_equal(seedbed.compare(loaded), outcome.comparisons)
    by_loss = seedbed.compare(outcome, metric="test/loss", baseline="oversample")
    assert by_loss[["variant", "other"]].to_numpy().tolist() == [["none", "oversample"]]


@pytest.mark.slow
def test_own_metrics_are_tracked_compared_and_selected_by(project: Path) -> None:
    (project / "own_metrics.py").write_text(
        "def error(scores, labels): return (scores.argmax(-1) != labels).double().mean()\n"
    )
    metric = "+task.own_metrics.error={function: {_target_: own_metrics.error, _partial_: true}, lower_is_better: true, bounds: [0, 1]}"
    outcome = run(
        "messages",
        [metric, "report.metric=test/error", "monitor=val/error", "select=best", "seeds=2"],
        config_dir=project,
    )
    assert outcome.failures == {}
    cells = outcome.cells
    assert cells["test/error"].to_numpy() == pytest.approx(1 - cells["test/accuracy"].to_numpy())
    assert outcome.results.metric("test/error") == Metric("error", "lower", Bounds(0, 1), "probabilities")
    assert outcome.results.declared_by_launch
    for (_, _), curve in outcome.curves[outcome.curves["metric"] == "val/error"].groupby(["variant", "seed"]):
        best = curve.sort_values("epoch")["value"].idxmin()
        chosen = client_of(store_of(project, "messages")).get_run(
            cells[(cells["variant"] == curve["variant"].iloc[0]) & (cells["seed"] == curve["seed"].iloc[0])][
                "run"
            ].item()
        )
        assert int(chosen.data.params["chosen_epoch"]) == curve.loc[best, "epoch"]


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("f1={function: {_target_: math.sqrt, _partial_: true}}", "task.own_metrics.f1.*the task has a metric of that name"),
        ("mine={_target_: math.sqrt}", r"task.own_metrics.mine.*must be \{function"),
        ("mine={function: {_target_: math.sqrt, _partial_: true}, lower: true}", r"must be \{function"),
        ("mine={function: {_target_: math.sqrt, _partial_: true}, bounds: [1]}", "task.own_metrics.mine.bounds"),
        ("mine={function: {_target_: math.sqrt, _partial_: true}}", r"task.own_metrics.mine: the function fails on .*It must give one number"),
        ("mine={function: {_target_: math.sqroot, _partial_: true}}", "math has no .sqroot., did you mean .sqrt."),
    ],
)  # fmt: skip
def test_own_metrics_that_cannot_work_are_found_before_training(project: Path, metric: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run("messages", [f"+task.own_metrics.{metric}", "variant=none"], config_dir=project)


@pytest.mark.extended
def test_another_recipe_is_another_cell(trained_project: Path) -> None:
    assert run("messages", ["variant=none", "seeds=1", "optimizer.lr=0.01"], config_dir=trained_project).trained == 1
    assert run("messages", ["variant=none", "seeds=1", "optimizer.lr=1e-3"], config_dir=trained_project).trained == 0
    assert (
        run("messages", ["variant=none", "seeds=1", "trainer.seeds_at_once=1"], config_dir=trained_project).trained == 0
    )
    assert (
        run("messages", ["variant=none", "seeds=1", f"data.digest={'e' * 64}"], config_dir=trained_project).trained == 1
    )


@pytest.mark.slow
def test_a_failing_seed_does_not_stop_the_others(project: Path) -> None:
    outcome = run("failing_seed", ["trainer.max_epochs=1"], config_dir=project)
    assert list(outcome.failures) == ["flaky, seed 2"]
    store = store_of(project, "failing_seed")
    assert {name: status for name, status in statuses(store, "seed").items() if "flaky" in name} == {
        "seed 0 flaky": "FINISHED", "seed 1 flaky": "FINISHED", "seed 2 flaky": "FAILED",
    }  # fmt: skip
    assert statuses(store, "variant") == {"none": "FINISHED", "flaky": "FAILED"}
    assert list(statuses(store, "launch").values()) == ["FAILED"]
    failed = next(found for found in runs(store, "seed") if found.info.status == "FAILED")
    assert "no rows for seed 2" in store.run(failed.info.run_id).text("error.txt")
    row = next(line for line in table_text(outcome.results).splitlines() if line.startswith("flaky"))
    assert "n=2/3" in row
    assert "1 failed" in row
    flaky = next(found for found in runs(store, "variant") if found.info.run_name == "flaky")
    assert flaky.data.metrics["test/accuracy_n"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_launch_goes_on_where_it_stopped(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupt(*_: Any) -> None:
        raise error

    asked = ["seeds=1", "trainer.max_epochs=1"]
    with monkeypatch.context() as patch:
        patch.setattr(made_up.Signals, "apply", interrupt)
        with pytest.raises(error):
            run("interrupted", asked, config_dir=project)
    store = store_of(project, "interrupted")
    assert statuses(store, "variant") == {"none": "FINISHED", "cut": "KILLED"}
    assert list(statuses(store, "launch").values()) == ["KILLED"]
    monkeypatch.setenv("SEEDBED_TEST_SPARE", "1")
    rest = run("interrupted", asked, config_dir=project)
    assert rest.trained == 2
    assert (rest.cells["status"] == "FINISHED").all()
    assert len(rest.cells) == 3


@pytest.mark.slow
def test_what_a_stopped_launch_finished_stays_and_the_rest_is_added(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seeds in stacks of two, stopped in the second: the same command trains three, and the mean is of five."""
    asked = ["variant=none", "seeds=[1,2,3,4,5]", "trainer.seeds_at_once=2", "trainer.max_epochs=1"]
    train, stacks = StackTrainer.train, []

    def stopped_in_the_second(self: StackTrainer, *rest: Any, **named: Any) -> Any:
        stacks.append(rest)
        if len(stacks) == 2:
            raise KeyboardInterrupt
        return train(self, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(StackTrainer, "train", stopped_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            run("messages", asked, config_dir=project)
    store = store_of(project, "messages")
    finished = {found.info.run_id for found in runs(store, "seed") if found.info.status == "FINISHED"}
    assert len(finished) == 2
    rest = run("messages", asked, config_dir=project)
    assert rest.trained == 3
    assert finished < set(rest.cells["run"])
    launches = {found.info.status for found in runs(store, "launch")}
    assert launches == {"KILLED", "FINISHED"}
    variant = children(store, rest.launch)[0]
    assert variant.data.metrics["test/accuracy_n"] == 5
    assert variant.data.metrics["test/accuracy"] == pytest.approx(rest.cells["test/accuracy"].mean())
    assert len(list(project.rglob("weights.safetensors"))) == 5
    assert run("messages", [*asked, "optimizer.lr=0.01"], config_dir=project).trained == 5


@pytest.mark.slow
def test_all_six_variants_share_validation_and_test_rows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that training was given are recorded, and compared row for row."""
    seen: dict[str, list[Any]] = {}
    train = StackTrainer.train

    def recorded(self: StackTrainer, data: Any, *rest: Any, **named: Any) -> Any:
        seen[self.config["imbalance"]["_target_"] + str(self.config["imbalance"])] = list(data)
        return train(self, data, *rest, **named)

    monkeypatch.setattr(StackTrainer, "train", recorded)
    outcome = run("all_six", ["seeds=2", "trainer.max_epochs=1"], config_dir=project)
    assert outcome.failures == {}
    assert list(dict.fromkeys(outcome.cells["variant"])) == ALL_SIX
    assert len(seen) == 6
    first = next(iter(seen.values()))
    for data in seen.values():
        for item, expected in zip(data, first, strict=True):
            assert item.rows.val.tolist() == expected.rows.val.tolist()
            assert item.rows.test.tolist() == expected.rows.test.tolist()
            assert item.rows.train.tolist() == expected.rows.train.tolist()
    assert first[0].rows.test.tolist() != first[1].rows.test.tolist()


@pytest.mark.slow
def test_a_fixed_split_is_the_same_for_all_seeds(project: Path) -> None:
    def test_rows(split: str) -> list[list[int]]:
        experiment = load_experiment("messages", [f"split={split}", "variant=none"], project)
        return [rows.test.tolist() for rows in plan_experiment(experiment, Display(quiet=True))[1][0].rows.values()]

    fixed, drawn = test_rows("fixed"), test_rows("per_seed")
    assert fixed[0] == fixed[1] == fixed[2]
    assert drawn[0] != drawn[1]


@pytest.mark.slow
def test_variants_whose_seeds_cannot_be_paired_are_refused(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("[imbalance=oversample]", "[split=fixed]"))
    with pytest.raises(ConfigError, match="cannot be paired"):
        run("messages", config_dir=project)


@pytest.mark.slow
def test_another_edition_of_the_data_shares_no_table_with_the_first(trained_project: Path) -> None:
    """A file that is replaced under its name: its cells are others, and a table holds those of one edition."""
    first = run("messages", ["variant=none", "seeds=2"], config_dir=trained_project)
    data = trained_project / "data" / "messages.yaml"
    data.write_text(data.read_text().replace("d" * 64, "e" * 64).replace("rows: 80", "rows: 90"))
    second = run("messages", ["variant=none", "seeds=1"], config_dir=trained_project)
    assert (first.trained, second.trained) == (0, 1)
    assert first.results.circumstances["none"]["data"] == "d" * 16
    assert second.results.circumstances["none"]["data"] == "e" * 16
    assert not set(first.cells["fingerprint"]) & set(second.cells["fingerprint"])
    assert (first.results.data["counts"]["rows"], second.results.data["counts"]["rows"]) == (80, 90)


@pytest.mark.slow
def test_another_selection_of_a_variant_is_known_to_the_results(trained_project: Path) -> None:
    path = trained_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("[imbalance=oversample]", "[imbalance=oversample, select=best]"))
    outcome = run("messages", ["seeds=1"], config_dir=trained_project)
    assert outcome.results.circumstances["none"]["selection"] == "select=last"
    assert outcome.results.circumstances["oversample"]["selection"] == "select=best by val/loss"
    assert "recipe version" in outcome.results.circumstances["none"]


@pytest.mark.slow
def test_another_question_of_the_same_cells_is_another_launch(trained_project: Path, first_outcome: Outcome) -> None:
    other = run("messages", ["report.metric=test/f1"], config_dir=trained_project)
    assert (other.trained, other.results.config["report"]["metric"]) == (0, "test/f1")
    assert other.launch != first_outcome.launch
    few = run("messages", ["variant=none"], config_dir=trained_project)
    assert set(few.cells["variant"]) == {"none"}
    assert find_launch(store_of(trained_project, "messages")).id == few.launch


@pytest.mark.slow
def test_a_record_that_fails_takes_no_other_seed_along(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = VariantRecord._add_result

    def full_disk(self: Any, tracked: Any, result: Any, *rest: Any) -> None:
        if result.seed == 1:
            raise OSError(28, "No space left on device")
        record(self, tracked, result, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(VariantRecord, "_add_result", full_disk)
        outcome = run("messages", ["variant=none"], config_dir=project)
    assert "No space left" in outcome.failures["none, seed 1"]
    assert outcome.trained == 2
    assert statuses(store_of(project, "messages"), "seed") == {
        "seed 0 none": "FINISHED", "seed 1 none": "FAILED", "seed 2 none": "FINISHED",
    }  # fmt: skip
    assert run("messages", ["variant=none"], config_dir=project).trained == 1


@pytest.mark.slow
def test_a_seed_is_failed_where_the_store_takes_not_even_the_error(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = TrackedRun.log

    def locked(self: TrackedRun, **what: Any) -> None:
        if what.get("params", {}).get("seed") == 1 or "seedbed.error" in (what.get("tags") or {}):
            raise TrackingError("the store is locked")
        log(self, **what)

    with monkeypatch.context() as patch:
        patch.setattr(TrackedRun, "log", locked)
        run("messages", ["variant=none"], config_dir=project)
    assert statuses(store_of(project, "messages"), "seed")["seed 1 none"] == "FAILED"
    assert run("messages", ["variant=none"], config_dir=project).trained == 1


@pytest.mark.slow
def test_points_that_could_not_be_written_during_the_fit_are_written_after_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seedbed.training.epoch_progress.SECONDS_BETWEEN_FLUSHES", 0.0)
    log, flushes = TrackedRun.log, []

    def fails_once(self: TrackedRun, **what: Any) -> None:
        if what.get("curves") and not what.get("params") and heartbeat().keys() <= (what.get("tags") or {}).keys():
            flushes.append(self.id)
            if len(flushes) == 2:
                raise TrackingError("the store is locked")
        log(self, **what)

    with monkeypatch.context() as patch:
        patch.setattr(TrackedRun, "log", fails_once)
        run("messages", ["variant=none", "seeds=3", "trainer.max_epochs=3"], config_dir=project)
    assert len(flushes) > 2
    curves = run("messages", ["variant=none", "seeds=3", "trainer.max_epochs=3"], config_dir=project).curves
    losses = curves[curves["metric"] == "val/loss"]
    assert losses.groupby("seed")["epoch"].apply(list).to_dict() == {seed: [0, 1, 2] for seed in range(3)}


@pytest.mark.slow
def test_a_seed_that_diverges_takes_no_other_along_through_an_own_metric(project: Path) -> None:
    (project / "task").mkdir(exist_ok=True)
    (project / "strict.py").write_text(
        "def strict(probabilities, labels):\n"
        "    if not probabilities.isfinite().all(): raise ValueError('not finite')\n"
        "    return 0.1\n"
    )
    (project / "task" / "strict.yaml").write_text(
        "defaults: [classification]\nown_metrics: {strict: {function: {_target_: strict.strict, _partial_: true}}}\n"
    )
    settings = ["task=strict", "optimizer=sgd", "optimizer.lr=1e30", "variant=none", "trainer.max_epochs=3"]
    outcome = run("messages", settings, config_dir=project)
    assert not outcome.failures
    assert set(outcome.cells["outcome"]) == {"diverged"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("messages", ["optimizer._target_=torch.optim.LBFGS", "~optimizer.weight_decay", "~optimizer.fused"], ["LBFGS"]),
        ("smote_only", [], ["Variant 'smote', seed 0", "'spam'", "has 14", "k_neighbors=40", "max k = 13"]),
        ("messages", ["split.train=0.9"], ["split.train=0.9", "1.2"]),
        ("messages", ["split.val=0", "split.train=0.8"], ["no validation rows"]),
        ("messages", ["model._target_=tests.made_up.broken_network", "~model.hidden", "~model.dropout"], ["model", "cannot be built"]),
        ("messages", ["model.hidden=[-3]"], ["model", "mlp"]),
        ("messages", ["optimizer.lr=-1"], ["optimizer", "-1"]),
        ("messages", ["+trainer.max_epoch=3"], ["trainer.max_epoch", "'max_epochs'"]),
        ("messages", ["trainer.accelerator=abacus"], ["trainer", "abacus"]),
        ("messages", ["data.spam=2"], ["'spam'", "split"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else value,
)  # fmt: skip
def test_bad_input_is_found_before_any_training(
    project: Path, name: str, overrides: list[str], said: list[str]
) -> None:
    with pytest.raises(seedbed.SeedbedError) as error:
        run(name, overrides, config_dir=project)
    for part in said:
        assert part in str(error.value)
    with pytest.raises(TrackingError):
        find_launch(store_of(project, name))


def test_a_collision_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match="none, oversample"):
        run("messages", ["imbalance=smote"], config_dir=project)


@pytest.mark.slow
def test_a_diverged_seed_is_shown_and_not_averaged(project: Path) -> None:
    outcome = run(
        "messages", ["optimizer=sgd", "optimizer.lr=1e30", "variant=none", "trainer.max_epochs=3"], config_dir=project
    )
    assert set(outcome.cells["outcome"]) == {"diverged"}
    assert outcome.cells.get("test/accuracy", pd.Series(dtype=float)).isna().all()
    store = store_of(project, "messages")
    for found in runs(store, "seed"):
        assert all(abs(value) < 1e300 for value in found.data.metrics.values())
    assert (
        run(
            "messages",
            ["optimizer=sgd", "optimizer.lr=1e30", "variant=none", "trainer.max_epochs=3"],
            config_dir=project,
        ).trained
        == 0
    )


@pytest.mark.slow
def test_own_code_lies_beside_own_configs(trained_project: Path) -> None:
    (trained_project / "own_strategies.py").write_text(
        "from seedbed.imbalance.base import Strategy\nclass Mine(Strategy): pass\nclass Other: pass\n"
    )
    (trained_project / "imbalance" / "mine.yaml").write_text("_target_: own_strategies.Mine\n")
    (trained_project / "imbalance" / "other.yaml").write_text("_target_: own_strategies.Other\n")
    path = trained_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("oversample: [imbalance=oversample]", "mine: [imbalance=mine]"))
    outcome = run("messages", ["seeds=1"], config_dir=trained_project)
    assert (outcome.cells["status"] == "FINISHED").all()
    assert outcome.results.launches[-1]["command"] == f"seedbed run messages seeds=1 --config-dir {trained_project}"
    path.write_text(path.read_text().replace("imbalance=mine", "imbalance=other"))
    with pytest.raises(ConfigError, match=r"own_strategies.Other is not a strategy.*imbalance.base.Strategy"):
        run("messages", config_dir=trained_project)


@pytest.mark.slow
def test_variants_of_one_recipe_are_trained_once(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("  oversample: [imbalance=oversample]", "  same: [imbalance=none]"))
    outcome = run("messages", ["trainer.max_epochs=1"], config_dir=project)
    assert outcome.trained == 3
    assert len(runs(store_of(project, "messages"), "seed")) == 3
    for metric in outcome.results.metrics:
        first, second = (outcome.results.values(variant, metric) for variant in ("none", "same"))
        assert first.notna().all()
        pd.testing.assert_series_equal(first, second)
    means = {found.info.run_name: found.data.metrics for found in runs(store_of(project, "messages"), "variant")}
    assert means["same"] == means["none"]


@pytest.mark.slow
def test_copies_that_are_unchanged_are_counted_in_the_notes_wherever_they_were_trained(trained_project: Path) -> None:
    (trained_project / "shouting.py").write_text("def shout(text, rng): return text.upper()\n")
    (trained_project / "imbalance" / "shout.yaml").write_text(
        "_target_: seedbed.imbalance.text_augment.TextAugment\ncopies: 1\ntries: 1\n"
        "augmenter: {_target_: shouting.shout, _partial_: true}\n"
    )
    path = trained_project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("imbalance=oversample", "imbalance=shout"))
    for seeds in (1, 2):
        outcome = run("messages", [f"seeds={seeds}"], config_dir=trained_project)
        said = f"{14 * seeds} of {14 * seeds} copies ({seeds} seed{'s' * (seeds > 1)}) are unchanged, letter case and blanks aside."
        assert outcome.results.notes["oversample"][-1] == said
    assert outcome.results.notes["none"] == []


@pytest.mark.slow
def test_overrides_too_long_for_a_param_are_read_whole(project: Path) -> None:
    words = "w" * 9000
    typed = [f"question='{words}'", "model.dropout=0.25", "variant=none", "seeds=1"]
    for text in (typed, [*typed, "model.hidden=[4]"]):
        results = run("messages", text, project).results
        assert results.config["question"] == words
        assert [given for given in results.overrides if given.startswith("model.")] == text[1:2] + text[4:]
    store = store_of(project, "messages")
    for launch in runs(store, "launch"):
        assert OVERRIDES in file_names(store, launch.info.run_id)
        assert overrides_of(store, store.launch(launch.info.run_id))[:2] == typed[:2]


@pytest.mark.slow
def test_a_default_that_is_typed_changes_no_recipe(project: Path) -> None:
    typed = ["select=last", "model.hidden=[8]", "optimizer=adamw", "variant=none", "seeds=1", "trainer.max_epochs=1"]
    results = run("messages", typed, project).results
    assert results.overrides == ["trainer.max_epochs=1"]
