"""Stacks of several variants that are trained at a time: the same cells, whatever fails or interrupts them."""

from __future__ import annotations

import shutil
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seedbed.cores import available_cores
from seedbed.running import jobs
from seedbed.running.runner import run
from tests.running.test_runner import statuses, store_of
from tests.stored import runs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(available_cores() < 2, reason="needs two cores")]

TWO = "trainer.stacks_at_once=2"


def test_two_at_a_time_give_what_they_give_one_after_the_other(project: Path, tmp_path: Path) -> None:
    other = shutil.copytree(project, tmp_path / "other")
    alone = run("messages", ["seeds=4", "trainer.stacks_at_once=1"], config_dir=project)
    both = run("messages", ["seeds=4", TWO], config_dir=other)
    assert (alone.trained, both.trained, both.failures) == (8, 8, {})
    assert run("messages", ["seeds=4"], config_dir=other).trained == 0
    pd.testing.assert_series_equal(both.cells["fingerprint"], alone.cells["fingerprint"])
    pd.testing.assert_frame_equal(both.curves, alone.curves, rtol=1e-4)
    threads = {found.data.tags["seedbed.threads"] for found in runs(store_of(other, "messages"), "seed")}
    assert threads == {"1"}


def test_a_variant_waits_for_the_cells_that_another_one_trains_for_it(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("variants:\n", "variants:\n  again: [imbalance=none]\n"))
    outcome = run("messages", ["seeds=3", TWO], config_dir=project)
    assert (outcome.trained, outcome.failures) == (6, {})
    of_variants = {found.info.run_name: found.data.metrics for found in runs(store_of(project, "messages"), "variant")}
    assert {name: metrics["test/loss_n"] for name, metrics in of_variants.items()} == dict.fromkeys(of_variants, 3)
    assert of_variants["again"]["test/loss"] == of_variants["none"]["test/loss"]


def test_what_fails_stops_no_other_and_with_fail_fast_nothing_is_begun_after_it(project: Path, tmp_path: Path) -> None:
    (project / "breaking_network.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self, in_features, out_features):\n"
        "        super().__init__()\n"
        "        self.linear = torch.nn.Linear(in_features, out_features)\n"
        "    def forward(self, x):\n"
        "        if self.training and len(x) > 5: raise RuntimeError('too many rows')\n"
        "        return self.linear(x)\n"
    )
    path = project / "experiments" / "messages.yaml"
    network = "model._target_=breaking_network.Net, ~model.hidden, ~model.dropout"
    path.write_text(path.read_text().replace("variants:\n", f"variants:\n  broken: [{network}]\n"))
    other = shutil.copytree(project, tmp_path / "other")
    outcome = run("messages", ["seeds=2", TWO], config_dir=project)
    assert outcome.trained == 4
    assert set(outcome.failures) == {"broken"}
    assert "too many rows" in outcome.failures["broken"]
    first = run("messages", ["seeds=2", TWO], config_dir=other, fail_fast=True)
    assert set(first.failures) == {"broken"}
    assert statuses(store_of(other, "messages"), "launch").popitem()[1] == "FAILED"


def test_an_interrupt_leaves_nothing_running_and_what_is_recorded_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Any] = []

    def interrupted(futures: Any, *how: Any) -> Any:
        waited.append(futures)
        if len(waited) == 1:
            raise KeyboardInterrupt
        return wait(futures, *how)

    monkeypatch.setattr(jobs, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("messages", ["seeds=3", TWO], config_dir=project)
    store = store_of(project, "messages")
    found = [of_kind for kind in ("launch", "variant", "seed") for of_kind in statuses(store, kind).values()]
    assert "RUNNING" not in found
    assert "KILLED" in found
    kept = list(statuses(store, "seed").values()).count("FINISHED")
    assert run("messages", ["seeds=3"], config_dir=project).trained == 6 - kept
