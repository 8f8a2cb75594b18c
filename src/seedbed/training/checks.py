"""Checks before training: each part of a variant is built or tried once, so that what is wrong is found first."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seedbed.compiled.known import why_unknown
from seedbed.config.lightning_modules import is_lightning_module, refuse_as_network
from seedbed.errors import ConfigError, DataError, without_addresses
from seedbed.lr_finder import AUTO
from seedbed.models.fitted import FittedModel
from seedbed.schedules import Schedule
from seedbed.stacking.engines import AUTO as AUTO_ENGINE
from seedbed.stacking.engines import COMPILED, TORCH
from seedbed.stacking.layers import build as build_stacked
from seedbed.stacking.layers import stacking_error
from seedbed.stacking.optimizers import is_elementwise, is_row_sparse
from seedbed.stacking.single_rows import Refused, refusal_of_one_row
from seedbed.torch_random import global_stream
from seedbed.training.callbacks import built_callbacks
from seedbed.training.devices import FREE, accelerator
from seedbed.training.fitting import lightning_trainer
from seedbed.training.parts import VariantParts

NOT_STACKABLE = (
    "Its forward must count axes from the end (dim=-1, flatten(-3)) and mix no rows; or derive the class from torch.nn.Module: then its "
    "seeds train one at a time."
)
ROWS_TRIED = 5
"""Made-up rows on which a network is tried."""
# Whether a network has a stacked form, of networks whose stack was found to give what they give alone: a search plans the
# same network for every trial.
_STACKABLE: dict[str, bool] = {}


@dataclass(frozen=True)
class NetworkTraits:
    """What trying a variant's network and optimizer has shown of how they can be trained."""

    takes_steps: bool
    """Whether the network is trained, and not computed from the training rows."""
    elementwise: bool = False
    """Whether the optimizer moves each weight by itself, so that it can step a stack."""
    has_stacked_form: bool = False
    refused_training: Refused | None = None
    """Why the network takes no batch of one row in training; None where it does."""
    refused_evaluating: Refused | None = None
    """Why the network takes no batch of one row in evaluation; None where it does."""
    notes: tuple[str, ...] = ()
    """What a user should know of how the network is used."""
    why_not_compiled: str = ""
    """Why the compiled steps cannot train it; "" where they can."""

    @property
    def is_stackable(self) -> bool:
        """Whether several seeds can be trained at once."""
        return self.takes_steps and self.elementwise and self.has_stacked_form


def tried(parts: VariantParts) -> NetworkTraits:
    """Try the parts on made-up rows; raises ``ConfigError`` for what could not be trained."""
    network = _built_network(parts)
    target = parts.target("model")
    refuse_as_network(type(network), target)
    _refuse_no_network(network, target)
    _check_batch_size(parts)
    parts.task.check_settings(parts.table, parts.task_settings)
    parts.task.check_network(network, parts.task_settings)
    notes = tuple(_parts_used_by_forward_alone(network, target))
    if isinstance(network, FittedModel):
        unseen = f"{target} is computed from its training rows and takes no steps: callbacks see nothing of it."
        return NetworkTraits(takes_steps=False, notes=(*notes, unseen) if built_callbacks(parts.config) else notes)
    optimizer = _built_optimizer(parts, list(network.parameters()))
    _check_training(parts, optimizer)
    refused_training, refused_evaluating = _refusals_of_one_row(parts, network)
    _check_output(parts, network)
    why_not_compiled = _why_not_compiled(parts, network, optimizer)
    return NetworkTraits(
        takes_steps=True,
        elementwise=is_elementwise(optimizer),
        has_stacked_form=_STACKABLE[_network_key(parts)],
        refused_training=refused_training,
        refused_evaluating=refused_evaluating,
        notes=notes,
        why_not_compiled=why_not_compiled,
    )


# ---- the network -----------------------------------------------------------------------------------------------------


