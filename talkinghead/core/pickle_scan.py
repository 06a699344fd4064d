"""A look at a pickle's opcodes before they are obeyed."""

from __future__ import annotations

import pickletools

# Parts of a tuple, with those of the tuples in it.
_MAX_TUPLE = 100_000
# Among the sizes of what lies on a pickle's stack.
_MARK = -1


def endless(raw: bytes) -> str | None:
    """What of it makes the unpickler ask for memory that the file does not fill, or for endless time; None: nothing.

    Its memo is an array as long as the highest number in use; an honest pickle counts from zero. And a tuple of two
    equal tuples, of two equal tuples each, and so on, is small until it becomes a key: then each of them is walked.
    """
    sizes, memo, last = [0], dict[int, int](), 1
    for opcode, argument, _ in pickletools.genops(raw):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            number = len(memo) if argument is None else int(argument)
            if number > len(raw):
                return "a memo of impossible size"
            memo[number] = sizes[-1]
            continue
        taken = _taken(sizes, opcode.stack_before)
        if opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            last = memo.get(int(argument or 0), 1)
        elif opcode.name.startswith("TUPLE"):
            last = 1 + sum(taken)
        else:
            last = max(taken, default=1) if opcode.name == "DUP" else 1
        if last > _MAX_TUPLE:
            return "tuples nested without end"
        sizes += [_MARK if kind is pickletools.markobject else last for kind in opcode.stack_after]
    return None


def _taken(sizes: list[int], before: list[pickletools.StackObject]) -> list[int]:
    """What an opcode takes from a stack of sizes, down to the mark where it takes all above one."""
    taken: list[int] = []
    if pickletools.markobject in before:
        while (size := sizes.pop()) != _MARK:
            taken.append(size)
        before = before[: before.index(pickletools.markobject)]
    return taken + [sizes.pop() for _ in before]
