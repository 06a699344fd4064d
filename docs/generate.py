"""Parts of the pages that are made from the code: the commands with their options, and every message there is."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click

from audio2motion.cli import main as audio2motion
from docs import house
from talkinghead.cli import main as talkinghead
from talkinghead.cli.options import SECTIONS, GroupedOption
from talkinghead.core import errors

COMMANDS_MARK = "<!-- generated: commands -->"
WIDTH = 80
MESSAGES_MARK = "<!-- generated: messages -->"


def filled(markdown: str) -> str:
    """A page with its generated parts in their places."""
    if COMMANDS_MARK in markdown:
        markdown = markdown.replace(COMMANDS_MARK, commands())
    if MESSAGES_MARK in markdown:
        markdown = markdown.replace(MESSAGES_MARK, messages())
    return markdown


def commands() -> str:
    """Every command of both programs as Markdown, its options in their groups."""
    pages = [page for name, program in (("talkinghead", talkinghead), ("audio2motion", audio2motion))
             for page in _pages(name, program, None)]  # fmt: skip
    return "\n\n".join(pages)


def _pages(name: str, command: click.Command, parent: click.Context | None) -> Iterator[str]:
    """A command's own part, then those of the commands in it."""
    context = click.Context(command, info_name=name, parent=parent, max_content_width=WIDTH, terminal_width=WIDTH)
    level = 2 if parent is None or parent.parent is None else 3
    said = click.HelpFormatter(width=WIDTH)
    command.format_usage(context, said)
    command.format_help_text(context, said)
    head = f"{'#' * level} {context.command_path}"
    yield f"{head}\n\n```text\n{said.getvalue().strip()}\n```\n\n{_options(command, context)}"
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            found = command.get_command(context, member)
            assert found is not None
            yield from _pages(member, found, context)


def _options(command: click.Command, context: click.Context) -> str:
    """A command's options as tables under the headings of its --help."""
    rows: dict[str, list[str]] = defaultdict(list)
    for parameter in command.get_params(context):
        record = None if isinstance(parameter, click.Argument) else parameter.get_help_record(context)
        if record is not None:
            heading = SECTIONS[parameter.section] if isinstance(parameter, GroupedOption) else "Options"
            written, meaning = (" ".join(part.split()) for part in record)
            rows[heading].append(f"| `{written}` | {_cell(meaning)} |")  # between backticks, a bar is a bar
    order = [heading for heading in (*SECTIONS.values(), "Options") if heading in rows]
    return "\n\n".join("\n".join([f"**{heading}**", "", "| option | meaning |", "|---|---|", *rows[heading]])
                       for heading in order)  # fmt: skip


def messages() -> str:
    """Every message of the error tree as Markdown: a table a class."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for package in ("talkinghead", "audio2motion"):
        for path in house.files(package):
            for kind, text in raised(path):
                found[kind].setdefault(text, str(path.relative_to(house.ROOT)))
    parts = []
    for kind in (*_tree(errors.TalkingHeadError), "Audio2MotionError"):
        if kind not in found:
            continue
        rows = [f"| {_cell(text)} | `{where}` |" for text, where in sorted(found[kind].items())]
        parts.append("\n".join([f"### {kind}", "", "| message | raised in |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _tree(kind: type[Exception]) -> Iterator[str]:
    """The names of an error class and of those under it, top down."""
    yield kind.__name__
    for below in kind.__subclasses__():
        yield from _tree(below)


def raised(path: Path) -> Iterator[tuple[str, str]]:
    """(class, message) of every error that a file makes with a message of its own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            kind = ast.unparse(node.func).split(".")[-1]
            text = message_in(node.args[0])
            if kind.endswith("Error") and text is not None and _has_words(text):
                yield kind, text


def _has_words(text: str) -> bool:
    """Whether a message says anything besides what is put in."""
    return any(letter.isalpha() for letter in re.sub(r"\{[^}]*\}", "", text))


def message_in(node: ast.expr) -> str | None:
    """A string's text, with what is put in under its last name in braces; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _placeholder(part.value) if isinstance(part, ast.FormattedValue) else str(ast.literal_eval(part))
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = message_in(node.left), message_in(node.right)
        return None if left is None or right is None else left + right
    return None


def _placeholder(node: ast.expr) -> str:
    """What stands for a value: the plain name where it has one, else three dots."""
    names = [part.attr if isinstance(part, ast.Attribute) else part.id for part in ast.walk(node)
             if isinstance(part, ast.Attribute | ast.Name)]  # fmt: skip
    plain = names[0].strip("_").replace("_", " ") if isinstance(node, ast.Attribute | ast.Name) and names else "..."
    return f"{{{plain}}}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
