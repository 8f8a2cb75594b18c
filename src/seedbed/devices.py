"""Which devices train: one for all seeds, or several that share out the stacks of a variant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from seedbed.cores import available_cores
from seedbed.errors import ConfigError


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
    """The devices of ``trainer.devices``: a number of them, a list of their numbers, or ``auto`` (all GPUs, one CPU)."""
    kind, wanted = accelerator(settings), settings["devices"]
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
        f"numbers from 0 to {present - 1}, or auto."
    )


def torch_device(settings: Mapping[str, Any], number: int | None = None) -> torch.device:
    """The device with this number, or the first of the settings."""
    chosen = numbers(settings)[0] if number is None else number
    return torch.device("cuda", chosen) if accelerator(settings) == "cuda" else torch.device("cpu")


def lightning_settings(settings: Mapping[str, Any], number: int | None = None) -> dict[str, Any]:
    """What ``Trainer`` is told: always one device, since devices share out seeds and not the rows of a seed."""
    device = torch_device(settings, number)
    return {"accelerator": device.type, "devices": [device.index] if device.type == "cuda" else 1}
