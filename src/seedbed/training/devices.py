"""Which devices train: one for all seeds, several that share out the stacks of a variant, or one that is free."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from seedbed.cores import available_cores
from seedbed.errors import ConfigError

FREE = "free"
SECONDS_BETWEEN_LOOKS = 0.5

_log = logging.getLogger(__name__)
# The GPU that this process has for itself, and the lock that says so to others for as long as the process lives.
_held: dict[int, FileLock] = {}


def accelerator(settings: Mapping[str, Any]) -> str:
    """``cuda`` or ``cpu``, from ``trainer.accelerator``; ``auto`` takes a GPU where there is one."""
    wanted = settings["accelerator"]
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted not in ("cpu", "gpu", "cuda"):
        # Apple's MPS has no 64-bit floats, in which losses and metrics are added up.
        raise ConfigError(f"trainer.accelerator={wanted}: it must be auto, cpu, gpu or cuda.")
    if wanted != "cpu" and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator={wanted}: PyTorch {torch.__version__} finds no CUDA device here. Set "
            "trainer.accelerator=auto or cpu, or install a CUDA build of PyTorch where there is a GPU."
        )
    return "cpu" if wanted == "cpu" else "cuda"


def numbers(settings: Mapping[str, Any]) -> list[int]:
    """The devices of ``trainer.devices``: a number of them, a list of their numbers, ``auto`` (all GPUs, one CPU), or
    ``free``: a GPU that no other process on this machine has by ``free``, waited for and kept; on a CPU, one.
    """
    kind, wanted = accelerator(settings), settings["devices"]
    if wanted == FREE:
        return [_free_gpu()] if kind == "cuda" else [0]
    present = torch.cuda.device_count() if kind == "cuda" else available_cores()
    if wanted == "auto":
        return list(range(present)) if kind == "cuda" else [0]
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 1 <= wanted <= present:
        return list(range(wanted))
    if isinstance(wanted, list) and wanted and all(type(n) is int and 0 <= n < present for n in wanted):
        return sorted(set(wanted))
    what = (
        f"{present} CUDA device{'s' if present > 1 else ''}" if kind == "cuda" else f"{present} CPU cores to share out"
    )
    raise ConfigError(
        f"trainer.devices={wanted}: there are {what} here. Give a number from 1 to {present}, a list of "
        f"numbers from 0 to {present - 1}, auto, or free for a GPU that no other job uses."
    )


def _free_gpu() -> int:
    """The number of the GPU that this process has for itself from now on."""
    said = False
    while not _held:
        for number in range(torch.cuda.device_count()):
            lock = FileLock(_lock_folder() / f"{_name(number)}.lock", mode=0o666)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            _held[number] = lock
            return number
        if not said:
            _log.info("trainer.devices=free: waiting for a GPU that no other job uses ...")
            said = True
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return next(iter(_held))


def _name(number: int) -> str:
    """The GPU's own name: its number is another in a process that sees only some of them."""
    return str(torch.cuda.get_device_properties(number).uuid)


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / "seedbed-gpus"
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)  # other users of the machine lock GPUs too
    return folder


def torch_device(settings: Mapping[str, Any], number: int | None = None) -> torch.device:
    """The device with this number, or the first of the settings."""
    chosen = numbers(settings)[0] if number is None else number
    return torch.device("cuda", chosen) if accelerator(settings) == "cuda" else torch.device("cpu")


def lightning_settings(settings: Mapping[str, Any], number: int | None = None) -> dict[str, Any]:
    """What ``Trainer`` is told: always one device, since devices share out seeds and not the rows of a seed."""
    device = torch_device(settings, number)
    return {"accelerator": device.type, "devices": [device.index] if device.type == "cuda" else 1}
