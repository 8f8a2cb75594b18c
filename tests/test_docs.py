"""The code of README and documentation runs as it stands, and what they quote is what is printed."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from PIL import Image

import seedbed
from seedbed.cli.main import main
from seedbed.config.experiment import load_experiment
from seedbed.report.analysis import analyse
from seedbed.report.printed import table_text
from seedbed.report.record import read_record
from seedbed.results import Benchmark, Results
from seedbed.tracking.store import store_uri
from tests.conftest import REPOSITORY

PAGES = {path.name: path.read_text() for path in [REPOSITORY / "README.md", *sorted(REPOSITORY.glob("docs/*.md"))]}
README = PAGES["README.md"]
# As pasted: from the fence to the fence, the path in a comment of the first or second line.
BLOCKS = {
    re.search(r"# (mine/\S+)", block)[1]: block  # type: ignore[index]
    for page in PAGES.values()
    for block in re.findall(r"```(?:yaml|python)\n((?:# @package _global_\n)?# mine/.*?)```", page, re.DOTALL)
}


@pytest.fixture
def mine(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the pages describe, and a file of reviews."""
    for path, text in BLOCKS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    shutil.copy(empty_store, tmp_path / "mine" / "mlflow.db")
    good, bad = ["fine", "lovely", "friendly", "clean", "again"], ["broken", "rude", "late", "cold", "never"]
    rows = [
        {"body": f"{(bad if n % 4 == 0 else good)[n % 5]} {'bad' if n % 4 == 0 else 'good'} stay, number {n}", "stars": 1 if n % 4 == 0 else 5}
        for n in range(80)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "reviews.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


OWN_DATA = ["data.path=reviews.csv", "data.text=body", "data.label=stars", "data/encoder=hashing"]
Typed = Callable[[str], list[str]]
SHORT = ["seeds=2", "trainer.max_epochs=1", "trainer.accelerator=cpu", "tracking.pictures=false"]


MY_LIB = """
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class MyData(pl.LightningDataModule):
    def __init__(self, batch_size, split_seed):
        super().__init__()
        self.batch_size, self.split_seed = batch_size, split_seed

    def setup(self, stage):
        x = torch.randn(300, 5, generator=torch.Generator().manual_seed(0))
        rows = TensorDataset(x, x[:, :1] * x[:, 1:2])
        self.parts = random_split(rows, [0.6, 0.2, 0.2], torch.Generator().manual_seed(self.split_seed))

    def train_dataloader(self):
        return DataLoader(self.parts[0], self.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.parts[1], self.batch_size)

    def test_dataloader(self):
        return DataLoader(self.parts[2], self.batch_size)


class LitRegressor(pl.LightningModule):
    def __init__(self, hidden, lr):
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(nn.Linear(5, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def step(self, batch, name):
        loss = nn.functional.mse_loss(self.network(batch[0]), batch[1])
        self.log(name, loss)
        return loss

    def training_step(self, batch, index):
        return self.step(batch, "train/loss")

    def validation_step(self, batch, index):
        self.step(batch, "val/loss")

    def test_step(self, batch, index):
        self.step(batch, "test/mse")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
"""


@pytest.mark.slow
def test_own_lightning_module(mine: Path, typed_commands: Typed) -> None:
    (mine / "mylib.py").write_text(MY_LIB)
    whole, trial = typed_commands("seedbed run width --config-dir mine")
    assert seedbed.run("width", overrides_of(trial), mine, quiet=True).trained == 0
    outcome = seedbed.run("width", [*overrides_of(whole), "seeds=3", "trainer.max_epochs=4"], mine, quiet=True)
    assert (outcome.failures, outcome.trained) == ({}, 6)
    assert (outcome.comparisons["test"] == "corrected resampled t-test").all()
    # The Trainers have the loggers: nothing is mirrored to them once more.
    assert {path.name for path in (mine.parent / "logs").iterdir()} >= {"seed 0 narrow", "seed 0 wide"}


@pytest.mark.slow
def test_own_network_strategy_metric_and_augmenter(mine: Path) -> None:
    assert len(BLOCKS) == 24
    outcome = seedbed.run("own", [*OWN_DATA, *SHORT], mine, quiet=True)
    assert outcome.failures == {}
    assert list(dict.fromkeys(outcome.cells["variant"])) == ["none", "half", "shout"]
    assert outcome.cells["test/g_mean"].between(0, 1).all()
    assert (outcome.comparisons["other"] == "none").all()
    trained = load_experiment("own", OWN_DATA, mine).variants
    assert {variant.config["model"]["_target_"] for variant in trained} == {"mynet.Residual"}


@pytest.mark.slow
def test_an_ordinary_module_needs_no_change(mine: Path) -> None:
    """The same network as an ``nn.Module``: other class, same numbers."""
    plain = (mine / "mynet.py").read_text().replace("(Stackable)", "(nn.Module)").replace("Residual", "Plain")
    (mine / "myplainnet.py").write_text(plain)
    (mine / "model" / "plain.yaml").write_text("_target_: myplainnet.Plain\n_partial_: true\nwidth: 64\n")
    few = [*OWN_DATA, *SHORT, "variant=none", "trainer.seeds_at_once=2"]
    stacked = seedbed.run("own", few, mine, quiet=True)
    alone = seedbed.run("own", [*few, "model=plain"], mine, quiet=True)
    columns = ["test/loss", "test/g_mean"]
    pd.testing.assert_frame_equal(stacked.cells[columns], alone.cells[columns], atol=1e-5)


@pytest.mark.parametrize("name", [("residual", "mynet"), ("small_cnn", "mycnn"), ("reader", "myreader")])
def test_a_network_of_ones_own_takes_30_lines(name: tuple[str, str]) -> None:
    config, code = name
    text = BLOCKS[f"mine/model/{config}.yaml"] + BLOCKS[f"mine/{code}.py"]
    assert len(text.splitlines()) <= 30


@pytest.mark.slow
def test_own_convolutional_network(mine: Path, typed_commands: Typed) -> None:
    draw = np.random.default_rng(0)
    for number in range(40):
        folder = mine.parent / "pictures" / ("light" if number % 4 == 0 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 128, (9, 12, 3)) + (127 if number % 4 == 0 else 0)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    (command,) = typed_commands("seedbed run own --config-dir mine model=small_cnn")
    outcome = seedbed.run("own", [*overrides_of(command), *SHORT], mine, quiet=True)
    assert outcome.failures == {}
    assert outcome.trained == 4


@pytest.mark.slow
def test_own_recurrent_network(mine: Path, typed_commands: Typed) -> None:
    (command,) = typed_commands("seedbed run own --config-dir mine model=reader")
    few = [*overrides_of(command), *SHORT, "variant=none,shout", "data.encoder.max_words=100"]
    outcome = seedbed.run("own", few, mine, quiet=True)
    assert outcome.failures == {}
    assert outcome.trained == 4


@pytest.mark.slow
def test_callbacks_loggers_and_limits(mine: Path) -> None:
    (block,) = re.findall(r"```yaml\n# in any experiment\n(.*?)```", PAGES["callbacks.md"], re.DOTALL)
    path = mine / "experiments" / "own.yaml"
    (mine / "experiments" / "watched.yaml").write_text(
        re.sub(r"^trainer: .*$", "", path.read_text(), flags=re.MULTILINE) + block
    )
    few = [*OWN_DATA, "seeds=2", "variant=none", "trainer.batch_size=16", "trainer.max_steps=5"]
    outcome = seedbed.run("watched", few, mine, quiet=True)
    assert outcome.failures == {}
    assert outcome.curves["epoch"].max() == 2  # each has half of 4 batches
    names = {f"seed {seed} none" for seed in (0, 1)}
    assert {path.name for path in (mine.parent / "logs").iterdir()} == names
    client = MlflowClient(store_uri(mine))
    variant = client.get_run(outcome.cells["run"][0]).data.tags["mlflow.parentRunId"]
    curves = outcome.curves.groupby(["metric", "epoch"])["value"].mean()
    gaps = client.get_metric_history(variant, "gap")
    assert [each.step for each in gaps] == [0, 1, 2]
    assert [each.value for each in gaps] == pytest.approx(
        (curves["val/loss"] - curves["train/loss"]).to_list(), abs=1e-6
    )
    assert client.get_metric_history(variant, "lr-AdamW")


def overrides_of(command: str) -> list[str]:
    """What is set by a command line with ``--config-dir``."""
    return shlex.split(command)[5:]


@pytest.mark.slow
def test_an_imbalance_report_on_ones_own_file(mine: Path, typed_commands: Typed) -> None:
    command = typed_commands("seedbed run text_imbalance data.path=reviews.csv data.text=body data.label=stars")[0]
    outcome = seedbed.run("text_imbalance", [*command.split()[3:], "data/encoder=hashing", *SHORT], mine, quiet=True)
    assert outcome.failures == {}
    assert len(outcome.comparisons) == 5
    assert outcome.results.data["classes"] == ["1", "5"]


@pytest.mark.extended
def test_estimators_beside_a_network(mine: Path, typed_commands: Typed) -> None:
    draw = np.random.default_rng(0)
    patients = pd.DataFrame({"age": draw.normal(50, 9, 200), "dose": draw.normal(size=200)})
    patients.assign(diagnosis=np.where(patients["dose"] > 0.7, "ill", "well")).to_csv("patients.csv", index=False)
    (command,) = typed_commands("seedbed run estimators")
    outcome = seedbed.run("estimators", [*overrides_of(command), *SHORT], mine, quiet=True)
    assert outcome.failures == {}
    assert list(outcome.results.variants) == ["network", "forest", "weighted", "svm"]
    assert (outcome.results.values("forest", "test/f1") > 0.9).all()


@pytest.mark.slow
def test_many_data_sets(mine: Path, typed_commands: Typed) -> None:
    draw = np.random.default_rng(0)
    for path, label, separator in (("patients.csv", "diagnosis", ","), ("churn.csv", "left [0/1]", ";")):
        table = pd.DataFrame({"age": draw.normal(50, 9, 60), "dose": draw.normal(size=60)})
        table.assign(**{label: np.arange(60) % 3 == 0}).to_csv(path, index=False, sep=separator)
    whole, some = typed_commands("seedbed run many")
    outcome = seedbed.run("many", [*overrides_of(whole), *SHORT, "variant=none"], mine, quiet=True)
    assert (outcome.failures, outcome.trained) == ({}, 4)
    assert seedbed.run("many", [*overrides_of(some), *SHORT, "variant=none"], mine, quiet=True).trained == 0
    results = seedbed.load("many", config_dir=mine)
    assert isinstance(results, Benchmark)
    assert list(results.data_sets) == ["patients"]


@pytest.fixture
def typed_commands() -> Typed:
    """The command lines of all pages that begin in this way, each once, without what stands beside them."""
    lines = list(dict.fromkeys(line.split("  ")[0] for page in PAGES.values() for line in page.splitlines()))
    return lambda start: [line for line in lines if line.startswith(start)]


@pytest.mark.slow
def test_own_data_split_and_task(mine: Path) -> None:
    """Regression, which learns, and is tested on the rows that the split gives."""
    draw = np.random.default_rng(0)
    houses = pd.DataFrame(
        {"rooms": draw.normal(size=120), "area": draw.normal(size=120), "year": draw.integers(2000, 2025, 120)}
    )
    houses.assign(price=2 * houses["area"] - houses["rooms"]).to_csv("houses.csv", index=False)
    outcome = seedbed.run("houses", [*SHORT, "optimizer.lr=0.03", "trainer.max_epochs=30"], mine, quiet=True)
    assert outcome.failures == {}
    assert outcome.results.data["split"]["test"] == int((houses["year"] >= 2020).sum())
    assert outcome.results.data["counts"] == {"rows": 120}
    assert outcome.results.data["same_test"]
    assert (outcome.cells["test/mae"] < 0.5).all()  # a constant is 1.8 off
    assert (outcome.cells["test/mae"] ** 2 <= outcome.cells["test/loss"] + 1e-9).all()
    assert "are tested on the same rows" in analyse(outcome.results).shared
    report = CliRunner().invoke(main, ["report", "houses", "--config-dir", str(mine)])
    assert report.exit_code == 0, report.output


@pytest.mark.slow
def test_own_recommender(mine: Path, typed_commands: Typed) -> None:
    """EASE in at most 21 lines finds what goes together, which a list for everyone does not."""
    assert len(BLOCKS["mine/myease.py"].splitlines()) <= 21
    draw = np.random.default_rng(0)
    rows = [
        f"u{user},{'even' if user % 2 else 'odd'}{item}"
        for user in range(60)
        for item in draw.choice(30, 15, replace=False)
    ]
    Path("my.csv").write_text("\n".join(["who,what", *rows]))
    (command,) = typed_commands("seedbed run items")
    outcome = seedbed.run("items", [*overrides_of(command), *SHORT], mine, quiet=True)
    assert outcome.failures == {}
    means = outcome.cells.groupby("variant")["val/ndcg_at_10"].mean()
    assert means["ease"] > means["popular"] + 0.1
    asked = CliRunner().invoke(
        main, ["recommend", "items", "--user", "u1", "--variant", "ease", "-k", "3", "--config-dir", str(mine)]
    )
    assert asked.exit_code == 0, asked.output
    assert asked.output.count("even") == 3


@pytest.mark.slow
def test_results_trained_elsewhere(mine: Path, typed_commands: Typed) -> None:
    """The table, the command and the lines of Python as they stand."""
    table, code = (re.search(rf"```{kind}\n(.*?)```", PAGES["elsewhere.md"], re.DOTALL) for kind in ("text", "python"))
    assert table
    assert code
    (mine.parent / "results.csv").write_text(table[1])
    command, of_mlflow = typed_commands("seedbed import")
    done = CliRunner().invoke(main, [*shlex.split(command)[1:], "--config-dir", str(mine)])
    assert done.exit_code == 0, done.output
    assert "wide is better than narrow" in done.output
    last = code[1].strip().splitlines()[-1]
    scope: dict[str, object] = {}
    exec(code[1].replace(last, f"compared = {last}"), scope)
    compared = scope["compared"]
    assert isinstance(compared, pd.DataFrame)
    assert compared["verdict"].tolist() == ["better"]
    missing = CliRunner().invoke(main, [*shlex.split(of_mlflow)[1:], "--config-dir", str(mine)])
    assert "--mlflow lit-runs:" in missing.output  # the options are understood, and there is no such experiment


def test_the_sample_is_what_the_command_prints() -> None:
    results = read_record("spam_imbalance", REPOSITORY / "experiments" / "spam_imbalance").results
    assert isinstance(results, Results)
    printed = f"```\n{table_text(results).split(chr(10), 1)[1]}\n```"
    assert printed in README
    assert printed in PAGES["start.md"]


def test_the_readme_is_two_screens_and_a_page_is_soon_read() -> None:
    assert len(README.splitlines()) <= 110
    assert {name: length for name, page in PAGES.items() if (length := len(page.splitlines())) > 135} == {}
    sections = {
        f"{name}: {section.splitlines()[0]}": len(section.splitlines())
        for name, page in PAGES.items()
        for section in re.split(r"\n(?=##+ )", page.partition("```{toctree}")[0])
    }
    assert {title: length for title, length in sections.items() if length > 45} == {}


def test_every_page_begins_with_a_command_and_is_in_the_list_of_pages() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", PAGES["index.md"]))
    assert listed == set(PAGES) - {"README.md", "index.md"}
    for name in listed:
        assert re.match(r"# .+\n\n```(python)?\n", PAGES[name]), f"{name} begins otherwise"


def test_links_lead_somewhere_in_the_repository() -> None:
    """As a code host shows the pages: to a file, and there to a heading."""
    for path in [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *REPOSITORY.glob("docs/*.md")]:
        for link in re.findall(r"\]\((?!https?://)([^)]+)\)", path.read_text()):
            file, _, heading = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path.name}: {link}"
            anchors = (
                [
                    re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
                    for title in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                ]
                if heading
                else [""]
            )
            assert heading in anchors, f"{path.name}: {link}"


