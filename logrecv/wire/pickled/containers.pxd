# The C types of containers.py, for Cython.

cimport cython
from logrecv.wire.pickled.placeholders cimport Call, Global
from logrecv.wire.pickled.state cimport State


@cython.locals(at=Py_ssize_t, mapping=dict)
cpdef object setItems(object target, list items, State state)

cpdef object addItems(object target, list items)
