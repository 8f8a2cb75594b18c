"""Cells trained again and compared with their records, on made-up messages and ratings."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from seedbed.errors import SeedbedError
from seedbed.report.analysis import analyse
from seedbed.report.trained_alone import rounding_text
from seedbed.running.cell_checks import Allowance, CellCheck, ValueDifference, Verification, differing, measured_then
from seedbed.running.runner import Outcome, run
from seedbed.running.train_alone import _other_recipe
from seedbed.running.verify import verify
from seedbed.tracking.names import ENVIRONMENT
from seedbed.tracking.reading import read_results
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training import workers
from seedbed.training.workers import Workers
from tests.conftest import TrainOnce
from tests.running.test_runner import store_of
from tests.shown import Shown
from tests.stored import client_of, runs
from tests.tasks.test_rating import EXPERIMENT

Verify = Callable[..., Result]


@pytest.fixture
def typed(tmp_path: Path) -> Verify:
    def command(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["verify", *arguments, "--config-dir", str(tmp_path / "project")])

    return command


@pytest.fixture(scope="module")
def once(train_once: TrainOnce) -> tuple[Path, Outcome]:
    return train_once("messages", ["variant=none"])


@pytest.fixture
def launch(once: tuple[Path, Outcome]) -> str:
    """The only one of ``of_one_variant``."""
    return once[1].launch


@pytest.fixture
def of_one_variant(once: tuple[Path, Outcome], tmp_path: Path) -> Path:
    """A project in which none, 3 seeds in a stack, was trained alone."""
    return Path(shutil.copytree(once[0], tmp_path / "project"))


class Here(Executor):
    """Trains in this process: starting another one takes seconds, and one test alone does that."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))
        return future


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_device", [0])
    monkeypatch.setattr(workers, "_words", [SimpleQueue()])
    monkeypatch.setattr(Workers, "pool", lambda *_: Here())


def seed_run(store: Store, variant: str, seed: int) -> TrackedRun:
    (found,) = [
        tracked
        for tracked in runs(store, "seed")
        if (tracked.data.tags["seedbed.variant"], tracked.data.tags["seedbed.seed"]) == (variant, str(seed))
    ]
    return store.run(found.info.run_id)


def counts(store: Store) -> dict[str, int]:
    return {kind: len(runs(store, kind)) for kind in ("launch", "variant", "seed")}


# ---- the words -------------------------------------------------------------------------------------------------------


def test_a_difference_is_relative_above_1_and_absolute_below() -> None:
    assert ValueDifference("a", 0.5, 0.502).size == pytest.approx(0.002)
    assert ValueDifference("a", 200.0, 200.4).size == pytest.approx(0.002)
    assert ValueDifference("a", None, 0.4).size == ValueDifference("a", "ok", "diverged").size == math.inf


def test_each_check_and_the_summary_in_words() -> None:
    near, far = ValueDifference("val/loss epoch 4", 0.5, 0.5 + 1e-7), ValueDifference("test/f1", 0.5, 0.75)
    lost = ValueDifference("val/f1 epoch 1", 0.25, None)
    same = CellCheck("a, seed 0", 24)
    within = CellCheck("a, seed 1", 24, (near,), ("torch: 1 recorded, 2 now",), Allowance(0.001))
    wrong = CellCheck("a, seed 2", 24, (lost, far, near), ("torch: 1 recorded, 2 now",), Allowance(0.001))
    exact = CellCheck("a, seed 3", 24, (near,))
    assert str(same) == "a, seed 0: identical (24 values)"
    assert str(within) == "a, seed 1: within 0.001 (largest difference 1e-07, val/loss epoch 4)"
    assert str(wrong) == (
        "a, seed 2: DIFFERS in 2 of 24 values: val/f1 epoch 1: 0.25 recorded, nothing now; test/f1: 0.5 recorded, 0.75 now"
    )
    assert (within.verified, wrong.verified, exact.verified) == (True, False, False)

    def said(*checks: CellCheck) -> str:
        return str(Verification("", checks)).splitlines()[-1]

    assert said(same, same) == "2 of 2 cells repeat bit for bit."
    assert said(same) == "1 of 1 cell repeats bit for bit."
    assert said(same, within, wrong) == "1 of 3 cells repeats bit for bit, 1 within 0.001, 1 does not."
    assert said(within, within, wrong, wrong) == "2 of 4 cells repeat within 0.001, 2 do not."
    assert said(wrong, exact) == "0 of 2 cells repeat bit for bit, 2 do not."
    assert said(CellCheck("a, seed 4", failure="FAILED: x")) == "0 of 1 cell repeat bit for bit, 1 does not."


