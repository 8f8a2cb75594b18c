"""Every script in its shortest form, in this process: on small data, other processes and missing packages played."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import random
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seedbed.checks import is_installed
from seedbed.cli.main import main as seedbed
from seedbed.data.published import movielens
from seedbed.tracking.store import open_project_store
from seedbed.training import short_fits
from tests import made_up
from tests.scripts.loading import SCRIPTS, load_script

Call = Callable[..., str]
SHORT = ("--seeds", "2", "--repeats", "1")


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not is_installed(package), reason=f"{package} is not installed")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a small MovieLens, which the experiments of the repository read, and is the project."""
    made_up.write_movielens(tmp_path)
    for name, edition in movielens.EDITIONS.items():
        monkeypatch.setitem(movielens.EDITIONS, name, dataclasses.replace(edition, digests={}))
    for name in ("SEEDBED_DATA", "SEEDBED_PROJECT"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """What a script prints."""

    def called(script: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [script.__name__, *arguments])
        script.main()
        return capsys.readouterr().out

    return called


def found(pattern: str, text: str) -> list[str]:
    """What the groups of a pattern match, which must be there."""
    match = re.search(pattern, text)
    assert match, f"{pattern!r} is not in:\n{text}"
    return list(match.groups())


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """Where a script is to keep what it measures."""
    return tmp_path / "figures.json"


def answer_of(row: str, figures: Path) -> str:
    """What ``measure_all`` says of what a script has kept."""
    kept = json.loads(figures.read_text())
    assert kept["others"] >= 0
    answer: str = load_script("measure_all").ROWS[row].answer(kept["values"])
    return answer


def test_all_scripts_are_tried() -> None:
    """A new one is listed here with its test, or with the script that is tried and runs it."""
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {
        "bench_by_hand", "calibrate_data_sets", "calibrate_hard_cases", "calibrate_rebalancing", "calibrate_statistics",
        "choose_training", "compare_bench", "compare_fastai", "compare_index", "compare_loops", "compare_matrix",
        "compare_recommenders", "compare_records", "compare_search",
        "docs", "fastai_side", "make_store", "measure_all", "measure_estimates", "measure_memory", "measure_startup", "memory_floor", "recommenders_side", "search_side", "simulate_rebalancing",
        "simulation", "timing", "two_towers_by_hand",
    }  # fmt: skip


@pytest.mark.parametrize("path", [path for path in SCRIPTS.iterdir() if not path.suffix], ids=lambda path: path.name)
def test_shell_scripts_can_be_read(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)


# ---- the simulations -------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*(Degrees of freedom|invalid value)")  # so few have no variance
@pytest.mark.parametrize(
    ("name", "arguments", "tables"),
    [
        ("calibrate_statistics", ["--seeds", "3", "--further-runs", "2"], 10),
        ("calibrate_hard_cases", [], 4),
    ],
)
def test_a_simulation(name: str, arguments: list[str], tables: int, call: Call, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    said = call(load_script(name), "--experiments", "10", "--jobs", "1", *arguments, "--output", str(page))
    assert page.read_text() == said
    assert len(re.findall("^## ", said, re.MULTILINE)) >= tables
    assert " --experiments 10 " in said


def test_rebalancing(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load_script("simulate_rebalancing")
    monkeypatch.setattr(script, "POPULATION", 20_000)
    monkeypatch.setattr(script, "TRAIN", (5_000, 20_000))
    monkeypatch.setattr(script, "VALIDATION", (20_000,))
    page = tmp_path / "page.md"
    said = call(script, "--repeats", "3", "--output", str(page))
    assert page.read_text() == said
    intercepts = {
        name: float(of_most) for name, of_most in re.findall(r"^\| (\w.*?) \|.*\|.*\| (-?[\d.]+) ± .* \|.* \|$", said, re.MULTILINE)
    }  # fmt: skip
    assert intercepts["undersample"] < -4 < -1 < intercepts["undersample, corrected"] < 1
    assert intercepts["oversample"] < -4 < -1 < intercepts["oversample, corrected"] < 1
    best, chosen = (float(found(pattern, said)[0]) for pattern in (r"F\*/2 =\n([\d.]+)\.", r"\| 20000 \| ([\d.]+) ±"))
    assert chosen == pytest.approx(best, abs=0.06)


# ---- the other side: a process that answers --------------------------------------------------------------------------

PLAYED = "import sys; print(sys.argv[1], flush=True)\nfor _ in sys.stdin: print(sys.argv[2], flush=True)"


@pytest.fixture
def other_side(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, float]], list[Sequence[str]]]:
    """Let another process give this answer to every seed; the commands by which it was to be started."""

    def played(answer: dict[str, float]) -> list[Sequence[str]]:
        commands: list[Sequence[str]] = []

        def popen(command: Sequence[str], **settings: Any) -> subprocess.Popen[str]:
            commands.append(command)
            told = ['"played"', json.dumps(answer)]
            return subprocess.Popen([sys.executable, "-I", "-c", PLAYED, *told], **settings)

        replaced = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE)
        monkeypatch.setattr(load_script("timing"), "subprocess", replaced)
        return commands

    return played


