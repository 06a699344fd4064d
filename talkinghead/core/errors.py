"""Every error that talkinghead raises on purpose.

    TalkingHeadError
    ├── InputError              something that was handed in cannot be used
    │   ├── ImageError          a picture cannot be read
    │   ├── FaceError           no face, or not the face that was asked for
    │   ├── AudioError          no sound, or sound that cannot be decoded
    │   ├── VideoError          a video cannot be decoded
    │   └── MotionError         a motion file or its values are wrong
    ├── OutputError             the result cannot be written
    ├── CheckpointError         weights are missing, damaged or of another kind
    ├── DependencyError         an optional package or program is missing or broken
    └── DeviceError             the asked device or precision does not exist here

Each message is one line that names the input and says what to do about it: the command line prints it as it
is and exits with code 1.
"""


class TalkingHeadError(Exception):
    """Base class: catch this to catch everything that talkinghead raises on purpose.

    Names of files and values stand in messages as they are, and may hold line breaks: a message has none.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(" ".join(message.splitlines()))


class InputError(TalkingHeadError):
    """Something that was handed in cannot be used."""


class ImageError(InputError):
    """A picture cannot be read."""


class FaceError(InputError):
    """No face was found, or not the one that was asked for."""


class AudioError(InputError):
    """There is no sound, or it cannot be decoded."""


class VideoError(InputError):
    """A video cannot be decoded."""


class MotionError(InputError):
    """A motion file, or the values in it, are wrong."""


class OutputError(TalkingHeadError):
    """The result cannot be written."""


class CheckpointError(TalkingHeadError):
    """Weights are missing, damaged or of another kind than was asked for."""


class DependencyError(TalkingHeadError):
    """An optional package or program is missing or broken."""


class DeviceError(TalkingHeadError):
    """The device or precision that was asked for does not exist here."""
