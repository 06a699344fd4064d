"""The one error that audio2motion raises on purpose."""


class Audio2MotionError(Exception):
    """Something that was handed in cannot be used: one line says what, and what to do about it."""

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))  # names of files may hold line breaks
