"""The files of a served model: JSON and safetensors, and of estimators those of skops; nothing that runs code when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import nn

from seedbed.config.building import build
from seedbed.config.code import named_in
from seedbed.errors import ConfigError, TrackingError
from seedbed.models.building import OUTPUTS, build_network, wanted_arguments
from seedbed.models.fitted import FittedModel

NETWORK, ARGUMENTS = "network.json", "arguments.safetensors"
REMEDY = "The files of this model were changed after it was made: export it again with 'seedbed export'."


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises ``TrackingError`` for a file that is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrackingError(f"{path} cannot be read: {error}. {REMEDY}") from error
    if not isinstance(content, dict):
        raise TrackingError(f"{path} holds no JSON object. {REMEDY}")
    return content


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read arrays by their names; raises ``TrackingError`` for a file that is missing or damaged."""
    try:
        arrays: dict[str, np.ndarray] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise TrackingError(f"{path} cannot be read: {error}. {REMEDY}") from error
    return arrays


def targets_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The dotted names that a config node has made, those of nodes inside it among them."""
    return tuple(name for _, name, _ in named_in({"node": [dict(config)]}))


@dataclass(frozen=True)
class Networks:
    """The networks of several seeds: in files, one description, and the weights of each seed."""

    model: Mapping[str, Any]
    """The config node of the model."""
    offered: Mapping[str, Any]
    """What the table offers to it as arguments: numbers and arrays."""
    of_seeds: Mapping[int, nn.Module]
    """In evaluation mode."""

    @property
    def code(self) -> tuple[str, ...]:
        """As in ``Predictor``."""
        return targets_of(self.model)

    @property
    def are_estimators(self) -> bool:
        return all(map(_is_estimator, self.of_seeds.values()))

    @property
    def packages(self) -> tuple[str, ...]:
        """As in ``Predictor``."""
        return ("scikit-learn", "skops", "threadpoolctl") if self.are_estimators else ()

    def save(self, folder: Path) -> None:
        """Write them into ``folder``, which must not exist yet. Raises ``ConfigError`` for networks that cannot be read back."""
        for network in self.of_seeds.values():
            if isinstance(network, FittedModel) and not network.KEPT:
                raise ConfigError(
                    f"{type(network).__name__} scores by the training ratings themselves, which are not exported. Name "
                    "another variant with --variant."
                )
        wanted = wanted_arguments(build(self.model, "model"), self.offered)
        if self.are_estimators:
            wanted = {OUTPUTS: self.offered[OUTPUTS]}
        arrays = {name: value for name, value in wanted.items() if isinstance(value, np.ndarray)}
        plain = {name: value for name, value in wanted.items() if name not in arrays}
        folder.mkdir()
        write_json(folder / NETWORK, {"model": self.model, "arguments": plain, "seeds": list(self.of_seeds)})
        write_arrays(folder / ARGUMENTS, arrays)
        for seed, network in self.of_seeds.items():
            if self.are_estimators:
                _save_estimator(cast(Any, network).estimator, _estimator_of(folder, seed))
            else:
                save_tensors(
                    {name: value.contiguous() for name, value in network.state_dict().items()}, _of(folder, seed)
                )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; raises ``TrackingError`` for files that do not fit together."""
        described = read_json(folder / NETWORK)
        try:
            model, arguments, seeds = described["model"], described["arguments"], described["seeds"]
        except KeyError as error:
            raise TrackingError(f"{folder / NETWORK} lacks {error}. {REMEDY}") from error
        make, offered = build(model, "model"), arguments | read_arrays(folder / ARGUMENTS)
        return cls(model, offered, {seed: _loaded(build_network(make, offered), folder, seed) for seed in seeds})


def _loaded(network: nn.Module, folder: Path, seed: int) -> nn.Module:
    if _is_estimator(network):
        return _loaded_estimator(network, _estimator_of(folder, seed))
    path = _of(folder, seed)
    try:
        network.load_state_dict(load_tensors(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:500]
        raise TrackingError(f"{path}: these weights cannot be loaded: {reason} {REMEDY}") from error
    return network.eval()


def _is_estimator(network: nn.Module) -> bool:
    # Without an import of scikit-learn, of which a served network needs nothing.
    return isinstance(network, FittedModel) and hasattr(network, "estimator")


def _save_estimator(estimator: Any, path: Path) -> None:
    from seedbed.models.estimator_files import NotKept, written  # noqa: PLC0415 - as above

    try:
        path.write_bytes(written(estimator))
    except NotKept as error:
        raise ConfigError(f"{type(estimator).__name__} cannot be exported: {error}. Name another variant.") from error


def _loaded_estimator(network: nn.Module, path: Path) -> nn.Module:
    from seedbed.models.estimator_files import NotKept, read  # noqa: PLC0415 - as above
    from seedbed.models.fits import FittedOnce  # noqa: PLC0415 - as above

    try:
        cast(Any, network).take(FittedOnce(read(path), 0.0))
    except (NotKept, OSError, ValueError) as error:
        raise TrackingError(f"{path}: this estimator cannot be loaded: {error}. {REMEDY}") from error
    return network.eval()


def _estimator_of(folder: Path, seed: int) -> Path:
    return folder / f"seed_{seed}.skops"


def _of(folder: Path, seed: int) -> Path:
    return folder / f"seed_{seed}.safetensors"
