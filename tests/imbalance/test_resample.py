"""Resample: settings and counts are refused with the numbers before training; rows come from the seed's rows and seed alone."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import imblearn.combine
import imblearn.over_sampling
import imblearn.under_sampling
import numpy as np
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from seedbed.config.building import build
from seedbed.data.network_inputs import EncodedColumns, Vectors
from seedbed.data.table import ByColumn
from seedbed.errors import ConfigError, NotInTheData
from seedbed.imbalance.base import Resampled, TrainingRows
from seedbed.imbalance.resample import Resample
from seedbed.randomness import derive

# Normal use prints nothing: a warning of imbalanced-learn or scikit-learn fails the test.
pytestmark = pytest.mark.filterwarnings("error")

CLASSES = ("ham", "spam")


def clouds(ham: int = 100, spam: int = 28, distance: float = 1.0) -> TrainingRows:
    """Two clouds of points, ``distance`` apart on each of four axes; rows in mixed order."""
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat([0, 1], [ham, spam]))
    features = (rng.standard_normal((ham + spam, 4)) + distance * labels[:, None]).astype(np.float32)
    return TrainingRows(features, labels, CLASSES, None, np.arange(ham + spam), minority=1)


def counts_of(rows: TrainingRows) -> dict[str, int]:
    return dict(zip(CLASSES, np.bincount(rows.labels, minlength=2).tolist(), strict=True))


def result(made: Resampled, rows: TrainingRows) -> tuple[np.ndarray, np.ndarray]:
    """All features and labels that the seed trains on."""
    features, labels = rows.features[made.source], rows.labels[made.source]
    if made.features is None or made.labels is None:
        return features, labels
    return np.concatenate([features, made.features]), np.concatenate([labels, made.labels])


def resampled_counts(sampler: Any, rows: TrainingRows, seed: int = 0) -> list[int]:
    strategy = Resample(sampler)
    strategy.check(counts_of(rows))
    return np.bincount(result(strategy.apply(rows, seed, None), rows)[1], minlength=2).tolist()  # type: ignore[no-any-return]


def refusal(sampler: Any, ham: int, spam: int) -> str:
    with pytest.raises(ConfigError) as error:
        Resample(sampler).check({"ham": ham, "spam": spam})
    assert "\n" not in str(error.value)
    return str(error.value)


# ---- too few neighbours ----------------------------------------------------------------------------------------------


def test_too_few_minority_rows_for_smote() -> None:
    message = refusal(SMOTE(k_neighbors=5), 26, 4)
    for part in ("imbalance.sampler.k_neighbors=5", "class 'spam' has 4", "SMOTE", "max k = 3"):
        assert part in message
    Resample(SMOTE(k_neighbors=3)).check({"ham": 26, "spam": 4})
    Resample(SMOTE(k_neighbors=5)).check({"ham": 26, "spam": 6})


def test_one_minority_row_needs_random_over_sampling() -> None:
    message = refusal(SMOTE(), 26, 1)
    assert "class 'spam' has 1" in message
    assert "random over-sampling, imbalance=oversample" in message
    assert "max k" not in message
    assert resampled_counts(RandomOverSampler(), clouds(26, 1)) == [26, 26]


@pytest.mark.parametrize(
    ("sampler", "key"),
    [
        (BorderlineSMOTE(k_neighbors=5), "k_neighbors=5"),
        (ADASYN(n_neighbors=5), "n_neighbors=5"),
        (SMOTETomek(), "smote.k_neighbors=5"),
        (SMOTETomek(smote=SMOTE(k_neighbors=4)), "smote.k_neighbors=4"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_each_sampler_names_its_own_key(sampler: Any, key: str) -> None:
    message = refusal(sampler, 26, 4)
    assert f"imbalance.sampler.{key}:" in message
    assert "class 'spam' has 4" in message
    assert "max k = 3" in message


def test_neighbours_matter_only_where_rows_are_added() -> None:
    """Nothing is added to the four spam rows, so their neighbours are never asked for."""
    Resample(SMOTE(sampling_strategy={"spam": 4})).check({"ham": 26, "spam": 4})
    Resample(SMOTE()).check({"ham": 4, "spam": 4})


def test_the_under_samplers_own_rules_hold_before_training_too() -> None:
    assert "{'ham': 26, 'spam': 2}" in refusal(NearMiss(n_neighbors=3), 26, 2)


# ---- sampling_strategy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [RandomOverSampler, SMOTE])
def test_an_over_sampling_ratio_is_rounded_not_truncated(sampler: type) -> None:
    """0.29 * 100 is 28.999999999999996 in floating point."""
    assert int(0.29 * 100) == 28
    assert resampled_counts(sampler(sampling_strategy=0.29), clouds(100, 28)) == [100, 29]


@pytest.mark.parametrize(("ratio", "ham"), [(0.5, 56), (0.29, 97), (1.0, 28), (1, 28), (0.28, 100)])
def test_an_under_sampling_ratio_is_rounded_not_truncated(ratio: float, ham: int) -> None:
    """28 / 0.29 is 96.55."""
    assert resampled_counts(RandomUnderSampler(sampling_strategy=ratio), clouds(100, 28)) == [ham, 28]


def test_equal_classes_have_a_larger_one_too() -> None:
    assert sorted(resampled_counts(RandomUnderSampler(sampling_strategy=1.0), clouds(30, 30))) == [30, 30]
    assert sorted(resampled_counts(RandomOverSampler(sampling_strategy=1.0), clouds(30, 30))) == [30, 30]


def test_targets_name_classes_by_label() -> None:
    assert resampled_counts(SMOTE(sampling_strategy={"spam": 50}), clouds()) == [100, 50]
    assert resampled_counts(RandomUnderSampler(sampling_strategy={"ham": 40}), clouds()) == [40, 28]
    only_ham = resampled_counts(TomekLinks(sampling_strategy=["ham"]), clouds())
    assert only_ham[0] < 100
    assert only_ham[1] == 28


@pytest.mark.parametrize("strategy", [{1: 50}, {"sapm": 50}])
def test_an_unknown_label_lists_the_actual_ones(strategy: dict[Any, int]) -> None:
    message = refusal(SMOTE(sampling_strategy=strategy), 100, 28)
    assert f"names {list(strategy)}" in message
    assert "['ham', 'spam']" in message


def test_an_unknown_label_in_a_list() -> None:
    assert "names ['hum'], which" in refusal(TomekLinks(sampling_strategy=["hum"]), 100, 28)


@pytest.mark.parametrize("strategy", [{"spam": 5}, 0.05])
def test_over_sampling_below_the_count_gives_both_numbers(strategy: Any) -> None:
    message = refusal(SMOTE(sampling_strategy=strategy), 100, 28)
    assert "5 rows of class 'spam', which has 28" in message
    assert "over-sampling removes none" in message


@pytest.mark.parametrize(("strategy", "target"), [({"ham": 200}, 200), (0.2, 140)])
def test_under_sampling_above_the_count_gives_both_numbers(strategy: Any, target: int) -> None:
    message = refusal(RandomUnderSampler(sampling_strategy=strategy), 100, 28)
    assert f"{target} rows of class 'ham', which has 100" in message
    assert "under-sampling adds none" in message


@pytest.mark.parametrize("ratio", [2.0, 2, 0, 0.0, -0.5, float("nan")])
def test_an_impossible_ratio_is_refused_by_the_constructor(ratio: float) -> None:
    with pytest.raises(ConfigError, match=rf"imbalance\.sampler\.sampling_strategy={ratio}: .*\(0, 1\]"):
        Resample(SMOTE(sampling_strategy=ratio))


@pytest.mark.parametrize("rows", ["many", 50.5, -1, None])
def test_a_target_is_a_whole_number(rows: Any) -> None:
    with pytest.raises(ConfigError, match=r"class 'spam' is to have .* rows\. Give a whole number"):
        Resample(SMOTE(sampling_strategy={"spam": rows}))


def test_a_ratio_means_nothing_to_a_cleaning_method_or_among_three_classes() -> None:
    assert "TomekLinks" in refusal(TomekLinks(sampling_strategy=0.5), 100, 28)
    with pytest.raises(ConfigError, match="binary"):
        Resample(SMOTE(sampling_strategy=0.5)).check({"bad": 10, "fair": 20, "good": 40})


def test_a_misspelt_strategy_is_refused_by_the_check() -> None:
    message = refusal(SMOTE(sampling_strategy="minorty"), 100, 28)
    assert "minorty" in message
    assert "not minority" in message


# ---- samplers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"_target_": "imblearn.over_sampling.BorderlineSMOTE"}, lambda ham, spam: ham == spam == 100),
        ({"_target_": "imblearn.over_sampling.ADASYN"}, lambda ham, spam: ham == 100 and abs(spam - 100) < 15),
        ({"_target_": "imblearn.combine.SMOTETomek"}, lambda ham, spam: ham == spam < 100),
        ({"_target_": "imblearn.under_sampling.TomekLinks"}, lambda ham, spam: ham < 100 and spam == 28),
        (
            {"_target_": "imblearn.under_sampling.RandomUnderSampler", "sampling_strategy": 0.5},
            lambda ham, spam: (ham, spam) == (56, 28),
        ),
        (
            {"_target_": "imblearn.under_sampling.RandomUnderSampler", "replacement": True},
            lambda ham, spam: ham == spam == 28,
        ),
    ],
    ids=lambda value: value["_target_"].rsplit(".", 1)[1] if isinstance(value, dict) else "",
)
def test_any_sampler_by_target(settings: dict[str, Any], expected: Any) -> None:
    rows = clouds()
    strategy = build({"_target_": "seedbed.imbalance.resample.Resample", "sampler": settings}, "imbalance")
    strategy.check(counts_of(rows))
    features, labels = result(strategy.apply(rows, 0, None), rows)
    assert features.dtype == np.float32
    assert expected(*np.bincount(labels, minlength=2).tolist())


@pytest.mark.parametrize("counts", [(21, 7), (200, 12), (30, 30)])
@pytest.mark.parametrize(
    "sampler",
    [
        getattr(module, name)
        for module in (imblearn.over_sampling, imblearn.under_sampling, imblearn.combine)
        for name in module.__all__
        if name not in ("SMOTENC", "SMOTEN", "InstanceHardnessThreshold")  # categories, not vectors; slow
    ],
)
def test_the_check_refuses_no_sampler_on_made_up_points(sampler: type, counts: tuple[int, int]) -> None:
    """What depends on where the rows lie must be left to the rows."""
    Resample(sampler()).check(dict(zip(CLASSES, counts, strict=True)))


def test_smote_on_twenty_rows() -> None:
    assert resampled_counts(SMOTE(), clouds(14, 6)) == [14, 14]


def test_over_sampling_repeats_minority_rows_up_to_the_majority_count() -> None:
    rows = clouds()
    made = Resample(RandomOverSampler()).apply(rows, 0, None)
    times = np.bincount(made.source, minlength=128)
    assert made.features is None
    assert np.all(times[rows.labels == 0] == 1)
    assert np.all(times[rows.labels == 1] >= 1)
    assert times[rows.labels == 1].sum() == 100
    # Drawn with replacement: 72 draws among 28 rows are not dealt out evenly.
    assert times[rows.labels == 1].max() - times[rows.labels == 1].min() > 1


def test_under_sampling_keeps_the_minority_and_as_many_distinct_others() -> None:
    rows = clouds()
    made = Resample(RandomUnderSampler()).apply(rows, 0, None)
    assert made.features is None
    assert len(set(made.source.tolist())) == len(made.source) == 56
    assert set(np.flatnonzero(rows.labels == 1)) <= set(made.source.tolist())


@pytest.mark.parametrize("sampler", [SMOTE(k_neighbors=3), BorderlineSMOTE(k_neighbors=3), ADASYN(n_neighbors=3)])
def test_new_rows_lie_between_two_minority_rows(sampler: Any) -> None:
    rows = clouds(40, 12)
    made = Resample(sampler).apply(rows, 0, None)
    assert made.source.tolist() == list(range(52))
    assert made.features is not None
    assert made.labels is not None
    assert len(made.features) > 20
    assert np.all(made.labels == 1)
    assert distance_to_segments(made.features, rows.features[rows.labels == 1]).max() < 1e-5


def distance_to_segments(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Distance of each point to the nearest segment between two of ``ends``: 0 for a convex combination of two."""
    start, step = ends[:, None].astype(float), (ends[None] - ends[:, None]).astype(float)
    length = np.maximum((step**2).sum(-1), 1e-12)
    along = ((points[:, None, None] - start) * step).sum(-1) / length
    nearest = start + along.clip(0, 1)[..., None] * step
    return np.asarray(np.linalg.norm(points[:, None, None] - nearest, axis=-1).min(axis=(1, 2)))


