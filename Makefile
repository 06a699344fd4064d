# What the README names: it needs Python 3.10 to 3.13, make and a package index, nothing else.
# Another Python beside the first: make test PYTHON=python3.10 VENV=.venv310
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The tests run in as many processes as there are processors, a file of them in one.
PARALLEL ?= -n auto --dist loadfile
# What is installed for the tests: EXTRAS=dev,tts adds packages whose tests are skipped without them.
EXTRAS ?= dev
# Which tests: all of them, or some folders and files; those marked slow run in `make coverage`, or with SLOW=yes.
TESTS ?=
SLOW ?=

.PHONY: demo test coverage lint packages checkpoint clean

demo: $(VENV)/.installed
	@mkdir -p out
	$(BIN)/talkinghead speak examples/grace_hopper.jpg examples/speech.wav -o out/demo.mp4 --force
	@echo "The video is at $(CURDIR)/out/demo.mp4"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL) $(if $(SLOW),,-m "not slow") $(TESTS)

# All tests, the slow ones too: which lines of the packages they ran. From Python 3.12 on COVERAGE_CORE=sysmon makes it cheap.
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Wheel and sdist: built, looked into, installed into fresh environments, used.
packages:
	tools/check_packages.sh $(PYTHON)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt .
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

.PHONY: agents
# LiveKit and Pipecat with all else in one environment, and the tests that need them. Pipecat and Gradio want older ones
# of three packages than constraints.txt pins.
agents:
	$(PYTHON) -m venv .venv-agents
	@mkdir -p out
	grep -vE '^(pillow|soundfile|soxr)==' constraints.txt > out/agents.txt
	.venv-agents/bin/python -m pip install --quiet -c out/agents.txt -e '.[dev,livekit,pipecat,serve,app,tts]'
	.venv-agents/bin/python -m pytest tests/integrations tests/realtime tests/server

.PHONY: docs
# The site, into out/site; any warning is an error.
docs: $(VENV)/.installed-docs
	$(BIN)/python docs/draw_house.py
	$(BIN)/mkdocs build --strict

$(VENV)/.installed-docs: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

# Half precision is quicker where the processor multiplies in it; elsewhere it takes twice as long as single precision.
MIXED ?= $(if $(shell grep -m1 -oE 'amx_bf16|avx512_bf16' /proc/cpuinfo 2>/dev/null),bf16,no)
TRAIN := OMP_NUM_THREADS=1 ACCELERATE_USE_CPU=true $(BIN)/torchrun --nproc_per_node 2 -m audio2motion train out/corpus out/more \
	--look-ahead 10 --settle 0 --epochs 100 --patience 50 --batch-size 12 --mixed-precision $(MIXED)

# Whose voices the features' heads hear beside the corpus: one corpus of each engine.
HEARD := espeak-ng $(if $(shell command -v flite),flite)

# The embedded speech model, from nothing. Needs flite, festival with its festvox-* voices, and fortunes from Debian (the
# card in checkpoints/audio2motion lists them); without them the voices are espeak-ng's alone and the model is worse.
checkpoint: $(VENV)/.installed-dev
	$(BIN)/audio2motion corpus out/corpus --hours 6 --seed 11 --speechless 0.16 --workers 2
	$(BIN)/audio2motion corpus out/more --hours 3 --seed 12 --speechless 0.16 --workers 2
	for engine in $(HEARD); do \
		$(BIN)/audio2motion corpus out/$$engine --hours 0.8 --seed 31 --speechless 0.16 --workers 2 --engines $$engine || exit 1; \
	done
	$(TRAIN) -o out/first --minutes 31 --learning-rate 0.002
	$(TRAIN) -o out/model --init out/first --keep 0.5 --minutes 9 --learning-rate 0.0014
	OMP_NUM_THREADS=1 $(BIN)/audio2motion fit out/corpus $(HEARD:%=out/%) --init out/model -o out/fitted --hours 0.8 --penalty 30000 \
		--speed 0.88 --speed 1.14
	$(BIN)/audio2motion export out/fitted
	cp out/fitted/config.json out/fitted/model.safetensors out/fitted/model.onnx checkpoints/audio2motion/
	$(BIN)/python tools/hash_networks.py

.PHONY: fuzz kills
# Nightly: every reader with that many damaged files, and commands killed at random moments.
FUZZ_CASES ?= 10000
fuzz: $(VENV)/.installed-dev
	nice -n 10 $(BIN)/python tools/fuzz.py all --cases $(FUZZ_CASES) --even --keep out/fuzz

kills: $(VENV)/.installed-dev
	nice -n 10 $(BIN)/python tools/kills.py --kills 300

clean:
	rm -rf $(VENV) out dist .coverage
