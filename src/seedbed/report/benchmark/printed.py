def benchmark_text(b, metric=None) -> str:
    return str(b)[:200]
