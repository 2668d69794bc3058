# The C types of payloads.py, for Cython: all else is there.

cimport cython
from logrecv.wire.pickled.scalars cimport readFloat
from logrecv.wire.timestamps cimport isoTime

cdef object Record
cdef int _BINFLOAT, _INT, _BININT, _BININT1, _LONG, _BININT2, _NONE, _BINUNICODE
cdef int _BINPUT, _SETITEMS, _LINE_FEED, _ZERO, _TEXT_HEAD, _FEW_DIGITS
cdef double _GREATEST, _LEAST
cdef bytes _HEAD, _TAIL
cdef bytes _NAME, _MSG, _ARGS, _LEVELNAME, _LEVELNO, _PATHNAME, _FILENAME, _MODULE
cdef bytes _EXC_INFO, _EXC_TEXT, _STACK_INFO, _LINENO, _FUNCNAME, _CREATED, _MSECS
cdef bytes _RELATIVE, _THREAD, _THREADNAME, _PROCESSNAME, _PROCESS, _TASKNAME


@cython.final
cdef class PayloadReader:
    cdef readonly Py_ssize_t others
    cdef object _origin
    cdef bytes _data
    cdef Py_ssize_t _position
    cdef list _texts
    cdef list _writtenTexts

    cpdef object read(self, bytes payload)
    @cython.locals(created=double)
    cdef object _stockRecord(self)
    cdef int _key(self, bytes written) except -1
    cdef bint _isNone(self) except -1
    cdef int _nothing(self) except -1
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cdef str _text(self)
    @cython.locals(data=bytes, at=Py_ssize_t, length=Py_ssize_t)
    cdef Py_ssize_t _length(self) except -1
    @cython.locals(start=Py_ssize_t, written=bytes)
    cdef str _commonText(self, Py_ssize_t which)
    @cython.locals(
        data=bytes, code=int, at=Py_ssize_t, end=Py_ssize_t, number=cython.longlong
    )
    cdef object _integer(self)
    @cython.locals(number=double)
    cdef double _finite(self) except? -1
    @cython.locals(extra=dict)
    cdef dict _extra(self)
    @cython.locals(code=int)
    cdef object _plainValue(self)
    cdef bint _boolean(self) except -1
