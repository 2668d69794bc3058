"""
C{logrecv replay}: payloads from a quarantine are sent again.
"""
