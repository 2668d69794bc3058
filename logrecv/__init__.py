"""
A Twisted service that receives the records of Python's stock network logging
handlers.
"""

__version__ = "26.11.0"
