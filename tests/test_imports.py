"""Modules can be imported from several threads at once, in any order."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from docs.house import ROOT, Import, files, imports

PACKAGES = ("talkinghead", "audio2motion")


def test_what_a_package_imports_of_itself_is_taken_from_the_package() -> None:
    """`from package import module`, where the package imports the module; never `from package.module import name`.

    The latter locks the module before its package. A thread that imports the package itself locks the two the other way
    round, and where both meet, Python ends one of them with a deadlock error.
    """
    wrong = []
    for package in (name for name, path in modules().items() if path.name == "__init__.py"):
        inside = {name for name in reached(package) if name.startswith(f"{package}.")}
        for name, path in modules().items():
            if name != package and not name.startswith(f"{package}."):
                wrong += [f"{path}:{found.line}: {found.module}" for found in happening(name) if found.module in inside]
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_need_each_other_to_be_imported() -> None:
    """Two threads that each hold one of them would meet in the same way."""
    assert not [name for name in modules() if name in reached(name)]


def test_a_package_may_be_imported_while_a_thread_loads_the_networks() -> None:
    """As a call does. The thread asks for its module at the worst time: when the package is about to be looked for."""
    program = """
import sys, threading
import numpy as np
from talkinghead.calls import _load_networks

def load():
    try:
        _load_networks()
    except BaseException as error:
        failed.append(error)

def hold(event, arguments):
    if event == "exec" and arguments[0].co_filename == models and not loading.ident:
        loading.start()
        loading.join(0.5)

failed = []
loading = threading.Thread(target=load)
models = sys.argv[1]
sys.addaudithook(hold)
from talkinghead.faces import find_face
loading.join()
print(failed, find_face.__name__)
"""
    arguments = [sys.executable, "-c", program, str(modules()["talkinghead.models"])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[] find_face\n"


@lru_cache
def modules() -> dict[str, Path]:
    found = {}
    for path in (path for package in PACKAGES for path in files(package)):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


@lru_cache
def happening(name: str) -> list[Import]:
    """What a module imports, but for what only type checkers read."""
    return [found for found in imports(modules()[name]) if found.when != "never"]


@lru_cache
def needs(name: str) -> frozenset[str]:
    """The modules that importing a module imports itself, with the packages they are in; its own are there already."""
    needed = set()
    for found in happening(name):
        if found.when == "at once":
            needed |= {found.module, *parents(found.module), f"{found.module}.{found.name}"}
    return frozenset(needed & set(modules())) - parents(name) - {name}


def parents(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}


@lru_cache
def reached(name: str) -> frozenset[str]:
    """All modules that importing a module imports."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = needs(waiting.pop()) - seen
        seen |= new
        waiting += new
    return frozenset(seen)
