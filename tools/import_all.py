"""Import every module of the installed packages: what a wheel forgot to bring shows here, not in a user's hands."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

# What comes with some builds of PyTorch alone, and what is large and for an extra of its own: modules that need it are
# imported where it is.
NOT_EVERYWHERE = {"triton", "aiortc", "av", "gradio", "livekit", "pandas", "pipecat"}


def missing(error: BaseException | None) -> str | None:
    """The package that an import did not find, where our own error tells of it, too."""
    if isinstance(error, ModuleNotFoundError):
        return None if error.name is None else error.name.split(".")[0]
    return None if error is None else missing(error.__cause__)


count = 0
for name in ("talkinghead", "audio2motion"):
    package = importlib.import_module(name)
    place = Path(str(package.__file__)).resolve()
    if Path(sys.prefix).resolve() not in place.parents:
        sys.exit(f"{name} was imported from {place}, not from the environment {sys.prefix}")
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except Exception as error:
                if missing(error) not in NOT_EVERYWHERE:
                    raise
            else:
                count += 1
print(f"{count} modules imported from {sys.prefix}")
