# The C types of framing.py, for Cython.

cimport cython


cdef class FrameDecoder:
    cdef public Py_ssize_t maxLength
    cdef public list skipped
    cdef object _buffer
    cdef Py_ssize_t _wanted
    cdef Py_ssize_t _passing

    cpdef list feed(self, bytes data)
    @cython.locals(
        payloads=list,
        start=Py_ssize_t,
        size=Py_ssize_t,
        begin=Py_ssize_t,
        length=cython.longlong,
        end=cython.longlong,
    )
    cdef list _split(self, bytes data)
