"""
Builds the modules that are compiled where they can be; all else that makes the
package is in C{setup.cfg}.

C{LOGRECV_COMPILE} tells whether to: C{1}, and it is an error if they cannot be;
C{0}, do not; otherwise they are, if there is a compiler, and if the installation
is no editable one, which would run what was compiled instead of what is edited.
"""

import os
import sys

from setuptools import Extension, setup

#: What every record of a stock handler passes through before it is a record.
#: Each has the same name as its module with the types in C beside it.
COMPILED = (
    "framing",
    "jsonlines.fast",
    "pickled.attributes_fast",
    "pickled.containers",
    "pickled.fast",
    "pickled.machine",
    "pickled.opcodes",
    "pickled.placeholders",
    "pickled.scalars",
    "pickled.state",
    "pickled.stock",
    "timestamps",
)


def extensions() -> list[Extension]:
    """
    @return: What is to be compiled.
    """
    wanted = os.environ.get("LOGRECV_COMPILE", "")
    if wanted == "0" or (wanted != "1" and "editable_wheel" in sys.argv):
        return []
    from Cython.Build import cythonize
    from Cython.Compiler.Options import get_directive_defaults

    # What a client nests deeply is freed without one C frame a level.  As a
    # decorator in a .pxd it would do nothing.
    get_directive_defaults()["trashcan"] = True
    modules = [
        Extension(
            f"logrecv.wire.{name}",
            [f"logrecv/wire/{name.replace('.', '/')}.py"],
            # Without what debuggers want, a sixth of the size.
            extra_compile_args=["-g0"],
        )
        for name in COMPILED
    ]
    # The annotations are for people and for mypy: an int of Python is no int of C.
    directives = {"language_level": 3, "annotation_typing": False}
    extensions: list[Extension] = cythonize(
        modules, build_dir="build/cython", compiler_directives=directives
    )
    for extension in extensions:
        # What cannot be compiled is left as it is.
        extension.optional = wanted != "1"
    return extensions


setup(ext_modules=extensions())
