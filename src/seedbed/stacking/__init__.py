"""Stacked training: layers, batches, metrics and randomness with a leading seed axis."""

from seedbed.stacking.layers import Stackable

__all__ = ["Stackable"]
