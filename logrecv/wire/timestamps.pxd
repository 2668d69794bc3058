# The C types of timestamps.py, for Cython.

cimport cython


@cython.locals(second=double, exact=double, rest=double, microsecond=int)
cpdef object isoTime(double created)
