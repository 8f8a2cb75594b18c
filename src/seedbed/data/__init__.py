"""Data: files and their digests, tables of rows, sentence vectors, splits; one module a data set."""

from seedbed.data.encoders import SentenceEncoder
from seedbed.data.sms_spam import DATASETS
from seedbed.data.sources import Source
from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.data.table import Progress, Table

__all__ = ["DATASETS", "GroupStratifiedSplit", "Progress", "Rows", "SentenceEncoder", "Source", "Table"]
