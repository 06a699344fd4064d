# Both of the README's commands: they need Python 3.11, make and a package index, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint checkpoint clean

demo: $(VENV)/.installed
	@mkdir -p out
	$(BIN)/talkinghead speak examples/grace_hopper.jpg examples/speech.wav -o out/demo.mp4 --force
	@echo "The video is at $(CURDIR)/out/demo.mp4"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# The embedded speech model, from nothing. Needs flite, festival with its festvox-* voices, and fortunes from Debian (the
# card in checkpoints/audio2motion lists them); without them the voices are espeak-ng's alone and the model is worse.
checkpoint: $(VENV)/.installed-dev
	$(BIN)/audio2motion corpus corpus --hours 6 --seed 11 --speechless 0.16 --workers 2
	OMP_NUM_THREADS=1 ACCELERATE_USE_CPU=true $(BIN)/torchrun --nproc_per_node 2 -m audio2motion train corpus \
		-o checkpoints/audio2motion --minutes 34 --epochs 100 --patience 50 --batch-size 12 --learning-rate 0.002 \
		--mixed-precision bf16

clean:
	rm -rf $(VENV) out
