"""Names of what is recorded of a run, and of its rows, beside the metrics of its task."""

SECONDS = "seconds"
"""The final metric that is the time of training a seed: its stack's time over the number of seeds in it."""
LR = "lr"
"""The final metric that is the learning rate which a seed has found for itself, under ``optimizer.lr=auto``."""
THRESHOLD, LOGIT_SLOPE, LOGIT_SHIFT = "threshold", "logit_slope", "logit_shift"
"""The final metrics that say what acts on a seed's scores after training: the probability from which on a row is labelled as of
the class of interest, and what its log-odds are multiplied by and what is added to them."""
PREDICTIONS, TARGETS = "predictions", "targets"
"""What is recorded of the test rows where numbers are predicted."""
LABELS, PREDICTED = "labels", "predicted"
"""What is recorded of validation and test rows where classes are: the true one and the predicted one, as numbers."""
LOGITS, DECISIONS = "logits", "decisions"
"""And the scores: logits of the classes, of two classes the log-odds of the one that metrics are about; or what an estimator
without probabilities decides by, of two classes for that one."""