def test_every_committed_report_is_in_the_gallery() -> None:
    shown = set(re.findall(r"\)\]\(\.\./([^)]+/report\.md)\) \|", PAGES["gallery.md"]))  # to which its picture leads
    assert shown == {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("experiments/**/report.md")}


@pytest.mark.slow
def test_overrides_on_the_pages_are_understood() -> None:
    typed: set[tuple[str, ...]] = set()
    text = "\n".join(PAGES.values())
    for experiment, rest in re.findall(r"`seedbed run (\w+)([^`]*)`", text):
        if experiment == "spam_imbalance" and "-m" not in rest:
            one = [] if "variant=" in rest else ["variant=none"]  # all six take six times as long
            typed.add((experiment, *(word for word in rest.split() if not word.startswith("--")), *one))
    for override in re.findall(r"`(trainer\.[^`]+|data/encoder=\w+|data\.s\w+[^` ]*)`", text):
        if "FOLDER" not in override:
            of = {"trainer": "spam_imbalance", "data.scaler": "feature_imbalance", "data.size": "image_imbalance"}
            place = next((name for key, name in of.items() if override.startswith(key)), "text_imbalance")
            typed.add((place, override, "variant=none"))
    assert len(typed) > 10
    for experiment, *overrides in sorted(typed):
        load_experiment(experiment, overrides)
