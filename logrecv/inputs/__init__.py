"""
The inputs: they read frames, datagrams and requests, and hand payloads to the intake.
"""