def _built_network(parts: VariantParts) -> nn.Module:
    try:
        with global_stream(0, "trial"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element")  # refused below
            return parts.network()
    except (ConfigError, DataError):
        raise
    except Exception as error:  # the network may be a user's, and raise anything
        raise ConfigError(f"model: cannot build {parts.target('model')}: {why_failed(error)}") from error


def why_failed(error: Exception) -> str:
    """What an error of a user's code says; its kind, too, where that alone says little, as a ``KeyError`` of a name."""
    said = without_addresses(" ".join(str(error).split()))
    # PyTorch says in many ways that a size is beyond the memory, or beyond any.
    if isinstance(error, MemoryError | OverflowError) or re.search(r"allocat|[Oo]verflow", said):
        return "a single network needs more memory than this machine has. Make its layers smaller."
    return (
        said if said and isinstance(error, TypeError | ValueError | RuntimeError) else f"{type(error).__name__}: {said}"
    )


def _refuse_no_network(network: Any, target: Any) -> None:
    """Raise ``ConfigError`` where what was built is no network, or one with a layer that has no units or no size yet."""
    if not isinstance(network, nn.Module):
        raise ConfigError(
            f"model._target_: {target} gives {type(network).__name__}, which is not a network. Name a class derived from "
            "torch.nn.Module, or a function that returns one."
        )
    for name, weight in network.named_parameters():
        if isinstance(weight, nn.UninitializedParameter):
            raise ConfigError(
                f"model: {target} has a weight {name} whose size is only known at its first batch. seedbed needs all sizes when the "
                "network is built: take in_features and out_features, and torch.nn.Linear in place of torch.nn.LazyLinear."
            )
        if weight.numel() == 0:
            raise ConfigError(
                f"model: {target} has a layer without units: its weight {name} is of shape {tuple(weight.shape)}. Give sizes "
                "from 1 on."
            )


def _parts_used_by_forward_alone(network: nn.Module, target: Any) -> Iterator[str]:
    """A LightningModule inside a network is a layer like any other, as in PyTorch; that it trains itself would be a mistake."""
    for name, part in network.named_modules():
        if is_lightning_module(type(part)):
            yield (
                f"{target}: its part {name} ({type(part).__name__}) is a LightningModule: only its forward is used, "
                "and not its training_step, configure_optimizers or hooks."
            )


def _check_batch_size(parts: VariantParts) -> None:
    size = parts.settings["batch_size"]
    if parts.task.FULL_BATCH and size is not None:
        raise ConfigError(
            f"trainer.batch_size={size}: a step of {parts.target('task')} takes all training rows. Set it to null."
        )
    if not parts.task.FULL_BATCH and size is None:
        raise ConfigError(
            f"trainer.batch_size=null: {parts.target('task')} trains by batches. Give a whole number from 1 on."
        )


def _refusals_of_one_row(parts: VariantParts, network: nn.Module) -> tuple[Refused | None, Refused | None]:
    """Why the network takes no batch of one row, in training and in evaluation; None where it does."""
    if parts.task.FULL_BATCH:
        return None, None

    def inputs(rows: int) -> tuple[Tensor, ...]:
        return parts.task.example(parts.table, rows, torch.Generator().manual_seed(rows))

    with global_stream(0, "trial"):
        refused = refusal_of_one_row(network, inputs, training=True)
        refused_evaluating = refusal_of_one_row(network, inputs, training=False)
    if refused is not None and refused.always:
        raise ConfigError(
            f"model: {parts.target('model')} {refused.why}, whatever the batch. Give it more values, or use "
            "another norm, such as torch.nn.LayerNorm."
        )
    if refused is not None and parts.settings["batch_size"] == 1:
        raise ConfigError(f"trainer.batch_size=1: {needs_two_rows(parts, refused)}")
    return refused, refused_evaluating


def needs_two_rows(parts: VariantParts, refused: Refused | None) -> str:
    """What keeps the network from a batch of one row, and the remedy."""
    assert refused is not None
    return (
        f"{parts.target('model')} {refused.why}. Use batches of two rows or more, and rows enough for one; or another "
        "network, such as one with torch.nn.LayerNorm."
    )


def _check_output(parts: VariantParts, network: nn.Module) -> None:
    """Check that the output has the task's shape and depends on the weights; a network that fails here is not judged."""
    wanted = parts.task.output_shape(parts.table, ROWS_TRIED)
    if wanted is None:
        return
    try:
        with global_stream(0, "trial"):
            given = network.eval()(*_made_up_rows(parts))
    except Exception:  # of a user's code on made-up rows
        return
    target = parts.target("model")
    shape = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
    if shape != wanted:
        raise ConfigError(
            f"model: {target} gives {shape} for {ROWS_TRIED} rows, and {parts.target('task')} wants {wanted}. Let its "
            "forward return one tensor of that shape."
        )
    if not given.requires_grad:
        raise ConfigError(
            f"model: what {target} gives does not depend on weights that can be trained. Let its forward use them without "
            "detach() or no_grad(), and leave requires_grad=True on some of them."
        )


def _made_up_rows(parts: VariantParts) -> tuple[Tensor, ...]:
    return parts.task.example(parts.table, ROWS_TRIED, torch.Generator().manual_seed(0))


# ---- optimizer, settings and schedule --------------------------------------------------------------------------------


def _built_optimizer(parts: VariantParts, weights: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    if not weights:
        raise ConfigError(f"model: {parts.target('model')} has no weights, so that there is nothing to train.")
    try:
        return parts.make_optimizer(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"optimizer: cannot build {parts.target('optimizer')}: {error}") from error


def _check_training(parts: VariantParts, optimizer: torch.optim.Optimizer) -> None:
    """Check that optimizer, settings, schedule and network go together."""
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ConfigError(
            "optimizer: LBFGS evaluates the loss several times a step, which stacked training does not do. Use "
            "another, such as optimizer=adamw."
        )
    settings = parts.settings
    if is_row_sparse(optimizer) and settings["gradient_clip_val"] is not None:
        raise ConfigError(
            f"trainer.gradient_clip_val={settings['gradient_clip_val']}: sparse gradients, as "
            f"{parts.target('optimizer')} takes them, are not clipped. Set it to null, or use optimizer=adamw."
        )
    # A check needs no GPU of its own, which the process that trains may be waiting for.
    device = 0 if settings["devices"] == FREE else None
    with lightning_trainer(settings, device, callbacks=built_callbacks(parts.config)):
        pass
    if parts.schedule is not None:
        parts.schedule.check(settings["max_epochs"])
        _check_found_rate_is_used(parts, parts.schedule)
    _check_stacking(parts)
    if is_row_sparse(optimizer) and not _STACKABLE[_network_key(parts)]:
        raise ConfigError(
            f"optimizer: {parts.target('optimizer')} moves single rows of stacked embeddings, and "
            f"{parts.target('model')} has no stacked form. Use optimizer=adamw."
        )


def _why_not_compiled(parts: VariantParts, network: nn.Module, optimizer: torch.optim.Optimizer) -> str:
    """Why the compiled steps cannot train the network; raises ``ConfigError`` where they are asked for."""
    why = why_unknown(
        network, parts.task, optimizer, parts.settings, accelerator(parts.settings), built_callbacks(parts.config)
    )
    if why and parts.settings.get("engine") == COMPILED:
        raise ConfigError(
            f"trainer.engine={COMPILED}: {why}. Set trainer.engine={AUTO_ENGINE}, which takes the compiled steps where they "
            f"can train a variant and PyTorch's operations elsewhere, or {TORCH}."
        )
    return why


def _check_found_rate_is_used(parts: VariantParts, schedule: Schedule) -> None:
    if parts.finds_lr and schedule.own_rate:
        raise ConfigError(
            f"optimizer.lr={AUTO}: schedule.{schedule.own_rate} of {parts.target('schedule')} sets its own rates, so "
            "those found would not be used. Give optimizer.lr a number, or use a schedule that goes "
            "by it (schedule.max_lr=null, schedule=one_cycle)."
        )


# ---- the stack -------------------------------------------------------------------------------------------------------


def _check_stacking(parts: VariantParts) -> None:
    """Check that a stack gives what its networks give alone, and remember whether there is one."""
    key, target = _network_key(parts), parts.target("model")
    if key in _STACKABLE:
        return
    try:
        difference = stacking_error(parts.network, lambda draw: parts.task.example(parts.table, ROWS_TRIED, draw))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        _refuse_failing(parts, error)
        raise ConfigError(f"model: {target} cannot be stacked: {str(error).rstrip('.')}. {NOT_STACKABLE}") from error
    if not difference < 1e-3:
        raise ConfigError(
            f"model: a stack of {target} gives other values than the same networks alone (relative "
            f"difference {difference:.2g}). {NOT_STACKABLE}"
        )
    _STACKABLE[key] = build_stacked(parts.network, (0, 1)) is not None


def _network_key(parts: VariantParts) -> str:
    named = [parts.config["model"], parts.config["task"], parts.table.digest]
    return json.dumps([*named, repr(parts.task.network_arguments(parts.table))], sort_keys=True, default=str)


def _refuse_failing(parts: VariantParts, error: Exception) -> None:
    """Raise ``ConfigError`` where a single network fails as its stack did: other counting of axes would not mend that."""
    try:
        with global_stream(0, "trial"), torch.no_grad():
            parts.network().eval()(*_made_up_rows(parts))
    except Exception as alone:
        raise ConfigError(
            f"model: {parts.target('model')} fails on {ROWS_TRIED} rows of the shape that these data have: {why_failed(alone).rstrip('.')}. "
            "Fix its layers or its forward."
        ) from error
