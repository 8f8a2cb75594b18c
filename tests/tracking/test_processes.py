"""Who is alive."""

from __future__ import annotations

from seedbed.tracking.processes import STALE_AFTER_SECONDS, surely_gone, this_process


def test_only_what_cannot_be_alive_is_surely_gone() -> None:
    own = this_process()
    assert not surely_gone(own)
    assert surely_gone(own | {"process_start": "12.00"})  # the number lives on in another process
    assert surely_gone({key: text for key, text in own.items() if key != "pid"})
    elsewhere = own | {"host": "elsewhere"}
    assert not surely_gone(elsewhere)
    silent = float(own["heartbeat"]) - STALE_AFTER_SECONDS - 60
    assert surely_gone(elsewhere | {"heartbeat": f"{silent:.0f}"})
