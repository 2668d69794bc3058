# The C types of placeholders.py, for Cython.

from logrecv.wire.pickled.state cimport State


cdef class Global:
    cdef public str module
    cdef public str name


cdef class Call:
    cdef public object function
    cdef public tuple args
    cdef public dict kwargs
    cdef public object state
    cdef public list items
    cdef public list pairs


cpdef Call makeCall(object function, object args, State state, dict kwargs=*)
