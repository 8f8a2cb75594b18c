"""The picture of a schedule's values."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from seedbed.cli.schedule_preview import Preview
from seedbed.figures import rendered

_COLOURS = {"lr": "#0b4f8a", "momentum": "#b35806"}
_LABELS = {"lr": "learning rate", "momentum": "momentum"}


def draw(shown: Preview) -> bytes:
    """The values over the epochs as the bytes of a PNG, one panel each."""
    return rendered(lambda: _figure(shown), "png")


def _figure(shown: Preview) -> Figure:
    epochs = np.arange(shown.steps + 1) / shown.steps_per_epoch
    figure = Figure(figsize=(6.4, 1.2 + 2.2 * len(shown.values)), layout="constrained")
    panels = figure.subplots(len(shown.values), sharex=True, squeeze=False)[:, 0]
    for axes, (key, values) in zip(panels, shown.values.items(), strict=True):
        # A value holds until the next step: jumps are upright, and the last one reaches to the end.
        held = np.append(values, values[-1])
        axes.plot(epochs, held, color=_COLOURS[key], linewidth=1.6, drawstyle="steps-post", clip_on=False)
        axes.set_ylabel(_LABELS[key])
        axes.grid(color="#e6e6e6", linewidth=0.8)
    panels[0].set_ylim(bottom=0)
    title = f"{shown.name}: {shown.steps:,} steps, {shown.steps_per_epoch:,} an epoch"
    panels[0].set_title(title, loc="left", fontsize=10.5)
    panels[-1].set_xlabel("epoch")
    return figure
