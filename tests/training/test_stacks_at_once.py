"""When stacks are trained side by side on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch

from seedbed.training import devices
from seedbed.training import stacks_at_once as module
from seedbed.training.stack_trainer import StackTrainer
from seedbed.training.stacks_at_once import stacks_at_once
from tests.stacking.test_against_reference import TABLE, config, data_of


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_cores", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)


def found(
    monkeypatch: pytest.MonkeyPatch,
    seconds: tuple[float, float],
    others: int = 9,
    *,
    started: bool = False,
    table: Any = TABLE,
    gigabytes: float = 100,
    say: Callable[[str], None] = print,
    **settings: Any,
) -> int:
    """How many, where an epoch takes so many ``seconds`` with all threads and with a share of them, and so much memory is free."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9 * gigabytes))
    monkeypatch.setattr(module, "_MEASURED", {})
    monkeypatch.setattr(module, "is_worth_measuring", lambda seeds, steps: True)
    monkeypatch.setattr(module, "can_start_processes", lambda: True)
    monkeypatch.setattr(module, "seconds_of_epoch", lambda *stack: seconds)
    trainer = StackTrainer(config(max_epochs=10, **settings), table)
    return stacks_at_once(trainer.builder, [data_of([0, 1])], others, started=started, say=say)


@pytest.mark.usefixtures("four_cores")
def test_as_many_as_cores_where_one_stack_does_not_use_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, (1.0, 1.1)) == 4
    assert found(monkeypatch, (1.0, 1.1), others=2) == 3
    assert found(monkeypatch, (1.0, 1.1), others=0) == 1


@pytest.mark.usefixtures("four_cores")
def test_one_after_another_where_one_stack_uses_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, (1.0, 4.1)) == 1
    assert found(monkeypatch, (1.0, 4.1), started=True) == 1


@pytest.mark.usefixtures("four_cores")
def test_processes_are_started_where_that_takes_less_than_they_save(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, (0.1, 0.1)) == 1
    assert found(monkeypatch, (0.1, 0.1), others=300) == 4
    assert found(monkeypatch, (0.1, 0.1), started=True) == 4


@pytest.mark.usefixtures("four_cores")
def test_a_number_is_taken_as_far_as_there_are_cores_and_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted, at_once in ((1, 1), (2, 2), (9, 4)):
        assert found(monkeypatch, (1.0, 4.1), stacks_at_once=wanted) == at_once
    assert found(monkeypatch, (1.0, 1.0), others=1, stacks_at_once=9) == 2


@pytest.mark.usefixtures("four_cores")
def test_no_more_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(module, "BYTES_OF_A_PROCESS", 4 * 10**8)
    assert found(monkeypatch, (1.0, 1.1), gigabytes=3.3, say=said.append) == 4
    assert not said
    for gigabytes, fitting in ((2.5, 3), (1.7, 2), (0.9, 1), (0.1, 1)):
        assert found(monkeypatch, (1.0, 1.1), gigabytes=gigabytes, say=said.append) == fitting
    assert said[0] == (
        "4 stacks of seeds could be trained at a time, but half of the memory that is free, 1.2 GB, holds 3: each takes about "
        "0.4 GB (trainer.stacks_at_once sets how many)."
    )
    assert found(monkeypatch, (1.0, 1.1), gigabytes=0.1, started=True) == 4  # what is there takes no more
    assert found(monkeypatch, (1.0, 1.1), gigabytes=0.1, stacks_at_once=2) == 2  # as set


@pytest.mark.usefixtures("four_cores")
def test_a_gpu_trains_one_stack_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = StackTrainer(config(stacks_at_once=2), TABLE)
    assert stacks_at_once(trainer.builder, [data_of([0, 1])], 9, started=True) == 2
    monkeypatch.setattr(devices, "accelerator", lambda settings: "cuda")
    assert stacks_at_once(trainer.builder, [data_of([0, 1])], 9, started=True) == 1


@pytest.mark.usefixtures("four_cores")
def test_what_cannot_be_given_to_another_process_is_trained_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, (1.0, 1.0), table=replace(TABLE, name=lambda: "no file could hold it")) == 1
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    assert found(monkeypatch, (1.0, 1.0)) == 1


@pytest.mark.slow
def test_the_measurement_leaves_threads_and_seeds_as_they_were() -> None:
    trainer, data, threads = StackTrainer(config(), TABLE), data_of([0, 1]), torch.get_num_threads()
    alone = trainer.train(data)
    seconds = module._seconds(trainer.builder, data, 2)
    assert min(seconds) > 0
    assert torch.get_num_threads() == threads
    assert [result.curves for result in trainer.train(data)] == [result.curves for result in alone]
