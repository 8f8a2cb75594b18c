"""A search of made-up messages that takes a second or two."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.search.runner import SearchOutcome, search

SPACE = ("optimizer.lr=tag(log, interval(1e-4, 1e-1))", "model.hidden=[4],[8]")
BASE = ("variant=none", "seeds=2", "trainer.seeds_at_once=2", "search.fresh_seeds=0", *SPACE)


@pytest.fixture
def made_up_search(project: Path):  # type: ignore[no-untyped-def]
    def run(*overrides: str, **more: object) -> SearchOutcome:
        return search("messages", [*BASE, *overrides], project, **more)  # type: ignore[arg-type]

    return run