def test_what_rounding_was_measured_to_make_is_allowed_for_its_metric_alone() -> None:
    allowed = Allowance(0.001, (("val/mse", 0.02),), "nn: twice as far as rounding moved 3 cells")
    far, elsewhere = ValueDifference("val/mse epoch 4", 0.83, 0.845), ValueDifference("train/loss epoch 4", 0.83, 0.845)
    within, beyond = (
        CellCheck("nn, seed 0", 24, (found,), ("threads: 2 recorded, 1 now",), allowed) for found in (far, elsewhere)
    )
    assert (within.verified, beyond.verified) == (True, False)
    assert str(within) == "nn, seed 0: within what rounding makes (largest difference 0.015, val/mse epoch 4)"
    assert str(beyond).startswith("nn, seed 0: DIFFERS in 1 of 24 values: train/loss epoch 4: 0.83 recorded")
    said = str(Verification("", (within, within)))
    assert "  threads: 2 recorded, 1 now\nSo sums may be rounded differently, and training amplifies" in said
    assert said.count("  nn: twice as far as rounding moved 3 cells") == 1
    assert said.endswith("2 of 2 cells repeat within what rounding makes.")


# ---- training again --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cells_repeat_bit_for_bit_and_a_changed_record_is_named(here: None, typed: Verify, project: Path) -> None:
    run("messages", ["variant=none", "trainer.seeds_at_once=2"], config_dir=project)
    launch = run("messages", ["seeds=4", "trainer.seeds_at_once=1"], config_dir=project).launch
    store = store_of(project, "messages")
    before = counts(store)
    tags = [client_of(store).get_run(seed_run(store, "none", seed).id).data.tags for seed in range(4)]
    assert [tag["seedbed.stack"] for tag in tags] == ["0,1", "0,1", "2", "3"]
    assert {(tag["seedbed.threads"], tag["seedbed.recipe_version"]) for tag in tags} == {("1", "2")}

    done = typed(launch[:8])
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == f"messages, launch {launch[:8]}: 5 of 8 trained cells again."
    order = ["none, seed 0", "oversample, seed 0", "none, seed 1", "oversample, seed 1", "none, seed 2"]
    assert [line.split(": identical")[0] for line in lines[2:7]] == order
    assert lines[-1] == "5 of 5 cells repeat bit for bit."
    assert "Training none again, seeds 0, 1 together, as then (stack 1 of 4)" in done.stderr
    assert counts(store) == before

    changed = seed_run(store, "none", 0)
    (point,) = client_of(store).get_metric_history(changed.id, "test/loss")
    changed.log(curves=[("test/loss", point.step, 0.125), ("val/loss", 1, 0.25)])
    client_of(store).delete_tag(changed.id, "seedbed.stack")  # as earlier versions recorded it
    wrong = typed("messages", "--run", launch, "--variant", "none", "--cells", "2")
    assert wrong.exit_code == 1
    assert f"none, seed 0: DIFFERS in 2 of {len(store.values(store.seed(changed.id))) + 2} values: " in wrong.stdout
    assert f"test/loss: 0.125 recorded, {point.value!r} now" in wrong.stdout
    assert "val/loss epoch 1: 0.25 recorded, " in wrong.stdout
    assert "none, seed 1: identical" in wrong.stdout
    assert wrong.stdout.splitlines()[-1] == "1 of 2 cells repeats bit for bit, 1 does not."


@pytest.mark.extended
def test_a_process_of_its_own_repeats_the_bits(typed: Verify, project: Path) -> None:
    run("messages", ["trainer.seeds_at_once=2", "trainer.max_epochs=1"], config_dir=project)
    done = typed("messages", "--cells", "3")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "3 of 3 cells repeat bit for bit."


