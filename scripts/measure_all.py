"""What docs/speed.md says of speed and memory, measured anew: see ``measure_all``."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from timing import Values, about_machine, disturbance, positive, watch

from seedbed.errors import DataError, SeedbedError

ROOT = Path(__file__).resolve().parent.parent
EPOCH = (
    "seedbed run ratings data=synthetic_ratings variant=dot_product_bias seeds=1 trainer.batch_size=8192 "
    "trainer.max_epochs=1 select=last"
)
STANDARD_ERROR = 2
REPEATS = "{repeats}"
"""In a command: how many it is to make itself."""


# ---- answers ---------------------------------------------------------------------------------------------------------


def spread(values: Sequence[float], middle: float | None = None, form: str = ".3g") -> str:
    """The median, or another ``middle``, with the smallest and the largest value."""
    low, mid, high = min(values), statistics.median(values) if middle is None else middle, max(values)
    return f"{mid:{form}} ({low:{form}} to {high:{form}})"


def both(first: str, second: str, unit: str) -> Callable[[Values], str]:
    """Of two sides that took turns, what each took, and how many times as long the first took."""

    def answer(values: Values) -> str:
        sides = values[first], values[second]
        ratio = statistics.median(sides[0]) / statistics.median(sides[1])
        ratios = [one / other for one, other in zip(*sides, strict=True)]
        return f"{spread(sides[0])} and {spread(sides[1])} {unit}: {spread(ratios, ratio)} times"

    return answer


def of_index(values: Values) -> str:
    said = []
    for count in (1_000_000, 10_000):
        exact, faiss = ([1000 * seconds for seconds in values[f"{count} {way}"]] for way in ("exact", "faiss"))
        recall = spread(values[f"{count} recall"], form=".3f")
        said.append(f"{count:,} items: {spread(exact)} and {spread(faiss)} ms per query, recall of FAISS {recall}")
    return "; ".join(said)


def of_search(values: Values) -> str:
    return f"{both('usual', 'stacked', 's')(values)}; a trial takes {beside_fit(values)}"


def beside_fit(values: Values) -> str:
    beside, mean, alone = (spread(values[name]) for name in ("beside", "mean", "by hand"))
    return f"{beside} s beside its fit (on average {mean} s; just Optuna and MLflow's client {alone} s)"


def of_overhead(values: Values) -> str:
    share, at_most = (spread([100 * value for value in values[name]]) for name in ("share", "at most"))
    return f"{share} %, and {at_most} % if all that is done beside the training has made it that much longer"


def took(values: Values) -> str:
    return f"{spread(values['seconds'])} s"


def took_memory(values: Values) -> str:
    return f"{took(values)}, at most {max(values['gigabytes']):.2f} GB of resident memory in total"


def of_memory(values: Values) -> str:
    peaks = sorted(((of[0], name) for name, of in values.items()), reverse=True)
    return ", ".join(f"{name} {gigabytes:.2f}" for gigabytes, name in peaks) + " GB"


# ---- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    minutes: float
    """With five repeats, on two cores."""
    question: str
    command: str
    answer: Callable[[Values], str]
    timed: bool = False
    """Whether it is the command's own time that counts; else it writes what it has measured to the file of ``--json``."""
    empty_cache: bool = False
    once: bool = False

    def measured(self, repeats: int) -> Measured:
        """Run the command: once where it makes the repeats itself."""
        values, disturbed, code = defaultdict[str, list[float]](list), 0.0, 0
        for _ in range(1 if self.once or REPEATS in self.command else repeats):
            with tempfile.TemporaryDirectory() as folder:
                of_run, others, code = self._run(Path(folder), repeats)
            for name, found in of_run.items():
                values[name] += found
            disturbed = max(disturbed, others)
            if code:
                break
        return Measured(values, disturbed, code)

    def _run(self, folder: Path, repeats: int) -> tuple[Values, float, int]:
        """Values, how many cores others used, and the exit code."""
        given = {"SEEDBED_PROJECT": str(folder)}
        given |= {"SEEDBED_CACHE": str(folder / "cache")} if self.empty_cache else {}
        file, command = folder / "figures.json", shlex.split(self.shown(repeats))
        own = [] if self.timed else ["--json", str(file)]
        found = watch([*command, *own], given, every=1.0, output=STANDARD_ERROR, folder=ROOT)
        if self.timed:
            return {"seconds": [found.seconds], "gigabytes": [found.gigabytes]}, found.others, found.code
        if not file.exists():
            return {}, 0.0, found.code or 1
        kept = json.loads(file.read_text())
        return kept["values"], kept["others"], found.code

    def shown(self, repeats: int) -> str:
        return self.command.replace(REPEATS, str(repeats))


@dataclass(frozen=True)
class Measured:
    """What the runs of a command have given."""

    values: Values
    others: float
    """How many cores other processes used meanwhile, at most."""
    code: int
    """With which the last one ended."""


