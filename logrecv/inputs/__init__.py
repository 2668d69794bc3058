"""
Where bytes come in: framing only.
"""