def test_shrinkage_is_not_lost() -> None:
    """RandomOverSampler(shrinkage=...) moves the rows that it repeats: they are new rows of known origin."""
    rows = clouds()
    made = Resample(RandomOverSampler(shrinkage=0.5)).apply(rows, 0, None)
    assert made.features is not None
    assert made.labels is not None
    assert made.origin is not None
    assert sorted(made.source.tolist()) == list(range(128))
    assert len(made.features) == 72
    assert np.all(made.labels == 1)
    assert np.all(rows.labels[made.origin] == 1)
    assert np.all((made.features != rows.features[made.origin]).any(axis=1))


def test_a_sampler_that_adds_and_removes_returns_only_new_rows() -> None:
    rows = clouds()
    made = Resample(SMOTETomek()).apply(rows, 0, None)
    assert len(made.source) == 0
    features, labels = result(made, rows)
    spam = features[labels == 1]
    assert distance_to_segments(spam, rows.features[rows.labels == 1]).max() < 1e-5
    ham = {row.tobytes() for row in rows.features[rows.labels == 0]}
    assert all(row.tobytes() in ham for row in features[labels == 0])


def test_cluster_centroids_make_rows_of_their_own() -> None:
    assert resampled_counts(ClusterCentroids(), clouds(40, 12)) == [12, 12]


