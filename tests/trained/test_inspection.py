"""What the model learned: read off hand-made factors, and off the trained seeds of a project through the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from seedbed.cli.main import main
from seedbed.figures import rendered
from seedbed.report.pictures.embeddings import components_figure, predictions_figure
from seedbed.report.sections.embeddings import section
from seedbed.results import Results
from seedbed.trained.inspection import Inspection, _components, _means, extremes, predicted_ratings
from seedbed.trained.rankings import nearest
from tests.cli.test_recommend import train
from tests.report.conftest import make_cells, shown


def results(**published: object) -> Results:
    config = {"published": published, "report": {"metric": "val/mse"}}
    return Results("made up", config, ("plain",), make_cells({"plain": {"val/mse": [1.0, 1.1]}}), None)  # type: ignore[arg-type]


def made_up_biases() -> NDArray[np.floating]:
    biases = np.tile(np.linspace(-1, 1, 40), (3, 1)) + np.array([[-0.25], [0.0], [0.25]])
    biases[0, 0] += 0.5  # to the first seed, the lowest of the others is nothing special
    return biases


def learned() -> Inspection:
    """Three seeds of forty items in a plane of their own; the second and third see it turned and mirrored."""
    draw = np.random.default_rng(0)
    flat = draw.normal(size=(40, 4)) * [4.0, 2.0, 1.0, 0.1]
    turned = [flat @ np.linalg.qr(draw.normal(size=(4, 4)))[0] for _ in range(2)]
    factors = np.stack([flat, *turned])
    biases = made_up_biases()
    ratings = np.arange(40)[::-1]
    actual = np.repeat([1.0, 2.0, 3.0], 20)
    return Inspection(
        variant="plain",
        seeds=(0, 1, 2),
        titles={number: f"Film {number}" for number in range(40)},
        ratings=dict(enumerate(ratings.tolist())),
        absent=["Gone (1999)"],
        lowest=extremes(biases, highest=False, also={2, 30}),
        highest=extremes(biases, highest=True),
        nearest={"Film 0": nearest(factors, 0, 1)},
        components=_components(list(factors), ratings),
        predictions=predicted_ratings("validation", [actual, actual], [actual * 0.5 + 1, actual * 0.5 + 1.2]),
    )


def test_extremes_are_by_the_mean_and_say_how_many_seeds_agree() -> None:
    biases = made_up_biases()
    lowest = extremes(biases, highest=False, also={5, 39})
    assert [(rank, found.item) for rank, found in lowest] == [(1, 1), (2, 2), (3, 3), (4, 0), (5, 4), (6, 5), (40, 39)]
    assert [found.seeds for _, found in lowest] == [3, 3, 3, 2, 3, 1, 0]
    assert [found.item for _, found in extremes(biases, highest=True)] == [39, 38, 37, 36, 35]
    assert lowest[0][1].score.mean == pytest.approx(biases[1, 1])


def test_components_agree_where_the_seeds_differ_by_a_turn_alone() -> None:
    components = learned().components
    assert components is not None
    assert [found.mean for found in components.agreement] == pytest.approx([1.0, 1.0, 1.0])
    assert components.shared_neighbours is not None
    assert components.shared_neighbours.mean == pytest.approx(10.0)
    assert components.items.tolist() == list(range(40))
    first, second, third = (found.mean or 0 for found in components.explained)
    assert first > second > third
    assert 95 < first + second + third < 100


def test_components_of_seeds_that_have_nothing_in_common() -> None:
    draw = np.random.default_rng(1)
    components = _components([draw.normal(size=(200, 8)) for _ in range(3)], np.arange(200))
    assert components is not None
    assert max(found.mean or 0 for found in components.agreement) < 0.3
    assert components.shared_neighbours is not None
    assert components.shared_neighbours.mean == pytest.approx(10 * 10 / 199, abs=0.3)
    assert _components([np.zeros((20, 8))] * 2, np.arange(20)) is None
    assert _components([np.ones((20, 2))], np.arange(20)) is None  # two factors have no third component


def test_means_by_rating_and_by_group_where_ratings_are_many() -> None:
    found = _means([np.array([1.0, 1.0, 4.5]), np.array([1.0])], [np.array([2.0, 4.0, 5.0]), np.array([1.0])])
    assert [(name, count, mean.n, mean.mean) for name, count, mean in found] == [("1", 3, 2, 2.0), ("4.5", 1, 1, 5.0)]
    many = np.linspace(-10, 10, 41)
    grouped = _means([many], [many])
    assert (grouped[0][0], grouped[-1][0]) == ("-10 to -8", "8 to 10")
    assert sum(count for _, count, _ in grouped) == 41
    assert grouped[-1][2].mean == pytest.approx(9.0)
    years = np.arange(2000.0, 2012.0)
    assert sum(count for _, count, _ in _means([years], [years])) == 12
    assert len(_means([np.arange(11.0)], [np.arange(11.0)])) == 11


@pytest.mark.slow
def test_the_section_puts_the_source_beside_the_seeds() -> None:
    source = {
        "of": "theirs",
        "lowest_bias": ["Film 2", "Film 30", "Gone (1999)"],
        "nearest_to": {"Film 0": "Film 7"},
    }
    text, drawn = shown(section, results(learned=[source]), learned=learned())
    lowest, highest = text.split("### Items with the highest bias")
    assert "| 2 | Film 2 | 37 | -0.8974 ± 0.2500 | 3 of 3 seeds | 1 |" in lowest
    assert "| 31 | Film 30 | 9 |" in lowest
    assert "place in the source's list (theirs)" in lowest
    assert "By the mean over seeds: the first 5, and those that the source names; such" in lowest
    assert "By the mean over seeds; such" in highest
    assert "| 0 of 3 seeds | 2 |" in lowest
    assert "Not in the data: Gone (1999)." in lowest
    assert "source's list (theirs)" not in highest.split("### Nearest items")[0]
    assert "3 of 3 seeds | Film 7 |" in highest
    assert "correlation (without its sign) of 1.000 ± 0.000, 1.000 ± 0.000 and 1.000 ± 0.000" in text
    assert "nearest of the 40 items to each, two seeds share 10.00 ± 0.00 on average; chance would give 2.56." in text
    assert "| 2 | 40 | 2.1000 ± 0.1414 |" in text
    assert {picture.name for picture in drawn} == {"components", "predictions"}
    for picture in drawn:
        assert f"({picture.name}.png)" in text
        assert rendered(picture.figure, "png").startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_same_seeds_give_the_same_bytes() -> None:
    found = learned()
    assert found.predictions is not None
    predictions = found.predictions
    for figure in (lambda: components_figure(found), lambda: predictions_figure(found, predictions)):
        first, second = (rendered(figure, "svg") for _ in range(2))
        assert first == second


def test_what_the_source_read_must_be_readable() -> None:
    for entry in ("a title", {"lowest_bias": ["Film 1"]}, {"of": "theirs", "worst": []}):
        with pytest.raises(Exception, match=r"published\.learned: .*lowest_bias"):
            shown(section, results(learned=[entry]), learned=learned())


@pytest.mark.extended
def test_the_report_of_a_project_says_what_was_learned(project: Path, draw_only: Callable[..., None]) -> None:
    def report() -> tuple[str, str]:
        to = ["--output", str(project / "written")]
        done = CliRunner().invoke(main, ["report", "stars", "--format", "md", "--config-dir", str(project), *to])
        assert done.exit_code == 0, done.output
        return done.output, (project / "written" / "report.md").read_text()

    draw_only("predictions")
    few = "trainer.max_epochs=3"
    train(project, few, "report.learned=biased")
    _, text = report()
    assert "Read off the weights of biased, 3 seeds." in text
    assert "| Film 5 | 1 |" in text
    assert "| nearest to it |" in text
    assert (project / "written" / "predictions.png").stat().st_size > 10_000
    train(project, few, "report.learned=biased", "variant=plain")
    assert "Read off the weights of plain, 3 seeds." in report()[1]
    (project / "ratings.csv").write_text("who,what,stars\nu1,Film 1,3\nu2,Film 2,4\n")
    output, text = report()
    assert "does not say what the model learned: The ratings of" in output
    assert "Left out of this report: The ratings of" in text
