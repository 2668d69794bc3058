"""
Configuration of Sphinx for the guide.
"""

from pathlib import Path
from re import search

project = "logrecv"
author = copyright = "The logrecv developers"
_source = Path(__file__).parent.parent / "logrecv" / "__init__.py"
_match = search(r'__version__\S* = "(.*)"', _source.read_text("utf-8"))
release = version = _match[1] if _match else ""

# The table is a part of the page about performance, and no page.
exclude_patterns = ["_build", "performance_table.rst"]
nitpicky = True
html_theme = "alabaster"
html_theme_options = {
    "description": "The server for Python's network logging handlers",
    "page_width": "60em",
    "fixed_sidebar": True,
}
html_show_sourcelink = False
# The API reference is built beside the guide, by pydoctor.
html_sidebars = {"**": ["about.html", "localtoc.html", "navigation.html"]}
