"""
Bytes to plain data: pure functions that import no Twisted, run nothing and
call nothing that a client named.
"""
