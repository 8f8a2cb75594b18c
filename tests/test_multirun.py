"""Several launches at once, and jobs whose input turns out to be bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seedbed import multirun
from tests.conftest import REPOSITORY
from tests.test_runner import runs, store_of


def test_folders_of_one_second_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(multirun.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Frozen:
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(multirun, "datetime", Frozen)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: multirun._own_folder(tmp_path / "sweeps"), range(40)))
    assert len(set(folders)) == 40
    assert {folder.name.split("_")[1] for folder in folders} == {"03-04-05"}


@pytest.mark.slow
def test_four_launches_at_once_write_four_folders_and_disturb_no_other(project: Path) -> None:
    """In a project that has no store yet: all four are to create the one."""
    (project / "mlflow.db").unlink()
    command = [sys.executable, "-m", "seedbed.cli", "run", "messages", "seeds=2", "--config-dir", str(project), "-m"]
    started = [
        subprocess.Popen(
            [*command, f"model.hidden=[{size}]"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for size in (3, 4, 5, 6)
    ]
    for process in started:
        _, stderr = process.communicate(timeout=500)
        assert process.returncode == 0, stderr
    folders = list((project / "multirun" / "messages").iterdir())
    assert len(folders) == 4
    swept = sorted((folder / "multirun.yaml").read_text().split("model.hidden=[")[1][0] for folder in folders)
    assert swept == ["3", "4", "5", "6"]
    store = store_of(project, "messages")
    launches = runs(store, "launch")
    assert [launch.info.status for launch in launches] == ["FINISHED"] * 4
    trained = [cell["run"] for launch in launches for cell in _cells(store, launch.info.run_id)]
    assert len(set(trained)) == len(trained) == 16
    assert len(store.client.search_experiments()) == 2  # MLflow's default one, and ours


def _cells(store: object, launch: str) -> list[dict[str, str]]:
    variants = store.children(launch)  # type: ignore[attr-defined]
    return [cell for run in variants for cell in json.loads(store.run(run.info.run_id).text("cells.json"))]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_job_whose_data_are_bad_input_says_why_and_stops_no_other(
    seedbed: Callable[..., subprocess.CompletedProcess[str]], project: Path
) -> None:
    done = seedbed("run", "messages", "-m", "data.spam=2,20", "seeds=1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "'spam'" in done.stdout + done.stderr
    assert [launch.info.status for launch in runs(store_of(project, "messages"), "launch")] == ["FINISHED"]
