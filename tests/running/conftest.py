"""What tests of running share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from seedbed.training import workers
from seedbed.training.workers import Workers


class Here(Executor):
    """Trains in this process: starting another one takes seconds, and one test alone does that."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*arguments, **named))
        return future


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_device", [0])
    monkeypatch.setattr(Workers, "pool", lambda *_: Here())
