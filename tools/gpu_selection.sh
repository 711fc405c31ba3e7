#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Both searches and the trainings of the paper's table; the same command goes on. Run by tools/gpu_selection.toml.
# May be set: SEARCH_S (most seconds of the searches), EPOCHS (of the trainings), WORKERS (trials of a search at a
# time), MAKERS (processes that make spectra), DEVICE, CONFIGS and PAPER (folder of the searches' configurations, and
# further options of studies/paper.py, to try it small).
set -u
SEARCH_S=${SEARCH_S:-210} EPOCHS=${EPOCHS:-6} WORKERS=${WORKERS:-4} MAKERS=${MAKERS:-$(nproc)}
DEVICE=${DEVICE:-cuda} CONFIGS=${CONFIGS:-configs} PAPER=${PAPER:-}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONUNBUFFERED=1
mkdir -p runs/select_cnn runs/select_yae runs/paper/logs

# children in the background do not heed an interrupt: they are told to end, and waited for
trap 'trap "" TERM; kill -TERM 0; wait; exit 130' INT

search() {
    timeout --foreground -s TERM -k 15 "$SEARCH_S" python3 -m fsl_mrs_dl select "$CONFIGS/select_$1.toml" \
        --workers "$WORKERS" --device "$DEVICE" --output "runs/select_$1" > "runs/select_$1/log.txt" 2>&1
    echo "search $1: exit $? after $SECONDS s"
}
paper() {
    local name=$1
    shift
    # shellcheck disable=SC2086
    python3 studies/paper.py train runs/paper --device "$DEVICE" --epochs "$EPOCHS" --makers "$MAKERS" \
        --cnn runs/select_cnn/trials.json --yae runs/select_yae/trials.json $PAPER "$@" \
        > "runs/paper/logs/$name.txt" 2>&1 &
    wait $!
    local code=$?
    echo "paper $name: exit $code after $SECONDS s"
    return $code
}

# the banks and the data sets first: the searches take the same bank
paper data --data-only || exit 1
for kind in cnn yae; do
    [ -d "runs/select_$kind/bank" ] || cp -r runs/paper/bank_ours "runs/select_$kind/bank"
done
search cnn & cnn=$!
search yae & yae=$!
paper plain --workers 2 --without selected streamed & plain=$!
wait $cnn $yae
paper selected --workers 3 --only selected --without streamed
wait $plain
paper all --workers 4