@pytest.mark.slow
def test_other_versions_give_a_tolerance_and_are_named(here: None, of_one_variant: Path, launch: str) -> None:
    store = store_of(of_one_variant, "messages")
    recorded = store.run(launch).text(ENVIRONMENT)
    version = recorded.split('"torch": "')[1].split('"')[0]
    store.run(launch).artifact(ENVIRONMENT, recorded.replace(f'"torch": "{version}"', '"torch": "1.0"'))
    (point,) = client_of(store).get_metric_history(seed_run(store, "none", 1).id, "test/loss")
    seed_run(store, "none", 1).log(curves=[("test/loss", point.step, point.value + 1e-5)])
    client_of(store).set_tag(seed_run(store, "none", 2).id, "seedbed.outcome", "diverged")
    shown = Shown()
    found = verify("messages", config_dir=of_one_variant, display=shown)
    assert shown.done["Preparing the cells"] == [(0, 1)]
    assert sum(advance for *_, advance, _ in shown.trained) == 3 * 2, "epochs of all seeds"
    same, near, other = found.checks
    assert same.identical
    assert str(near) == "none, seed 1: within 0.001 (largest difference 1e-05, test/loss)"
    assert "outcome: diverged recorded, ok now" in str(other)
    assert f"Different from when these cells were trained:\n  torch: 1.0 recorded, {version} now\n" in str(found)
    assert "  none: 0.001. How far rounding moves it has not been measured, and may be further" in str(found)
    assert not found.verified


@pytest.mark.extended
def test_seeds_alone_are_measured_recorded_reported_and_allowed_for(
    here: None, typed: Verify, of_one_variant: Path, launch: str
) -> None:
    store = store_of(of_one_variant, "messages")
    before, page = counts(store), measured_page(store, launch)
    assert page == ""
    seed = seed_run(store, "none", 1)  # as though it had been 0.0125 away in its stack
    accuracy, loss = (client_of(store).get_metric_history(seed.id, f"test/{name}")[0] for name in ("accuracy", "loss"))
    seed.log(curves=[("test/accuracy", accuracy.step, accuracy.value - 0.0125)])
    done = typed("messages", "--alone", "--cells", "2")
    assert done.exit_code == 0, done.output
    assert "Training none, seed 0, alone (cell 1 of 2)" in done.stderr
    about, _, line, *_ = done.stdout.splitlines()
    assert about.startswith(f"messages, launch {launch[:8]}: 2 of 3 cells that were trained in a stack, again")
    assert line.startswith("none: rounding: 0.0125 at most in 2 cells, typically 0.00625, ")
    assert line.endswith(f" of the std over seeds {spread(store, launch):.3g}")
    assert counts(store) == before
    assert "end up to 0.0125 away (`seedbed verify messages --alone`, 2 cells): rounding" in measured_page(
        store, launch
    )

    # Where the bits cannot be asked for, verify allows twice as much.
    recorded = store.run(launch).text(ENVIRONMENT)
    store.run(launch).artifact(ENVIRONMENT, recorded.replace('"torch": "', '"torch": "0.'))
    found = verify("messages", config_dir=of_one_variant)
    assert found.verified
    assert "none, seed 1: within what rounding makes (largest difference 0.01" in str(found)
    assert (
        "  none: twice as far as rounding moved 2 cells trained alone ('seedbed verify messages --alone'): test/accuracy 0.025"
        in str(found)
    )
    assert not verify("messages", tolerance=0.001, config_dir=of_one_variant).verified
    seed.log(curves=[("test/loss", loss.step, loss.value + 0.0125)])
    assert not verify("messages", config_dir=of_one_variant).verified


@pytest.mark.slow
def test_what_was_trained_alone_under_other_versions_is_not_recorded_as_rounding(
    here: None, typed: Verify, of_one_variant: Path, launch: str
) -> None:
    store = store_of(of_one_variant, "messages")
    recorded = store.run(launch).text(ENVIRONMENT)
    store.run(launch).artifact(ENVIRONMENT, recorded.replace('"torch": "', '"torch": "0.'))
    done = typed("messages", "--alone", "--cells", "1")
    assert done.exit_code == 0, done.output
    assert "Not recorded, as the differences may be more than rounding." in " ".join(done.stdout.split())
    assert store.trained_alone(cell.fingerprint for cell in store.cells().values()) == []
    assert measured_page(store, launch) == ""


def test_code_that_has_changed_is_named_where_nothing_is_trained_alone() -> None:
    planned = SimpleNamespace(fingerprints={0: "now"})
    prepared: Any = SimpleNamespace(planned=planned, changed=(), code=("net.py",))
    cell: Any = SimpleNamespace(seed=0, fingerprint="then")
    assert _other_recipe(prepared, cell) == (
        "NOT COMPARABLE, and not trained: code: net.py. The difference would not be rounding alone."
    )


