"""Which launch is meant."""

from __future__ import annotations

import json

import pytest

from seedbed.errors import TrackingError
from seedbed.tracking.launches import asks_otherwise, find_launch, jobs_of_sweep, overrides_of, recipe_overrides
from seedbed.tracking.names import OVERRIDES
from seedbed.tracking.reading import read_results
from seedbed.tracking.store import Store


def test_an_unknown_launch_is_named(store: Store) -> None:
    with pytest.raises(TrackingError, match="seedbed run e"):
        find_launch(store)
    launch = store.start("l", "launch", {})
    with pytest.raises(TrackingError, match="got as far as"):
        find_launch(store)
    with pytest.raises(TrackingError, match="ended before its first variant"):
        read_results(store, find_launch(store, launch.id))
    with pytest.raises(TrackingError, match=f"--run zzz.*{launch.id[:8]}"):
        find_launch(store, "zzz")
    assert find_launch(store, launch.id[:6]).id == launch.id


def test_the_overrides_of_a_launch_are_whole_also_where_a_param_cuts_them(store: Store) -> None:
    typed = ["seeds=3", f"question={'why ' * 2000}", "optimizer.lr=0.1"]
    command = f"seedbed run e seeds=3 '{typed[1]}' optimizer.lr=0.1 --config-dir here"
    short, long = store.start("short", "launch", {}), store.start("long", "launch", {"command": command[:100] + "'"})
    short.log(params={"overrides": typed[::2], "restated": ["optimizer.lr=0.1"]})
    long.log(params={"overrides": typed})
    assert overrides_of(store, store.launch(short.id)) == typed[::2]
    assert recipe_overrides(store, store.launch(short.id)) == []  # seeds change no cell, and the other one nothing
    assert overrides_of(store, store.launch(long.id))[0] == "seeds=3"  # as the command has it
    long.artifact(OVERRIDES, json.dumps(typed))
    assert overrides_of(store, store.launch(long.id)) == typed
    assert recipe_overrides(store, store.launch(long.id)) == ["optimizer.lr=0.1"]


@pytest.mark.parametrize(
    ("typed", "otherwise"),
    [
        (["report.rope=0.1", "tracking.pictures=false", "trainer.accelerator=cpu"], []),
        (["seeds=30", "+model.depth=3", "data/encoder=tfidf"], ["+model.depth=3", "data/encoder=tfidf"]),
        (["seeds=2", "variant=none", "data.path=mine.csv"], ["seeds=2", "variant=none", "data.path=mine.csv"]),
    ],
)
def test_other_cells_than_the_files_are_other_settings_files_variants_or_fewer_seeds(
    store: Store, typed: list[str], otherwise: list[str]
) -> None:
    run = store.start("l", "launch", {})
    run.log(params={"overrides": typed, "restated": ["seeds=30"]})
    assert asks_otherwise(store, store.launch(run.id)) == otherwise


def test_jobs_of_a_sweep_stand_in_the_order_of_their_numbers(store: Store) -> None:
    for number in ("1", "0", "2"):
        run = store.start(f"job {number}", "launch", {"sweep": "s", "sweep_job": number})
        run.log(tags={"readable": "yes"} if number != "2" else {})
    store.start("of another", "launch", {"sweep": "t", "sweep_job": "0", "readable": "yes"})
    alone = store.start("of none", "launch", {"readable": "yes"})
    job = next(launch for launch in store.launches() if launch.name == "job 1")
    assert [launch.name for launch in jobs_of_sweep(store, job)] == ["job 0", "job 1"]
    assert jobs_of_sweep(store, store.launch(alone.id)) == []


def test_the_latest_launch_is_none_of_a_search_unless_that_is_asked_for(store: Store) -> None:
    with_search = store.start("of a search", "launch", {"search": "x", "readable": "yes"})
    with pytest.raises(TrackingError, match="only searched"):
        find_launch(store)
    assert find_launch(store, of_search=True).id == with_search.id
    own = store.start("own", "launch", {"readable": "yes"})
    store.start("ended early", "launch", {})
    assert find_launch(store).id == own.id
    with pytest.raises(TrackingError, match=r"e~1: 'e' has 1 launch that can be read, so ~0 is the first"):
        find_launch(store, back=1)
