"""Names of metrics as MLflow, CSV files and overrides have them, and which of them a user's own metric can have."""

from __future__ import annotations

import re
from collections.abc import Collection

LONGEST_KEY = 250
"""Characters of a key in MLflow."""
BESIDE = ("_std", "_n", "_low", "_high")
"""Endings of what is recorded of a variant beside the mean of a metric."""
LONGEST = LONGEST_KEY - len("train/") - max(map(len, BESIDE))
"""Characters of a metric's name, without the rows that it is measured on."""


def metric_name(label: str) -> str:
    """The one name of a metric in MLflow, CSV and overrides: "val/top@10" -> "val/top_at_10", "acc%" -> "acc_percent".

    Letters, digits, '_', '-', '.' and '/' stay; '@' and '%' become words; all else becomes one '_'.
    """
    worded = label.replace("@", "_at_").replace("%", "_percent")
    return re.sub(r"_+", "_", re.sub(r"[^\w./-]+", "_", worded, flags=re.ASCII)).strip("_")


def wanted_of_own(name: object, others: Collection[str]) -> str:
    """What the name of a user's metric must be, where it cannot be this one; "" where it can.

    It must be the name under which MLflow keeps its values: another one would be lost, or be that of another metric.
    ``others`` are the other metrics of the task.
    """
    if not isinstance(name, str) or re.fullmatch(r"\w+", name, re.ASCII) is None:
        return "called by letters from a to z, digits and '_' only"
    if metric_name(f"val/{name}") != f"val/{name}":
        return "called without '_' at the end, and without several in a row"
    if len(name) > LONGEST:
        return f"called by at most {LONGEST} characters"
    for other in others:
        if name in (f"{other}{ending}" for ending in BESIDE):
            return f"called otherwise: what is recorded of a variant's {other} beside its mean has that name"
        if other in (f"{name}{ending}" for ending in BESIDE):
            return f"called otherwise: what would be recorded beside its mean has the name of {other}"
    return ""
