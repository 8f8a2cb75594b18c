"""What commands take before any work is done, beside the import of PyTorch and of MLflow: see ``measure_startup``."""

from __future__ import annotations

import argparse
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from timing import positive, print_machine

IMPORTS = {"torch": 0.6, "mlflow": 1.4}
"""What is timed beside the commands, and how many times as long a command may take."""
EXPERIMENT = ["feature_imbalance", "data.path=rows.csv", "data.label=label", "variant=none,oversample"]


@dataclass(frozen=True)
class Command:
    """A command as it is typed, and the import that it is measured by."""

    typed: str
    measured_by: str
    environment: Mapping[str, str] = field(default_factory=dict)


COMPLETION = {"_SEEDBED_COMPLETE": "bash_complete", "COMP_WORDS": "seedbed run spam", "COMP_CWORD": "2"}
COMMANDS = [
    Command("run spam_imbalanc", "torch"),
    Command("run spam_imbalance variant=smot", "torch"),
    Command("run spam_imbalance optimizer.lrr=0.1", "torch"),
    Command("run spam_imbalance modl.hidden=[8]", "torch"),
    Command("run spam_imbalance imbalance=smotte", "torch"),
    Command("data list", "torch"),
    Command("schedule one_cycle", "torch"),
    Command("", "torch", COMPLETION),
    Command("status", "mlflow"),
    Command("status feature_imbalance", "mlflow"),
    Command("diff feature_imbalance~1 feature_imbalance", "mlflow"),
    Command("power feature_imbalance", "mlflow"),
    Command("ui feature_imbalance --port {port}", "mlflow"),
]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=positive, default=5)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    commands = [command for command in COMMANDS if asked.only in command.typed]
    if not commands:
        parser.error(f"--only {asked.only}: no command holds that. There are: {', '.join(c.typed for c in COMMANDS)}")
    print_machine()
    with tempfile.TemporaryDirectory() as folder, closing(socket.create_server(("127.0.0.1", 0))) as taken:
        project = Path(folder)
        if any(command.measured_by == "mlflow" for command in commands):
            train(project)
        seconds = timed(commands, project, taken.getsockname()[1], asked.repeats)
    return report(commands, seconds)


def train(project: Path) -> None:
    """Two launches on made-up rows."""
    rng = random.Random(0)
    rows = [f"{rng.random():.4f},{rng.random():.4f},{'yes' if number % 5 else 'no'}" for number in range(200)]
    (project / "rows.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    for seeds in (2, 3):
        run(
            ["run", *EXPERIMENT, f"seeds={seeds}", "trainer.max_epochs=1", "tracking.pictures=false"],
            project,
            check=True,
        )


def run(arguments: Sequence[str], project: Path, more: Mapping[str, str] | None = None, *, check: bool = False) -> None:
    """A command of seedbed in a process of its own, with no data and no store but the project's."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("SEEDBED_", "MLFLOW_"))}
    given = {"SEEDBED_PROJECT": str(project), "SEEDBED_CACHE": str(project / "cache"), **(more or {})}
    subprocess.run(
        [sys.executable, "-m", "seedbed", *arguments],
        cwd=project, env=surroundings | given, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def timed(commands: Sequence[Command], project: Path, port: int, repeats: int) -> dict[str, list[float]]:
    """Seconds of each import and command, in turns; one turn before does not count."""
    seconds: dict[str, list[float]] = {}
    for turn in range(repeats + 1):
        for name in dict.fromkeys(command.measured_by for command in commands):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            seconds.setdefault(f"import {name}", []).append(time.perf_counter() - began)
        for command in commands:
            began = time.perf_counter()
            run(command.typed.format(port=port).split(), project, command.environment)
            seconds.setdefault(command.typed, []).append(time.perf_counter() - began)
        if sys.stderr.isatty():
            print(f"turn {turn} of {repeats}", end="\r", file=sys.stderr)
    return {name: of_turns[1:] for name, of_turns in seconds.items()}


def report(commands: Sequence[Command], seconds: Mapping[str, Sequence[float]]) -> int:
    """Print the table; 1 where a command takes longer than is asked for."""
    medians = {name: statistics.median(of_turns) for name, of_turns in seconds.items()}
    for name, median in medians.items():
        if name.startswith("import "):
            print(f"{median:6.2f} s  {name}")
    late = 0
    for command in commands:
        ratio, wanted = medians[command.typed] / medians[f"import {command.measured_by}"], IMPORTS[command.measured_by]
        late += ratio > wanted
        typed = command.typed.replace("{port}", "PORT") or "(completion of 'seedbed run spam')"
        verdict = "" if ratio <= wanted else "  TOO LONG"
        print(
            f"{medians[command.typed]:6.2f} s  {ratio:5.2f} x {command.measured_by:6}  (wanted {wanted})  seedbed {typed}{verdict}"
        )
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
