"""Renderers of blocks, one file a format."""
