"""The tree of errors is the one that its module draws."""

from __future__ import annotations

import re
from itertools import takewhile

from talkinghead.core import errors


def drawn() -> dict[str, str | None]:
    """Every class in the docstring's tree -> its parent."""
    assert errors.__doc__
    parents: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []  # the classes under which the line stands, with their columns
    for line in errors.__doc__.splitlines():
        found = re.match(r"^(?P<branch>[ │├└─]+)(?P<name>\w+Error)\b", line)
        if found is None:
            continue
        column = len(found["branch"])
        above = list(takewhile(lambda item, column=column: item[0] < column, above))
        parents[found["name"]] = above[-1][1] if above else None
        above.append((column, found["name"]))
    return parents


def test_the_docstring_draws_every_class_under_its_parent() -> None:
    classes = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    parents = {name: kind.__base__.__name__ for name, kind in classes.items() if kind.__base__ is not None}
    assert len(parents) >= 11
    assert drawn() == {**parents, "TalkingHeadError": None}
    assert all(issubclass(kind, errors.TalkingHeadError) for kind in classes.values())
