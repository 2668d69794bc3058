"""
The modules to compile.  Everything else that makes the package is in C{setup.cfg}.

The environment variable C{LOGRECV_COMPILE} is C{1} to compile or fail, and C{0} not
to compile.  Otherwise the modules are compiled if there is a compiler, but not for an
editable installation, which would run the compiled modules instead of the edited
source.
"""

import os
import sys

from setuptools import Extension, setup

#: The modules that turn bytes into records.  Beside each module is a C{.pxd} of the
#: same name with its types in C.
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
    @return: The modules to compile.
    """
    wanted = os.environ.get("LOGRECV_COMPILE", "")
    if wanted == "0" or (wanted != "1" and "editable_wheel" in sys.argv):
        return []
    from Cython.Build import cythonize
    from Cython.Compiler.Options import get_directive_defaults

    # A deeply nested object of a client is freed without one C frame a level.  As
    # a decorator in a .pxd the directive would do nothing.
    get_directive_defaults()["trashcan"] = True
    modules = [
        Extension(
            f"logrecv.wire.{name}",
            [f"logrecv/wire/{name.replace('.', '/')}.py"],
            # Without symbols for debuggers, a sixth of the size.
            extra_compile_args=["-g0"],
        )
        for name in COMPILED
    ]
    # Annotations are for people and for mypy: an int of Python is no int of C.
    directives = {"language_level": 3, "annotation_typing": False}
    extensions: list[Extension] = cythonize(
        modules, build_dir="build/cython", compiler_directives=directives
    )
    for extension in extensions:
        # A module that cannot be compiled stays Python.
        extension.optional = wanted != "1"
    return extensions


setup(ext_modules=extensions())