def read_by(side: str) -> set[str]:
    """The settings that the other side looks up."""
    return set(re.findall(r'settings\["(\w+)"\]', (SCRIPTS / f"{side}_side.py").read_text()))


def test_fastai(folder: Path, call: Call, other_side: Callable[..., list[Sequence[str]]], figures: Path) -> None:
    commands = other_side({"seconds": 20.0, "mse": 0.825})
    said = call(load_script("compare_fastai"), *SHORT, "--json", str(figures), "trainer.max_epochs=1")
    [(python, side, ratings, settings)] = commands
    assert (Path(python).parts[-3], side) == (".venv-fastai", str(SCRIPTS / "fastai_side.py"))
    assert ratings.endswith(".csv")
    assert set(json.loads(settings)) == read_by("fastai")
    assert "fastai    played" in said
    assert float(found(r"median fastai 20.000 s/seed, seedbed (.*) s/seed", said)[0]) > 0
    assert float(found(r"fastai 0\.8250; seedbed ([\d.]+) ± [\d.]+ \(2 seeds\)", said)[0]) > 0
    assert len(re.findall(r"ms; ratio [\d.]+; <= 1.5: (?:yes|no)", said)) == 3
    assert answer_of("fastai", figures).startswith("20 (20 to 20) and ")


def test_only_the_steps_beside_fastai(folder: Path, call: Call) -> None:
    said = call(load_script("compare_fastai"), *SHORT, "--steps-only")
    assert float(found(r"a step of 2 seeds: ([\d.]+) ms; medians of 1 repeats", said)[0]) > 0
    assert "s/seed" not in said


def test_steps_by_hand_are_those_of_the_stack(folder: Path) -> None:
    """One after another they lower the loss of the same network on its own batches."""
    fastai = load_script("compare_fastai")
    options = SimpleNamespace(seeds=2, overrides=["trainer.accelerator=cpu"])
    planned = fastai.plan_variant(options)
    prepared = planned.trainer.builder.stack(fastai.data_of(planned), fastai.torch.device("cpu"))
    by_hand = fastai.HandWritten(prepared, planned.variant.config["model"]["y_range"])
    module, batches, *_ = prepared
    index = next(iter(batches)).index[0]
    before = module.row_losses(index)[0].mean().item()
    for _ in range(20):
        by_hand.seconds_of_a_step(by_hand.whole_step)
    assert module.row_losses(index)[0].mean().item() < 0.9 * before


def test_recommenders(folder: Path, call: Call, other_side: Callable[..., list[Sequence[str]]], figures: Path) -> None:
    measured = {"top_1": 0.25, "top_100": 1.0, "loss": 30.0, "top_1_by_one_matrix": 0.5}
    commands = other_side({"fit": 30.0, "evaluate": 2.0, **measured})
    said = call(load_script("compare_recommenders"), *SHORT, "--json", str(figures), "report.user=1")
    [(python, side, *files, settings)] = commands
    assert (Path(python).parts[-3], side) == (".venv-recommenders", str(SCRIPTS / "recommenders_side.py"))
    assert len(files) == 2
    assert set(json.loads(settings)) == read_by("recommenders")
    assert "TensorFlow Recommenders 10.000 s (its ranking at the end 2.0 s more)" in said  # 3 epochs
    for name, value in (("top_1", "0.2500"), ("top_100", "1.0000"), ("loss", "30.0000")):
        assert float(found(rf"{name} +TensorFlow Recommenders {value}; seedbed ([\d.]+)", said)[0]) >= 0
    assert "by one matrix of scores, in which a movie ties with itself: 0.5000" in said
    assert answer_of("recommenders", figures).startswith("10 (10 to 10) and ")


def test_two_towers_beside_the_program_by_hand(folder: Path, call: Call, figures: Path) -> None:
    """It trains by the same batches from the same weights, and ranks by the same metrics."""
    kept = ("--json", str(figures))
    said = call(load_script("compare_recommenders"), "--floor", *SHORT, *kept, "report.user=1", "trainer.batch_size=64")
    assert "s per seed and epoch: " in answer_of("recommenders_floor", figures)
    hand, ours = map(float, found(r"a seed's epoch: by hand ([\d.]+) s, seedbed ([\d.]+) s", said))
    assert min(hand, ours) > 0
    assert float(found(r"ratio ([\d.]+) \(repeats", said)[0]) > 0
    shown = re.findall(r"^(\w+) +by hand ([\d.]+), seedbed ([\d.]+)$", said, re.MULTILINE)
    assert [name for name, *_ in shown] == list(load_script("compare_recommenders").SHOWN)
    for name, *values in shown:
        one, other = map(float, values)
        assert one == pytest.approx(other, abs=2e-5), name


