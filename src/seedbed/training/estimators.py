"""Estimators of scikit-learn's kind, tried on a few of the first seed's rows: what is wrong is found before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from seedbed.data.network_inputs import Words
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.models.estimators import FittedEstimator
from seedbed.models.fits import Fit, resamples, weight_argument
from seedbed.training.checks import why_failed
from seedbed.training.parts import VariantParts

ROWS_TRIED = 20
"""Of each class, or a few more, or of all where the targets are numbers; an estimator that refuses so few is tried on all."""


def try_estimator(parts: VariantParts, rows: Mapping[int, Rows], strategy: Strategy) -> None:
    """Raise ``ConfigError`` for an estimator that cannot be fitted to these rows, or does not give what is asked of it.

    ``rows`` are by seed. Other models are let through.
    """
    network = parts.network()
    if not isinstance(network, FittedEstimator):
        return
    seed, of_seed = next(iter(rows.items()))
    target = parts.target("model")
    _check_rows(parts, network, of_seed)
    _check_strategy(network, strategy)
    weighted = strategy.acts_on == "weights"
    if weighted:
        check_weights(network)
    data = parts.task.seed_data(parts.table, of_seed, Strategy(), seed)
    fit = parts.task.to_fit(network, *parts.task.exact(parts.table, data))
    fit = replace(fit, weights=np.ones(len(fit.targets))) if weighted else fit
    _fit_some(network, fit, seed, target)
    _check_metrics(parts, network)
    if strategy.after is not None and network.gives != "probabilities":
        raise ConfigError(
            f"imbalance/after: it acts on probabilities, and {network.name} gives none (no predict_proba). Put the estimator into "
            "sklearn.calibration.CalibratedClassifierCV, or write imbalance/after=none."
        )


def _check_strategy(network: FittedEstimator, strategy: Strategy) -> None:
    if strategy.acts_on in ("loss", "batches"):
        raise ConfigError(
            f"imbalance: {type(strategy).__name__} acts on the {strategy.acts_on} of a network's training, and {network.name} is "
            "fitted by its own code. Use a strategy that acts on rows or their weights, such as imbalance=oversample or "
            "imbalance=class_balanced, or a network."
        )


def check_weights(network: FittedEstimator) -> None:
    """Raise ``ConfigError`` for an estimator that takes no weights of rows."""
    if weight_argument(network.estimator) is None:
        why = f"{network.name} takes no sample_weight in fit"
        if resamples(network.estimator):
            why = f"a step of {type(network.estimator).__name__} changes the rows that the weights are of"
        raise ConfigError(
            f"imbalance: {why}, so that class weights would do nothing. Use another "
            "strategy, such as imbalance=oversample, or an estimator that takes them, such as "
            "sklearn.linear_model.LogisticRegression."
        )


def _check_rows(parts: VariantParts, network: FittedEstimator, rows: Rows) -> None:
    if isinstance(getattr(parts.table, "inputs", None), Words):
        raise ConfigError(
            f"data.encoder: it gives texts as word numbers in their order, of which {network.name} would take each for a "
            "quantity. Use vectors, such as data/encoder=tfidf or data/encoder=use, or a network, such as model=recurrent."
        )
    if rows.passes is not None:
        raise ConfigError(
            f"split: it draws a seed's training rows anew in every epoch, and {network.name} is fitted once. Use another "
            "split, or a network."
        )


def _fit_some(network: FittedEstimator, fit: Fit, seed: int, target: Any) -> None:
    """Fit it to a few rows and, where it fails on them, to all: that so few are refused need not be a mistake."""
    from sklearn.base import clone
    from sklearn.utils._param_validation import InvalidParameterError

    some = _some(fit, network)
    for tried in (some, fit):
        chosen = replace(tried, estimator=clone(fit.estimator))
        try:
            network.take(chosen.run())
            network.values(torch.from_numpy(chosen.rows[:ROWS_TRIED]))
            if network.is_classifier:
                network.labels(torch.from_numpy(chosen.rows[:ROWS_TRIED]))
            return
        except Exception as error:  # the estimator may be a user's, and raise anything
            if tried is fit or isinstance(error, InvalidParameterError):
                raise ConfigError(
                    f"model: {target} cannot be fitted to {len(chosen.targets)} training rows of seed {seed}: "
                    f"{why_failed(error).rstrip('.')}. Change its settings, or use another model."
                ) from error


def _some(fit: Fit, network: FittedEstimator) -> Fit:
    every = np.arange(len(fit.targets))
    classes = [every[fit.targets == label] for label in np.unique(fit.targets)] if network.is_classifier else [every]
    # Of each class another number, so that what balances them has something to do.
    few = [of_class[: ROWS_TRIED + place] for place, of_class in enumerate(classes)]
    chosen = np.sort(np.concatenate(few))
    weights = None if fit.weights is None else fit.weights[chosen]
    return replace(fit, rows=fit.rows[chosen], targets=fit.targets[chosen], weights=weights)


def _check_metrics(parts: VariantParts, network: FittedEstimator) -> None:
    """What is reported has a value, and the user's own metrics have what they are computed from."""
    asked = str(parts.config["report"]["metric"])
    names = {"report.metric": asked.partition("/")[2]}
    names |= {f"task.own_metrics.{name}": name for name in parts.task_settings.get("own_metrics") or {}}
    for place, name in names.items():
        if why := parts.task.why_unmeasured(network, name, parts.task_settings):
            said = f"{place}={asked}" if place == "report.metric" else place
            raise ConfigError(
                f"{said} is undefined for {network.name}: {why}. Use another metric, or put the estimator into "
                "sklearn.calibration.CalibratedClassifierCV, which gives probabilities."
            )
