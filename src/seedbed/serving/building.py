"""Makes the predictor of a variant in the tracking store, for the command line and for export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seedbed.checks import require
from seedbed.data.encoders import FittedEncoder, FittedTexts
from seedbed.data.feature_csv import FittedFeatures
from seedbed.data.mixed_features import MixedFeatures
from seedbed.data.names import Names
from seedbed.data.network_inputs import Pictures
from seedbed.data.table import Table
from seedbed.errors import ConfigError
from seedbed.imbalance.adjustment import Adjustment
from seedbed.models.estimators import FittedEstimator
from seedbed.serving.classifier import Classifier
from seedbed.serving.columns import ColumnInputs, typical_row
from seedbed.serving.files import Networks
from seedbed.serving.index import FaissIndex, check_faiss
from seedbed.serving.inputs import Inputs
from seedbed.serving.numbers import NumberInputs
from seedbed.serving.predictor import Predictor
from seedbed.serving.recommender import Recommender, Seen
from seedbed.serving.regressor import Regressor
from seedbed.serving.scores import NetworkScores, Scores
from seedbed.serving.texts import TextInputs
from seedbed.tasks.base import CLASSIFIER, RECOMMENDER, REGRESSOR
from seedbed.tasks.regression import Scale
from seedbed.trained.loading import TrackedVariant, TrainedNetworks, TrainedRecommender, trained_recommender

INDEXES = ("exact", "faiss")


def predictor_of(
    tracked: TrackedVariant, seed: int | None = None, index: str = "exact", threshold: float | None = None
) -> Predictor:
    """Make what answers by all seeds that ended well, or by one; raises a ``SeedbedError`` for a task that cannot be asked.

    ``index``: "exact" scores all items of a recommender, "faiss" those that an approximate index names. ``threshold`` is that of
    ``row_predictor_of``.
    """
    if index == "faiss":
        check_faiss()
    _check_threshold(tracked, threshold)
    if tracked.task.held_out(tracked.config["task"]):
        raise ConfigError(
            f"{tracked.results.experiment!r} measures newcomers: every seed holds out some users or items, and has learned "
            "nothing of them. Name another experiment, such as fastai_collab."
        )
    if tracked.task.SERVED_AS == RECOMMENDER:
        return recommender_of(trained_recommender(tracked, seed), index)
    if index != "exact":
        raise ConfigError(f"--index {index}: only a variant that recommends has items to index. Leave it out.")
    return row_predictor_of(tracked, seed, threshold)


def _check_threshold(tracked: TrackedVariant, threshold: float | None) -> None:
    if threshold is None:
        return
    require(0 <= threshold <= 1, "--threshold", threshold, "a probability, from 0 to 1")
    classes = tracked.results.data.get("classes") or ()
    if tracked.task.SERVED_AS != CLASSIFIER or len(classes) != 2:
        has = f"has {len(classes)} classes" if classes else "has none"
        raise ConfigError(
            f"--threshold {threshold:g}: a threshold parts two classes, and {tracked.results.experiment!r} {has}. Leave it out."
        )


# ---- ratings ---------------------------------------------------------------------------------------------------------


def recommender_of(trained: TrainedRecommender, index: str = "exact") -> Recommender:
    """Make a recommender; with ``index`` "exact" it scores all items, with "faiss" those that an approximate index names."""
    table, config = trained.table, trained.config
    of_seeds = {seed.seed: seed.network for seed in trained.seeds}
    scores = NetworkScores(
        Networks(config["model"], trained.task.network_arguments(table), of_seeds),
        np.stack([seed.users.numpy() for seed in trained.seeds]),
        np.stack([seed.items.numpy() for seed in trained.seeds]),
        np.stack([_marked(table.users[trained.rows(seed.seed).train], table.user_rows) for seed in trained.seeds]),
    )
    return Recommender(
        trained.about,
        Names(table.user_names),
        Names(table.item_names),
        Seen.of(table.users, table.items, table.user_rows),
        scores,
        _faiss(trained.name, scores) if index == "faiss" else None,
    )


def _marked(rows: np.ndarray, size: int) -> np.ndarray:
    marked = np.zeros(size, dtype=bool)
    marked[rows] = True
    return marked


def _faiss(variant: str, scores: Scores) -> FaissIndex:
    vectors = scores.vectors()
    if vectors is None:
        raise ConfigError(
            f"--index faiss: the scores of variant {variant!r} are not products of a user's and an item's vectors, so "
            "that an index cannot find the highest. Leave it out, or name a variant of model=dot_product."
        )
    return FaissIndex.build(vectors)


# ---- texts and rows of numbers ---------------------------------------------------------------------------------------


def row_predictor_of(
    tracked: TrackedVariant, seed: int | None = None, threshold: float | None = None
) -> Classifier | Regressor:
    """Make what answers about texts or rows of numbers; raises a ``SeedbedError`` as ``classifier_of`` does.

    ``threshold``: of two classes, the probability from which a row is of the rarer one, in place of 0.5 or of what the seeds
    have tuned.
    """
    _check_threshold(tracked, threshold)
    return (
        regressor_of(tracked, seed) if tracked.task.SERVED_AS == REGRESSOR else classifier_of(tracked, seed, threshold)
    )


def regressor_of(tracked: TrackedVariant, seed: int | None = None) -> Regressor:
    """Make a regressor by all seeds that ended well, or by one; raises a ``SeedbedError`` for data that cannot be stored."""
    trained = tracked.networks(seed)
    table: Table = trained.table
    networks = Networks(tracked.config["model"], tracked.task.network_arguments(table), dict(trained.networks))
    # Made anew of the training rows, as what prepares the features is: the table is that of the launch.
    scales = {
        of_seed: Scale(0.0, 1.0)
        if isinstance(network, FittedEstimator)
        else Scale.of(table, trained.rows(of_seed).train)
        for of_seed, network in trained.networks
    }
    return Regressor(trained.about, table.target_name, scales, _inputs(trained, table), networks)


def classifier_of(tracked: TrackedVariant, seed: int | None = None, threshold: float | None = None) -> Classifier:
    """Make a classifier by all seeds that ended well, or by one, whose labels go by the ``threshold`` where one is given.

    Raises a ``SeedbedError`` for another task, and for data whose encoder or transformer cannot be stored.
    """
    if tracked.task.SERVED_AS == RECOMMENDER:
        name = tracked.results.experiment
        raise ConfigError(
            f"{name!r} is about ratings, not about texts or rows of numbers. Ask it what users like: seedbed recommend {name} "
            f"--user NAME, or --similar-to TITLE."
        )
    if tracked.task.SERVED_AS != CLASSIFIER:
        raise ConfigError(
            f"{tracked.results.experiment!r} has the task {tracked.config['task']['_target_']}, and only an experiment with "
            "task=classification, task=regression, task=rating or task=retrieval can be asked. Name such an experiment."
        )
    trained = tracked.networks(seed)
    table: Table = trained.table
    networks = Networks(tracked.config["model"], tracked.task.network_arguments(table), dict(trained.networks))
    _refuse_without_probabilities(trained)
    rarest = table.classes[table.positive]
    about = " ".join([trained.about, *_said_of(trained, table.classes, rarest, threshold)])
    adjustments = trained.adjustments
    if threshold is not None:
        each = {of_seed: adjustments.get(of_seed, Adjustment()) for of_seed, _ in trained.networks}
        adjustments = {
            of_seed: replace(of, threshold=threshold, positive=table.positive) for of_seed, of in each.items()
        }
    return Classifier(about, table.classes, rarest, _inputs(trained, table), networks, adjustments)


def _said_of(trained: TrainedNetworks, classes: Sequence[str], positive: str, threshold: float | None) -> list[str]:
    """Sentences on what acts on the scores, and which threshold the labels of two classes go by."""
    thresholds = [each.threshold for each in trained.adjustments.values() if each.threshold is not None]
    after = trained.tracked.after
    described = [] if after is None or (thresholds and threshold is not None) else after.describe()
    if len(classes) != 2:
        return described
    if threshold is not None:
        return [*described, f"A row is {positive} from a probability of {threshold:g} on (--threshold)."]
    if not thresholds:
        return [*described, f"A row is {positive} above a probability of 0.5 (--threshold sets another)."]
    mean = f"{float(np.mean(thresholds)):.4g}"
    mean = mean if len(thresholds) == 1 else f"{mean}, the mean over the seeds,"
    return [*described, f"A row is {positive} from a probability of {mean} on."]


def _inputs(trained: TrainedNetworks, table: Table) -> Inputs:
    data = trained.tracked.config["data"]
    seeds = [seed for seed, _ in trained.networks]
    if table.texts is not None:
        return _texts(trained, table, data, seeds)
    if isinstance(table.inputs, Pictures):
        raise ConfigError(
            f"{trained.tracked.results.experiment!r} is about pictures, which cannot be served or predicted yet: only texts, "
            "rows of numbers and ratings can. Its weights lie in the store, as weights.safetensors of each seed's run."
        )
    if not table.columns:
        raise ConfigError(
            f"data: {data.get('_target_')} does not say what its columns are called (Table.columns), so that no row of "
            "numbers can be read. Export an experiment with data=feature_csv or a data set of texts."
        )
    exact = table.exact if all(isinstance(each, FittedEstimator) for _, each in trained.networks) else None
    if exact is not None:
        table = replace(table, features=exact)
    if isinstance(table.preparation, MixedFeatures):
        return _columns(trained, table, table.preparation, data, seeds, exact=exact is not None)
    fitted = []
    if isinstance(table.preparation, FittedFeatures):
        fitted = [table.preparation.fitted(table, trained.rows(seed).train) for seed in seeds]
    typical = np.nanmedian(table.features, axis=0).astype(float).tolist()
    missing, missing_values = data.get("missing", "drop"), data.get("missing_values")
    return NumberInputs(
        table.columns, typical, len(seeds), missing, data.get("scaler"), fitted, missing_values, exact is not None
    )


def _refuse_without_probabilities(trained: TrainedNetworks) -> None:
    for _, network in trained.networks:
        if isinstance(network, FittedEstimator) and network.gives != "probabilities":
            raise ConfigError(
                f"{network.name} gives no probabilities (no predict_proba), which are what an answer consists of. Put it into "
                "sklearn.calibration.CalibratedClassifierCV, or name another variant with --variant."
            )


def _columns(
    trained: TrainedNetworks,
    table: Table,
    preparation: MixedFeatures,
    data: dict[str, Any],
    seeds: list[int],
    *,
    exact: bool,
) -> ColumnInputs:
    fitted = [preparation.fitted(table, trained.rows(seed).train) for seed in seeds]
    columns = preparation.transformers.layout.columns
    missing, missing_values = data.get("missing", "drop"), data.get("missing_values")
    return ColumnInputs(
        columns, typical_row(columns, table.features), missing, data.get("scaler"), fitted, missing_values, exact
    )


def _texts(trained: TrainedNetworks, table: Table, data: dict[str, Any], seeds: list[int]) -> TextInputs:
    if "encoder" not in data:
        raise ConfigError(
            f"data: {data.get('_target_')} has no key 'encoder' that says how texts are encoded, so that no other text "
            "can be. Give it one, as conf/data/text_csv.yaml has it."
        )
    fitted = []
    if isinstance(table.preparation, FittedTexts):
        assert isinstance(table.preparation.encoder, FittedEncoder)
        fitted = [table.preparation.fit(table, trained.rows(seed).train).encode for seed in seeds]
    encoders = [encode for encode in fitted if encode is not None]
    unescape = bool(data.get("unescape_html", False))
    return TextInputs(data["encoder"], table.made_with["encoder"], len(seeds), unescape, encoders)
