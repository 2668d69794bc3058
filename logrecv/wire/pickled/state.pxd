# The C types of state.py, for Cython.

cimport cython

cdef object _ABSENT


cdef class Memo:
    cdef public list entries
    cdef public dict scattered

    cpdef Py_ssize_t size(self)
    cpdef object put(self, Py_ssize_t index, object value)
    cpdef object get(self, Py_ssize_t index)


cdef class State:
    cdef public bytes data
    cdef public Py_ssize_t pos
    cdef public list stack
    cdef public Memo memo
    cdef public Py_ssize_t left
    cdef public Py_ssize_t workLeft

    cpdef object spend(self, Py_ssize_t nodes)
    cpdef object work(self, Py_ssize_t amount)
    @cython.locals(start=Py_ssize_t)
    cpdef object unsigned(self, Py_ssize_t width)
    @cython.locals(start=Py_ssize_t)
    cpdef bytes counted(self, Py_ssize_t width)
    @cython.locals(start=Py_ssize_t, end=Py_ssize_t)
    cpdef bytes line(self)
