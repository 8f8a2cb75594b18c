"""Grids: several at once, launchers, what fails or is killed, and the same command again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seedbed.cli.status import experiment_status
from seedbed.cores import available_cores
from seedbed.errors import ConfigError
from seedbed.report.printed import table_text
from seedbed.running import launchers, multirun
from seedbed.running.hydra_jobs import launcher_settings
from seedbed.running.launchers import launcher_name
from seedbed.running.multirun import is_search
from seedbed.running.runner import run
from seedbed.tracking.store import Store
from tests.conftest import REPOSITORY
from tests.running.test_runner import statuses, store_of
from tests.stored import client_of, runs


@pytest.mark.extended
def test_six_launches_at_once_write_six_folders_and_disturb_no_other(project: Path) -> None:
    """In a project that has no store yet: all six are to create the one."""
    (project / "mlflow.db").unlink()
    command = [sys.executable, "-m", "seedbed", "run", "messages", "seeds=1", "--config-dir", str(project), "-m"]
    started = [
        subprocess.Popen(
            [*command, f"model.hidden=[{size}]"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for size in (3, 4, 5, 6, 7, 8)
    ]
    for process in started:
        _, stderr = process.communicate(timeout=500)
        assert process.returncode == 0, stderr
    folders = list((project / "multirun" / "messages").iterdir())
    assert len(folders) == 6
    swept = sorted((folder / "multirun.yaml").read_text().split("model.hidden=[")[1][0] for folder in folders)
    assert swept == ["3", "4", "5", "6", "7", "8"]
    store = store_of(project, "messages")
    launches = runs(store, "launch")
    assert [launch.info.status for launch in launches] == ["FINISHED"] * 6
    trained = [cell["run"] for launch in launches for cell in _cells(store, launch.info.run_id)]
    assert len(set(trained)) == len(trained) == 12
    assert len(client_of(store).search_experiments()) == 2  # MLflow's default one, and ours


def _cells(store: Store, launch: str) -> list[dict[str, str]]:
    return [cell for run in store.variants(launch) for cell in json.loads(store.run(run.id).text("cells.json"))]


@pytest.mark.extended
def test_a_job_whose_data_are_bad_input_says_why_and_stops_no_other(
    seedbed: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    done = seedbed("run", "messages", "-m", "data.spam=2,20", "seeds=1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "'spam'" in done.stdout + done.stderr
    assert [launch.info.status for launch in runs(store_of(project, "messages"), "launch")] == ["FINISHED"]
    (log,) = project.glob("multirun/messages/*/0/job-0.log")
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()
    assert "2 jobs: 1 done, 1 failed" in done.stderr
    assert done.stderr.count("'spam'") == 1
    (other,) = project.glob("multirun/messages/*/1/*.log")
    assert "2 cells to train" in other.read_text()
    assert "can't be told apart" in other.read_text() or "verdict" in other.read_text()
    assert len(list(project.glob("multirun/messages/*/*/*.log"))) == 2


@pytest.mark.slow
def test_bad_hydra_settings_and_launchers_are_found_before_the_first_job(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launchers, "_is_installed", lambda package: package == "hydra-joblib-launcher")
    for overrides, said in (
        (["hydra/launcher=ray"], r"not installed.*pip install 'seedbed\[ray\]'"),
        (["hydra/launcher=submitit_slurm"], r"pip install 'seedbed\[submitit\]'"),
        (["hydra/launcher=jobli"], "Could not find 'hydra/launcher/jobli'"),
        (["hydra.launcher.n_job=2"], "hydra.launcher.n_job"),
        (["hydra.sweep.dir=here"], "new folder for each multirun"),
        (["imbalance=none,smote"], "wrong name"),
        (["model={_target_: mynet.Net}", "seeds=1,2"], "with -m, a config group takes choices"),
        (["optimizer=sgd,fastai_adam", "optimizer.betas=[0.8,0.9]"], "optimizer=sgd has no key 'optimizer.betas'.*fastai_adam"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            multirun.run_jobs("messages", overrides, project)
    assert not (project / "multirun").exists()


@pytest.mark.slow
def test_the_first_failure_stops_what_comes_later(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Within a launch the later variants, within a grid the later jobs; what is finished is kept."""
    path = project / "experiments" / "failing_seed.yaml"
    path.write_text(path.read_text().replace("imbalance.seed=2]", "imbalance.seed=2]\n  later: [imbalance=oversample]"))
    code = multirun.run_jobs("failing_seed", ["model.hidden=[4],[5],[6]", "seeds=[2]"], project, fail_fast=True)
    said = capfd.readouterr().err
    assert code == 1
    assert "Not started: later" in said
    assert "3 jobs: 0 done, 1 failed, 2 not started" in said
    store = store_of(project, "failing_seed")
    assert [launch.info.status for launch in runs(store, "launch")] == ["FAILED"]
    assert statuses(store, "variant") == {"none": "FINISHED", "flaky": "FAILED"}
    shown = experiment_status("failing_seed", project)
    assert "a sweep of 3 jobs" in shown
    assert "2 jobs have not started" in shown
    (line,) = [line for line in shown.splitlines() if line.endswith("model.hidden=[4]")]
    assert line.split()[:2] == ["0", "failed"]
    assert "SEEDBED_SWEEP" not in os.environ


