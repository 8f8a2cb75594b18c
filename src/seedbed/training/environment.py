"""What a result was obtained with: versions, platform and processor."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache

import torch

from seedbed.cores import available_cores

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "mlflow",
    "imbalanced-learn",
    "scikit-learn",
    "numpy",
    "numba",
    "scipy",
)


@cache
def environment() -> dict[str, str]:
    """Name -> value of everything that a reader needs to judge or repeat a result."""
    entries = {
        "seedbed": importlib.metadata.version("seedbed"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": str(available_cores()),
        "threads": str(torch.get_num_threads()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }
    return entries | {package: importlib.metadata.version(package) for package in PACKAGES}


def in_one_line() -> str:
    return ", ".join(f"{name} {value}" for name, value in environment().items())


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
