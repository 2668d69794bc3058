# The C types of times.py, for Cython: all else is there.

cimport cython


@cython.locals(second=double, exact=double, rest=double, microsecond=int)
cpdef object isoTime(double created)
