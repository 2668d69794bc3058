"""
The page for a person who opens the address of the HTTP input.
"""

from __future__ import annotations

from html import escape
from string import Template
from typing import Final

_PAGE: Final = Template(
    """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>logrecv</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44em; margin: 3em auto;
       padding: 0 1em; color: #222; background: #fff; }
pre { background: #f4f4f2; padding: 1em; overflow: auto; font-size: 14px; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818; } pre { background: #242424; } }
</style>
<h1>logrecv</h1>
<p>This address takes the log records of Python programs. It shows none.</p>
<p>From a program, with the standard library alone:</p>
<pre>
import logging, logging.handlers

logging.getLogger().addHandler(
    logging.handlers.HTTPHandler("$host", "/", method="POST"))
</pre>
<p>or in a <code>dictConfig</code>:</p>
<pre>
"handlers": {
    "logrecv": {
        "class": "logging.handlers.HTTPHandler",
        "host": "$host", "url": "/", "method": "POST",
    },
},
</pre>
<p>As JSON: one object, an array, or an object a line:</p>
<pre>
curl -H 'content-type: application/json' \\
     -d '{"name": "backup", "levelname": "INFO", "message": "done"}' \\
     $scheme://$host/records
</pre>
</html>
"""
)


def render(scheme: str, host: str) -> bytes:
    """
    Render the page.

    @param scheme: C{http} or C{https}.
    @param host: The host and its port, as the person knows this address.
    @return: HTML in UTF-8, with the host escaped.
    """
    page = _PAGE.substitute(scheme=scheme, host=escape(host))
    return page.encode("utf-8")
