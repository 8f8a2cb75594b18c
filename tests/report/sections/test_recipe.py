"""Parts of a config that no run used are not shown."""

from __future__ import annotations

from dataclasses import replace

from seedbed.report.sections.recipe import unused_parts
from seedbed.results import Results


def test_what_no_run_used_is_not_shown(results: Results) -> None:
    def unused(**changes: object) -> set[str]:
        return unused_parts(replace(results, config=results.config | changes))

    assert unused() == {"lr_finder", "search"}
    assert unused(lr_finder={"rule": "valley"}, optimizer={"lr": "auto"}) == {"search"}
    assert unused(optimizer={"lr": 0.1}, variants={"a": ["optimizer.lr=auto"]}) == {"search"}
