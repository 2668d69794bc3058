"""
The quarantine: rejected payloads, kept until somebody has looked at them and has
sent them again.
"""
