"""Hyper-parameter searches: the space, the study, its trials and the commands around them."""
