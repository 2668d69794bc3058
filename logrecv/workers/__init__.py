"""
Worker processes that serve the same addresses together, for more than one core.
"""