def test_the_program_by_hand_says_what_it_does_not_know(
    folder: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(load_script("compare_recommenders"), "--floor", *SHORT, "report.user=1", "task.temperature=0.5")
    assert "task.temperature=0.5: the program by hand knows 1.0 alone" in capsys.readouterr().err


def test_the_other_side_that_ends_early(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = SimpleNamespace(
        Popen=lambda _, **settings: subprocess.Popen([sys.executable, "-I", "-c", ""], **settings), PIPE=subprocess.PIPE
    )
    monkeypatch.setattr(load_script("timing"), "subprocess", ends)
    with pytest.raises(SystemExit, match="2"):
        call(load_script("compare_recommenders"), *SHORT, "report.user=1")
    assert "The other side ended early" in capsys.readouterr().err


def answers(side: str, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the other side itself says, of seed 0."""
    monkeypatch.setattr(sys, "argv", [side, *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO("0\n"))
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    with redirect_stdout(io.StringIO()) as said:
        load_script(side).main()
    return [json.loads(line) for line in said.getvalue().splitlines()]


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    """A file as the other sides read it."""
    with (tmp_path / "ratings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["user", "item", "title", "rating"])
        table.writerows(
            [f"u{user}", f"i{item}", f"i{item}", rating] for user, item, rating, _ in made_up.some_ratings()
        )
    return tmp_path / "ratings.csv"


@needs("fastai")
def test_the_side_of_fastai(ratings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"batch_size": 64, "epochs": 1, "lr": 5e-3, "weight_decay": 0.1, "factors": 4, "y_range": [0, 5.5]}
    told = json.dumps({**settings, "default_loader": False})
    about, trained = answers("fastai_side", [str(ratings), told], monkeypatch)
    assert "fastai" in about
    assert trained["mse"] > 0


@needs("tensorflow_recommenders")
def test_the_side_of_recommenders(ratings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"train": 360, "batch_size": 64, "test_batch_size": 64, "epochs": 1, "lr": 0.1, "factors": 4}
    about, trained = answers("recommenders_side", [str(ratings), str(ratings), json.dumps(settings)], monkeypatch)
    assert "tensorflow-recommenders" in about
    assert trained["loss"] > 0


# ---- the index -------------------------------------------------------------------------------------------------------


class Exact:
    """Finds what exact search finds, and looks into as much."""

    looked_into: float

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    build = classmethod(lambda cls, vectors: cls(vectors))

    def look_into(self, share: float) -> None:
        self.looked_into = share

    def candidates(self, vector: np.ndarray, count: int) -> np.ndarray:
        return np.argsort(-self.vectors @ vector)[:count]


INDEX = ("--queries", "3", "--factors", "4")


def test_an_index(call: Call, monkeypatch: pytest.MonkeyPatch, figures: Path) -> None:
    script = load_script("compare_index")
    monkeypatch.setattr(script, "check_faiss", lambda: None)
    monkeypatch.setattr(script, "FaissIndex", Exact)
    monkeypatch.setattr(script, "SERVED_BY_SHARE", 300)
    said = call(script, "--candidates", "20", "300", *INDEX, "--json", str(figures))
    for count in (20, 300):
        rows = [line.split() for line in said.splitlines() if re.match(rf" +{count} ", line)]
        assert [row[1] for row in rows] == ["exact", *["faiss,"] * len(script.SHARES)]
        assert {row[-3] for row in rows} == {"1.000"}
    kept = json.loads(figures.read_text())["values"]
    as_listed = {
        f"{count} {name}": kept[f"300 {name}"] for count in (10_000, 1_000_000) for name in ("exact", "faiss", "recall")
    }
    assert "recall of FAISS 1.000 (1.000 to 1.000); 10,000 items: " in load_script("measure_all").of_index(as_listed)


@needs("faiss")
def test_the_index_of_faiss(call: Call) -> None:
    said = call(load_script("compare_index"), "--candidates", "4000", *INDEX)
    recalls = [float(line.split()[-3]) for line in said.splitlines() if "faiss" in line]
    assert recalls == sorted(recalls)
    assert recalls[-1] > 0.5


def test_vectors_around_those_of_a_trained_recommender(folder: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, folder / "mlflow.db")
    run_seedbed(
        ["run", "fastai_collab", "variant=dot_product_bias", "seeds=1", "trainer.max_epochs=1", "model.factors=3"]
    )
    cloud, said = load_script("compare_index").trained_cloud("fastai_collab")
    assert cloud.items.shape == (30, 4)
    assert cloud.users.shape == (30, 4)
    assert "dot_product_bias" in said


# ---- one way beside another ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["all_cells", "rated_cells"])
def test_matrix(variant: str, folder: Path, call: Call, figures: Path) -> None:
    names = ["report.user=1", "report.similar_to=null"]
    said = call(
        load_script("compare_matrix"), "--variant", variant, "--steps", "2", *SHORT, *names, "--json", str(figures)
    )
    assert float(found(r"first seed's weights after 2 steps: (\S+)", said)[0]) < 1e-5
    assert float(found(r"ratio ([\d.]+) \(repeats", said)[0]) > 0
    assert "ms per step and seed: " in answer_of("matrix", figures)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["collated", "batched"])
def test_loops(way: str, project: Path, call: Call, figures: Path) -> None:
    ways = ["--batched"] if way == "batched" else []
    few = [*SHORT, "--usual-seeds", "2", *ways, "--json", str(figures), "trainer.max_epochs=1"]
    said = call(load_script("compare_loops"), "messages", "--config-dir", str(project), *few)
    assert ("whole batches by index" if ways else "rows collated") in said
    assert "stacked at once: 2 of 2 seeds" in said
    assert float(found(r"\nratio ([\d.]+) \(repeats", said)[0]) > 0
    usual, stacked = map(float, found(r"test/accuracy usual ([\d.]+) .*?, stacked ([\d.]+) \(the same seeds\)", said))
    assert abs(usual - stacked) < 0.5
    assert "s per seed: " in answer_of("loops", figures)


@pytest.mark.slow
def test_records(project: Path, call: Call, figures: Path) -> None:
    few = ["--seeds", "2", "--cells", "2", "--repeats", "1", "--json", str(figures), "trainer.max_epochs=1"]
    records = load_script("compare_records")
    said = call(records, "messages", "--config-dir", str(project), *few)
    assert float(found(r"\nratio ([\d.]+) \(repeats", said)[0]) > 0
    points, params, tags, files = map(int, found(r"(\d+) points, (\d+) params, (\d+) tags, (\d+) files; 2 seeds", said))
    assert points > 15
    assert params > 20
    assert tags > 15
    assert files == 2
    assert "ms of processor time per cell: " in answer_of("records", figures)


@pytest.mark.slow
def test_the_plain_way_records_what_seedbed_has_recorded(trained_project: Path) -> None:
    records = load_script("compare_records")
    recorded = records.recorded_in(open_project_store("messages", trained_project))
    plain = records.PlainWay(recorded, trained_project / "plain")
    plain.record(1)
    runs = plain.client.search_runs([plain.experiment], order_by=["attributes.start_time ASC"])
    again = {run.info.run_name: records.Recorded.of(plain.client, run) for run in runs}
    assert len(again) == len(recorded) > 4
    for one in recorded:
        other = again[one.run.info.run_name]
        assert (other.run.data.params, other.run.data.tags) == (one.run.data.params, one.run.data.tags)
        assert set(other.points) == set(one.points)
        assert {Path(file).name for file in one.files if Path(file).is_file()} <= {
            Path(file).name for file in other.files
        }


@pytest.mark.slow
def test_where_the_time_of_a_run_goes(
    bare_project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, empty_store: Path, figures: Path
) -> None:
    loops = load_script("compare_loops")
    monkeypatch.setenv("SEEDBED_PROJECT", "the script sets another")
    monkeypatch.setattr(loops, "Store", lambda _, folder, __: shutil.copy(empty_store, folder / "mlflow.db"))
    for owner, name in (place for places in loops.WATCHED.values() for place in places):
        monkeypatch.setattr(owner, name, getattr(owner, name))  # so that they are put back, which the script leaves
    few = ("--variant", "none", "--seeds", "1", "--json", str(figures), "trainer.max_epochs=1")
    said = call(loops, "messages", "--config-dir", str(bare_project), "--overhead", *few)
    seconds = {part: float(value) for value, part in re.findall(r"^ *([\d.]+)  +(.*?)(?::.*)?$", said, re.MULTILINE)}
    assert {loops.PREPARATION, loops.TRAINING, "everything else", *loops.OTHER_PARTS} <= set(seconds)
    assert seconds[loops.TRAINING] > 0
    assert seconds["for comparison"] > 0
    share = found(r"everything else / \(training \+ everything else\): ([\d.]+)%", said)[0]
    assert float(answer_of("overhead", figures).split()[0]) == pytest.approx(float(share), abs=0.6)


@pytest.mark.slow
def test_the_bench_beside_the_program_by_hand(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_store: Path, figures: Path
) -> None:
    """Both begin with the same weights and take the same steps, in this process, on messages that are hard to tell apart."""
    rng = random.Random(0)
    neither, of_spam = ["call", "now", "home", "later", "see", "you", "the"], ["free", "win", "prize", "claim", "cash"]
    drawn = {
        f"{label}\t{' '.join(rng.choices(neither + of_spam * (1 + (label == 'spam')), k=9))}"
        for label in ["spam"] * 40 + ["ham"] * 160
    }
    messages = tmp_path / "messages.tsv"
    messages.write_text("\n".join([*sorted(drawn), ""]))
    script = load_script("compare_bench")

    def watched(command: Sequence[Any], given: dict[str, str] | None = None, **_: Any) -> Any:
        for key, value in (given or {}).items():
            monkeypatch.setenv(key, value)
        if given is None:
            with monkeypatch.context() as patch, torch.no_grad():
                patch.setattr(sys, "argv", list(map(str, command[1:])))
                load_script("bench_by_hand").main()
        else:
            shutil.copy(empty_store, Path(given["SEEDBED_PROJECT"]) / "mlflow.db")
            run_seedbed(command[3:])
        return SimpleNamespace(seconds=30.0, gigabytes=1.0, others=0.0, code=0)

    monkeypatch.setattr(script, "watch", watched)
    asked = [f"data.path={messages}", "variant=none,smote,text_augment", "seeds=2", "trainer.max_epochs=2"]
    said = call(script, "--repeats", "1", "--json", str(figures), *asked)
    assert re.search(r"repeat 1  by hand 30\.0 s, seedbed 30\.0 s\n  by hand: imports [\d.]+, reading ", said)
    assert "ratio 1.00 (repeats 1.00 to 1.00)" in said
    shown = re.findall(r"^test/accuracy (\w+) +by hand ([\d.]+), seedbed ([\d.]+)$", said, re.MULTILINE)
    assert [name for name, *_ in shown] == ["none", "smote", "text_augment"]
    for name, hand, ours in shown:
        assert float(hand) == pytest.approx(float(ours), abs=0.01), name
    assert len({ours for _, _, ours in shown}) > 1
    assert answer_of("bench_floor", figures) == "30 (30 to 30) and 30 (30 to 30) s: 1 (1 to 1) times"


def test_what_the_bench_by_hand_does_not_know(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(load_script("compare_bench"), "model.dropout=0.5")
    assert "model.dropout=0.5: the program by hand does not know it" in capsys.readouterr().err


# ---- a search, and a store -------------------------------------------------------------------------------------------


def run_seedbed(arguments: Sequence[str]) -> None:
    assert not seedbed(list(arguments), standalone_mode=False)


FEW = ("--trials", "2", "--seeds", "1", "--usual-trials", "1", "--processes", "1", "--at-once", "1")


@pytest.mark.slow
def test_search(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, empty_store: Path, figures: Path) -> None:
    search = load_script("compare_search")

    def popen(command: Sequence[str], env: dict[str, str], **_: Any) -> Any:
        assert command[1:3] == ["-m", "seedbed"]
        shutil.copy(empty_store, Path(env["SEEDBED_PROJECT"]) / "mlflow.db")
        monkeypatch.setenv("SEEDBED_PROJECT", env["SEEDBED_PROJECT"])
        run_seedbed(command[3:])
        monkeypatch.setenv(
            "MLFLOW_TRACKING_URI", "sqlite:///of-a-users-own.db"
        )  # the search's store is read all the same
        return SimpleNamespace(wait=lambda: 0)

    def run(command: Sequence[str], **_: Any) -> Any:
        with redirect_stdout(io.StringIO()) as said, monkeypatch.context() as patch:
            patch.setattr(sys, "argv", command[1:])
            runpy.run_path(command[1], run_name="__main__")
        return SimpleNamespace(returncode=0, stdout=said.getvalue())

    monkeypatch.setattr(search, "subprocess", SimpleNamespace(Popen=popen, run=run))
    written: list[int] = []

    class Counted(search.PlainWay):  # type: ignore[misc, name-defined]
        def record(self, variants: int) -> None:
            super().record(variants)
            written.append(len(self.client.search_runs([self.experiment])))

    monkeypatch.setattr(search, "PlainWay", Counted)
    said = call(search, *FEW, "--json", str(figures))
    compared(said)
    assert written == [5, 10]  # the search, two trials, and a seed of each; timed when written again
    asking, writing = map(float, found(r"by hand .* value takes ([\d.]+) s, .* client ([\d.]+) s", said))
    assert json.loads(figures.read_text())["values"]["by hand"] == [pytest.approx(asking + writing, abs=0.02)]
    assert answer_of("search", figures).endswith(f"a trial takes {answer_of('trial', figures)}")


@pytest.mark.extended
def test_search_in_processes(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unchecked = folder / "sitecustomize.py"
    unchecked.write_text(
        "import dataclasses\nfrom seedbed.data.published.movielens import EDITIONS\n"
        "EDITIONS['movielens_100k'] = dataclasses.replace(EDITIONS['movielens_100k'], digests={})\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
    compared(call(load_script("compare_search"), *FEW))


def compared(said: str) -> None:
    assert float(found(r"a trial takes ([\d.]+) s, of which the fit", said)[0]) > 0
    assert "for 1 processes, so" in said
    assert float(found(r"ratio ([\d.]+)\n", said)[0]) > 0
    usual, stacked = map(float, found(r"trial  0 .* val/mse usual ([\d.]+), stacked ([\d.]+)", said))
    assert usual == pytest.approx(stacked, rel=0.1)


@pytest.fixture
def without_modules() -> Iterator[None]:
    """What is imported from the project is forgotten afterwards."""
    path = list(sys.path)
    yield
    sys.modules.pop("ownnet", None)
    sys.path[:] = path


@pytest.mark.slow
@pytest.mark.usefixtures("without_modules")
def test_a_store(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_store: Path) -> None:
    script = load_script("make_store")
    write = script.write_project

    def write_with_store(project: Path) -> None:
        write(project)
        shutil.copy(empty_store, project / "mlflow.db")

    monkeypatch.setattr(script, "write_project", write_with_store)
    for name in ("MAILS", "STARS"):
        fewer = re.sub("^  (text_augment|scheduled|network): .*\n", "", getattr(script, name), flags=re.MULTILINE)
        monkeypatch.setattr(script, name, fewer.replace("max_epochs: 4", "max_epochs: 1"))
    archive = tmp_path / "store.tar.xz"
    assert call(script, "--output", str(archive)) == f"{archive}: {archive.stat().st_size} bytes\n"
    with tarfile.open(archive) as packed:
        names = {entry.name for entry in packed}
        assert {(entry.mtime, entry.uid, entry.uname) for entry in packed} == {(0, 0, "")}
    assert {
        "mlflow.db",
        "ownnet.py",
        "expected/predict.txt",
        "expected/recommend.txt",
        "expected/targets.json",
    } <= names
    with tarfile.open(archive) as packed:
        packed.extract("mlflow.db", tmp_path, filter="data")
    has_trained = load_script("measure_memory").has_trained
    assert (has_trained("mails", tmp_path), has_trained("ratings", tmp_path)) == (True, False)


@pytest.mark.extended
def test_the_startup_of_a_command(call: Call) -> None:
    """Measured; what a command imports is held by ``tests/cli/test_startup.py``."""
    said = call(load_script("measure_startup"), "--only", "one_cycle", "--repeats", "1")
    imported, ratio, wanted = found(
        r"([\d.]+) s  import torch\n.* s +([\d.]+) x torch +\(wanted ([\d.]+)\)  seedbed schedule", said
    )
    assert float(imported) > 0
    assert float(ratio) < 2 * float(wanted)  # of one turn, on a machine that may be busy


def test_a_startup_is_timed_beside_its_import(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load_script("measure_startup")
    started: list[Sequence[str]] = []
    monkeypatch.setattr(
        script, "subprocess", SimpleNamespace(run=lambda command, **_: started.append(command[1:]), DEVNULL=None)
    )
    said = call(script, "--only", "one_cycle", "--repeats", "1")
    assert (
        started == [["-c", "import torch"], ["-m", "seedbed", "schedule", "one_cycle"]] * 2
    )  # one turn does not count
    assert re.search(r" s  import torch\n.* x torch +\(wanted [\d.]+\)  seedbed schedule one_cycle", said)


def test_a_startup_that_takes_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    script = load_script("measure_startup")
    status, schedule = script.Command("status", "mlflow"), script.Command("schedule", "torch")
    seconds = {"import torch": [2.0], "import mlflow": [1.0], "status": [9.0, 1.5, 1.0], "schedule": [1.0, 1.1, 1.3]}
    assert script.report([status, schedule], seconds) == 1
    assert [line.endswith("TOO LONG") for line in capsys.readouterr().out.splitlines()] == [False, False, True, False]
    assert script.report([schedule], seconds) == 0


def test_the_memory_of_a_run_and_what_it_starts(call: Call, monkeypatch: pytest.MonkeyPatch, figures: Path) -> None:
    script = load_script("measure_memory")
    takes = "import sys, time; taken = b'x' * 10**8; print(sys.argv, flush=True); time.sleep(0.4)"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {takes!r}]); {takes}"
    monkeypatch.setattr(script, "COMMAND", (sys.executable, "-c", starts))
    gigabytes, name = found(r"([\d.]+) GB +[\d.]+ s  (\w+)", call(script, "ratings"))
    assert 0.1 <= float(gigabytes) < 0.2
    assert name == "ratings"
    assert "more than 0.05 GB" in call(script, "ratings", "--most", "0.05", "--json", str(figures))
    assert re.fullmatch(r"ratings 0\.1\d GB", answer_of("memory", figures))
    monkeypatch.setattr(script, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    assert "exit code 3" in call(script, "ratings", "--json", str(figures))
    assert not json.loads(figures.read_text())["values"]
    monkeypatch.setattr(script, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    assert "exit code 1" in call(script, "ratings", "--json", str(figures))  # nothing was trained
    assert not json.loads(figures.read_text())["values"]
    assert script.main() == 1
    monkeypatch.setattr(script, "has_trained", lambda experiment, project: experiment == "ratings")
    assert "some cells failed" in call(script, "ratings", "--json", str(figures))
    assert json.loads(figures.read_text())["values"].keys() == {"ratings"}
    assert script.main() == 0
    assert script.shortened("ratings")[1:] == ["trainer.max_epochs=1"]
    assert not script.shortened("two_tower_retrieval")[1:]  # it has variants of other numbers of epochs


@pytest.mark.extended
def test_the_least_memory_of_a_run(call: Call) -> None:
    (gigabytes,) = found(r"([\d.]+) GB +[\d.]+ s  without seedbed", call(load_script("measure_memory"), "--floor"))
    assert 0.5 < float(gigabytes) < 2


# ---- all of them, one after another ----------------------------------------------------------------------------------

KEEPS = "import json, sys; json.dump({'values': {'usual': [4.0, 6.0], 'stacked': [2.0, 2.0]}, 'others': 0.5}, open(sys.argv[2], 'w'))"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with rows that take no time: one that keeps figures, one that fails, one that is timed."""
    script = load_script("measure_all")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///of-a-users-own.db")
    own = "import os, sys; sys.exit(os.environ.get('MLFLOW_TRACKING_URI') or not os.environ['SEEDBED_PROJECT'])"
    commands = {"compared": KEEPS, "broken": "raise SystemExit(3)", "timed": own}
    made = {
        name: script.Row(
            1,
            f"{name}?",
            shlex.join([sys.executable, "-c", code]),
            script.both("usual", "stacked", "s"),
            once=name == "broken",
        )
        for name, code in commands.items()
    }
    made["timed"] = dataclasses.replace(made["timed"], answer=script.took_memory, timed=True)
    monkeypatch.setattr(script, "ROWS", made)
    monkeypatch.setattr(load_script("timing").time, "sleep", lambda seconds: None)
    return script


def test_all_rows(rows: ModuleType, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that fails does not stop the others, and nothing that was measured before is lost."""
    output = tmp_path / "speeds.md"
    output.write_text("of yesterday\n")
    said = call(rows, "--repeats", "2", "--output", str(output))
    assert output.read_text() == f"of yesterday\n{said}"
    machine, versions, *table = said.splitlines()
    assert (machine.split()[0], versions.split()[0]) == ("machine", "versions")
    compared, broken, timed = table[-3:]
    assert re.search(
        r"\| 5 \(4 to 6\) and 2 \(2 to 2\) s: 2.5 \(2 to 3\) times. NOT QUIET: .* up to 0.50 cores", compared
    )
    assert broken.endswith("| FAILED: exit code 3 |")
    assert re.search(r"\| [\d.]+ \([\d.]+ to [\d.]+\) s, at most 0\.\d\d GB", timed)
    monkeypatch.setattr(sys, "argv", ["measure_all", "--only", "broken"])
    assert rows.main() == 1
    monkeypatch.setattr(sys, "argv", ["measure_all", "--only", "timed", "--repeats", "1"])
    assert rows.main() == 0


def test_rows_are_listed_with_their_commands(call: Call) -> None:
    said = call(load_script("measure_all"), "--list", "--repeats", "7")
    assert re.search(r"^ +\d+ min  matrix +scripts/compare_matrix --repeats 7$", said, re.MULTILINE)
    commands = [line.split(maxsplit=3)[3].split() for line in said.splitlines()]
    for command in commands:
        assert command[0] == "seedbed" or os.access(SCRIPTS.parent / command[0], os.X_OK)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--only", "speed"], "invalid choice: 'speed'"), (["--output", "no/such/folder"], "cannot be written")],
)
def test_what_measure_all_refuses(
    arguments: list[str],
    said: str,
    rows: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["measure_all", *arguments])
    with pytest.raises(SystemExit, match="2"):
        sys.exit(rows.main())
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_a_choice_of_epochs_and_rate(call: Call, tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "two.yaml").write_text(
        "# @package _global_\n"
        "defaults: [override /data: feature_csv, override /model: mlp, override /task: classification]\n"
        "seeds: 2\nmodel: {hidden: [4]}\ndata: {label: y}\n"
        "data_sets: {one: [data.path=one.csv], two: [data.path=two.csv]}\n"
        "variants: {none: [imbalance=none], oversample: [imbalance=oversample]}\n"
        "report: {metric: test/f1, baseline: none}\n"
    )
    for name, sign in (("one", 1), ("two", -1)):
        rows = (f"{sign * (row % 7 - 3)},{row % 5},{int(row % 7 > 4)}" for row in range(70))
        (tmp_path / f"{name}.csv").write_text("\n".join(["a,b,y", *rows]))
    asked = ["--rates", "1e-2,1e-3", "--epochs", "1,2", "--seeds", "2", "--config-dir", str(tmp_path)]
    said = call(load_script("choose_training"), "--experiment", "two", "--variants", "none", *asked)
    rates = found(r"epochs +lr=(\S+) +lr=(\S+)", said)
    assert rates == ["1e-2", "1e-3"]
    rows = re.findall(r"^ +(1|2) +(0\.\d{4})(\*| ) +(0\.\d{4})(\*| )$", said, flags=re.MULTILINE)
    values = {float(value): mark for _, *of_row in rows for value, mark in zip(of_row[::2], of_row[1::2], strict=True)}
    assert len(rows) == 2
    assert values[max(values)] == "*"


# ---- the estimates of dry runs ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_estimates_beside_real_times(
    folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch, empty_store: Path
) -> None:
    script, asked = load_script("measure_estimates"), list[list[str]]()
    monkeypatch.setattr(short_fits, "SECONDS_OF_STEPS", 0.02)

    def began(command: Sequence[str], given: Mapping[str, str]) -> Path:
        project = Path(given["SEEDBED_PROJECT"])
        monkeypatch.setenv("SEEDBED_PROJECT", str(project))
        asked.append(list(command[1:]))
        return project

    def estimate(command: Sequence[str], env: Mapping[str, str], **_: Any) -> Any:
        """In this process."""
        project = began(command, env)
        with redirect_stdout(io.StringIO()) as said:
            print(json.dumps(script.estimated(command[3], command[4:])))
        assert not any(project.iterdir())
        return SimpleNamespace(returncode=0, stdout=said.getvalue(), stderr="")

    def watch(command: Sequence[str], given: Mapping[str, str], **_: Any) -> Any:
        """In this process; the run finds a store."""
        shutil.copy(empty_store, began(command, given) / "mlflow.db")
        with redirect_stdout(io.StringIO()):
            run_seedbed(command[3:])
        return SimpleNamespace(code=0, others=0.01)

    monkeypatch.setattr(script, "subprocess", SimpleNamespace(run=estimate))
    monkeypatch.setattr(script, "watch", watch)
    overrides = ["variant=two_tower,popular", "trainer.max_epochs=1", "seeds=1", "report.user=1"]
    said = call(script, "two_tower_retrieval", *overrides)
    (row,) = re.findall(r"^ +([\d.]+) s +([\d.]+) s +[+-]\d+ % +[\d.]+  two_tower_retrieval (.*)$", said, re.MULTILINE)
    assert float(row[0]) > 0
    assert float(row[1]) > 0
    assert row[2] == "(without trainer.max_epochs=1)"
    assert "trainer.max_epochs=1" not in asked[0]
    assert "median error" in said


def test_the_median_error_of_estimates(capsys: pytest.CaptureFixture[str]) -> None:
    script = load_script("measure_estimates")
    few = {name: script.Compared(10 + off, 10.0, 0.0) for name, off in (("a", 1), ("b", -4), ("c", 2))}
    assert script.report(few, 30) == 0
    assert "median error 20 % of 3 experiments" in capsys.readouterr().out
    assert script.report({**few, "d": script.Compared(18.0, 10.0, 0.5)}, 25) == 1
    assert "NOT QUIET" in capsys.readouterr().out
    assert script.report({}, 30) == 1


def test_what_variants_set_for_themselves_is_left_out_of_the_overrides() -> None:
    script = load_script("measure_estimates")
    assert "trainer.max_epochs" in script.keys_of_variants("lesson5_movielens")
    assert "trainer.max_epochs" not in script.keys_of_variants("fastai_collab")
