#!/bin/sh
# Makes the virtual environments of the peers: VENV_DIR/keras and VENV_DIR/torch.
# Usage: bench/setup_peers.sh VENV_DIR      (needs python3-venv, network access to PyPI, about 8 GB)
set -eu

if [ $# -ne 1 ]; then
  echo "usage: $0 VENV_DIR" >&2
  exit 2
fi
mkdir -p "$1"

python3 -m venv "$1/keras"
"$1/keras/bin/pip" install --quiet tensorflow-cpu "keras>=3"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=2 "$1/keras/bin/python" -c \
  'import keras, tensorflow; print("keras", keras.__version__, "tensorflow", tensorflow.__version__)'

# PyPI's Linux wheel of PyTorch is linked against the CUDA libraries it depends on and does not import
# without them (tried: --no-deps ends with a missing libcufile), so they come along and stay unused.
python3 -m venv "$1/torch"
"$1/torch/bin/pip" install --quiet torch numpy
"$1/torch/bin/python" -c 'import torch; print("torch", torch.__version__)'

# torch.compile generates C++: without a compiler its rows are recorded as failed.
command -v g++ >/dev/null || echo "note: no g++, the torch.compile modes will be recorded as failed"
