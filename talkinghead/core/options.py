"""Options, written once: a dataclass's field says how people write it, and command line, manifests and API follow.

    still: bool = option(False, "Keep the head still.", group="motion")

`options_of` reads such a dataclass back as `Option`s. An option's long name is its field's, with dashes, unless it says
otherwise; a flag that switches something off (`--no-stitching`) stores False.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from talkinghead.core.errors import InputError

Value = TypeVar("Value")
Group = Literal["make", "face", "motion", "weights", "neural", "warp", "marks"]

_KEY = "talkinghead.option"
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Option:
    """One option: how it is written and what it means.

    - `name`: its long name without dashes in front ("no-stitching"); `field` the dataclass's ("stitching");
    - `group`: where `--help` lists it; `metavar`: what stands for its value there;
    - `stored`: for a flag, the value that giving it stores; None for an option that takes a value;
    - `read`: a text to its value, InputError where it is none; `choices`: what it may be, where that is a short list.
    """

    name: str
    field: str
    help: str
    group: Group
    default: Any
    read: Callable[[str], Any]
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    stored: Any = None

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value: giving it stores one."""
        return self.stored is not None

    def value_of(self, text: str) -> Any:
        """The value of a text: of a table's cell, where a flag is a truth value.

        Raises:
            InputError: it is none.
        """
        if not self.is_flag:
            return self.read(text)
        try:
            return self.stored if truth(text) else self.default
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None


def truth(text: str) -> bool:
    """A truth value as people write it into tables: yes, no, 1, 0, true, false, on, off; nothing is no.

    Raises:
        InputError: it is none of these.
    """
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise InputError(f"{text!r} is neither yes nor no")
    return word in _TRUE


@dataclass(frozen=True, slots=True)
class _Written:
    """What a field's metadata hold."""

    help: str
    group: Group
    name: str | None
    read: Callable[[str], Any] | None
    metavar: str | None
    choices: tuple[str, ...]


def option(
    default: Value,
    text: str,
    *,
    group: Group,
    name: str | None = None,
    read: Callable[[str], Value] | None = None,
    metavar: str | None = None,
    choices: object = None,
) -> Value:
    """A dataclass's field that is also an option; `text` is its help, `choices` a Literal type."""
    written = _Written(text, group, name, read, metavar, get_args(choices) if choices is not None else ())
    made: Value = field(default=default, metadata={_KEY: written})
    return made


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """The options of a dataclass, in the order of its fields; fields that are no options are left out."""
    found = []
    for item in fields(kind):
        written = item.metadata.get(_KEY)
        if not isinstance(written, _Written):
            continue
        flag = isinstance(item.default, bool)
        name = written.name or item.name.replace("_", "-")
        read = written.read or _reader(name, item.default, written.choices)
        found.append(
            Option(name, item.name, written.help, written.group, item.default, read, written.metavar, written.choices,
                   stored=not item.default if flag else None)
        )  # fmt: skip
    return tuple(found)


def _reader(name: str, default: object, choices: tuple[str, ...]) -> Callable[[str], Any]:
    """How a text becomes a value of the default's kind."""

    def read(text: str) -> Any:
        word = text.strip()
        if choices:
            if word not in choices:
                raise InputError(f"there is no {name} {word!r}: choose one of {', '.join(choices)}")
            return word
        try:
            if isinstance(default, int):
                return int(word)
            return float(word) if isinstance(default, float) else word
        except ValueError:
            raise InputError(f"{name} is a number, not {text!r}") from None

    return read
