"""The files of published data sets: where they are found and fetched, and by which digests they are known."""
