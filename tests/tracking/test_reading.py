"""What is said of a launch's cells beside their numbers."""

from __future__ import annotations

from seedbed.tracking.reading import _with_notes_on_rates
from seedbed.tracking.runs import SeedRun


def test_what_the_mean_of_found_rates_does_not_say_is_noted() -> None:
    def cell(seed: int, outcome: str = "ok", **fields: str) -> SeedRun:
        metrics = {"lr": 0.01} if outcome == "ok" else {}
        return SeedRun(f"run{seed}", "none", seed, f"print{seed}", "FINISHED", outcome, "first", metrics, **fields)

    cells = [cell(0, lr="0.01"), cell(1, lr="0.001", lr_fallback="too few"), cell(2, "diverged", lr="0.5")]
    finished = {found.fingerprint: found for found in cells}
    plan = {"none": [(seed, f"print{seed}") for seed in range(3)]}
    assert _with_notes_on_rates({"none": ["As it is."]}, plan, finished)["none"] == [
        "As it is.",
        "1 of 3 seeds found no learning rate by their range test and trained with lr_finder.fallback=0.001 (seeds: 1).",
        "Diverged at the rate that it trained with: seed 2 at 0.5.",
    ]
    assert _with_notes_on_rates({}, {"none": plan["none"][:1]}, finished) == {}
