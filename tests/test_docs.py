"""What the pages show is run as it stands, on the first second of the example recording; what they say exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from audio2motion.cli import main as audio2motion
from docs.generate import filled, message_in, raised
from docs.house import ROOT, files
from talkinghead.cli import main as talkinghead
from talkinghead.core.errors import InputError, TalkingHeadError

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PROGRAMS = {"talkinghead": talkinghead, "audio2motion": audio2motion}
_BLOCK = re.compile(r"(?:<!-- notest: (?P<why>[^\n]+?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A block of code in a page; `why` it is not run, where it is not."""

    language: str
    text: str
    why: str | None


def blocks(page: Path) -> list[Block]:
    return [Block(found["language"], found["text"], found["why"]) for found in _BLOCK.finditer(page.read_text("utf-8"))]


def runs(page: Path) -> bool:
    return any(block.why is None and block.language in ("bash", "python") for block in blocks(page))


def name(page: Path) -> str:
    return str(page.relative_to(DOCS))


def command_lines(text: str) -> Iterator[list[str]]:
    for line in text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


# Pages whose videos take long to draw.
LONG = {
    f"tutorials/{page}.md" for page in ("animate", "backgrounds", "evaluate", "several-faces", "source-videos", "speak")
}


def case(page: Path) -> object:
    return pytest.param(page, id=name(page), marks=[pytest.mark.slow] if name(page) in LONG else [])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [case(page) for page in PAGES if runs(page)])
def test_what_a_page_shows_runs(page: Path, clone: Path) -> None:
    """From the top down, as a reader would: a block may use what those above it made."""
    names: dict[str, object] = {"__name__": page.stem}
    for block in blocks(page):
        if block.why is not None:
            continue
        if block.language == "bash":
            for program, *arguments in command_lines(block.text):
                result = CliRunner().invoke(PROGRAMS[program], arguments)
                assert result.exit_code == 0, f"{shlex.join([program, *arguments])}: {result.output}"
        elif block.language == "python":
            exec(compile(block.text, name(page), "exec"), names)


def test_the_tutorials_write_what_they_name(clone: Path) -> None:
    """The runner above would not see a command that writes nothing."""
    (line,) = (line for line in command_lines(blocks(DOCS / "getting-started.md")[3].text))
    assert line[:2] == ["talkinghead", "speak"]
    assert CliRunner().invoke(talkinghead, line[1:]).exit_code == 0
    assert (clone / "first.mp4").stat().st_size > 10_000


# Parts of messages that stand in the table with the user's value filled in, and one that is the system's own.
FILLED_IN = {
    "a server needs fastapi", "/audio/speech does not speak", "401", "and warp draws here", "No space left on device",
    "--region is an option of the liveportrait renderer", "this machine has no cuda device",
}  # fmt: skip


def quoted() -> dict[str, list[str]]:
    """The first column of the table by kind: each message's parts, without what is filled in."""
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    table = page.partition("## What to do by kind")[2].partition("## All messages")[0]
    rows = re.findall(r"^\| (?!the message|---)(.+?) \| ", table, flags=re.M)
    parts = {row: [part.strip(" .") for part in re.split(r"\.\.\.|, | N\b|: ", row)] for row in rows}
    return {row: [part for part in some if part and part not in FILLED_IN] for row, some in parts.items()}


def said(path: Path) -> Iterator[str]:
    """Every text in a file of code, with what is put in as a gap."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp) and (text := message_in(node)):
            yield re.sub(r"\{[^}]*\}", "...", text)


def test_the_table_of_messages_quotes_the_code() -> None:
    """A message that is worded anew is worded anew on the page, too."""
    code = "\n".join(
        text for package in ("talkinghead", "audio2motion") for path in files(package) for text in said(path)
    )
    wrong = {row: part for row, parts in quoted().items() for part in parts if part not in code}
    assert wrong == {}


def test_the_table_of_messages_has_something_of_each_class() -> None:
    parts = [part for some in quoted().values() for part in some if len(part.split()) > 2]
    told = {kind for package in ("talkinghead", "audio2motion") for path in files(package)
            for kind, text in raised(path) if any(part in text for part in parts)}  # fmt: skip
    assert {kind.__name__ for kind in (*TalkingHeadError.__subclasses__(), *InputError.__subclasses__())} <= told


def known_options() -> set[str]:
    known = {"--help", "--version"}

    def collect(command: click.Command) -> None:
        known.update(word for parameter in command.params for word in parameter.opts if word.startswith("--"))
        if isinstance(command, click.Group):
            context = click.Context(command)
            for member in command.list_commands(context):
                found = command.get_command(context, member)
                assert found is not None
                collect(found)

    for program in PROGRAMS.values():
        collect(program)
    return known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    # Without other programs' options, and those of the benchmarks, tools and examples.
    other = (
        r"'piper [^']*'|`(?:pip|benchmarks|tools|accelerate|python) ?[^`]*`|`[a-z ]*--memory`|(?m:^python examples/.*$)"
    )
    text = re.sub(other, "", page.read_text("utf-8"))
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text))
    assert named <= known_options(), sorted(named - known_options())


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w./-]+\.md", (ROOT / "mkdocs.yml").read_text("utf-8")))
    assert {name(page) for page in PAGES} <= listed


def test_links_between_pages_lead_somewhere() -> None:
    borrowed = {"model-card.md", "changelog.md", "contributing.md", "assets/demo.gif", "assets/emotions_sheet.jpg"}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target and target not in borrowed and target.removeprefix("../") not in borrowed:
                assert (page.parent / target).exists(), f"{name(page)}: {target}"


def test_the_command_page_shows_every_command_with_its_options() -> None:
    text = filled((DOCS / "command-line.md").read_text("utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    for command in ("talkinghead speak", "talkinghead motion convert", "talkinghead export onnx", "audio2motion train"):
        assert command in headings
    assert known_options() <= set(re.findall(r"--[a-z][a-z-]*", text))
    assert "**The liveportrait renderer**" in text


def test_the_messages_page_shows_every_class_of_the_tree() -> None:
    text = filled((DOCS / "troubleshooting.md").read_text("utf-8"))

    def below(kind: type[Exception]) -> Iterator[str]:
        for member in kind.__subclasses__():
            if member.__module__ == "talkinghead.core.errors":
                yield member.__name__
                yield from below(member)

    kinds = list(below(TalkingHeadError))
    assert len(kinds) == 10
    for kind in kinds:
        assert f"── {kind} " in text, f"the tree on the page lacks {kind}"
        assert f"### {kind}\n" in text
    assert len(re.findall(r"^\| .* \| `(?:talkinghead|audio2motion)/", text, flags=re.M)) > 150
    assert "| there is no file {path}: check its name | `talkinghead/media/images.py` |" in text
