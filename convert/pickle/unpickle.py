"""Reads a pickle as data: a machine for the opcodes of protocols 0 to 5 that imports nothing and calls nothing.

The opcodes are those of Python's ``pickletools``; what a file may name is in ``convert.pickle.symbols``.
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

MAX_STEPS = 1 << 24  # opcodes, and with them values on the stack and in the memo
MAX_MARKS = 1000  # open at once
GROWTH = 4  # bytes that calls may make from one byte of the file: an array's text, its bytes, the array
STOP, INST = ord("."), ord("i")
RUN_CODE = {INST: "INST", ord("o"): "OBJ", 0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x92: "NEWOBJ_EX"}
REFER_OUTSIDE = {ord("P"): "PERSID", 0x97: "NEXT_BUFFER", 0x98: "READONLY_BUFFER"}


def unpickle(data: bytes | memoryview, *, source: str = "pickle") -> object:
    """The object that a pickle describes, without running anything it names.

    Args:
        data: The file's contents; what follows the first pickle is ignored.
        source: What to call them in an error, a path for instance.

    Returns:
        A tree that plain recursion can walk, of dict, list, tuple, set, frozenset, bytes, str (one character a byte
        where Python 2 wrote it), numbers and None; NumPy arrays (aligned, writable, in native byte order), scalars
        and dtypes; and ``convert.pickle.symbols.Opaque`` in place of objects of Paddle's own classes.

    Raises:
        UnsafeError: It names something that is not on the list, or uses a name as no weight file does.
        UnreadableError: It is truncated, no pickle, or beyond a limit.
    """
    return copied(unpickle_views(data, source=source))


def unpickle_views(data: bytes | memoryview, *, source: str = "pickle") -> object:
    """``unpickle``, with each array a read-only view of the file: names and shapes cost no memory.

    A view is neither aligned nor always native; ``convert.pickle.tree.copied`` makes it fit for torch.
    """
    with about(source):
        return viewed(Machine(memoryview(data).cast("B")).run())


def unpickle_file(path: str | Path) -> object:
    """``unpickle`` of a file, mapped into memory: each array is copied out of it, once."""
    with about(path):
        data = contents(path)
    return unpickle(data, source=str(path))


class Names(Protocol):
    """What the files of a kind may name, and what each name means; ``convert.pickle.symbols`` has it for Paddle's."""

    def symbol(self, module: str, name: str) -> object:
        """What stands for a name."""

    def new(self, cls: object, args: object) -> object:
        """What stands for an object of a class."""

    def call(self, function: object, args: object) -> object:
        """What a call means."""

    def set_state(self, target: object, state: object) -> None:
        """Set the state of a value."""

    def fill(self, target: object, parts: list[object]) -> None:
        """Put parts into a value that is no collection."""

    def persistent(self, identity: object) -> object:
        """What lies outside the pickle and has this identity."""


