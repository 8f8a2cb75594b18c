"""How many seeds are stacked, and how many are prepared at a time."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest

from seedbed.training import stack_size
from seedbed.training.parts import VariantParts
from seedbed.training.stack_size import groups_of, seeds_at_once, seeds_in_memory
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, curve, data_of, reference
from tests.training.test_stack_trainer import Centred


def test_only_so_many_seeds_are_prepared_at_a_time_as_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = VariantParts.of(config(), replace(TABLE, preparation=Centred()))
    of_a_seed = 120 * 12 * 4
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 6 * of_a_seed * 4}))
    assert seeds_in_memory(parts) == 4
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 0}))
    assert seeds_in_memory(parts) == 1
    assert seeds_in_memory(VariantParts.of(config(), TABLE)) is None


def test_auto_stacks_no_more_seeds_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, data = StackTrainer(config(), TABLE), data_of([0, 1, 2, 3])
    monkeypatch.setattr(stack_size, "fastest_stack", lambda build, seeds, device: len(seeds))
    sizes = []
    for kilobytes in (1, 100, 1_000_000):
        free = SimpleNamespace(available=1000 * kilobytes)
        monkeypatch.setattr(psutil, "virtual_memory", lambda free=free: free)
        monkeypatch.setattr(stack_size, "_MEASURED", {})
        sizes.append(seeds_at_once(trainer.builder, data))
    weights = sum(parameter.nbytes for parameter in trainer.parts.network().parameters())
    assert sizes == [1, 50_000 // (8 * weights + 32 * len(TABLE.labels)), 4]
    assert 1 < sizes[1] < 4


def test_auto_picks_a_size_and_leaves_the_seeds_as_they_were() -> None:
    trainer = StackTrainer(config(), TABLE)
    data = data_of([0, 1, 2])
    assert seeds_at_once(trainer.builder, data) in (1, 2, 3)
    assert curve(trainer.train(data)[0], "val/loss") == pytest.approx(reference(0).val_losses, abs=1e-8)


def test_groups_are_consecutive_and_hold_every_item() -> None:
    assert groups_of([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert groups_of([1, 2, 3], None) == [[1, 2, 3]]
    assert groups_of([], None) == []
