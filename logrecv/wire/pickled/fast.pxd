# The C types of fast.py, for Cython.

cimport cython
from logrecv.wire.pickled.stock cimport StockPayload
from logrecv.wire.timestamps cimport isoTime

cdef object Record
cdef bytes _HEAD
cdef bytes _NAME, _MSG, _ARGS, _LEVELNAME, _LEVELNO, _PATHNAME, _FILENAME, _MODULE
cdef bytes _EXC_INFO, _EXC_TEXT, _STACK_INFO, _LINENO, _FUNCNAME, _CREATED, _MSECS
cdef bytes _RELATIVE, _THREAD, _THREADNAME, _PROCESSNAME, _PROCESS, _TASKNAME


@cython.final
cdef class PayloadReader:
    cdef readonly Py_ssize_t others
    cdef object _origin
    cdef StockPayload _payload

    cpdef object read(self, bytes payload)
    @cython.locals(created=double)
    cdef object _stockRecord(self, StockPayload payload)
