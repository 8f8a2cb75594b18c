"""Trained seeds of a project, built again from the store."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seedbed.trained.loading import load_recommender
from tests.cli.test_recommend import train


@pytest.mark.slow
def test_what_a_seed_has_not_trained_on_shares_the_reserved_row(project: Path) -> None:
    outcome = train(project, "trainer.max_epochs=1", "variant=plain", "task.vocabulary=train", "seeds=6")
    trained = load_recommender("stars", config_dir=project)
    users, items = (torch.from_numpy(ids).long() for ids in (trained.table.users, trained.table.items))
    cold = [int(((seed.users[users] == 0) | (seed.items[items] == 0)).sum()) for seed in trained.seeds]
    assert cold == outcome.results.values("plain", "val/cold_rows").tolist()
    assert sum(cold) > 0
