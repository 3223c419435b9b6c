"""Reading of pickles as data: a machine for the opcodes of protocols 0 to 5 that imports and calls nothing.

The opcodes are those of Python's ``pickletools``; the allowed names are in ``convert.pickle.symbols``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Protocol

import numpy as np

from convert.pickle import symbols
from convert.pickle.errors import ConvertError, UnreadableError, UnsafeError, about
from convert.pickle.files import contents
from convert.pickle.literals import FIXED, LINES, PREFIXED, Reader
from convert.pickle.stored import Stored
from convert.pickle.symbols import key
from convert.pickle.tree import check_tree, copied, viewed

MAX_STEPS = 1 << 24  # opcodes; limits also the values on the stack and in the memo
MAX_MARKS = 1000  # open at once
GROWTH = 4  # bytes in memory for each byte of the file: an array's text, its bytes, and the array
STOP, INST = ord("."), ord("i")
RUN_CODE = {INST: "INST", ord("o"): "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x92: "NEWOBJ_EX"}
REFER_OUTSIDE = {ord("P"): "PERSID", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER"}


def unpickle(data: bytes | memoryview, *, source: str = "pickle") -> object:
    """Read the object in a pickle without running anything that the pickle names.

    Args:
        data: The file's contents; bytes after the first pickle are ignored.
        source: Name of the data in errors, a path for instance.

    Returns:
        A tree that plain recursion can walk, of dict, list, tuple, set, frozenset, bytes, str (one character a byte
        where Python 2 wrote it), numbers and None; NumPy arrays (aligned, writable, in native byte order), scalars
        and dtypes; and ``convert.pickle.symbols.Opaque`` in place of objects of Paddle's own classes.

    Raises:
        UnsafeError: The pickle uses a name that is not allowed, or an allowed name as no weight file does.
        UnreadableError: The data are truncated, no pickle, or beyond a limit.
    """
    return copied(unpickle_views(data, source=source))


def unpickle_views(data: bytes | memoryview, *, source: str = "pickle") -> object:
    """``unpickle``, with each array a read-only view of the file: names and shapes cost no memory.

    Views are unaligned and in the file's byte order; use ``convert.pickle.tree.copied`` before torch.
    """
    with about(source):
        return viewed(Machine(memoryview(data).cast("B")).run())


def unpickle_file(path: str | Path) -> object:
    """``unpickle`` of a file, mapped into memory; each array is copied once."""
    with about(path):
        data = contents(path)
    return unpickle(data, source=str(path))


class Names(Protocol):
    """Allowed names of a kind of files, and their meaning; ``convert.pickle.symbols`` implements Paddle's."""

    def symbol(self, module: str, name: str) -> object:
        """The value in place of a name."""

    def new(self, cls: object, args: object) -> object:
        """The value in place of an object of a class."""

    def call(self, function: object, args: object) -> object:
        """The result of a call."""

    def set_state(self, target: object, state: object) -> None:
        """Set the state of a value."""

    def fill(self, target: object, parts: list[object]) -> None:
        """Put items into a value that is no collection."""

    def persistent(self, identity: object) -> object:
        """The object outside the pickle with this persistent id."""


