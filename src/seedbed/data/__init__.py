"""Data: files and their digests, tables of rows, encoders, splits; one module a data set or kind of file."""
