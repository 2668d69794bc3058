# The C types of opcodes.py, for Cython: each function reaches the fields of the state
# as those of a struct.

cimport cython
from logrecv.wire.pickled.containers cimport addItems, setItems
from logrecv.wire.pickled.placeholders cimport Call, Global, makeCall
from logrecv.wire.pickled.state cimport State

cpdef object _emptyTuple(State state)
cpdef object _tuple1(State state)
cpdef object _tuple2(State state)
cpdef object _tuple3(State state)
cpdef object _emptyList(State state)
cpdef object _append(State state)
cpdef object _setItem(State state)
cpdef object _emptySet(State state)
cpdef object _dup(State state)
cpdef object _put(State state)
cpdef object _longBinPut(State state)
cpdef object _get(State state)
cpdef object _longBinGet(State state)
cpdef object _global(State state)
cpdef object _stackGlobal(State state)
cpdef object _reduce(State state)
cpdef object _newObjEx(State state)
cpdef object _build(State state)
cpdef object _persId(State state)
cpdef object _binPersId(State state)
cpdef object _ext1(State state)
cpdef object _ext2(State state)
cpdef object _ext4(State state)
cpdef object _nextBuffer(State state)
cpdef object _readonlyBuffer(State state)
@cython.locals(protocol=int)
cpdef object _proto(State state)
cpdef object _frame(State state)
cdef object _memoIndex(State state)

cpdef object _popMark(State state, list items)
cpdef object _tuple(State state, list items)
cpdef object _list(State state, list items)
cpdef object _dict(State state, list items)
cpdef object _appends(State state, list items)
cpdef object _frozenSet(State state, list items)
cpdef object _inst(State state, list items)
cpdef object _obj(State state, list items)