class Machine:
    """The pickle machine, with stack and memo.

    Args:
        data: The file's contents.
        names: Allowed names and their meaning.

    Attributes:
        start: Offset of the current opcode, in bytes.
    """

    def __init__(self, data: memoryview, names: Names = symbols) -> None:
        self.names = names
        self.file = Reader(data)
        self.start = 0
        self.stack: list[object] = []  # values above the last mark
        self.below: list[list[object]] = []  # stacks below each open mark
        self.memo: dict[int, object] = {}  # a dict, so that a huge index takes no memory
        self.allowance = GROWTH * len(data)

    def run(self) -> object:
        """Run the pickle and return its tree; errors give the byte offset."""
        try:
            value = self._run()
            check_tree(value)
            return value
        except ConvertError as problem:
            raise type(problem)(f"{problem} (byte {self.start})") from None

    def _run(self) -> object:
        for _ in range(MAX_STEPS):
            self.start = self.file.at
            opcode = self.file.take(1)[0]
            if opcode in VALUES:
                value = VALUES[opcode](self)  # evaluated before the append, as a mark replaces self.stack
                self.stack.append(value)
            elif opcode in LITERALS:
                self.stack.append(self.file.literal(opcode))
            elif opcode in ACTIONS:
                ACTIONS[opcode](self)
            elif opcode == STOP:
                return self.pop()
            else:
                self.refuse(opcode)
        raise UnreadableError(f"has more than {MAX_STEPS} opcodes")

    def top(self) -> object:
        """The value on top of the stack."""
        if not self.stack:
            raise UnreadableError("uses a value that is not there")
        return self.stack[-1]

    def pop(self) -> object:
        """Pop the value on top of the stack."""
        value = self.top()
        self.stack.pop()
        return value

    def pop_many(self, count: int) -> list[object]:
        """Pop the last values of the stack, in their order."""
        return [self.pop() for _ in range(count)][::-1]

    def pop_mark(self) -> list[object]:
        """Pop the values above the last mark, and the mark."""
        if not self.below:
            raise UnreadableError("uses a mark that is not there")
        values, self.stack = self.stack, self.below.pop()
        return values

    def mark(self) -> None:
        """Push a mark: set the stack aside until the mark is popped."""
        if len(self.below) == MAX_MARKS:
            raise UnreadableError(f"has more than {MAX_MARKS} open marks")
        self.below.append(self.stack)
        self.stack = []

    def drop(self) -> None:
        """Pop a value, or the mark if no value is above it."""
        self.pop() if self.stack else self.pop_mark()

    def recall(self, index: int) -> object:
        """The value stored in the memo under an index."""
        if index not in self.memo:
            raise UnreadableError(f"recalls value {index}, which it never stored")
        return self.memo[index]

    def store(self, index: int) -> None:
        """Store the top of the stack in the memo."""
        self.memo[index] = self.top()

    def append(self, values: list[object]) -> None:
        """Append to the list on top of the stack."""
        if isinstance(target := self.top(), list):
            target.extend(values)
        else:
            self.names.fill(target, values)

    def add(self, values: list[object]) -> None:
        """Add to the set on top of the stack."""
        if isinstance(target := self.top(), set):
            target.update(map(key, values))
        else:
            self.names.fill(target, values)

    def assign(self, values: list[object]) -> None:
        """Set items, given as key, value, key, value, of the dict on top of the stack."""
        if isinstance(target := self.top(), dict):
            target.update(_dict(values))
        else:
            self.names.fill(target, values)

    def symbol(self) -> object:
        """Pop a module and a name, and return their symbol."""
        module, name = self.pop_many(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise UnreadableError("has a name that is not text")
        return self.names.symbol(module, name)

    def call(self) -> object:
        """Pop a symbol and its arguments, and return the result of the call."""
        return self.spend(self.names.call(*self.pop_many(2)))

    def build(self) -> None:
        """Pop a state and set it on the value below."""
        state, target = self.pop(), self.top()
        self.names.set_state(target, state)
        self.spend(target)

    def spend(self, value: object) -> object:
        """Count the bytes of a value and return it: a pickle may copy the same bytes many times."""
        if isinstance(value, Stored):
            self.allowance -= len(value.payload)
        elif isinstance(value, np.generic):
            self.allowance -= value.nbytes
        elif isinstance(value, bytes | set | frozenset | dict):
            self.allowance -= len(value)
        if self.allowance < 0:
            raise UnreadableError(f"unfolds to more than {GROWTH} times its size")
        return value

    def protocol(self) -> None:
        """Check the protocol."""
        if (version := self.file.number(1)) > 5:
            raise UnreadableError(f"is of pickle protocol {version}, where 0 to 5 are known")

    def refuse(self, opcode: int) -> NoReturn:
        """Raise the error for an opcode that is not executed."""
        if opcode == INST:
            self.names.symbol(self.file.name(), self.file.name())  # raises with the name if it is not allowed
        if opcode in RUN_CODE:
            raise UnsafeError(f"wants to run code (opcode {RUN_CODE[opcode]})")
        if opcode in REFER_OUTSIDE:
            raise UnreadableError(f"needs objects that are not in the file (opcode {REFER_OUTSIDE[opcode]})")
        raise UnreadableError(f"is not a pickle or is damaged: {opcode:#04x} is no opcode")


def _dict(values: list[object]) -> dict[object, object]:
    if len(values) % 2:
        raise UnreadableError("has a key without a value")
    return {key(name): value for name, value in zip(values[::2], values[1::2], strict=True)}


LITERALS = {*FIXED, *PREFIXED, *LINES}
# Opcodes that put a value on the stack.
VALUES: dict[int, Callable[[Machine], object]] = {
    ord("N"): lambda _: None,  # NONE
    0x88: lambda _: True,  # NEWTRUE
    0x89: lambda _: False,  # NEWFALSE
    ord(")"): lambda _: (),  # EMPTY_TUPLE
    ord("]"): lambda _: [],  # EMPTY_LIST
    ord("}"): lambda _: {},  # EMPTY_DICT
    0x8F: lambda _: set(),  # EMPTY_SET
    0x91: lambda m: frozenset(map(key, m.pop_mark())),  # FROZENSET
    ord("t"): lambda m: tuple(m.pop_mark()),  # TUPLE
    0x85: lambda m: tuple(m.pop_many(1)),  # TUPLE1
    0x86: lambda m: tuple(m.pop_many(2)),  # TUPLE2
    0x87: lambda m: tuple(m.pop_many(3)),  # TUPLE3
    ord("l"): lambda m: m.pop_mark(),  # LIST
    ord("d"): lambda m: _dict(m.pop_mark()),  # DICT
    ord("2"): lambda m: m.top(),  # DUP
    ord("g"): lambda m: m.recall(m.file.number(0)),  # GET
    ord("h"): lambda m: m.recall(m.file.number(1)),  # BINGET
    ord("j"): lambda m: m.recall(m.file.number(4)),  # LONG_BINGET
    ord("c"): lambda m: m.names.symbol(m.file.name(), m.file.name()),  # GLOBAL
    0x93: lambda m: m.symbol(),  # STACK_GLOBAL
    ord("R"): lambda m: m.call(),  # REDUCE
    0x81: lambda m: m.names.new(*m.pop_many(2)),  # NEWOBJ
    ord("Q"): lambda m: m.names.persistent(m.pop()),  # BINPERSID
}
# Opcodes that change the stack, the memo or a value.
ACTIONS: dict[int, Callable[[Machine], object]] = {
    0x80: lambda m: m.protocol(),  # PROTO
    0x95: lambda m: m.file.take(8),  # FRAME, a hint for reading from a stream
    ord("("): lambda m: m.mark(),  # MARK
    ord("0"): lambda m: m.drop(),  # POP
    ord("1"): lambda m: m.pop_mark(),  # POP_MARK
    ord("p"): lambda m: m.store(m.file.number(0)),  # PUT
    ord("q"): lambda m: m.store(m.file.number(1)),  # BINPUT
    ord("r"): lambda m: m.store(m.file.number(4)),  # LONG_BINPUT
    0x94: lambda m: m.store(len(m.memo)),  # MEMOIZE
    ord("a"): lambda m: m.append(m.pop_many(1)),  # APPEND
    ord("e"): lambda m: m.append(m.pop_mark()),  # APPENDS
    ord("s"): lambda m: m.assign(m.pop_many(2)),  # SETITEM
    ord("u"): lambda m: m.assign(m.pop_mark()),  # SETITEMS
    0x90: lambda m: m.add(m.pop_mark()),  # ADDITEMS
    ord("b"): lambda m: m.build(),  # BUILD
}
