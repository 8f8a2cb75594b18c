"""A store and a run in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.tracking.store import Store, store_uri
from seedbed.tracking.tracked_run import TrackedRun


@pytest.fixture
def store(project: Path) -> Store:
    return Store(store_uri(project), project, "e")


@pytest.fixture
def run(store: Store) -> TrackedRun:
    return store.start("a run", "seed", {})
