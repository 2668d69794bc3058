# The C types of pickles.py, for Cython: all else is there.  Only what every record
# passes through is typed; no index goes unchecked.

cimport cython

cdef bint _COMPILED
cdef int _MARK, _STOP, _POP, _BINFLOAT, _BININT1, _LONG, _BININT2, _NONE
cdef int _BINUNICODE, _BINPUT, _SETITEMS, _EMPTY_DICT, _L, _LINE_FEED
cdef int _LONGEST_NAME, _SLOTS, _FEW_DIGITS
cdef unsigned long long _HIDDEN_BIT
cdef list _KNOWN_BYTES, _KNOWN_TEXTS, _POWERS
cdef object _float, _ABSENT, _OPCODES, _MARK_OPCODES


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


cdef class _Budget:
    cdef public Py_ssize_t left

    cpdef object spend(self, Py_ssize_t nodes)


cdef class _Memo:
    cdef list entries
    cdef dict scattered

    cpdef Py_ssize_t size(self)
    cpdef object put(self, Py_ssize_t index, object value)
    cpdef object get(self, Py_ssize_t index)


@cython.locals(
    budget=_Budget,
    memo=_Memo,
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

@cython.locals(
    at=Py_ssize_t,
    bits=cython.ulonglong,
    fraction=cython.ulonglong,
    exponent=int,
    power=double,
)
cpdef double readFloat(bytes data, Py_ssize_t pos) except? -1

@cython.locals(at=Py_ssize_t, mapping=dict)
cdef object _setItems(object target, list items, _Budget budget)
