"""Recurrent layers that are stacked give what each gives alone, and send back the same gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from seedbed.stacking import Stackable
from seedbed.stacking.layers import StackedNetwork, build, stack, stacking_error
from seedbed.stacking.recurrent import StackedGRU, StackedLSTM, StackedRecurrent

KINDS: list[tuple[type[nn.RNNBase], type[StackedRecurrent]]] = [(nn.GRU, StackedGRU), (nn.LSTM, StackedLSTM)]
SIZES = torch.tensor([6, 6, 4, 1])


def layers_of(kind: type[nn.RNNBase]) -> list[nn.RNNBase]:
    torch.manual_seed(3)
    return [kind(5, 4, batch_first=True).double() for _ in range(3)]  # type: ignore[call-arg, arg-type]


def check_gradients(stacked: StackedRecurrent, layers: list[nn.RNNBase], x: Tensor, of_layers: list[Tensor]) -> None:
    for position, (layer, own) in enumerate(zip(layers, of_layers, strict=True)):
        assert x.grad is not None
        torch.testing.assert_close(x.grad[position], own)
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(getattr(stacked, name).grad[position], parameter.grad)


@pytest.mark.parametrize(("kind", "stacked_kind"), KINDS)
def test_packed_rows(kind: type[nn.RNNBase], stacked_kind: type[StackedRecurrent]) -> None:
    layers = layers_of(kind)
    stacked = stacked_kind(layers)
    x = torch.randn(3, 17, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 17, 4, dtype=torch.float64)  # so that each output has a gradient of its own
    outputs = stacked(PackedSequence(x, SIZES))[0].data
    (outputs * weights).sum().backward()
    of_layers = []
    for position, layer in enumerate(layers):
        own = x[position].detach().clone().requires_grad_()
        expected = layer(PackedSequence(own, SIZES))[0].data
        torch.testing.assert_close(outputs[position], expected)
        (expected * weights[position]).sum().backward()
        assert own.grad is not None
        of_layers.append(own.grad)
    check_gradients(stacked, layers, x, of_layers)


@pytest.mark.parametrize(("kind", "stacked_kind"), KINDS)
def test_rows_of_one_length(kind: type[nn.RNNBase], stacked_kind: type[StackedRecurrent]) -> None:
    layers = layers_of(kind)
    stacked = stacked_kind(layers)
    x = torch.randn(3, 2, 7, 5, dtype=torch.float64, requires_grad=True)
    outputs, last = stacked(x)
    last = last[0] if kind is nn.LSTM else last
    (outputs.square().sum() + last.sum()).backward()
    of_layers = []
    for position, layer in enumerate(layers):
        own = x[position].detach().clone().requires_grad_()
        expected, expected_last = layer(own)
        expected_last = expected_last[0] if kind is nn.LSTM else expected_last
        torch.testing.assert_close(outputs[position], expected)
        torch.testing.assert_close(last[:, position], expected_last)
        (expected.square().sum() + expected_last.sum()).backward()
        assert own.grad is not None
        of_layers.append(own.grad)
    check_gradients(stacked, layers, x, of_layers)


def test_half_precision_of_autocast_leaves_the_states_in_float32() -> None:
    stacked = StackedGRU([nn.GRU(5, 4, batch_first=True) for _ in range(2)])
    x = torch.randn(2, 3, 6, 5)
    expected = stacked(x)[0]
    with torch.autocast("cpu", torch.bfloat16):
        outputs = stacked(x)[0]
    assert outputs.dtype == torch.float32
    torch.testing.assert_close(outputs, expected, atol=0.03, rtol=0)


@pytest.mark.parametrize("settings", [{"num_layers": 2}, {"bidirectional": True}, {"bias": False}, {"proj_size": 2}])
def test_layers_that_have_no_stacked_form(settings: dict[str, int]) -> None:
    assert stack([nn.Sequential(nn.LSTM(5, 4, batch_first=True, **settings)) for _ in range(2)], [0, 1]) is None  # type: ignore[arg-type]
    assert stack([nn.Sequential(nn.LSTM(5, 4)) for _ in range(2)], [0, 1]) is None, "rows come second"
    assert stack([nn.Sequential(nn.LSTM(5, 4, batch_first=True)) for _ in range(2)], [0, 1]) is not None


class Reader(Stackable):
    """A user's own: embeddings of word numbers, read one by one, then the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.lstm, self.last = nn.Embedding(9, 3), nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, words: Tensor) -> Tensor:
        _, (state, _) = self.lstm(self.words(words))
        return self.last(state[-1])  # type: ignore[no-any-return]


def test_a_stackable_network_of_them() -> None:
    def example(draw: torch.Generator) -> tuple[Tensor, ...]:
        return (torch.randint(9, (5, 6), generator=draw, dtype=torch.int32),)

    assert isinstance(build(Reader, [0, 1]), StackedNetwork)
    assert stacking_error(Reader, example) < 1e-6


def test_gradients_of_words() -> None:
    seeds, words = [4, 9], torch.randint(9, (2, 5, 6))
    together = build(Reader, seeds)
    assert isinstance(together, StackedNetwork)
    together(words).square().sum().backward()
    together.complete_gradients()
    gradient = dict(together.named_parameters())["network.words.weight"].grad
    assert gradient is not None
    for position, seed in enumerate(seeds):
        alone = build(Reader, [seed], plain=True)
        assert alone is not None
        alone(words[position : position + 1]).square().sum().backward()
        expected = dict(alone.named_parameters())["network.words.weight"].grad
        torch.testing.assert_close(gradient[position], expected)


@pytest.mark.parametrize(("kind", "stacked_kind"), KINDS)
def test_the_way_back_through_time_keeps_its_accuracy_under_bf16(
    kind: type[nn.RNNBase], stacked_kind: type[StackedRecurrent]
) -> None:
    stacked = stacked_kind([layer.float() for layer in layers_of(kind)])
    brought = torch.randn(3, 17, len(stacked.weight_ih_l0[0]))
    hidden, sizes = stacked.weight_hh_l0.transpose(1, 2), SIZES.tolist()
    gradients = []
    for autocast in (False, True):
        given = brought.clone().requires_grad_()
        outputs = stacked._through_time(given, hidden, stacked.bias_hh_l0.unsqueeze(1), sizes)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            outputs.sum().backward()
        gradients.append(given.grad)
    assert torch.equal(*gradients)


def test_a_first_state_is_refused() -> None:
    stacked = StackedGRU(layers_of(nn.GRU))
    with pytest.raises(ValueError, match="takes no first state"):
        stacked(torch.randn(3, 2, 7, 5, dtype=torch.float64), torch.zeros(1))
