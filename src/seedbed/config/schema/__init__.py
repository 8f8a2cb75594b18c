"""JSON Schema of experiment files and of the files of each config group: what editors complete, explain and underline.

What is open stays open: the arguments of code that is not seedbed's or of a package whose annotations are checked, names of
variants and data sets, Hydra's own settings, and references to other values in the place of any.
"""
