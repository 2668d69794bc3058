"""
Flask's development server, with the view that people write for C{HTTPHandler}, as
C{app.run} starts it: it logs each request, to the standard error stream, and serves
each in a thread.  C{flask_form.py PORT FILE}.
"""

import json
import sys

from flask import Flask, request

app = Flask(__name__)
output = open(sys.argv[2], "ab", buffering=0)  # noqa: SIM115


@app.post("/")
def take() -> str:
    """
    Take one form.
    """
    output.write(json.dumps(request.form.to_dict()).encode() + b"\n")
    return ""


app.run(port=int(sys.argv[1]))
