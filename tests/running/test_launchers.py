"""Launchers: what they share out, and what is said of those that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.compose import hydra_settings
from seedbed.config.override_grammar import parse
from seedbed.errors import ConfigError
from seedbed.running import launchers
from seedbed.running.launchers import LAUNCHERS, batch_overrides, check_installed, not_installed_in, threads_of_a_job


@pytest.mark.slow
def test_jobs_that_run_at_once_share_the_cores(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launchers, "available_cores", lambda: 8)
    monkeypatch.setattr(launchers.torch, "get_num_threads", lambda: 8)

    def threads(jobs: int, *overrides: str) -> int | None:
        return threads_of_a_job(hydra_settings("messages", overrides, project), jobs)

    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    assert threads(6) is None
    for n_jobs, jobs, share in ((2, 6, 4), (-1, 6, 1), (-1, 2, 4), (-5, 6, 2), (16, 16, 1)):
        assert threads(jobs, "hydra/launcher=joblib", f"hydra.launcher.n_jobs={n_jobs}") == share
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    local = hydra_settings("messages", ["hydra/launcher=submitit_local"], project)
    assert batch_overrides(local) == ["hydra.sweeper.max_batch_size=8"]
    assert threads(6, "hydra/launcher=submitit_local", "hydra.sweeper.max_batch_size=2") == 4
    assert threads(3, "hydra/launcher=submitit_local") == 2
    assert threads(6, "hydra/launcher=submitit_slurm") is None
    monkeypatch.setattr(launchers.torch, "get_num_threads", lambda: 1)  # as OMP_NUM_THREADS=1 has it
    assert threads(2, "hydra/launcher=joblib") == 1


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.choice)
def test_a_launcher_that_is_not_installed_is_said_with_its_extra(
    launcher: launchers.Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed, and in the experiment's file, where Hydra says that it finds none."""
    asked: list[str] = []
    monkeypatch.setattr(launchers, "_is_installed", lambda package: bool(asked.append(package)))
    with pytest.raises(ConfigError, match=rf"=(ray|\w+): .*pip install 'seedbed\[{launcher.extra}\]'"):
        check_installed(parse([f"hydra/launcher={launcher.choice}"]))
    assert asked == [f"hydra-{launcher.extra}-launcher"]
    said = not_installed_in(ConfigError(f"Could not find 'hydra/launcher/{launcher.choice}'"), "messages")
    assert f"experiments/messages.yaml: hydra/launcher: {launcher.choice}: " in str(said)
    assert not_installed_in(ConfigError(f"Could not find 'hydra/launcher/{launcher.choice}s'"), "messages") is None


def test_a_launcher_that_the_table_does_not_know_is_left_to_hydra() -> None:
    check_installed(parse(["hydra/launcher=of_my_own"]))
