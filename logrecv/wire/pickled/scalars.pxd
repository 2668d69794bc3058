# The C types of scalars.py, for Cython.

cimport cython
from logrecv.wire.pickled.placeholders cimport makeCall
from logrecv.wire.pickled.state cimport State

cdef bint _COMPILED
cdef unsigned long long _HIDDEN_BIT
cdef list _POWERS
cdef object _unpackFloat


@cython.locals(
    at=Py_ssize_t,
    bits=cython.ulonglong,
    fraction=cython.ulonglong,
    exponent=int,
    power=double,
)
cpdef double readFloat(bytes data, Py_ssize_t pos) except? -1

cpdef object decimalInteger(bytes digits, State state)
cpdef object binaryInteger(bytes raw, State state)
cpdef object repairText(bytes raw, State state)
cpdef object decodeText(bytes raw, State state)

# The opcodes: each reaches the fields of the state as those of a struct.

cpdef object _int(State state)
@cython.locals(end=Py_ssize_t)
cpdef object _binInt(State state)
cpdef object longText(State state)
cpdef object _long1(State state)
cpdef object _long4(State state)
cpdef object _newTrue(State state)
cpdef object _newFalse(State state)
cpdef object _float(State state)
cpdef object _string(State state)
@cython.locals(start=Py_ssize_t, end=Py_ssize_t)
cpdef object _bytes1(State state)
cpdef object _bytes4(State state)
cpdef object _bytes8(State state)
cpdef object _bytearray8(State state)
cpdef object _unicode(State state)
cpdef object _unicode8(State state)
