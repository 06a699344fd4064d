#!/usr/bin/env bash
# Build wheel and sdist, look into them, and install each into a fresh environment and use it far from the repository.
#
#   tools/check_packages.sh [PYTHON]      writes to dist/ and works in a temporary folder
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '== %s\n' "$*"; }

say "build"
"$python" -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet -c constraints.txt build twine
rm -rf dist
"$work/build/bin/python" -m build --outdir dist . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$work/build/bin/python" -m twine check --strict dist/*
"$work/build/bin/python" tools/check_contents.py dist

for package in dist/*.whl dist/*.tar.gz; do
  say "$package: install into a fresh environment"
  "$python" -m venv "$work/venv"
  # What is imported below is compiled then; compiling all of PyTorch takes longer than the rest.
  "$work/venv/bin/python" -m pip install --quiet --no-compile -c constraints.txt "$package"

  # The same examples, but no repository in sight: neither on the path nor above the working folder.
  mkdir "$work/elsewhere"
  cp examples/grace_hopper.jpg examples/speech.wav tools/import_all.py "$work/elsewhere"
  cd "$work/elsewhere"
  export PATH="$work/venv/bin:$PATH"
  say "$package: use it"
  talkinghead doctor
  talkinghead --help >/dev/null
  audio2motion --help >/dev/null
  talkinghead speak grace_hopper.jpg speech.wav -o speech.mp4
  talkinghead speak grace_hopper.jpg --text "Good morning." -o text.mp4
  test -s speech.mp4 && test -s text.mp4
  cd "$root"
  say "$package: with the extras that modules of its own need"
  "$work/venv/bin/python" -m pip install --quiet --no-compile -c constraints.txt "$package[serve,tts]"
  (cd "$work/elsewhere" && python import_all.py)
  rm -rf "$work/venv" "$work/elsewhere"
done
say "packages: all is well"
