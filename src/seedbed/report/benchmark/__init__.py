"""Reports on one experiment over several data sets."""
