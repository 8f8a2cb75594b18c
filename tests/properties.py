"""Properties tried on generated inputs: a few of them, the same at every run, or as many as a minute takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

import hypothesis
from hypothesis.strategies import SearchStrategy

EXAMPLES = 25
SECONDS = 60.0
UNHURRIED = {
    "deadline": None,  # the machine is shared
    "database": None,
    "suppress_health_check": list(hypothesis.HealthCheck),
}


class Examine(Protocol):
    def __call__(self, holds: Callable[..., None], **inputs: SearchStrategy[Any]) -> None: ...


def some_times(holds: Callable[..., None], **inputs: SearchStrategy[Any]) -> None:
    settings = hypothesis.settings(max_examples=EXAMPLES, derandomize=True, **UNHURRIED)
    settings(hypothesis.given(**inputs)(holds))()


def for_a_minute(holds: Callable[..., None], **inputs: SearchStrategy[Any]) -> None:
    end, number = time.monotonic() + SECONDS, 0
    settings = hypothesis.settings(max_examples=EXAMPLES, **UNHURRIED)
    while time.monotonic() < end:
        hypothesis.seed(number)(settings(hypothesis.given(**inputs)(_fresh(holds))))()
        number += 1


def _fresh(holds: Callable[..., None]) -> Callable[..., None]:
    """The property as a function of its own: a seed is given to a function once."""

    def again(**inputs: Any) -> None:
        holds(**inputs)

    return again
