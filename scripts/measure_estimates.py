"""The times that dry runs estimate beside those that the runs take: see ``measure_estimates``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from measure_memory import OF_ONES_OWN
from timing import print_disturbance, print_machine, watch

from seedbed.config.experiment import listed_in, load_experiments
from seedbed.config.folders import experiment_names
from seedbed.running.dry_run import dry_run_of
from seedbed.tracking.store import Store, store_uri

SHORT = ("trainer.max_epochs=2", "seeds=3")
QUICK = "tracking.pictures=false"
ESTIMATE = "--estimate"
RUN = (sys.executable, "-m", "seedbed", "run")


@dataclass(frozen=True)
class Compared:
    """The times of one experiment, in seconds."""

    estimate: float
    real: float
    others: float
    """Cores that other processes used during the run."""

    @property
    def error(self) -> float:
        """In percent of the real time."""
        return 100 * (self.estimate - self.real) / self.real


def main() -> int:
    if sys.argv[1:2] == [ESTIMATE]:
        print(json.dumps(estimated(sys.argv[2], sys.argv[3:])))
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=float, default=30)
    parser.add_argument("given", nargs="*")
    asked = parser.parse_args()
    overrides = [text for text in asked.given if "=" in text] or list(SHORT)
    names = [text for text in asked.given if "=" not in text]
    print_machine()
    print(f"overrides {' '.join(overrides)}\n{'estimate':>10} {'real':>10} {'error':>8} {'others':>7}", flush=True)
    compared: dict[str, Compared] = {}
    for name in names or [name for name in experiment_names() if name not in OF_ONES_OWN]:
        fitting = [text for text in overrides if text.partition("=")[0] not in keys_of_variants(name)]
        found = compare(name, [*fitting, QUICK])
        if isinstance(found, str):
            print(f"{'':>38}  {name}: {found}", flush=True)
            continue
        compared[name] = found
        times = f"{found.estimate:8.1f} s {found.real:8.1f} s {found.error:+6.0f} % {found.others:7.2f}"
        without = (
            f" (without {', '.join(left)})" if (left := [text for text in overrides if text not in fitting]) else ""
        )
        print(f"{times}  {name}{without}", flush=True)
    return report(compared, asked.most)


def keys_of_variants(name: str) -> set[str]:
    """Keys that variants of an experiment set for themselves, so that no override may."""
    return {text.partition("=")[0] for own in listed_in(name).variants.values() for text in own}


def compare(name: str, overrides: Sequence[str]) -> Compared | str:
    """Both times of an experiment; why there are none where one of the commands failed."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        project.mkdir()
        given = {"SEEDBED_PROJECT": str(project), "SEEDBED_CACHE": str(Path(folder) / "cache")}
        asked = done((sys.executable, __file__, ESTIMATE, name, *overrides), given)
        if asked.returncode:
            return f"dry run: {last_line(asked.stderr)}"
        estimate = json.loads(asked.stdout.splitlines()[-1])
        if estimate is None:
            return "the time cannot be known"
        with (Path(folder) / "said").open("w+") as said:
            ran = watch((*RUN, name, *overrides), given, every=1.0, output=said.fileno(), folder=Path(__file__).parent)
            said.seek(0)
            if ran.code:
                return f"run: {last_line(said.read())}"
        return Compared(estimate, seconds_of_launch(project, name), ran.others)


def estimated(name: str, overrides: Sequence[str]) -> float | None:
    """What a dry run says of the time of the training, without what comes before; None where it is not known."""
    result = dry_run_of(load_experiments(name, overrides))
    return None if result.unknown else result.known_seconds - sum(each.seconds for each in result.ahead)


def done(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )


def last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "it said nothing")


def seconds_of_launch(project: Path, name: str) -> float:
    """From the start of the only launch of a project to its end."""
    store = Store(store_uri(project), project, name, create=False)
    (launch,) = store.launches()
    assert launch.seconds is not None
    return launch.seconds


def report(compared: Mapping[str, Compared], most: float) -> int:
    """Print the median error; returns the exit code."""
    if not compared:
        print("No experiment could be compared.")
        return 1
    middle = median(abs(each.error) for each in compared.values())
    print(f"median error {middle:.0f} % of {len(compared)} experiments (wanted: {most:g} %)")
    print_disturbance(max(each.others for each in compared.values()))
    return int(middle > most)


if __name__ == "__main__":
    sys.exit(main())
