"""The recurrent network: padding and neighbours change nothing, and all seeds train at once as each does alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seedbed.data.network_inputs import PADDING, UNKNOWN, Words
from seedbed.data.splits import GroupStratifiedSplit
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.models.recurrent import Recurrent
from seedbed.stacking.layers import StackedNetwork, build
from seedbed.tasks.classification import Classification
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.reference import made_up_table
from tests.stacking.test_against_reference import config

WORDS = Words(vocabulary=20, length=12)


def network(cell: str = "gru", **settings: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(20, 2, cell=cell, embedding=5, hidden=6, **settings).eval()


def texts(rows: int = 8) -> Tensor:
    return WORDS.example(rows, torch.Generator().manual_seed(2))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_text_has_the_logits_of_its_last_word_whatever_pads_it_or_stands_beside_it(cell: str, layers: int) -> None:
    reads, words = network(cell, layers=layers), texts()
    words[3] = PADDING  # an empty text is one unknown word
    logits = reads(words)
    longer = torch.cat([words, torch.full((len(words), 9), PADDING, dtype=words.dtype)], 1)
    torch.testing.assert_close(reads(longer), logits)
    for row, text in enumerate(words):
        length = int((text != PADDING).sum())
        x = reads.embedding(text[:length].unsqueeze(0) if length else torch.tensor([[UNKNOWN]]))
        for layer in reads.layers:
            x, _ = layer(x)
        torch.testing.assert_close(logits[row], reads.last(x[0, -1]))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_stack_equals_its_networks_alone(cell: str) -> None:
    seeds = [4, 9]
    together = build(lambda: Recurrent(20, 2, cell=cell, hidden=6, layers=2), seeds)
    assert isinstance(together, StackedNetwork)
    words = WORDS.example(14, torch.Generator().manual_seed(5)).view(2, 7, 12)
    words[0, :, 4:] = PADDING  # one seed's texts are all shorter than the other's
    for position, seed in enumerate(seeds):
        alone = build(lambda: Recurrent(20, 2, cell=cell, hidden=6, layers=2), [seed], plain=True)
        assert alone is not None
        torch.testing.assert_close(together(words)[position], alone(words[position : position + 1])[0])
        plain = Recurrent(20, 2, cell=cell, hidden=6, layers=2)
        plain.load_state_dict(together.plain_state(position))


class Alone(nn.Module):
    """The same network without a stacked form."""

    def __init__(self, vocabulary: int, out_features: int) -> None:
        super().__init__()
        self.inner = Recurrent(vocabulary, out_features, hidden=6)

    def forward(self, words: Tensor) -> Tensor:
        return self.inner(words)  # type: ignore[no-any-return]


TABLE = replace(made_up_table(80), features=texts(80).numpy(), of_features=WORDS)


def train(seeds: list[int], model: str, **changes: Any) -> dict[int, SeedResult]:
    settings = {"_target_": model, "_partial_": True} | ({"hidden": 6} if model.startswith("seedbed.") else {})
    data = [
        Classification.seed_data(TABLE, GroupStratifiedSplit().rows(TABLE, seed), Strategy(), seed) for seed in seeds
    ]
    trainer = StackTrainer(config(model=settings, max_epochs=2, **changes), TABLE)
    return {result.seed: result for result in trainer.train(data)}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["torch.optim.AdamW", "seedbed.optimizers.LazyAdam"])
def test_training_stacked_equals_training_alone(optimizer: str) -> None:
    """Also for the last batch of an epoch, which is smaller, and for the neighbours' longer texts."""
    of_optimizer = {"_target_": optimizer, "_partial_": True, "lr": 0.01}
    together = train([0, 1, 2], "seedbed.models.recurrent.Recurrent", optimizer=of_optimizer)
    for seed, stacked in together.items():
        single = train([seed], "seedbed.models.recurrent.Recurrent", optimizer=of_optimizer)[seed]
        np.testing.assert_allclose([p[2] for p in single.curves], [p[2] for p in stacked.curves], atol=1e-8)
        if "Lazy" not in optimizer:
            alone = train([seed], f"{__name__}.Alone", optimizer=of_optimizer)[seed]
            np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in stacked.curves], atol=1e-8)


@pytest.mark.parametrize("setting", [{"cell": "rnn"}, {"hidden": 0}, {"layers": 1.5}, {"embedding": [8]}])
def test_wrong_settings(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"model\.{next(iter(setting))}="):
        Recurrent(20, 2, **setting)


def test_a_network_for_other_inputs_is_refused_with_what_the_data_offer() -> None:
    with pytest.raises(ConfigError, match=r"asks for vocabulary, and these data offer in_features, out_features"):
        StackTrainer(
            config(model={"_target_": "seedbed.models.recurrent.Recurrent", "_partial_": True}), made_up_table()
        )
    with pytest.raises(ConfigError, match=r"asks for in_features, and these data offer vocabulary, length"):
        StackTrainer(config(), TABLE)
