"""Runs of a user's modules are searched, verified, compared and shown from their records, as those of any other task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from seedbed.cli.diff import differences
from seedbed.cli.status import experiment_status
from seedbed.errors import ConfigError
from seedbed.report.analysis import analyse
from seedbed.report.power import power_text
from seedbed.report.writing import write_report
from seedbed.running.lr_find import find_lr
from seedbed.running.runner import run
from seedbed.running.verify import verify
from seedbed.search.runner import search
from seedbed.tracking.store import NothingTracked, open_project_store
from seedbed.training.progress import Display
from tests.conftest import REPOSITORY
from tests.own_modules.conftest import Write
from tests.own_modules.projects import REGRESSION

pytestmark = pytest.mark.slow  # nearly all of them train

LR = "module.lr=choice(0.001,0.3)"
SEARCH = ["variant=narrow", "search.trials=2", "search.metrics=val/loss"]


@pytest.mark.extended
def test_a_search_asks_no_test_rows_and_tests_the_best_on_fresh_seeds(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"search.metrics: val/mse was measured by no seed of a trial"):
        search("width", [*SEARCH[:2], LR], project)
    display = Display(quiet=True, log=project / "said")
    outcome = search("width", [*SEARCH, LR, "search.fresh_seeds=2", "search.study=again"], project, display=display)
    assert "no test part" not in (project / "said").read_text()
    assert [trial.state for trial in outcome.search.trials] == ["COMPLETE", "COMPLETE"]
    assert outcome.search.holdout is None
    store = open_project_store("width.search", project)
    assert not any(name.startswith("test/") for cell in store.cells().values() for name in cell.metrics)
    assert outcome.tested is not None
    assert outcome.tested.failures == {}
    assert set(outcome.tested.cells["variant"]) == {"narrow", "tuned"}
    assert sorted(set(outcome.tested.cells["seed"])) == [2, 3]
    other = [*SEARCH, LR, "search.fresh_seeds=0", "search.study=other", "datamodule.split_seed=9"]
    assert [trial.state for trial in search("width", other, project).search.trials] == ["COMPLETE", "COMPLETE"]


@pytest.mark.slow
@pytest.mark.parametrize("given", [["seeds=1"], ["trainer.seeds_at_once=2"]], ids=["here", "processes"])
def test_a_search_prunes_at_validation(project: Path, given: list[str]) -> None:
    (project / "search" / "pruner").mkdir(parents=True)
    strict = "_target_: optuna.pruners.ThresholdPruner\nupper: 0.0\n"  # which every loss exceeds
    (project / "search" / "pruner" / "strict.yaml").write_text(strict)
    pruning = [*SEARCH, LR, "search/pruner=strict", "search.fresh_seeds=0", "trainer.max_epochs=40"]
    if given == ["seeds=1"]:
        with pytest.raises(
            ConfigError, match=r"Set trainer.seeds_at_once=2, which is so many processes, or seeds=1, or"
        ):
            search("width", [*pruning, "trainer.seeds_at_once=1"], project)
    outcome = search("width", [*pruning, *given], project)
    assert [(trial.state, trial.epochs) for trial in outcome.search.trials] == [("PRUNED", 1), ("PRUNED", 1)]
    finished = [cell.variant for cell in open_project_store("width.search", project).cells().values()]
    in_processes = "seeds_at_once" in given[0]  # where one seed may end before the other begins
    assert len(finished) == (len(set(finished)) if in_processes else 0)


@pytest.mark.slow
def test_cells_are_trained_again_bit_for_bit(project: Path) -> None:
    run("width", ["datamodule.split_seed=5"], project)
    checked = verify("width", cells=2, config_dir=project)
    assert [check.failure for check in checked.checks] == ["", ""]
    assert [check.differences for check in checked.checks] == [(), ()]
    assert all(check.values > 4 and check.changed == () for check in checked.checks)


@pytest.mark.slow
def test_records_say_what_is_asked_of_them(project: Path, tmp_path: Path) -> None:
    outcome = run("width", ["seeds=3"], project)
    assert "narrow         3" in experiment_status("width", project)
    run("width", ["seeds=3", "trainer.max_epochs=3"], project)
    said = str(differences("width~1", "width", config_dir=project))
    assert "trainer.max_epochs" in said
    assert "seeds for" in power_text(analyse(outcome.results)) or "finds" in power_text(analyse(outcome.results))
    pages = write_report(outcome.results, tmp_path / "report", formats=["md"])
    assert {"report.md", "curves.png"} <= {page.name for page in pages}
    assert "every seed draws its own split" in (tmp_path / "report" / "report.md").read_text()
    with pytest.raises(ConfigError, match="whose modules make their optimizers themselves"):
        find_lr("width", config_dir=project)


INTERRUPTED = """

class Interrupted(Regressor):
    def on_train_epoch_end(self):
        import os, signal
        if self.trainer.datamodule.hparams.split_seed == 1 and "INTERRUPT" in os.environ:
            os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.slow
def test_a_seed_that_was_interrupted_starts_anew(new_project: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is finished is kept; what the signal cut short is trained from its beginning."""
    project = new_project(code=f"{REGRESSION}{INTERRUPTED}")
    asked = ["variant=narrow", f"module._target_={next(project.glob('mine*.py')).stem}.Interrupted"]
    monkeypatch.setenv("INTERRUPT", "yes")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run("width", asked, project)
    finally:
        signal.signal(signal.SIGINT, before)  # Lightning leaves it ignored
    store = open_project_store("width", project)
    assert store.launches()[0].status == "KILLED"
    kept = {cell.seed: cell.id for cell in store.cells().values()}
    assert list(kept) == [0]
    monkeypatch.delenv("INTERRUPT")
    again = run("width", asked, project)
    assert (again.trained, again.failures) == (1, {})
    assert again.cells.set_index("seed")["run"].to_dict()[0] == kept[0]


@pytest.mark.extended
@pytest.mark.parametrize(
    ("number", "given", "left"),
    [(signal.SIGINT, ["seeds=2"], 1), (signal.SIGTERM, ["seeds=4", "trainer.seeds_at_once=2"], 3)],
    ids=["interrupt", "term"],
)
def test_a_seed_that_was_killed_starts_anew(project: Path, number: signal.Signals, given: list[str], left: int) -> None:
    """In a process of its own, at any moment."""
    asked = ["variant=narrow", "trainer.max_epochs=200", *given]
    environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}"}
    command = [sys.executable, "-m", "seedbed", "run", "width", *asked, "--config-dir", str(project)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_a_cell(project)
    process.send_signal(number)
    assert process.wait(60) != 0
    assert open_project_store("width", project).launches()[0].status == "KILLED"
    again = run("width", asked, project)
    assert again.failures == {}
    assert 1 <= again.trained <= left


def _wait_for_a_cell(project: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(NothingTracked):
            if any(cell.status == "FINISHED" for cell in open_project_store("width", project).cells().values()):
                return
        time.sleep(0.2)
    raise AssertionError("no seed was trained")
