"""Recommendations: the command on a project's own trained seeds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from seedbed.cli.main import main
from seedbed.cli.recommend import for_newcomer, similar
from seedbed.errors import SeedbedError
from seedbed.models.fold_in import RIDGE
from seedbed.running.runner import Outcome, run
from seedbed.tracking.store import open_project_store
from seedbed.trained.loading import load_recommender
from tests.conftest import TrainOnce
from tests.stored import client_of
from tests.tasks.test_cold_start import COLUMNS as COLD_COLUMNS
from tests.tasks.test_cold_start import write_cold_project
from tests.tasks.test_rating import EXPERIMENT

# ---- the command -----------------------------------------------------------------------------------------------------

USERS, ITEMS = 8, 6
# Every user rates all items but two; item 6 has one rating only, so that some seeds do not train on it.
RATED = [
    (user, item) for user in range(USERS) for item in range(ITEMS - 1) if (user + item) % ITEMS and item != user % 5
]
RATED += [(0, ITEMS - 1)]
COLUMNS = ("data.path=ratings.csv", "data.user=who", "data.item=what", "data.rating=stars", "trainer.max_epochs=20")
Ask = Callable[..., Result]


def write_ratings(project: Path) -> None:
    lines = [f"u{user},Film {item},{1 + (user * item) % 5}" for user, item in RATED]
    (project / "ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    (project / "experiments" / "stars.yaml").write_text(EXPERIMENT)


def train(project: Path, *overrides: str) -> Outcome:
    write_ratings(project)
    outcome = run("stars", [*COLUMNS, *overrides], config_dir=project)
    assert not outcome.failures
    return outcome


@pytest.fixture(scope="module")
def stars(train_once: TrainOnce) -> tuple[Path, Outcome]:
    """Both variants, trained once for the tests that only read them."""
    folder, outcome = train_once("stars", COLUMNS, write_ratings)
    assert not outcome.failures
    return folder, outcome


def asked_of(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["recommend", *arguments, "--config-dir", str(project)])


@pytest.fixture
def ask(project: Path) -> Ask:
    return partial(asked_of, project)


def weights(project: Path, outcome: Outcome, variant: str, folder: Path) -> dict[str, torch.Tensor]:
    """Stacked over the seeds, from the store."""
    store, states = open_project_store("stars", project), []
    for run_id in outcome.results.cells_of(variant)["run"]:
        (folder / run_id).mkdir()
        states.append(
            load_file(client_of(store).download_artifacts(run_id, "weights.safetensors", str(folder / run_id)))
        )
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


def listed(done: Result) -> list[tuple[str, str]]:
    """Item and score of each row of the table."""
    assert done.exit_code == 0, done.output
    rows = done.output.split("---\n")[-1].splitlines()
    return [(row[6:12], row[12:].split("±")[0].strip()) for row in rows]


@pytest.mark.extended
def test_trained_seeds_recommend_and_find_neighbours(ask: Ask, project: Path, tmp_path: Path) -> None:
    outcome = train(project)
    means = {variant: outcome.results.values(variant, "val/mse").mean() for variant in ("plain", "biased")}
    best = min(means, key=lambda variant: means[variant])
    assert f"{best} (the best variant by val/mse), 3 seeds." in ask("stars", "--user", "u3").output

    done = ask("stars", "--variant", "plain", "--user", "U3", "-k", "9")
    seen = {item for user, item in RATED if user == 3}
    assert f"For user u3, without the {len(seen)} items" in done.output
    state = weights(project, outcome, "plain", tmp_path)
    factors, of_user = state["item_factors.weight"][:, 1:], state["user_factors.weight"][:, 4]
    predicted = (5.5 * torch.sigmoid(torch.einsum("sif,sf->si", factors, of_user))).mean(0).tolist()
    expected = sorted(set(range(ITEMS)) - seen, key=lambda item: -predicted[item])
    assert [item for item, _ in listed(done)] == [f"Film {item}" for item in expected]
    shown = [float(score) for _, score in listed(done)]
    assert shown == pytest.approx([predicted[item] for item in expected], abs=1e-3)
    assert done.output.count("3 of 3 seeds") == len(expected)

    done = ask("stars", "--variant", "plain", "--similar-to", "film 2", "-k", "2")
    similarity = torch.cosine_similarity(factors, factors[:, [2]], dim=-1).mean(0)
    nearest_two = [item for item in similarity.argsort(descending=True).tolist() if item != 2][:2]
    assert [item for item, _ in listed(done)] == [f"Film {item}" for item in nearest_two]

    done = ask("stars", "--variant", "plain", "--similar-to", "film 2", "--by", "dot", "-k", "2")
    products = torch.einsum("sif,sf->si", factors, factors[:, 2]) / factors[:, [2]].square().sum(-1)
    alike_two = [item for item in products.mean(0).argsort(descending=True).tolist() if item != 2][:2]
    assert [item for item, _ in listed(done)] == [f"Film {item}" for item in alike_two]
    assert "dot product / own" in done.output

    for arguments, said in (
        (("--user", "u3", "--by", "dot"), "--by dot: it is about items, so it goes with --similar-to"),
        (("--user", " "), "--user: the name is empty"),
        (("--similar-to", "Film"), "--similar-to 'Film': there is no item of that name, did you mean 'Film 5'"),
        (("--user", "u3", "--variant", "plane"), "no such variant, did you mean 'plain'?"),
        (("--user", "u3", "--similar-to", "Film 1"), "--user, --similar-to or --ratings: give one of the three"),
        ((), "--user, --similar-to or --ratings: give one of the three"),
    ):
        failed = ask("stars", *arguments)
        assert failed.exit_code == 2
        assert said in failed.output

    (project / "ratings.csv").write_text("who,what,stars\nu0,Film 0,3\n")
    assert "are no longer those that 'stars' was trained on" in ask("stars", "--user", "u0").output


@pytest.mark.slow
def test_items_need_factors_to_be_compared_by_and_names_that_are_clear(stars: tuple[Path, Outcome]) -> None:
    loaded = load_recommender("stars", "plain", config_dir=stars[0])
    trained = replace(loaded, seeds=loaded.seeds[:1])
    without = replace(trained, seeds=tuple(replace(seed, network=torch.nn.Identity()) for seed in trained.seeds))
    with pytest.raises(SeedbedError, match="no embedding item_factors"):
        similar(without, "Film 1", 2)
    names = ("FILM 1", "Film 1", *trained.table.item_names[2:])
    twice = replace(trained, table=replace(trained.table, item_names=names))
    with pytest.raises(SeedbedError, match="could be 'FILM 1' and 'Film 1'"):
        similar(twice, "film 1", 2)
    assert "Most similar to Film 1." in similar(twice, "Film 1", 2)
    assert "(n=1)" in similar(twice, "Film 1", 2)


@pytest.mark.slow
def test_a_new_user_is_served_by_the_ratings_of_a_file(stars: tuple[Path, Outcome], tmp_path: Path) -> None:
    project, outcome = stars
    ask = partial(asked_of, project)
    ratings = tmp_path / "my.csv"
    ratings.write_text("title,rating\nfilm 0,5\nFilm 4,1\n")
    done = ask("stars", "--variant", "biased", "--ratings", str(ratings), "-k", "9")
    assert "For a new user, by the 2 ratings of" in done.output
    trained = load_recommender("stars", "biased", config_dir=project)
    predicted = []
    for seed, state in zip(trained.seeds, _states(weights(project, outcome, "biased", tmp_path)), strict=True):
        users, items = (state[f"{side}_factors.weight"] for side in ("user", "item"))
        train_rows = trained.rows(seed.seed).train
        own = torch.cat([users, state["user_bias.weight"]], 1)[np.unique(trained.table.users[train_rows])].mean(0)
        design = torch.cat([items, torch.ones(len(items), 1)], 1)
        scores = design @ own + state["item_bias.weight"][:, 0]
        known = torch.tensor([row for row in (1, 5) if row in trained.table.items[train_rows]])
        given = torch.tensor([5.0 if row == 1 else 1.0 for row in known.tolist()])
        share = torch.sigmoid(scores[known])
        slopes = (5.5 * share * (1 - share)).unsqueeze(1) * design[known]
        system = slopes.T @ slopes + RIDGE * torch.eye(design.shape[1])
        moved = torch.linalg.solve(system, slopes.T @ (given - 5.5 * share))
        predicted.append(5.5 * torch.sigmoid(scores + design @ moved)[1:])
    means = torch.stack(predicted).mean(0).tolist()
    expected = sorted({1, 2, 3, 5}, key=lambda item: -means[item])
    assert [item for item, _ in listed(done)] == [f"Film {item}" for item in expected]
    assert [float(score) for _, score in listed(done)] == pytest.approx([means[item] for item in expected], abs=1e-3)

    without_header = tmp_path / "bare.tsv"
    without_header.write_text("Film 0\t5\nFilm 4\t1\n")
    again = ask("stars", "--variant", "biased", "--ratings", str(without_header), "-k", "9")
    assert listed(again) == listed(done)

    for text, said in (
        ("item,rating\nFilms 4,1\n", "rating 1: 'Films 4': ratings has no item of that name, did you mean 'Film 4'"),
        ("Film 0,5\nFilm 4,6\n", "rating 2: '6' is not a rating from 1 to 5"),
        ("Film 0,5\nFilm 4,good\n", "rating 2: 'good' is not a rating from 1 to 5"),
        ("Film 0,5\nfilm 0,4\n", "rating 2: 'Film 0' is rated twice"),
        ("item,rating\n", "there are no ratings below its header line"),
        ("who,item,stars\nme,Film 0,5\n", "header line that names them item (or title) and rating"),
        ("Film 0,5\nFilm 4, The,1\n", "my.csv: line 2: 3 fields"),
        ("", "is empty"),
    ):
        ratings.write_text(text)
        with pytest.raises(SeedbedError, match=re.escape(said)):
            for_newcomer(trained, ratings, 2)


def _states(stacked: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    return [{name: value[seed] for name, value in stacked.items()} for seed in range(3)]


def test_a_new_user_needs_a_factor_model(stars: tuple[Path, Outcome], tmp_path: Path) -> None:
    trained = load_recommender("stars", "plain", config_dir=stars[0])
    other = replace(trained, seeds=tuple(replace(seed, network=torch.nn.Identity()) for seed in trained.seeds))
    with pytest.raises(SeedbedError, match="has no factors that a new user's could be fitted to"):
        for_newcomer(other, tmp_path / "my.csv", 2)


@pytest.mark.slow
def test_who_was_held_out_is_asked_for_in_vain(ask: Ask, project: Path, tmp_path: Path) -> None:
    write_cold_project(project)
    assert not run("newcomers", [*COLD_COLUMNS, "variant=fold_in", "seeds=1"], config_dir=project).failures
    (tmp_path / "my.csv").write_text("Film 1,5\n")
    assert len(listed(ask("newcomers", "--ratings", str(tmp_path / "my.csv"), "-k", "3"))) == 3
    assert "Ask with --ratings" in ask("newcomers", "--user", "u3").output
    assert "Most similar to Film 1." in ask("newcomers", "--similar-to", "Film 1").output
    trained = load_recommender("newcomers", config_dir=project)
    of_items = replace(trained, config=trained.config | {"task": trained.config["task"] | {"side": "item"}})
    with pytest.raises(SeedbedError, match=r"holds out some items, .* Name another experiment"):
        for_newcomer(of_items, tmp_path / "my.csv", 3)
    with pytest.raises(SeedbedError, match="--similar-to: every seed"):
        similar(of_items, "Film 1", 3)


@pytest.mark.slow
def test_runs_without_weights_and_other_tasks_cannot_recommend(trained_project: Path) -> None:
    train(trained_project, "tracking.checkpoints=false", "seeds=1", "variant=plain")
    assert "tracking.checkpoints=false" in asked_of(trained_project, "stars", "--user", "u3").output
    with pytest.raises(SeedbedError, match="only an experiment on ratings"):
        load_recommender("messages", config_dir=trained_project)
