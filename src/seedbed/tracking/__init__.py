"""What is recorded in MLflow: runs as seedbed's own types, and the only package that knows MLflow's."""
