"""
Forwarding over HTTP: the client, and the writer that posts batches with it.
"""
