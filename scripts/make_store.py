"""Packs a small project that this version has trained, for ``tests/test_old_store.py``.

``scripts/make_store`` sets up what this needs; its --help says what it is for.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import re
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from click.testing import CliRunner

from seedbed.cli.main import main as seedbed

ROOT = Path(__file__).resolve().parent.parent
MAILS = """\
# @package _global_
defaults:
  - override /data: text_csv
  - override /data/encoder: hashing
  - override /model: mlp
  - override /task: classification
question: Is an old store still read?
seeds: 3
data: {path: mails.csv, text: text, label: label, encoder: {dimensions: 16}}
split: {train: 0.5, val: 0.2, test: 0.3}
model: {hidden: [4]}
optimizer: {lr: 0.05}
trainer: {max_epochs: 4, batch_size: 8, accelerator: cpu, seeds_at_once: 3}
tracking: {pictures: false}
variants:
  none: [imbalance=none]
  class_weights: [imbalance=class_weights]
  text_augment: [imbalance=text_augment, imbalance.copies=1, 'imbalance.augmenter.operations=[word_swap,keyboard_typo]']
  scheduled: [optimizer=sgd, schedule=one_cycle]
  own: [model=own]
report: {metric: test/accuracy, baseline: none}
published:
  source: a made-up source
  numbers: [{variant: none, metric: test/accuracy, value: 0.8}]
  claims: [{text: weights help, check: {can_beat: [class_weights, none]}}]
"""
STARS = """\
# @package _global_
defaults:
  - override /data: synthetic_ratings
  - override /split: random
  - override /model: dot_product
  - override /task: rating
  - override /optimizer: fastai_adam
  - override /schedule: one_cycle
question: Is an old store of ratings still read?
seeds: 3
data: {ratings: 300, users: 30, items: 20, factors: 2}
split: {val: 0.2, test: 0.0}
model: {factors: 3, y_range: [0, 5.5]}
optimizer: {lr: 0.05}
trainer: {max_epochs: 3, batch_size: 32, accelerator: cpu, seeds_at_once: 3}
monitor: val/mse
tracking: {pictures: false}
variants:
  dot_product: []
  network: [model=embedding_network, 'model.hidden=[4]', optimizer=lazy_adam, optimizer.lr=0.01]
report: {metric: val/mse, baseline: dot_product, learned: dot_product, similar_to: item 7, user: 4}
"""
NETWORK = """\
from seedbed.stacking import Stackable
from torch import nn, relu


class Own(Stackable):
    def __init__(self, in_features, out_features, width):
        super().__init__()
        self.first, self.last = nn.Linear(in_features, width), nn.Linear(width, out_features)

    def forward(self, x):
        return self.last(relu(self.first(x)))
"""
ASKED = {
    "predict": ["predict", "mails", "--variant", "none", "--text", "claim your prize", "--text", "lunch at home"],
    "recommend": ["recommend", "stars", "--variant", "dot_product", "--user", "4", "-k", "5"],
}
"""What is asked of the trained seeds, and kept with what they answer."""


def main() -> None:
    version = importlib.metadata.version("seedbed")
    parser = argparse.ArgumentParser(prog="make_store", allow_abbrev=False)
    parser.add_argument("--output", type=Path, default=ROOT / "tests" / "stores" / f"{version}.tar.xz")
    output = parser.parse_args().output.resolve()
    with tempfile.TemporaryDirectory(prefix="store-") as name:
        project = Path(name).resolve() / "project"
        write_project(project)
        with nameless(project):
            for experiment in ("mails", "stars"):
                call("run", experiment, "--config-dir", project)
        keep_answers(project, project / "expected")
        compact(project / "mlflow.db")
        pack(project, output)
    print(f"{output}: {output.stat().st_size} bytes")


def write_project(project: Path) -> None:
    """Experiments, data of 60 rows, and a network of the project's own."""
    for name in ("experiments", "model"):
        (project / name).mkdir(parents=True)
    (project / "experiments" / "mails.yaml").write_text(MAILS)
    (project / "experiments" / "stars.yaml").write_text(STARS)
    (project / "model" / "own.yaml").write_text("_target_: ownnet.Own\n_partial_: true\nwidth: 4\n")
    (project / "ownnet.py").write_text(NETWORK)
    rng = np.random.default_rng(0)
    words = {"ham": ["meet", "lunch", "home", "later", "call"], "spam": ["prize", "cash", "claim", "free", "call"]}
    labels = ["spam" if number % 3 == 0 else "ham" for number in range(60)]
    rows = [f"{' '.join(rng.choice(words[label], 4))} {number},{label}" for number, label in enumerate(labels)]
    (project / "mails.csv").write_text("\n".join(["text,label", *rows]) + "\n")


@contextlib.contextmanager
def nameless(folder: Path) -> Iterator[None]:
    """What is recorded meanwhile names neither user nor host, nor another folder than this one."""
    names = {"LOGNAME": "user"}
    with patch("socket.gethostname", return_value="host"), patch.dict(os.environ, names), contextlib.chdir(folder):
        yield


def call(*arguments: object) -> str:
    """What a command prints; raises its error."""
    return str(CliRunner().invoke(seedbed, [str(each) for each in arguments], catch_exceptions=False).stdout)


def keep_answers(project: Path, folder: Path) -> None:
    """Results, answers of the trained seeds, and all names that configs give classes and functions by."""
    for experiment in ("mails", "stars"):
        call("report", experiment, "--format", "csv", "--output", folder / experiment, "--config-dir", project)
    for name, arguments in ASKED.items():
        (folder / f"{name}.txt").write_text(call(*arguments, "--config-dir", project))
    texts = [path.read_text() for path in sorted((ROOT / "conf").rglob("*.yaml"))]
    names = {name for text in texts for name in re.findall(r"_target_: *(seedbed\.[\w.]+)", text)}
    (folder / "targets.json").write_text(json.dumps(sorted(names), indent=1))


def compact(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("vacuum")


def pack(project: Path, output: Path) -> None:
    """The project as an archive whose entries carry neither owner nor time."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(output, "w:xz", preset=9) as archive:
        for path in sorted(project.rglob("*")):
            if "__pycache__" not in path.parts:
                archive.add(path, path.relative_to(project), recursive=False, filter=bare)


def bare(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    return entry.replace(deep=False, mtime=0, uid=0, gid=0, uname="", gname="", mode=0o755 if entry.isdir() else 0o644)


if __name__ == "__main__":
    main()
