"""A user's own LightningModules and data modules, trained as they are: each seed by a Trainer of its own."""
