# The C types of attributes_fast.py, for Cython.

cimport cython

cdef object SMALLEST_INTEGER, LARGEST_INTEGER, Record
cdef double _LEAST, _GREATEST
cdef Py_ssize_t RENDERED_PER_BYTE, RENDERED_FLOOR, BYTES_PER_CHARACTER, BYTES_OF_OTHERS



cdef class _Attributes:
    cdef dict _attributes
    cdef Py_ssize_t _room

    cdef bint has(self, str name) except -1
    cdef object nothing(self, str name)
    cdef object text(self, str name)
    cdef object _text(self, str name, object value)
    cdef object textOrNone(self, str name)
    cdef object integer(self, str name)
    cdef object integerOrNone(self, str name)
    @cython.locals(number=double)
    cdef object finite(self, str name)

cdef bint _isEncodable(str text) except -1
cdef object _make(_Attributes sent, object origin)
