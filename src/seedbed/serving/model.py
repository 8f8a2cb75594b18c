"""The file that MLflow runs when it loads a served model: it reads the artifact ``predictor`` and lets it answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from seedbed.errors import SeedbedError
from seedbed.serving.loading import load_predictor
from seedbed.serving.predictor import Predictor


class ServedModel(PythonModel):
    """A seedbed predictor as MLflow's ``pyfunc``."""

    predictor: Predictor

    def load_context(self, context: PythonModelContext) -> None:
        self.predictor = load_predictor(Path(context.artifacts["predictor"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        try:
            return self.predictor.predict(model_input)
        except SeedbedError as error:  # over HTTP, status 400 and the message
            raise MlflowException.invalid_parameter_value(str(error)) from error


set_model(ServedModel())
