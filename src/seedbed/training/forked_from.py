"""Imported by the process that workers are forked from: it has what they need, in memory that they go on to share with it.

A page is copied as soon as one of them writes to it, as Python's garbage collector does to every object that it looks at. So
what has been imported is kept from it: that lives as long as the process anyway.
"""

import gc

import seedbed.training.workers  # noqa: F401

gc.collect()
gc.freeze()
