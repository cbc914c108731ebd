#!/usr/bin/env bash
# All that needs a CUDA GPU, within 25 minutes: the tests marked `cuda`, then the timings. What they say is in
# ${OUT:-cuda-results}, a few small files. The package is installed, or found beside this folder.
set -uo pipefail
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
out=${OUT:-cuda-results}
python=${PYTHON:-python3}
mkdir -p "$out"

"$python" -c 'import torch; print(torch.__version__, torch.cuda.get_device_properties(0))' 2>&1 | tee "$out/device.txt" ||
    { echo "there is no CUDA GPU here" >&2; exit 1; }

status=0
timeout -k 10 780 "$python" -m pytest -m cuda -n 0 -rs --durations 10 tests/cuda 2>&1 | tee "$out/tests.txt" || status=1
timeout -k 10 480 "$python" benchmarks/gpu_timings.py --out "$out" 2>&1 | tee "$out/timings.txt" || status=1
# the compiler takes its time: one batch size
timeout -k 10 200 "$python" benchmarks/gpu_timings.py --compile --batches 8 --rounds 1 --out "$out/compiled" 2>&1 |
    tee "$out/compiled.txt" || status=1
exit $status