ROWS = {
    "loops": Row(
        3, "one `Trainer` and `DataLoader` per seed, or all 10 seeds stacked?",
        f"scripts/compare_loops --repeats {REPEATS}", both("usual", "stacked", "s per seed"),
    ),
    "lenet": Row(
        6, "the same for 5 seeds of LeNet on CIFAR-10",
        f"scripts/compare_loops lenet_lr --variant sgd_lr_0.001 --seeds 5 --usual-seeds 2 --repeats {REPEATS} trainer.max_epochs=1",
        both("usual", "stacked", "s per seed"),
    ),
    "fastai": Row(
        10, "fastai, or all 10 seeds of a dot product with biases stacked?",
        f"scripts/compare_fastai --repeats {REPEATS}", both("fastai", "seedbed", "s per seed"),
    ),
    "recommenders": Row(
        5, "TensorFlow Recommenders, or all 10 seeds of two towers stacked?",
        f"scripts/compare_recommenders --repeats {REPEATS}", both("other", "seedbed", "s per seed and epoch"),
    ),
    "recommenders_floor": Row(
        5, "two towers by hand in PyTorch and NumPy, one seed after another, or all 10 stacked?",
        f"scripts/compare_recommenders --floor --repeats {REPEATS}", both("seedbed", "by hand", "s per seed and epoch"),
    ),
    "index": Row(
        8, "exact search, or FAISS as served? The 10 best of synthetic items", "scripts/compare_index --queries 100", of_index,
    ),
    "matrix": Row(
        1, "autograd, or closed-form gradients of a whole matrix of ratings?",
        f"scripts/compare_matrix --repeats {REPEATS}", both("plain", "closed", "ms per step and seed"),
    ),
    "search": Row(
        12, "one process per trial and seed (scaled up from 10 of the 100), or a search that stacks seeds? 20 trials of 5 seeds",
        "scripts/compare_search", of_search,
    ),
    "trial": Row(
        6, "what does a trial of a search take beside its fit, and how much of that is Optuna and MLflow?",
        "scripts/compare_search --overhead", beside_fit,
    ),
    "epoch": Row(7, "one epoch of 25 million synthetic ratings, 1 seed?", EPOCH, took_memory, timed=True),
    "epoch_lazy_adam": Row(
        6, "the same with `lazy_adam`?", f"{EPOCH} optimizer=lazy_adam", took_memory, timed=True,
    ),
    "overhead": Row(
        6, "how much time does a run spend outside training, once packages are imported, the store exists and the data is prepared?",
        "scripts/compare_loops --overhead", of_overhead,
    ),
    "records": Row(
        12, "recording a cell of 585 points by seedbed, or by a plain program with MLflow's client?",
        f"scripts/compare_records spam_imbalance --repeats {REPEATS} trainer.max_epochs=38",
        both("seedbed", "plain", "ms of processor time per cell"),
    ),
    "records_short": Row(
        5, "a cell of 165 points, as spam_imbalance has them?", "scripts/compare_records --repeats 3",
        both("seedbed", "plain", "ms of processor time per cell"), once=True,
    ),
    "bench": Row(
        8, "a first `scripts/bench`, once `.venv` is there?", "scripts/bench", took_memory, timed=True, empty_cache=True,
    ),
    "bench_floor": Row(
        12, "the same by hand in PyTorch and NumPy, without records and report, or by seedbed?",
        f"scripts/compare_bench --repeats {REPEATS}", both("seedbed", "by hand", "s"),
    ),
    "text_augment": Row(
        5, "a first run of text augmentation with 10 seeds, whose messages are still to be encoded?",
        "seedbed run spam_imbalance variant=text_augment", took_memory, timed=True, empty_cache=True,
    ),
    "text_augment_floor": Row(
        5, "the same by hand, or by seedbed with its report?",
        f"scripts/compare_bench --repeats {REPEATS} variant=text_augment", both("seedbed", "by hand", "s"),
    ),
    "memory": Row(
        30, "how much memory do the experiments take, with one epoch?", "scripts/measure_memory", of_memory, once=True,
    ),
}  # fmt: skip


# ---- the table -------------------------------------------------------------------------------------------------------


def main() -> int:
    options = read_options()
    if options.list:
        for name, row in ROWS.items():
            print(f"{row.minutes:4g} min  {name:16} {row.shown(options.repeats)}")
        return 0
    try:
        return measure(options)
    except SeedbedError as error:
        print(f"measure_all: {error}", file=sys.stderr)
        return 2


def read_options() -> argparse.Namespace:
    # The help is the calling script's, which answers without the imports above.
    parser = argparse.ArgumentParser(prog="measure_all", add_help=False, allow_abbrev=False)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--repeats", type=positive, default=5)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> int:
    """Measure and say row by row; 1 where one has failed."""
    say = Said(options.output)
    say(*about_machine(), "", "| question | command | answer |", "| --- | --- | --- |")
    failed = False
    for name in dict.fromkeys(options.only):
        row = ROWS[name]
        print(f"measure_all: {name}, about {row.minutes:g} minutes with five repeats", file=sys.stderr)
        found = row.measured(options.repeats)
        failed |= found.code != 0
        said = [f"FAILED: exit code {found.code}"] if found.code else []
        if found.values and not (row.timed and found.code):
            said += [row.answer(found.values), *([disturbance(found.others)] if disturbance(found.others) else [])]
        say(f"| {row.question} | `{row.shown(options.repeats)}` | {'. '.join(said)} |")
    return int(failed)


class Said:
    """Prints lines, and appends them to a file, where one is given: what was measured before stays there."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        if file:
            try:
                file.open("a").close()
            except OSError as error:
                raise DataError(
                    f"--output {file}: it cannot be written ({error.strerror}). Name another file."
                ) from error

    def __call__(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)
        if self.file:
            with self.file.open("a") as opened:
                print(*lines, sep="\n", file=opened)


if __name__ == "__main__":
    sys.exit(main())
