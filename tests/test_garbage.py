"""Python's search for unused objects, while a run goes on."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import psutil
import pytest
from matplotlib.figure import Figure

from seedbed.garbage import give_back, not_searched, present_objects_spared
from seedbed.report.pictures.picture import Picture
from seedbed.report.writing import drawn_for_mlflow
from seedbed.running import benchmark, runner


def test_present_objects_are_spared_meanwhile() -> None:
    with present_objects_spared():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    with pytest.raises(ValueError, match="x"), present_objects_spared():
        raise ValueError("x")
    assert gc.get_freeze_count() == 0


def test_nothing_is_searched_for_while_pictures_are_drawn() -> None:
    searches, before = [], gc.isenabled()  # a command that ran before in this process may have ended them

    def figure() -> Figure:
        searches.append(gc.isenabled())
        return Figure()

    try:
        gc.enable()
        assert set(drawn_for_mlflow([Picture("one", "", figure)])) == {"one.png"}
        assert searches == [False]
        assert gc.isenabled()
        gc.disable()
        with pytest.raises(ValueError, match="x"), not_searched():
            raise ValueError("x")
        assert not gc.isenabled()  # as the caller had it
    finally:
        (gc.enable if before else gc.disable)()


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


@pytest.mark.extended
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_lies_between_things_in_use_is_given_back() -> None:
    resident = psutil.Process().memory_info
    some = [bytes(4000) for _ in range(10_000)]
    in_use = some[::100]  # the last one too, so that the heap's end stays where it is
    before = resident().rss
    del some
    give_back()
    assert before - resident().rss > 20e6
    assert len(in_use) == 100


class Own:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


def test_what_refers_to_itself_is_collected_but_for_what_was_there_before() -> None:
    gc.collect()
    before, meanwhile = Own(), None
    was_there = weakref.ref(before)
    with present_objects_spared():
        assert gc.get_freeze_count() > 1000
        meanwhile = weakref.ref(Own())
        del before
        give_back()
        assert meanwhile() is None
        assert was_there() is not None
    assert gc.get_freeze_count() == 0
    give_back()
    assert was_there() is None