class Machine:
    """A pickle at work: its stack and its memo.

    Args:
        data: The file's contents.
        names: What they may name.

    Attributes:
        start: Offset of the opcode at work, in bytes.
    """

    def __init__(self, data: memoryview, names: Names = symbols) -> None:
        self.names = names
        self.file = Reader(data)
        self.start = 0
        self.stack: list[object] = []  # above the last mark
        self.below: list[list[object]] = []  # under each mark
        self.memo: dict[int, object] = {}  # a dict, so that a huge index costs nothing
        self.allowance = GROWTH * len(data)

    def run(self) -> object:
        """The tree on top of the stack when the pickle stops; an error says at which byte."""
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
                value = VALUES[opcode](self)  # first, as a mark exchanges the stack
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
        """The value on top of the stack, taken off."""
        value = self.top()
        self.stack.pop()
        return value

    def last(self, count: int) -> list[object]:
        """The last values of the stack, in their order, taken off."""
        return [self.pop() for _ in range(count)][::-1]

    def marked(self) -> list[object]:
        """The values above the last mark, taken off with it."""
        if not self.below:
            raise UnreadableError("uses a mark that is not there")
        values, self.stack = self.stack, self.below.pop()
        return values

    def mark(self) -> None:
        """Keep what is on the stack out of reach until the mark is used."""
        if len(self.below) == MAX_MARKS:
            raise UnreadableError(f"has more than {MAX_MARKS} open marks")
        self.below.append(self.stack)
        self.stack = []

    def drop(self) -> None:
        """Take a value off, or the mark where none is above it."""
        self.pop() if self.stack else self.marked()

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
        """The symbol whose module and name are on top of the stack."""
        module, name = self.last(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise UnreadableError("has a name that is not text")
        return self.names.symbol(module, name)

    def call(self) -> object:
        """What the call of the last two values, a symbol and its arguments, means."""
        return self.spend(self.names.call(*self.last(2)))

    def build(self) -> None:
        """Set the state of the value below the top of the stack to the top."""
        state, target = self.pop(), self.top()
        self.names.set_state(target, state)
        self.spend(target)

    def spend(self, value: object) -> object:
        """The value, counted: a file may ask for copies of the same bytes again and again."""
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
        """Raise what an opcode deserves that is not obeyed."""
        if opcode == INST:
            self.names.symbol(self.file.name(), self.file.name())  # says which name, where that is not allowed either
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
    0x91: lambda m: frozenset(map(key, m.marked())),  # FROZENSET
    ord("t"): lambda m: tuple(m.marked()),  # TUPLE
    0x85: lambda m: tuple(m.last(1)),  # TUPLE1
    0x86: lambda m: tuple(m.last(2)),  # TUPLE2
    0x87: lambda m: tuple(m.last(3)),  # TUPLE3
    ord("l"): lambda m: m.marked(),  # LIST
    ord("d"): lambda m: _dict(m.marked()),  # DICT
    ord("2"): lambda m: m.top(),  # DUP
    ord("g"): lambda m: m.recall(m.file.number(0)),  # GET
    ord("h"): lambda m: m.recall(m.file.number(1)),  # BINGET
    ord("j"): lambda m: m.recall(m.file.number(4)),  # LONG_BINGET
    ord("c"): lambda m: m.names.symbol(m.file.name(), m.file.name()),  # GLOBAL
    0x93: lambda m: m.symbol(),  # STACK_GLOBAL
    ord("R"): lambda m: m.call(),  # REDUCE
    0x81: lambda m: m.names.new(*m.last(2)),  # NEWOBJ
    ord("Q"): lambda m: m.names.persistent(m.pop()),  # BINPERSID
}
# Opcodes that do something to what is there.
ACTIONS: dict[int, Callable[[Machine], object]] = {
    0x80: lambda m: m.protocol(),  # PROTO
    0x95: lambda m: m.file.take(8),  # FRAME, advice for those who read from a stream
    ord("("): lambda m: m.mark(),  # MARK
    ord("0"): lambda m: m.drop(),  # POP
    ord("1"): lambda m: m.marked(),  # POP_MARK
    ord("p"): lambda m: m.store(m.file.number(0)),  # PUT
    ord("q"): lambda m: m.store(m.file.number(1)),  # BINPUT
    ord("r"): lambda m: m.store(m.file.number(4)),  # LONG_BINPUT
    0x94: lambda m: m.store(len(m.memo)),  # MEMOIZE
    ord("a"): lambda m: m.append(m.last(1)),  # APPEND
    ord("e"): lambda m: m.append(m.marked()),  # APPENDS
    ord("s"): lambda m: m.assign(m.last(2)),  # SETITEM
    ord("u"): lambda m: m.assign(m.marked()),  # SETITEMS
    0x90: lambda m: m.add(m.marked()),  # ADDITEMS
    ord("b"): lambda m: m.build(),  # BUILD
}
