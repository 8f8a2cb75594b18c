"""What jobs of Hydra's have in common."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seedbed.running import hydra_jobs
from seedbed.running.hydra_jobs import own_folder


def test_folders_of_one_second_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(hydra_jobs.datetime):
        @classmethod
        def now(cls, tz: object = None) -> Frozen:
            return cls(2026, 1, 2, 3, 4, 5)

    monkeypatch.setattr(hydra_jobs, "datetime", Frozen)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: own_folder(tmp_path / "sweeps"), range(40)))
    assert len(set(folders)) == 40
    assert {folder.name.split("_")[1] for folder in folders} == {"03-04-05"}
