"""What the package says, in the page's words: messages name options of the command line, which a page does not have."""

from __future__ import annotations

import re

# What nothing on the page can do is left out; the rest has a name there. In this order.
_SAID = tuple((re.compile(pattern), instead) for pattern, instead in (
    (r",? or say where it is \(--box [^)]*\)", ""),
    (r",? or draw it all the same \(--force-mouth\)", ""),
    (r",? or choose --renderer warp", ""),
    (r"--face, --box choose", "choose another under Face"),
    (r"give another with --face or --box", "choose another under Face"),
    (r"--language names another", "another can be chosen under Voice and language"),
    (r"--(?:voice|language)\b", "Voice and language"),
    (r"--no-audio\b", "Leave its sound out"),
    (r"--max-side\b", "Size"),
    (r"--background\b", "Background"),
    (r"--face\b(?!-)", "Face"),
    (r"--framing\b", "Show"),
    (r"--emotion\b", "Emotion"),
    (r"--still\b", "Keep the head still"),
))  # fmt: skip
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def on_page(said: str) -> str:
    """A message or note as the page tells it; an option that is left is the command's that has started the page."""
    for pattern, instead in _SAID:
        said = pattern.sub(instead, said)
    options = list(dict.fromkeys(_OPTION.findall(said)))
    return f"{said} ({', '.join(options)}: of the command that started this page)" if options else said
