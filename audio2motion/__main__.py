"""`python -m audio2motion` and `accelerate launch -m audio2motion`."""

from audio2motion.cli import main

if __name__ == "__main__":
    main()
