"""
Benchmarks: ratios against a peer that gets the same bytes in the same run.
"""
