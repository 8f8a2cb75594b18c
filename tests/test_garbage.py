"""Python's search for unused objects, while a run goes on."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from seedbed.garbage import present_objects_spared, search_paused
from seedbed.running import benchmark, runner


def test_present_objects_are_spared_meanwhile() -> None:
    with present_objects_spared():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    with pytest.raises(ValueError, match="x"), present_objects_spared():
        raise ValueError("x")
    assert gc.get_freeze_count() == 0


def test_the_search_goes_on_as_before() -> None:
    with search_paused():
        assert not gc.isenabled()
        with search_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="x"), search_paused():
        raise ValueError("x")
    assert gc.isenabled()


def test_what_a_caller_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        with present_objects_spared():
            pass
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(
    ("module", "inner", "call"),
    [
        (runner, "run_loaded", lambda: runner.run_experiment(None)),  # type: ignore[arg-type]
        (benchmark, "_run", lambda: benchmark.run_experiments([_OnADataSet()])),  # type: ignore[list-item]
    ],
    ids=["one data set", "several"],
)
def test_a_run_spares_what_is_imported(module: Any, inner: str, call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, inner, lambda *_, **__: gc.get_freeze_count())
    assert call() > 1000


class _OnADataSet:
    data_set = "one"
