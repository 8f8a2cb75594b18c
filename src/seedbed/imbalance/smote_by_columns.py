"""SMOTE, in the form that the columns of the data ask for: one strategy for many data sets."""

from __future__ import annotations

from collections.abc import Mapping

from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

from seedbed.data.network_inputs import EncodedColumns, NetworkInputs
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows
from seedbed.imbalance.resample import Resample


class SmoteByColumns(Strategy):
    """SMOTE for numbers alone, SMOTE-NC for numbers and categories, SMOTE-N for categories alone (Chawla et al. 2002)."""

    def __init__(self, k_neighbors: int = 5, sampling_strategy: str = "auto") -> None:
        """Both are imbalanced-learn's; raises ``ConfigError``."""
        given = {"k_neighbors": k_neighbors, "sampling_strategy": sampling_strategy}
        self._numbers = Resample(SMOTE(**given))
        self._mixed = Resample(SMOTENC(categorical_features="auto", **given))
        self._categories = Resample(SMOTEN(**given))

    def check(self, rows_by_class: Mapping[str, int]) -> None:
        """All three need as many neighbours."""
        try:
            self._numbers.check(rows_by_class)
        except ConfigError as error:
            raise ConfigError(str(error).replace("imbalance.sampler.", "imbalance.")) from error

    def check_inputs(self, inputs: NetworkInputs) -> None:
        columns = inputs if isinstance(inputs, EncodedColumns) else None
        self._for(columns is not None, bool(columns and columns.numbers)).check_inputs(inputs)

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        """Raises ``ConfigError`` where the sampler finds the rows themselves unfit."""
        columns = rows.by_column
        numbers = columns is not None and len(columns.categorical) < columns.values.shape[1]
        return self._for(columns is not None, numbers).apply(rows, seed, encode)

    def describe(self) -> list[str]:
        return [f"SMOTE of imbalanced-learn, or SMOTENC or SMOTEN where columns hold categories, {self._settings}."]

    @property
    def _settings(self) -> str:
        return f"sampling_strategy={self._numbers.sampler.get_params()['sampling_strategy']}"

    def _for(self, categories: bool, numbers: bool) -> Resample:
        """The sampler for rows with columns of categories, and of numbers, or without."""
        if not categories:
            return self._numbers
        return self._mixed if numbers else self._categories