@pytest.mark.slow
def test_a_failing_job_stops_no_other_and_is_counted_afterwards(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Three jobs of one seed each: the second fails, and the mean of the three seeds is flagged as one of two."""
    asked = ["variant=flaky", "trainer.max_epochs=1"]
    code = multirun.run_jobs("failing_seed", [*asked, "seeds=[1],[2],[3]"], project)
    said = capfd.readouterr().err
    assert code == 1
    assert "3 jobs: 2 done, 1 failed" in said
    store = store_of(project, "failing_seed")
    assert statuses(store, "seed") == {
        "seed 1 flaky": "FINISHED", "seed 2 flaky": "FAILED", "seed 3 flaky": "FINISHED",
    }  # fmt: skip
    (log,) = (log for log in project.glob("multirun/failing_seed/*/*/job-*.log") if "Traceback" in log.read_text())
    assert log.parent.name == "1"
    assert "RuntimeError: no rows for seed 2" in log.read_text()
    assert str(log) in said
    together = run("failing_seed", [*asked, "seeds=[1,2,3]"], config_dir=project)
    (row,) = [line for line in table_text(together.results).splitlines() if line.startswith("flaky ") and " ± " in line]
    assert "n=2/3, 1 failed" in row
    values = together.results.values("flaky", "test/accuracy")
    assert values.notna().tolist() == [True, False, True]


@pytest.mark.slow
def test_a_job_in_a_folder_of_its_own_reads_and_writes_what_one_here_does(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``hydra.job.chdir`` a job runs in the folder that Hydra makes for it."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "mine.csv").write_text("text,label\n")
    monkeypatch.chdir(here)
    asked = ["variant=none", "seeds=1", "trainer.max_epochs=1", "+data.path=mine.csv"]
    assert multirun.run_jobs("messages", [*asked, "hydra.job.chdir=true"], project) == 0
    store = store_of(project, "messages")
    (launch,) = runs(store, "launch")
    assert f"path: {here / 'mine.csv'}\n" in store.run(launch.info.run_id).text("config.yaml")
    assert run("messages", asked, config_dir=project).trained == 0
    assert Path.cwd() == here
    assert [path.name for path in here.iterdir()] == ["mine.csv"]
    assert [path.parent for folder in (here, project) for path in folder.rglob("mlflow.db")] == [project]


@pytest.mark.extended
@pytest.mark.skipif(available_cores() < 2, reason="needs two cores")
def test_jobs_on_two_devices_are_one_launch_each(
    seedbed: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    """The two processes of a job share out its seeds, in one folder and under one launch."""
    command = ["messages", "-m", "model.hidden=[4],[5]", "variant=none", "seeds=2", "trainer.devices=2"]
    done = seedbed("run", *command)
    assert done.returncode == 0, done.stderr
    assert sorted(folder.name for folder in project.glob("multirun/messages/*/*") if folder.is_dir()) == ["0", "1"]
    store = store_of(project, "messages")
    for kind, count in (("launch", 2), ("variant", 2), ("seed", 4)):
        assert [found.info.status for found in runs(store, kind)] == ["FINISHED"] * count


@pytest.mark.extended
def test_a_grid_that_is_killed_goes_on_by_the_same_command(
    seedbed: Callable[..., subprocess.CompletedProcess[str]],
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes of joblib, one of which is killed in its job: resumed, the values are those of one go."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (project / "imbalance" / "signals.yaml").write_text("_target_: own_signals.Signals\nname: SIGKILL\nafter: 1\n")
    (project / "own_signals.py").write_text("from tests.made_up import Signals\n")  # code beside one's own configs
    other = shutil.copytree(project, tmp_path / "other")
    command = [
        "interrupted",
        "-m",
        "model.hidden=[4],[5]",
        "seeds=2",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]
    cut = seedbed("run", *command)
    assert cut.returncode == 1
    assert "The launcher gave up" in cut.stderr
    store = store_of(project, "interrupted")
    kinds = ("launch", "variant", "seed")
    assert not [found for kind in kinds for found in runs(store, kind) if found.info.status == "RUNNING"]
    assert "killed" in experiment_status("interrupted", project)
    assert cut.stderr.count(": killed") >= 1
    monkeypatch.setenv("SEEDBED_TEST_SPARE", "1")
    for folder in (project, other):  # in this process, which spares the time of importing PyTorch thrice
        assert multirun.run_jobs("interrupted", ["model.hidden=[4],[5]", "seeds=2"], folder) == 0
    assert len(list((project / "multirun" / "interrupted").iterdir())) == 2
    assert _values_of(store) == _values_of(store_of(other, "interrupted"))
    assert len(_values_of(store)) == 2 * 3 * 2
    assert {
        found.data.tags["seedbed.threads"] for found in runs(store, "seed") if "seedbed.threads" in found.data.tags
    } == {"1"}


def _values_of(store: Store) -> dict[str, float]:
    return {print_: cell.metrics["test/loss"] for print_, cell in store.cells().items()}


@pytest.mark.extended
@pytest.mark.parametrize(
    ("launcher", "plugin"),
    [
        (["hydra/launcher=submitit_local"], "submitit"),
        (["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"], "ray"),
    ],
)
def test_jobs_may_run_elsewhere(
    seedbed: Callable[..., subprocess.CompletedProcess[str]], project: Path, launcher: list[str], plugin: str
) -> None:
    """In processes that know of this one what Hydra hands over; one seed fails, and is said to."""
    pytest.importorskip(f"hydra_plugins.hydra_{plugin}_launcher")
    pytest.importorskip(plugin)
    done = seedbed("run", "failing_seed", "-m", "model.hidden=[4]", *launcher, cwd=project / "data")
    assert done.returncode == 1
    assert "1 job: 0 done, 1 failed" in done.stderr
    logs = sorted(project.glob("multirun/failing_seed/*/*/job-*.log"))
    assert ["no rows for seed 2" in log.read_text() for log in logs] == [True]
    store = store_of(project, "failing_seed")
    assert sorted(found.info.status for found in runs(store, "seed")) == ["FAILED"] + ["FINISHED"] * 5


def in_file(project: Path, lines: str) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("  - override /model: mlp\n", f"  - override /model: mlp\n{lines}"))


def with_hydra(project: Path, node: str) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(f"{path.read_text()}\nhydra: {node}\n")


def test_the_sweeper_of_the_file_counts(bare_project: Path) -> None:
    swept = ["model.hidden=[8],[16]"]
    assert not is_search("messages", swept, bare_project)
    in_file(bare_project, "  - override /hydra/sweeper: optuna\n")
    assert is_search("messages", swept, bare_project)
    assert not is_search("messages", [*swept, "hydra/sweeper=basic"], bare_project)


def test_the_launcher_of_the_file_counts(bare_project: Path) -> None:
    in_file(bare_project, "  - override /hydra/launcher: joblib\n")
    assert launcher_name(launcher_settings("messages", [], bare_project)) == "JoblibLauncher"


def test_a_launcher_of_the_file_that_is_not_installed_is_named(bare_project: Path) -> None:
    in_file(bare_project, "  - override /hydra/launcher: ray_aws\n")
    with pytest.raises(ConfigError, match=r"hydra/launcher: ray_aws: that launcher is not installed.*seedbed\[ray\]"):
        launcher_settings("messages", [], bare_project)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("{sweeper: {params: {model.hidden: '[8],[16]'}}}", r"type: seedbed run messages -m model.hidden=\[8\],\[16\]"),
        ("{sweep: {dir: /tmp/here}}", "hydra.sweep.dir=/tmp/here: seedbed makes a new folder"),
        ("{sweeper: {_target_: tests.made_up.Messages}}", "hydra/sweeper=optuna"),
    ],
)
def test_what_hydra_would_do_otherwise_is_refused_in_the_file(node: str, said: str, bare_project: Path) -> None:
    with_hydra(bare_project, node)
    with pytest.raises(ConfigError, match=said):
        launcher_settings("messages", ["model.hidden=[8],[16]"], bare_project)


def test_an_unknown_experiment_is_answered_with_near_misses(bare_project: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no experiment .mesages.*messages"):
        is_search("mesages", [], bare_project)
