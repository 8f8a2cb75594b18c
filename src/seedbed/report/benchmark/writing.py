def benchmark_page(b, with_pictures=True):
    return "x", {}
