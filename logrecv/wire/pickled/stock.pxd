# The C types of stock.py, for Cython.

cimport cython
from logrecv.wire.pickled.scalars cimport readFloat

cdef object STANDARD
cdef int _BINFLOAT, _INT, _BININT, _BININT1, _LONG, _BININT2, _NONE, _BINUNICODE
cdef int _BINPUT, _SETITEMS, _LINE_FEED, _ZERO, _TEXT_HEAD, _FEW_DIGITS
cdef double _GREATEST, _LEAST
cdef bytes _TAIL


@cython.final
cdef class StockPayload:
    cdef public bytes data
    cdef public Py_ssize_t position
    cdef list _texts
    cdef list _writtenTexts

    cdef StockPayload key(self, bytes key)
    cdef int none(self) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cdef str text(self)
    cdef str textOrNone(self)
    @cython.locals(start=Py_ssize_t, written=bytes)
    cdef str commonText(self, Py_ssize_t index)
    cdef str commonTextOrNone(self, Py_ssize_t index)
    @cython.locals(
        data=bytes, code=int, at=Py_ssize_t, end=Py_ssize_t, number=cython.longlong
    )
    cdef object integer(self)
    cdef object integerOrNone(self)
    @cython.locals(number=double)
    cdef double finite(self) except? -1
    @cython.locals(extra=dict)
    cdef dict extra(self)
    @cython.locals(size=Py_ssize_t)
    cdef int end(self) except -1
    @cython.locals(data=bytes, at=Py_ssize_t, length=Py_ssize_t)
    cdef Py_ssize_t _length(self) except -1
    @cython.locals(code=int)
    cdef object _plainValue(self)
    cdef bint _boolean(self) except -1
