"""One file for each command: what is typed and its help; it calls what does the work, and prints what came of it.

Heavy packages are imported inside the commands, so that ``--help`` answers at once.
"""
