"""LeNet is the published network, starts as Keras starts it, and refuses what is too small for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seedbed.errors import ConfigError
from seedbed.models.lenet import he_normal, lenet


def test_it_is_the_published_network() -> None:
    network = lenet(3, 32, 32, 10)
    assert sum(parameter.numel() for parameter in network.parameters()) == 62006
    x = torch.rand(2, 3, 32, 32)
    first, second, *linear = [layer for layer in network if list(layer.parameters())]
    maps = nn.functional.max_pool2d(torch.relu(second(nn.functional.max_pool2d(torch.relu(first(x)), 2))), 2)
    assert maps.shape == (2, 16, 5, 5)
    hidden = torch.relu(linear[1](torch.relu(linear[0](maps.flatten(1)))))
    torch.testing.assert_close(network(x), linear[2](hidden))


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 16, 16), (4, 17, 40)])
def test_other_sizes_work(channels: int, height: int, width: int) -> None:
    assert lenet(channels, height, width, 7)(torch.rand(3, channels, height, width)).shape == (3, 7)


@pytest.mark.parametrize(("height", "width"), [(15, 32), (32, 15), (2, 2)])
def test_smaller_pictures_are_refused(height: int, width: int) -> None:
    with pytest.raises(ConfigError, match=rf"model=lenet: of pictures of {height} x {width} .* 16 x 16"):
        lenet(3, height, width, 10)


def test_kernels_are_drawn_as_keras_draws_them_and_biases_are_zero() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 64, 5), nn.Linear(400, 200))
    he_normal(network)
    for layer, fan_in in zip(network, (8 * 5 * 5, 400), strict=True):
        weight = layer.weight.detach().double()
        std = (2 / fan_in) ** 0.5
        assert float(weight.std()) == pytest.approx(std, rel=0.02)
        assert abs(float(weight.mean())) < 0.02 * std
        # Cut off at two standard deviations of the distribution that was cut: 2 / 0.8796 of what is left.
        assert 2.2 * std < float(weight.abs().max()) < 2.2738 * std
        assert not layer.bias.any()
