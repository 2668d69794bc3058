"""
More than one core: processes that serve the same addresses together.
"""
