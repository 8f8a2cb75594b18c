"""Which launch is meant."""

from __future__ import annotations

import pytest

from seedbed.errors import TrackingError
from seedbed.tracking.launches import find_launch
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
