"""LeNet, a small convolutional network for pictures."""

from __future__ import annotations

import math

from torch import nn

from seedbed.errors import ConfigError

KERNEL, FILTERS, HIDDEN = 5, (6, 16), (120, 84)
# Of a normal distribution that is cut off at two standard deviations, the standard deviation of what is left.
LEFT_OF_TRUNCATED = 0.87962566103423978


def lenet(channels: int, height: int, width: int, out_features: int) -> nn.Sequential:
    """Two convolutions of 5 x 5 without padding, each with ReLU and maximum pooling by 2, then 120, 84 and the outputs.

    Maps (B, channels, height, width) to (B, out_features). The layers are those of LeNet-5 (LeCun et al. 1998,
    "Gradient-based learning applied to document recognition") with today's activations and pooling. Raises
    ``ConfigError`` for pictures of less than 16 x 16.
    """
    layers: list[nn.Module] = []
    for filters in FILTERS:
        # As published, ReLU comes before the pooling: the same values and gradients from four times the numbers.
        layers += [nn.Conv2d(channels, filters, KERNEL), nn.MaxPool2d(2), nn.ReLU()]
        channels = filters
    layers.append(nn.Flatten())
    features = channels * _left(height) * _left(width)
    if not features:
        raise ConfigError(
            f"model=lenet: of pictures of {height} x {width} its convolutions leave nothing. They must be 16 x 16 at "
            "least: use larger ones, or another model."
        )
    for size in HIDDEN:
        layers += [nn.Linear(features, size), nn.ReLU()]
        features = size
    network = nn.Sequential(*layers, nn.Linear(features, out_features))
    he_normal(network)
    return network


def _left(length: int) -> int:
    """How much of a picture's side the convolutions and poolings leave."""
    for _ in FILTERS:
        length = max(0, length - KERNEL + 1) // 2
    return length


def he_normal(network: nn.Module) -> None:
    """Draw all kernels from a truncated normal distribution with variance 2 / fan-in, and set biases to 0.

    He et al. 2015, "Delving deep into rectifiers"; cut off at two standard deviations and scaled up for what that takes
    from the variance, as Keras's ``he_normal`` does.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            std = math.sqrt(2 / layer.weight[0].numel()) / LEFT_OF_TRUNCATED
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
