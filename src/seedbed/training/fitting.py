"""One fit by Lightning's Trainer: the settings that the stacked loop needs, and what every fit runs in."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException

from seedbed.config.trainer import OWN_SETTINGS, check_keys
from seedbed.errors import ConfigError
from seedbed.stacking.batches import FixedBatches, ShuffledBatches
from seedbed.stacking.module import StackedModule
from seedbed.torch_random import global_stream
from seedbed.training import devices
from seedbed.training.one_process import one_process_trainer

# What the stacked loop needs: nothing printed or saved by Lightning, no trial run of the validation.
LIGHTNING_SETTINGS = {
    "enable_progress_bar": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
    "log_every_n_steps": 1,
}
# Lightning says at every Trainer which devices there are; what a run needs to say is said by the runner.
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
# But what a profiler reports was asked for, by trainer.profiler.
logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)


@contextlib.contextmanager
def lightning_trainer(settings: Mapping[str, Any], device: int | None = None, **extra: Any) -> Iterator[pl.Trainer]:
    """Lightning's ``Trainer`` for the settings of ``trainer``, on the device with this number or their first.

    ``extra`` are further arguments of it. Raises ``ConfigError`` for settings that it refuses.
    """
    check_keys(settings)
    of_lightning = {key: value for key, value in settings.items() if key not in OWN_SETTINGS}
    of_lightning |= devices.lightning_settings(settings, device)
    arguments = {**LIGHTNING_SETTINGS, "logger": False, **of_lightning, **extra}
    with contextlib.ExitStack() as stack:
        try:
            trainer = stack.enter_context(one_process_trainer(**arguments))
        except (ValueError, TypeError, RuntimeError, MisconfigurationException) as error:
            raise ConfigError(f"trainer: pytorch_lightning.Trainer refuses these settings: {error}") from error
        yield trainer


def fit(trainer: pl.Trainer, module: StackedModule, batches: ShuffledBatches, validation: FixedBatches) -> None:
    """Fit the module; an interrupt, which Lightning answers by ``exit(1)``, is the interrupt again that the user meant."""
    try:
        trainer.fit(module, train_dataloaders=batches, val_dataloaders=validation)
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


@contextlib.contextmanager
def fitting(alone: int | None) -> Iterator[None]:
    """What every fit runs in; ``alone`` is the seed of an ordinary network, which draws its dropout from the global stream."""
    with (
        global_stream(alone, "dropout") if alone is not None else contextlib.nullcontext(),
        warnings.catch_warnings(),
        _naming_the_operation(),
    ):
        # Between the releases of Lightning and PyTorch; nothing that a user could change.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
        yield


@contextlib.contextmanager
def _naming_the_operation() -> Iterator[None]:
    """Under ``trainer.deterministic=true`` PyTorch refuses operations that have no deterministic form."""
    try:
        yield
    except RuntimeError as error:
        if "does not have a deterministic implementation" not in str(error):
            raise
        raise ConfigError(
            f"trainer.deterministic=true: {str(error).split(', but you set')[0]}. Set trainer.deterministic=warn to "
            "train on with a warning, or use a network without that operation."
        ) from error
