"""`python -m talkinghead`."""

from talkinghead.cli import run

if __name__ == "__main__":
    run()