def measured_page(store: Store, launch: str) -> str:
    return rounding_text(analyse(read_results(store, store.launch(launch))))


def spread(store: Store, launch: str) -> float:
    results = read_results(store, store.launch(launch))
    return float(results.values("none", "test/accuracy").std())


@pytest.mark.slow
def test_seeds_that_were_trained_alone_have_no_stack_to_compare_with(here: None, typed: Verify, project: Path) -> None:
    run("messages", ["variant=none", "seeds=1", "trainer.max_epochs=1"], config_dir=project)
    done = typed("messages", "--alone")
    assert done.exit_code == 2
    assert "each of its 1 trained cells was trained alone" in " ".join(done.stderr.split())


@pytest.mark.slow
def test_changed_data_are_not_trained_on(here: None, project: Path) -> None:
    def write(stars: int) -> None:
        lines = [f"u{user},Film {item},{1 + (user * item + stars) % 5}" for user in range(8) for item in range(6)]
        (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")

    write(0)
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT)
    columns = [
        "data.path=ratings.csv",
        "data.user=who",
        "data.item=what",
        "data.rating=stars",
        "variant=biased",
        "seeds=1",
    ]
    run("stars", columns, config_dir=project)
    assert str(verify("stars", cells=None, config_dir=project)).endswith("1 of 1 cell repeats bit for bit.")
    digest = runs(store_of(project, "stars"), "seed")[0].data.tags["seedbed.data_digest"]
    write(1)
    found = verify("stars", cells=1, config_dir=project)
    assert not found.verified
    assert f"biased, seed 0: NOT COMPARABLE, and not trained: data ratings: SHA-256 {digest[:16]} recorded, " in str(
        found
    )


@pytest.mark.slow
def test_a_cell_that_diverged_and_one_of_another_recipe(
    here: None, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(
        "messages",
        ["optimizer=sgd", "optimizer.lr=1e30", "variant=none", "seeds=1", "trainer.max_epochs=1"],
        config_dir=project,
    )
    monkeypatch.setattr("seedbed.config.recipe.RECIPE_VERSION", 99)
    monkeypatch.setattr("seedbed.running.retraining.RECIPE_VERSION", 99)
    found = verify("messages", config_dir=project)
    assert found.checks[0].identical
    assert found.checks[0].changed == ("recipe version: 2 recorded, 99 now",)


@pytest.mark.usefixtures("of_one_variant")
def test_bad_input_is_named(typed: Verify, launch: str) -> None:
    launch = launch[:8]
    for arguments, said in (
        (("mesages",), "'mesages' is neither an experiment that has been run nor a launch"),
        (("mesages",), f"did you mean 'messages'? Launches, the latest first: {launch} (messages)"),
        (("messages", "--run", "zzz"), f"--run zzz: 0 launches of 'messages' have that id. Known: {launch}"),
        (("messages", "--variant", "nome"), f"launch {launch} of 'messages' has no such variant, did you mean 'none'?"),
        (("messages~1",), "messages~1: 'messages' has 1 launch that can be read"),
        (("messages", "--cells", "0"), "neither a whole number from 1 on nor 'all'"),
        (("messages", "--tolerance", "-1"), "--tolerance -1.0: it must be a number from 0 on"),
        (("messages", "--tolerance", "0.1", "--alone"), "--alone measures differences and judges none"),
    ):
        done = typed(*arguments)
        assert done.exit_code == 2
        assert said in " ".join(done.stderr.split())


def test_nothing_tracked(bare_project: Path) -> None:
    with pytest.raises(SeedbedError, match=r"no tracking store at .*: run an experiment first"):
        verify("messages", config_dir=bare_project)


def test_a_metric_that_came_later_than_the_record_is_not_compared() -> None:
    """Unless the record has some of its values: then one that it lacks is a difference."""
    recorded = {"outcome": "ok", "val/ece epoch 0": 0.5, "val/loss epoch 0": 1.0}
    now = recorded | {"val/ece epoch 1": 0.4, "val/brier epoch 0": 0.1, "test/brier": 0.2, "test/f1": 0.3}
    compared = measured_then(recorded, now, ("brier", "ece"))
    assert set(now) - set(compared) == {"val/brier epoch 0", "test/brier"}
    assert {difference.what for difference in differing(recorded, compared)[1]} == {"val/ece epoch 1", "test/f1"}
