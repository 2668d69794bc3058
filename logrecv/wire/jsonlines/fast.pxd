# The C types of fast.py, for Cython.

cimport cython
from logrecv.wire.timestamps cimport isoTime


cdef bint _completeAll(list records) except -1
cpdef list stampAll(list records, object origin)
