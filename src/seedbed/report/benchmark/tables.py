def comparison_table(a):
    return None
