"""Reads a served model of any kind from its folder."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

from seedbed.errors import TrackingError
from seedbed.serving.files import REMEDY, read_json
from seedbed.serving.predictor import DESCRIPTION, FORMAT, Predictor

KINDS = {
    "recommender": "seedbed.serving.recommender:Recommender",
    "classifier": "seedbed.serving.classifier:Classifier",
    "regressor": "seedbed.serving.regressor:Regressor",
}
"""Name in the files -> class, whose module is imported for such a model alone."""


def load_predictor(folder: Path) -> Predictor:
    """Read what ``Predictor.save`` wrote; raises ``TrackingError`` for files that are missing, damaged or from elsewhere."""
    description = read_json(folder / DESCRIPTION)
    if description.get("format") != FORMAT or description.get("kind") not in KINDS:
        raise TrackingError(
            f"{folder / DESCRIPTION} has the format {description.get('format')!r} and the kind "
            f"{description.get('kind')!r}; this version reads format {FORMAT} of {', '.join(KINDS)}. {REMEDY}"
        )
    try:
        kind: type[Predictor] = resolve_name(KINDS[description["kind"]])
        return kind.read(folder, description)
    except KeyError as error:
        raise TrackingError(f"The model in {folder} lacks {error}. {REMEDY}") from error
