#!/usr/bin/env bash
# All that needs a CUDA GPU, in less than 25 minutes and a few files: benchmarks/cuda.sh [CAMVID]
# Results lie in $OUT, cuda-results if not given. The package and its extra `dev` are installed.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-cuda-results}
mkdir -p "$out"
export CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTHONPATH=$PWD

nvidia-smi | tee "$out/device.txt"
timeout 600 python -m pytest -m cuda -n 0 -rs tests/cuda 2>&1 | tee "$out/tests.txt"
tests=${PIPESTATUS[0]}
timeout 600 python benchmarks/gpu.py ${1:+--data "$1"} --out "$out" 2>&1 | tee "$out/speed.txt"
speed=${PIPESTATUS[0]}
timeout 200 python -m linknet_fastai fit streets --minutes 1 --out "$out/streets" 2>&1 | tee "$out/fit.txt"
fit=${PIPESTATUS[0]}
rm -rf "$out/streets"  # weights and checkpoints are large, and what matters was printed
echo "tests $tests, speed $speed, fit $fit"
exit $((tests | speed | fit))
