"""Vectors of newcomers against those by hand, by scikit-learn and by other ways to the same answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from seedbed.models.fold_in import (
    FactorModel,
    factor_model,
    fold_in,
    is_factor_model,
    matrix_model,
    mean_ratings,
    mean_vector,
    metadata_vectors,
    typical_vector,
    vector_of,
)
from seedbed.models.matrix import MatrixFactorization
from seedbed.models.rating import DotProduct, EmbeddingNetwork

DRAW = np.random.default_rng(0)
VECTORS, DESIGN = DRAW.normal(size=(6, 4)), np.hstack([DRAW.normal(size=(9, 3)), np.ones((9, 1))])
PLAIN = FactorModel(VECTORS, DESIGN, DRAW.normal(size=9))
IN_RANGE = FactorModel(VECTORS, DESIGN, PLAIN.offsets, (0.0, 5.5))


@pytest.mark.parametrize("count", [2, 7])
def test_fold_in_is_the_ridge_regression_of_what_the_start_does_not_explain(count: int) -> None:
    """With fewer ratings than factors, and with more."""
    rows, ratings, start = np.arange(count), DRAW.uniform(1, 5, count), VECTORS[0]
    left = ratings - PLAIN.ratings(start, rows)
    expected = start + Ridge(alpha=0.7, fit_intercept=False).fit(DESIGN[rows], left).coef_
    assert vector_of(PLAIN, rows, ratings, start, 0.7) == pytest.approx(expected)


def test_in_a_range_fold_in_is_one_gauss_newton_step() -> None:
    rows, ratings, start = np.array([1, 4]), np.array([5.0, 1.0]), mean_vector(VECTORS)
    score = torch.tensor(DESIGN[rows] @ start + PLAIN.offsets[rows], requires_grad=True)
    rated = torch.sigmoid(score) * 5.5
    assert IN_RANGE.ratings(start, rows) == pytest.approx(rated.detach().numpy())
    rated.sum().backward()
    jacobian = DESIGN[rows] * score.grad.numpy()[:, None]  # type: ignore[union-attr]
    left = ratings - rated.detach().numpy()
    expected = start + Ridge(alpha=2.0, fit_intercept=False).fit(jacobian, left).coef_
    assert vector_of(IN_RANGE, rows, ratings, start, 2.0) == pytest.approx(expected)


def test_ratings_that_are_not_known_do_not_matter_and_none_leave_the_start() -> None:
    rows, ratings = np.array([[0, 1, 2], [3, 4, 5]]), DRAW.uniform(1, 5, (2, 3))
    known = np.array([[True, False, False], [True, True, False]])
    found = fold_in(IN_RANGE, VECTORS[:2], rows, ratings, known, 1.5)
    assert found[0] == pytest.approx(vector_of(IN_RANGE, rows[0, :1], ratings[0, :1], VECTORS[0], 1.5))
    assert found[1] == pytest.approx(vector_of(IN_RANGE, rows[1, :2], ratings[1, :2], VECTORS[1], 1.5))
    assert np.array_equal(fold_in(IN_RANGE, VECTORS[:2], rows, ratings, known & False, 1.5), VECTORS[:2])
    assert np.array_equal(fold_in(IN_RANGE, VECTORS[:2], rows[:, :0], ratings[:, :0], known[:, :0], 1.5), VECTORS[:2])


def test_the_typical_vector_gives_the_scores_nearest_to_the_mean() -> None:
    assert mean_vector(np.array([[0.0, 4.0], [2.0, 0.0]])).tolist() == [1.0, 2.0]
    # The mean is [0, 3]. The first lies nearest to it, but the second factor hardly enters any score.
    vectors = np.array([[1.0, 3.0], [0.0, 9.0], [-1.0, -3.0]])
    assert typical_vector(vectors, np.array([[1.0, 0.01], [2.0, 0.0]])).tolist() == [0.0, 9.0]
    assert typical_vector(vectors, np.eye(2)).tolist() == [1.0, 3.0]


def test_metadata_find_the_vectors_that_follow_from_them() -> None:
    draw = np.random.default_rng(1)
    features, weights, new = draw.normal(size=(200, 3)), draw.normal(size=(3, 4)), draw.normal(size=(2, 3))
    found = metadata_vectors(features, features @ weights + 5, new)
    assert found == pytest.approx(new @ weights + 5, abs=1e-3)
    noise = metadata_vectors(draw.normal(size=(200, 3)), VECTORS[draw.integers(0, 6, 200)], new)
    assert np.abs(noise - VECTORS.mean(0)).max() < 0.6  # where they say nothing, they say the mean
    one = metadata_vectors(features, (features @ weights)[:, :1], new)
    assert one.shape == (2, 1)


def test_mean_ratings_are_drawn_towards_the_mean_of_all() -> None:
    model = mean_ratings(np.array([1, 1, 2]), np.array([5.0, 4.0, 3.0]), 4, ridge=1.0)
    assert model.offsets.tolist() == pytest.approx([4.0, 4 + 1 / 3, 3.5, 4.0])
    # Two ratings, 1 and 0.5 above the means, over 2 + 1.
    vector = vector_of(model, np.array([2, 0]), np.array([4.5, 4.5]), np.zeros(1), 1.0)
    assert vector.tolist() == pytest.approx([0.5])
    assert model.ratings(vector, np.array([1])).tolist() == pytest.approx([4 + 1 / 3 + 0.5])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("y_range", [None, [0, 5.5]])
def test_a_model_gives_what_its_network_gives(bias: bool, y_range: list[float] | None) -> None:
    network = DotProduct(5, 7, factors=3, bias=bias, y_range=y_range, init="normal_1")
    users, items = torch.tensor([0, 2, 4]), torch.tensor([6, 1, 3])
    given = network(users, items).detach().numpy()
    of_user, of_item = factor_model(network), factor_model(network, side="item")
    assert of_user.ratings(of_user.vectors[users], items.numpy()) == pytest.approx(given, abs=1e-5)
    assert of_item.ratings(of_item.vectors[items], users.numpy()) == pytest.approx(given, abs=1e-5)


def test_other_networks_have_no_vectors_for_newcomers() -> None:
    network = EmbeddingNetwork(4, 4, hidden=[2])
    assert not is_factor_model(network)
    with pytest.raises(ValueError, match="EmbeddingNetwork is not a factor model"):
        factor_model(network)


def test_a_factorized_matrix_gives_a_newcomer_what_it_gives_to_a_user_of_the_same_ratings() -> None:
    torch.manual_seed(0)
    network = MatrixFactorization(users=6, items=40, highest=5.0, factors=3)
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    model, rows = matrix_model(network), np.arange(1, 40)
    of_user = network(torch.full((39,), 2), torch.from_numpy(rows)).detach().double().numpy()
    np.testing.assert_allclose(model.ratings(model.vectors[2], rows), of_user, atol=1e-5)
    start = model.vectors[1:].mean(0)
    known, left = rows[:30], rows[30:]
    vector = vector_of(model, known, of_user[:30], start, ridge=0.01)
    before = np.abs(model.ratings(start, left) - of_user[30:]).mean()
    assert np.abs(model.ratings(vector, left) - of_user[30:]).mean() < 0.25 * before
