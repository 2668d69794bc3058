"""
Where records go: sinks, and the parsers that make them of descriptions.
"""
