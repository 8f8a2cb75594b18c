"""Nothing is read back from the device inside an epoch: no operation of a step asks for a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seedbed.imbalance.class_weights import ClassWeights
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, data_of

# Operations whose result, or its shape, depends on values: on a GPU, Python waits for each of them.
READING = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "unique",
    "bincount",
    "is_nonzero",
    "equal",
    "repeat_interleave",
)


class RefuseReading(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().split("::")[1].split(".")[0]
        assert name not in READING, f"{func.name()} reads a value back"
        if name in ("index", "index_put"):
            assert all(index is None or index.dtype != torch.bool for index in args[1]), "indexing by a mask reads back"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_a_step_reads_nothing_back(monkeypatch: pytest.MonkeyPatch, dropout: float, clip: float | None) -> None:
    model = config()["model"] | {"dropout": dropout}
    trainer = StackTrainer(config(model=model, gradient_clip_val=clip, max_epochs=2), TABLE)
    module = _module_class(trainer)
    step, evaluate, seen = module.training_step, module._evaluate, []

    def watched(of: Callable[..., Any], name: str) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            # Reading through NumPy passes by the dispatcher.
            def refuse(*_: Any, **__: Any) -> Any:
                raise AssertionError("a tensor was read back")

            with monkeypatch.context() as patch, RefuseReading():
                for reading in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__", "__int__"):
                    patch.setattr(Tensor, reading, refuse)
                seen.append(name)
                return of(*args)

        return run

    monkeypatch.setattr(module, "training_step", watched(step, "step"))
    monkeypatch.setattr(module, "_evaluate", watched(evaluate, "evaluate"))
    data = data_of([0, 1, 2], ClassWeights())
    results = trainer.train(data)
    assert {result.outcome for result in results} == {"ok"}
    assert {"step", "evaluate"} <= set(seen)


def test_metrics_read_nothing_back_either() -> None:
    from seedbed.stacking.metrics import Asked, classification_metrics  # noqa: PLC0415

    logits, labels = torch.randn(3, 20, 4), torch.arange(20).repeat(3, 1) % 4
    mask = torch.arange(20) < torch.tensor([[20], [13], [8]])
    with RefuseReading():
        for minority in (None, 1):
            classification_metrics(logits, labels, mask, minority, asked=Asked(beta=2, at_precision=0.5, at_recall=0.5))
        classification_metrics(logits[..., :2], labels % 2, mask, 1)


def _module_class(trainer: StackTrainer) -> Any:
    return trainer.parts.make_task.func  # type: ignore[attr-defined]
