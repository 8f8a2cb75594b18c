"""Compiled steps for factor models on a CPU, in place of PyTorch's operations: same batches, same steps, same records."""
