# The C types of plain.py, for Cython: all else is there.

cimport cython
from logrecv.wire.timestamps cimport isoTime


cdef bint _completeAll(list records) except -1
cpdef list stampAll(list records, object origin)
