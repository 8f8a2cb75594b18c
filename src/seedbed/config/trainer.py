"""The keys of ``trainer`` in a config, and what to do in place of those arguments of Lightning's that it does not take."""

from __future__ import annotations

from collections.abc import Iterable

from seedbed.errors import ConfigError, near_misses

OF_EACH_SEED = ("gradient_clip_val", "limit_train_batches", "max_steps")
"""Arguments of Lightning's ``Trainer`` that seedbed sees to itself, for each seed of a stack as if it were alone."""
# seedbed's own; the others go to pytorch_lightning.Trainer.
OWN_SETTINGS = ("batch_size", *OF_EACH_SEED, "seeds_at_once", "stacks_at_once", "steps_per_chunk", "engine")
# Arguments of Trainer that hold for a stack as for a network. All others would change what is trained without a trace in
# the curves, or be overruled.
LIGHTNING_ARGUMENTS = (
    "max_epochs", "precision", "accelerator", "devices", "deterministic", "benchmark", "detect_anomaly", "profiler",
)  # fmt: skip
PRECISIONS = ("32-true", "bf16-mixed", "bf16-true", "64-true", "32", "64", "bf16", 32, 64, "transformer-engine")
"""Of Lightning's, the usual names first; those of 16-bit floats are refused with their reason."""
PROFILERS = ("simple", "advanced")
"""Of Lightning's: their report is printed after each fit."""

_EPOCHS = "set trainer.max_epochs or trainer.max_steps"
_ROWS = (
    "metrics are computed on all rows of a part, in batches of seedbed's own: choose how many rows there are by split"
)
_EPOCH_VALIDATION = "every epoch is validated, and only at its end: that is what the curves and select=best go by"
_SHOWN = "seedbed shows and records by itself what is trained: leave it out"
_ONE_PROCESS = "the rows of a seed are never shared out: trainer.devices shares out the seeds"
INSTEAD = {
    "min_steps": f"a seed stops early by patience alone, which counts epochs: {_EPOCHS}",
    "min_epochs": f"a seed stops early by patience alone, which counts epochs: {_EPOCHS}",
    "max_time": f"{_EPOCHS}. Time limits are the launcher's: a run that is ended goes on when it is typed again",
    "limit_val_batches": _ROWS,
    "limit_test_batches": _ROWS,
    "limit_predict_batches": _ROWS,
    "overfit_batches": "it would validate on rows that are trained on: set trainer.limit_train_batches, and look at train/loss",
    "fast_dev_run": "a trial run is one of few epochs and seeds: set trainer.max_epochs=1 and seeds=1",
    "val_check_interval": _EPOCH_VALIDATION,
    "check_val_every_n_epoch": _EPOCH_VALIDATION,
    "num_sanity_val_steps": "model and data are tried before any training anyway: leave it out",
    "accumulate_grad_batches": "gradients that are added up over several batches are those of one larger batch: set "
    "trainer.batch_size to as many rows, and trainer.seeds_at_once where a stack of so many takes too much memory",
    "gradient_clip_algorithm": "gradients are clipped by their norm, each seed's by itself: set trainer.gradient_clip_val",
    "callbacks": "they have names, and stand beside trainer: callbacks: {NAME: {_target_: ...}}",
    "logger": "everything is recorded in MLflow (MLFLOW_TRACKING_URI says where), and loggers names others that get it too: "
    "loggers: {NAME: {_target_: ...}}, beside trainer",
    "log_every_n_steps": "every epoch is recorded: leave it out",
    "enable_checkpointing": "set tracking.checkpoints, which keeps each seed's final weights",
    "enable_progress_bar": _SHOWN,
    "enable_model_summary": _SHOWN,
    "default_root_dir": "Lightning writes nothing; records go to MLflow: MLFLOW_TRACKING_URI says where",
    "strategy": _ONE_PROCESS,
    "num_nodes": f"{_ONE_PROCESS}, and -m with hydra/launcher gives jobs to other machines",
    "sync_batchnorm": _ONE_PROCESS,
    "use_distributed_sampler": _ONE_PROCESS,
    "plugins": "one process trains, in trainer.precision: there is nothing for a plugin to change",
    "reload_dataloaders_every_n_epochs": "the rows are in memory, and shuffled anew for every epoch: leave it out",
    "inference_mode": "validation and test always run without gradients: leave it out",
    "barebones": "the loop's own cost is paid once per trainer.steps_per_chunk steps: raise that",
    "model_registry": "trained seeds are served by seedbed export: leave it out",
    "enable_autolog_hparams": "the whole config is recorded anyway: leave it out",
}
"""For every other argument of Trainer, why it is not taken and what to set in its place."""


def check_keys(keys: Iterable[str]) -> None:
    """Raise ``ConfigError`` for the first key of ``trainer`` that is none of its settings."""
    for key in keys:
        if key in INSTEAD:
            raise ConfigError(f"trainer.{key}: seedbed does not take this setting of Lightning's; {INSTEAD[key]}.")
        if key not in (known := (*OWN_SETTINGS, *LIGHTNING_ARGUMENTS)):
            raise ConfigError(f"trainer.{key}: there is no such setting, {near_misses(key, known)}")
