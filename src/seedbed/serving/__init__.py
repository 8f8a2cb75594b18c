"""Trained seeds that answer questions: from the command line, and served by MLflow in a process of its own.

Only this folder knows MLflow's models, and only ``tracking/`` its runs. What loads a model imports neither Lightning
nor the tracking store, and the modules of its own kind alone, so that a server starts fast and needs few packages.
"""
