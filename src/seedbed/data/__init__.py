"""Data: files and their digests, tables of rows, encoders, splits; one module a data set or kind of file."""

from seedbed.data.catalogue import DATASETS
from seedbed.data.encoders import FittedEncoder, SentenceEncoder
from seedbed.data.sources import Source
from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.data.table import Progress, Table

__all__ = [
    "DATASETS",
    "FittedEncoder",
    "GroupStratifiedSplit",
    "Progress",
    "Rows",
    "SentenceEncoder",
    "Source",
    "Table",
]