def test_rows_that_do_not_suit_are_refused_with_the_reason() -> None:
    """KMeansSMOTE finds no cluster with enough of each: only the rows can tell."""
    sampler = KMeansSMOTE(cluster_balance_threshold=0.99)
    Resample(sampler).check({"ham": 100, "spam": 28})
    with pytest.raises(ConfigError, match=r"KMeansSMOTE refuses training rows .*'spam': 28.*clusters"):
        Resample(sampler).apply(clouds(distance=0.0), 0, None)


def test_something_else_than_a_sampler() -> None:
    with pytest.raises(ConfigError, match="LogisticRegression is not a sampler"):
        Resample(LogisticRegression())


@pytest.fixture
def misfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said where imbalanced-learn and scikit-learn do not fit together."""
    (tmp_path / "misfit_sampler.py").write_text("raise ImportError(\"cannot import name '_x' from 'sklearn.utils'\")\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = {"_target_": "seedbed.imbalance.resample.Resample", "sampler": {"_target_": "misfit_sampler.Sampler"}}
    with pytest.raises(ConfigError) as error:
        build(settings, "imbalance")
    return str(error.value)


def test_an_import_that_fails_names_the_versions(misfit: str) -> None:
    for name, module in (("imbalanced-learn", "imblearn"), ("scikit-learn", "sklearn")):
        assert f"{name} {sys.modules[module].__version__}" in misfit
    for part in ("imbalance: ", "misfit_sampler.Sampler", "cannot import name '_x'"):
        assert part in misfit


def test_an_import_that_fails_is_said_in_one_paragraph(misfit: str) -> None:
    assert "\n" not in misfit


# ---- seeds -----------------------------------------------------------------------------------------------------------

RANDOM = [
    RandomOverSampler(),
    RandomUnderSampler(),
    SMOTE(),
    ADASYN(),
    SMOTETomek(),
    SMOTETomek(smote=SMOTE(k_neighbors=3)),  # a sampler inside a sampler
]


@pytest.mark.parametrize("sampler", RANDOM, ids=lambda sampler: type(sampler).__name__)
def test_rows_depend_on_the_seed_and_on_nothing_that_went_before(sampler: Any) -> None:
    rows, strategy = clouds(), Resample(sampler)

    def made(seed: int) -> bytes:
        return b"".join(part.tobytes() for part in result(strategy.apply(rows, seed, None), rows))

    first = {seed: made(seed) for seed in (0, 1, 2)}
    np.random.seed(99)  # noqa: NPY002 - the global stream must not matter
    before = np.random.get_state()[1].tobytes()  # type: ignore[index, union-attr]  # noqa: NPY002
    strategy.check(counts_of(rows))
    assert {seed: made(seed) for seed in (2, 0, 1)} == first
    assert np.random.get_state()[1].tobytes() == before  # type: ignore[index, union-attr]  # noqa: NPY002
    assert len(set(first.values())) == 3
    assert b"".join(part.tobytes() for part in result(Resample(sampler).apply(rows, 2, None), rows)) == first[2]


def test_applying_leaves_the_configured_sampler_as_it_was() -> None:
    sampler = SMOTE(sampling_strategy={"spam": 50})
    strategy = Resample(sampler)
    before = dict(vars(sampler))
    strategy.check({"ham": 100, "spam": 28})
    strategy.apply(clouds(), 0, None)
    assert vars(sampler) == before


def test_rows_are_left_as_they_were() -> None:
    rows = clouds()
    features, labels = rows.features.copy(), rows.labels.copy()
    Resample(SMOTETomek()).apply(rows, 0, None)
    assert np.array_equal(rows.features, features)
    assert np.array_equal(rows.labels, labels)


@pytest.mark.parametrize(
    ("sampler", "key"),
    [(SMOTE(random_state=3), "random_state=3"), (SMOTETomek(smote=SMOTE(random_state=3)), "smote.random_state=3")],
)
def test_a_random_state_of_its_own_is_refused(sampler: Any, key: str) -> None:
    """It would be overridden in silence, or be the same for all seeds."""
    with pytest.raises(ConfigError, match=rf"imbalance\.sampler\.{key}"):
        Resample(sampler)


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"spam": True}, "class 'spam' is to have true rows. Give a whole number"),
        (True, "sampling_strategy=true: give a ratio"),
        ({"ham": 10**9}, "for class 'ham', asks for 1000000000 rows where there are 120 to train on"),
    ],
)
@pytest.mark.parametrize("sampler", [SMOTE, RandomOverSampler, RandomUnderSampler, SMOTETomek])
def test_numbers_of_rows_that_cannot_be_are_refused_before_any_are_made(sampler: Any, strategy: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        Resample(sampler(sampling_strategy=strategy)).check({"ham": 100, "spam": 20})


# ---- categories ------------------------------------------------------------------------------------------------------


def by_column(numbers: int, categories: int, ham: int = 60, spam: int = 20) -> TrainingRows:
    """Rows of numbers, then of categories of three values each, which are encoded as ones and zeros."""
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1], [ham, spam]))
    clouds = rng.standard_normal((ham + spam, numbers)) + labels[:, None]
    codes = (rng.integers(3, size=(ham + spam, categories)) + labels[:, None]) % 3
    values = np.concatenate([clouds, codes], axis=1).astype(np.float32)

    def encode(rows: np.ndarray) -> np.ndarray:
        ones = rows[:, numbers:, None] == np.arange(3)
        return np.concatenate([rows[:, :numbers], ones.reshape(len(rows), -1)], axis=1, dtype=np.float32)

    given = ByColumn(values, tuple(range(numbers, numbers + categories)), encode)
    return TrainingRows(encode(values), labels, CLASSES, None, np.arange(ham + spam), minority=1, by_column=given)


@pytest.mark.parametrize(
    ("sampler", "rows"), [(SMOTENC("auto", k_neighbors=3), by_column(2, 3)), (SMOTEN(), by_column(0, 3))]
)
def test_new_rows_of_categories_are_those_of_the_sampler_itself(sampler: Any, rows: TrainingRows) -> None:
    strategy = Resample(sampler)
    strategy.check(counts_of(rows))
    made = strategy.apply(rows, 5, None)
    assert rows.by_column is not None
    theirs = clone(sampler).set_params(random_state=derive(5, "resample") % 2**32)
    if isinstance(sampler, SMOTENC):
        theirs.set_params(categorical_features=list(rows.by_column.categorical))
    features, labels = theirs.fit_resample(rows.by_column.values, rows.labels)
    assert made.source.tolist() == list(range(80))
    assert made.features is not None
    assert made.labels is not None
    assert made.labels.tolist() == labels[80:].tolist() == [1] * 40
    assert np.array_equal(made.features, rows.by_column.encode(features[80:]))
    assert made.features.dtype == np.float32


MIXED, CATEGORIES, NUMBERS = EncodedColumns(9, 2, 3), EncodedColumns(9, 0, 3), Vectors(9)


@pytest.mark.parametrize(
    ("sampler", "inputs", "fits"),
    [
        (SMOTE(), MIXED, "smote_nc"),
        (SMOTE(), CATEGORIES, "smote_n"),
        (ADASYN(), MIXED, "smote_nc"),
        (SMOTETomek(), MIXED, "smote_nc"),
        (RandomOverSampler(shrinkage=1.0), MIXED, "smote_nc"),
        (ClusterCentroids(), MIXED, "smote_nc"),
        (SMOTENC("auto"), NUMBERS, "smote"),
        (SMOTENC("auto"), CATEGORIES, "smote_n"),
        (SMOTEN(), NUMBERS, "smote"),
        (SMOTEN(), MIXED, "smote_nc"),
    ],
)
def test_what_makes_rows_of_other_columns_is_refused_with_what_fits(sampler: Any, inputs: Any, fits: str) -> None:
    with pytest.raises(NotInTheData, match=rf"{type(sampler).__name__} .*[Uu]se imbalance={fits}[;,]"):
        Resample(sampler).check_inputs(inputs)


def test_the_kind_that_is_lacking_is_the_one_to_name() -> None:
    for inputs, kind in ((CATEGORIES, "number"), (NUMBERS, "category")):
        with pytest.raises(NotInTheData, match=rf"data\.columns\.zip={kind}\."):
            Resample(SMOTENC("auto")).check_inputs(inputs)


@pytest.mark.parametrize("sampler", [RandomOverSampler(), RandomUnderSampler(), NearMiss(), TomekLinks()])
def test_rows_of_categories_can_be_chosen(sampler: Any) -> None:
    rows = by_column(2, 3)
    strategy = Resample(sampler)
    strategy.check_inputs(MIXED)
    assert strategy.apply(rows, 0, None).features is None


def test_which_columns_are_categories_is_not_set_twice() -> None:
    with pytest.raises(ConfigError, match=r"imbalance\.sampler\.categorical_features=\[0\].*data\.columns"):
        Resample(SMOTENC([0]))
    assert "max k = 3" in refusal(SMOTENC("auto"), 26, 4)
