# The C types of machine.py, for Cython.  Only variables that every record needs are
# typed; no index goes unchecked.

cimport cython
from logrecv.wire.pickled.containers cimport setItems
from logrecv.wire.pickled.scalars cimport longText, readFloat, repairText
from logrecv.wire.pickled.state cimport Memo, State

cdef bint _COMPILED
cdef int _MARK, _STOP, _POP, _BINFLOAT, _BININT1, _LONG, _BININT2, _NONE
cdef int _BINUNICODE, _BINPUT, _SETITEMS, _EMPTY_DICT, _L, _LINE_FEED
cdef int _BINGET, _SHORT_BINUNICODE, _MEMOIZE
cdef int _LONGEST_KNOWN, _SLOTS, _FEW_DIGITS
cdef list _KNOWN_BYTES, _KNOWN_TEXTS
cdef dict _OPCODES, _MARK_OPCODES


@cython.locals(
    state=State,
    memo=Memo,
    entries=list,
    marks=list,
    stack=list,
    items=list,
    pos=Py_ssize_t,
    start=Py_ssize_t,
    end=Py_ssize_t,
    length=Py_ssize_t,
    index=Py_ssize_t,
    code=int,
    number=cython.longlong,
)
cdef dict _run(bytes data)

@cython.locals(slot=Py_ssize_t, known=bytes)
cdef object _knownText(bytes data, Py_ssize_t start, Py_ssize_t end)

@cython.locals(middle=int)
cdef Py_ssize_t _slot(bytes data, Py_ssize_t start, Py_ssize_t end) except -1
