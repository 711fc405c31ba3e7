# SPDX-License-Identifier: Apache-2.0
"""How long bases take, what slice selection does to edited GABA, and how many positions are enough.

``python benchmarks/simulate.py`` prints, and asserts nothing:

- ``fida``: GABA, ON and OFF, on a 16 x 16 grid, beside the figures of FID-A;
- ``set``: 20 metabolites, three slice-selective pulses at 64 positions each, two processes;
- ``mrsandbox``: GABA on the same job as MRSandbox 0.1.3, alternately in this process (skipped when it is not
  installed; it is no dependency: ``pip install 'mrsandbox[jax]==0.1.3'``);
- ``bank``: 256 bases of five metabolites, extrapolated from 16;
- ``convergence``: areas against the number of positions, and the length of segments; ``--figure FILE`` draws it.

Name some of these to run only them. Every process uses one thread. Times are the least of several repeats: other
programs can only lengthen one.
"""

from __future__ import annotations

# ruff: noqa: E402 (the variables below are read when numpy is first imported)
import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import importlib.util
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T, RECEIVER_PPM
from fsl_mrs_dl.physics.pulses import ShapedPulse
from fsl_mrs_dl.physics.sequences import Block, Experiment, MegaPress
from fsl_mrs_dl.physics.simulate import LineList, Numerics, simulate, simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system

SET = (
    "Ala",
    "Asc",
    "Asp",
    "Cr",
    "PCr",
    "GABA",
    "GPC",
    "PCh",
    "GSH",
    "Glc",
    "Gln",
    "Glu",
    "Ins",
    "Lac",
    "NAA",
    "NAAG",
    "PE",
    "Scyllo",
    "Ser",
    "Tau",
)
PHANTOM = ("GABA", "Glu", "Gln", "NAA", "Cr")
SELECTIVE = MegaPress(excitation="slr", refocusing="slr")
SEED = 7

N_POSITIONS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64, 128, 256)
FOV_SLICES = (1.2, 1.4, 1.6, 1.8, 2.0)
LIMIT = (512, 2.4)
"""Positions and field in slices that stand for the limit."""

LIMIT_SEGMENT_S = 2e-5


def least(job: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Least CPU seconds and wall seconds of some repeats, and the last result."""
    cpu, wall, result = [], [], None
    for _ in range(repeats):
        wall_start, start = time.perf_counter(), time.process_time()
        result = job()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - wall_start)
    return min(cpu), min(wall), result


def area(lines: LineList, low_ppm: float, high_ppm: float, f0_mhz: float) -> float:
    """Area of the lines in a range of chemical shift."""
    ppm = RECEIVER_PPM + lines.shift_hz / f0_mhz
    return float(lines.amplitude[(ppm > low_ppm) & (ppm < high_ppm)].sum().real)


def areas(sequence: MegaPress, numerics: Numerics | None = None) -> dict[str, float]:
    """Areas per slice of GABA at 3.0 ppm in DIFF, NAA at 2.01 ppm in DIFF and Cr at 3.03 ppm in OFF, and ratios."""
    pairs = {name: simulate_metabolite(load_system(name), sequence, numerics) for name in ("GABA", "NAA", "Cr")}
    gaba = area(pairs["GABA"].diff, 2.85, 3.18, sequence.f0_mhz)
    naa = area(pairs["NAA"].diff, 1.95, 2.07, sequence.f0_mhz)
    cr = area(pairs["Cr"].edit_off, 2.93, 3.12, sequence.f0_mhz)
    return {"GABA/Cr": gaba / cr, "NAA/Cr": naa / cr, "GABA": gaba, "NAA": naa, "Cr": cr}


def against_fida() -> None:
    """GABA on a 16 x 16 grid."""
    print("GABA, ON and OFF, shaped refocusing pulses on a 16 x 16 grid (target: 0.5 s CPU)")
    grid = MegaPress(refocusing="slr", n_positions=16, edit_duration_s=0.02)
    system = load_system("GABA")
    variants = {
        "crushers": grid,
        "phase cycle of FID-A's examples": replace(grid, selection="phase_cycle"),
        "phase cycle and crushers about the editing pulses": replace(grid, selection="phase_cycle", edit_crushers=True),
    }
    for label, sequence in variants.items():
        cpu, wall, _ = least(lambda s=sequence: simulate_metabolite(system, s), 15)  # type: ignore[misc]
        print(f"  {label}: {cpu:.3f} s CPU, {wall:.3f} s wall (least of 15)")
    print("  FID-A under Octave, not measured here (../shared/reference/fida/README.md): run_simMegaPressShaped_fast")
    print("  390 s CPU on 8 x 8, about twice that on 16 x 16; the same sums reorganised by hand, 4.9 s on 16 x 16")
    for label, sequence in {
        "ideal": MegaPress(edit_duration_s=0.015, edit_truncation=0.03),
        "slice profile, 16 positions": MegaPress(
            edit_duration_s=0.015, edit_truncation=0.03, refocusing="slr", n_positions=16, fov_slices=1.6
        ),
    }.items():
        print(f"  {label}: GABA DIFF 3.0 ppm / Cr 3.03 ppm: {areas(sequence)['GABA/Cr']:.4f}")


def cost(name: str) -> int:
    """Roughly what a metabolite costs."""
    return sum(8**group.n_spins for group in load_system(name).groups)


def timed_metabolite(name: str, sequence: MegaPress) -> float:
    """CPU seconds of a metabolite."""
    start = time.process_time()
    simulate_metabolite(load_system(name), sequence)
    return time.process_time() - start


def whole_set() -> None:
    """A basis of 20 metabolites in two processes."""
    print("20 metabolites, ON and OFF, excitation and both refocusing pulses selective, 64 positions each, 2 processes")
    names, sequence = sorted(SET, key=cost, reverse=True), replace(SELECTIVE, n_positions=64)
    start = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {name: pool.submit(timed_metabolite, name, sequence) for name in names}
        seconds = {name: future.result() for name, future in futures.items()}
    wall = time.perf_counter() - start
    print(f"  {wall:.1f} s wall with the start of the processes (target: 30 s), {sum(seconds.values()):.1f} s CPU")
    print("  " + ", ".join(f"{name} {s:.2f}" for name, s in seconds.items()))


def same_sequences(theirs: Sequence[Any], f0_mhz: float, isochromats: int) -> list[Experiment]:
    """Sequences of MRSandbox as ours: the same waveforms in the frame of 0 ppm, delays, gradients and positions.

    Equal pulses and equal blocks become one object each, as in `MegaPress.experiments`: the simulator makes their
    propagators once.
    """
    pulses: dict[tuple[float, bytes], ShapedPulse] = {}
    shared: dict[tuple[Any, ...], Block] = {}
    return [_same_sequence(sequence, f0_mhz, isochromats, pulses, shared) for sequence in theirs]


def _same_sequence(
    theirs: Any,
    f0_mhz: float,
    isochromats: int,
    pulses: dict[tuple[float, bytes], ShapedPulse],
    shared: dict[tuple[Any, ...], Block],
) -> Experiment:
    blocks: list[dict[str, Any]] = []
    extent_mm, gain = {}, 1.0
    for event in theirs.events:
        kind = type(event).__name__
        if kind == "ShapedPulse":
            envelope = np.asarray(event.envelope, dtype=float)
            step_s = event.duration_s / len(envelope)
            turns = event.phase_deg / 360 + event.offset_ppm * f0_mhz * (np.arange(len(envelope)) + 0.5) * step_s
            w1_hz = event.played_peak_hz * envelope / envelope.max() * np.exp(2j * np.pi * turns)
            key = (event.duration_s, w1_hz.tobytes())
            blocks.append({"pulse": pulses.setdefault(key, ShapedPulse(w1_hz, event.duration_s)), "delay_s": 0.0})
            if event.gradient_hz_per_mm:
                blocks[-1]["gradient_hz_per_m"] = _along(event.gradient_axis, event.gradient_hz_per_mm * 1e3)
                extent_mm[event.gradient_axis] = event.extent_mm
        elif kind == "Delay":
            blocks[-1]["delay_s"] = event.t_s
        elif kind == "CoherenceFilter":
            (order,) = np.atleast_1d(event.orders)
            blocks[-1]["keep_order"] = int(order)
        elif kind == "Gradient":
            blocks[-1]["moment_per_m"] = _along(event.axis, event.moment_per_mm * 1e3)
        elif kind == "Projection":
            gain *= event.gain
        else:
            raise TypeError(f"MRSandbox plays a {kind} that this comparison does not know")
    cells = (np.arange(isochromats) + 0.5) / isochromats - 0.5
    x, y, z = (cells * extent_mm[axis] * 1e-3 for axis in "xyz")
    played = tuple(shared.setdefault((id(b["pulse"]), *list(b.items())[1:]), Block(**b)) for b in blocks)
    return Experiment(played, f0_mhz, 0.0, (x, y, z), scale=gain)


def _along(axis: str, value: float) -> tuple[float, float, float]:
    return (value * (axis == "x"), value * (axis == "y"), value * (axis == "z"))


def against_mrsandbox(isochromats: int = 32) -> None:
    """GABA by MRSandbox and by us, alternately."""
    print(f"GABA, ON and OFF, MRSandbox's LocalizedMegaPress, {isochromats} positions per axis (target: 10 times)")
    try:
        import mrsandbox
    except ImportError as error:
        print(f"  skipped: MRSandbox cannot be imported ({error})")
        return
    system, f0_mhz = load_system("GABA"), 127.73
    (group,) = system.groups
    coupling_hz = np.zeros((group.n_spins, group.n_spins))
    for i, j, value in group.couplings:
        coupling_hz[i, j] = coupling_hz[j, i] = value
    matrix = tuple(tuple(row) for row in coupling_hz.tolist())
    spins = mrsandbox.SpinSystem("GABA", "1H", group.shifts_ppm, matrix, 1.0, GAMMA_H_MHZ_PER_T)
    engine = mrsandbox.Engine(f0_mhz / GAMMA_H_MHZ_PER_T, isochromats=isochromats)
    made = mrsandbox.LocalizedMegaPress.pair(f0_mhz, on_ppm=1.9, off_ppm=7.5, size_mm=30.0)
    sequences = [made["off"], made["on"]]

    def lines(freqs: Any, amps: Any) -> LineList:
        return LineList(np.asarray(freqs, dtype=float) - RECEIVER_PPM * f0_mhz, np.asarray(amps, dtype=complex))

    def eager() -> list[LineList]:
        return [lines(*engine.lines(sequence, spins)) for sequence in sequences]

    def compiled() -> list[LineList]:
        # relaxation times of 31 years: its compiled graph needs some
        return [lines(*engine.compiled(sequence, spins)(1e9, 1e9, 1.0, 0.0)) for sequence in sequences]

    def ours() -> list[LineList]:
        return simulate(system, same_sequences(sequences, f0_mhz, isochromats))

    jobs = {"MRSandbox, compiled graph": compiled, "MRSandbox, as called": eager, "fsl_mrs_dl": ours}
    best = {label: (np.inf, np.inf) for label in jobs}
    results: dict[str, list[LineList]] = {}
    for repeat in range(6):
        for label, job in jobs.items():
            cpu, wall, results[label] = least(job, 1)
            if repeat:  # the first compiles
                best[label] = (min(best[label][0], cpu), min(best[label][1], wall))
    for label, (cpu, wall) in best.items():
        print(f"  {label}: {cpu:.3f} s CPU, {wall:.3f} s wall, warm, least of 5")
    own = best["fsl_mrs_dl"]
    for label in list(jobs)[:2]:
        print(
            f"  {label} / fsl_mrs_dl: {best[label][0] / own[0]:.1f} in CPU, {best[label][1] / own[1]:.1f} in wall time"
        )
    fids = {label: [x.fid(2048, 5e-4, 2.0) for x in pair] for label, pair in results.items()}
    reference, got = (np.array([*f, f[1] - f[0]]) for f in (fids["MRSandbox, compiled graph"], fids["fsl_mrs_dl"]))
    factor = np.vdot(got[:2], reference[:2]) / np.vdot(got[:2], got[:2])
    errors = np.linalg.norm(factor * got - reference, axis=1) / np.linalg.norm(reference, axis=1)
    print(
        f"  one factor for all: {abs(factor):.5f} at {np.rad2deg(np.angle(factor)):.2f} degrees; relative L2 after it: "
    )
    print("    " + ", ".join(f"{c} {e:.1e}" for c, e in zip(("OFF", "ON", "DIFF"), errors, strict=True)))


def bank_member(protocol: MegaPress, seed: int) -> None:
    """Simulate a member of a bank."""
    rng = np.random.default_rng(seed)
    for name in PHANTOM:
        simulate_metabolite(load_system(name).jittered(0.004, rng), protocol)


def bank() -> None:
    """256 bases from 16 of them."""
    config = BankConfig(n_members=256)
    chosen = np.random.default_rng(SEED).choice(256, 16, replace=False)
    draws = config.draw()
    start = time.perf_counter()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        started = [pool.submit(time.process_time) for _ in range(2)]
        [future.result() for future in started]
        start = time.perf_counter()
        list(pool.map(bank_member, [draws[i][0] for i in chosen], chosen.tolist()))
    seconds = time.perf_counter() - start
    print(f"a bank of {', '.join(PHANTOM)} ({config.n_positions} positions), 2 processes, 16 random members of 256:")
    print(f"  {seconds:.2f} s wall, so {seconds * 16:.0f} s for 256 (target: 900 s)")


def errors_in_percent(sequence: MegaPress, limit: dict[str, float], numerics: Numerics | None = None) -> np.ndarray:
    """Deviation of each of `areas` from the limit, percent."""
    found = areas(sequence, numerics)
    return np.array([100 * (found[key] / limit[key] - 1) for key in limit])


def convergence(figure: Path | None) -> None:
    """Areas against the grid and the length of segments."""
    print("deviation from the limit in percent; excitation and refocusing selective (SLR), cell-centred positions")
    limit = areas(replace(SELECTIVE, n_positions=LIMIT[0], fov_slices=LIMIT[1]))
    print(
        f"  limit ({LIMIT[0]} positions over {LIMIT[1]} slices): " + ", ".join(f"{k} {v:.4f}" for k, v in limit.items())
    )
    print("  slices  positions  " + "  ".join(f"{key:>8}" for key in limit))
    table = {}
    for fov in FOV_SLICES:
        for n in N_POSITIONS:
            table[fov, n] = errors_in_percent(replace(SELECTIVE, n_positions=n, fov_slices=fov), limit)
            print(f"  {fov:6}  {n:9}  " + "  ".join(f"{e:8.3f}" for e in table[fov, n]))
    default = errors_in_percent(SELECTIVE, limit)
    print(
        f"  default ({SELECTIVE.n_positions} over {SELECTIVE.fov_slices}): " + "  ".join(f"{e:8.3f}" for e in default)
    )

    print("  longest segment (us) at the default grid, against 20 us")
    fine = areas(SELECTIVE, Numerics(max_segment_s=LIMIT_SEGMENT_S))
    for segment_s in (6e-4, 4.5e-4, 3e-4, 1.5e-4, 1e-4, 5e-5):
        found = errors_in_percent(SELECTIVE, fine, Numerics(max_segment_s=segment_s))
        print(f"  {segment_s * 1e6:6.0f}             " + "  ".join(f"{e:8.4f}" for e in found))
    if figure:
        draw(figure, table, list(limit))


def draw(path: Path, table: dict[tuple[float, int], np.ndarray], keys: list[str]) -> None:
    """The figure of docs/simulator.md."""
    from fsl_mrs_dl.core.canvas import new_figure, save_figure

    shown = ("GABA/Cr", "NAA/Cr", "GABA", "Cr")
    titles = ("GABA (DIFF 3.0 ppm) / Cr", "NAA (DIFF 2.0 ppm) / Cr", "GABA per slice", "Cr per slice")
    fig = new_figure(figsize=(9.2, 6.2), layout="constrained")
    axes = fig.subplots(2, 2, sharex=True, sharey=True)
    for axis, key, title in zip(axes.flat, shown, titles, strict=True):
        for fov in FOV_SLICES:
            values = [abs(table[fov, n][keys.index(key)]) for n in N_POSITIONS]
            axis.loglog(N_POSITIONS, np.maximum(values, 1e-3), "o-", markersize=3, label=f"{fov:.1f} slices")
        axis.axhline(0.2, color="0.3", linestyle="--", linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_xticks([4, 8, 16, 32, 64, 128, 256], ["4", "8", "16", "32", "64", "128", "256"])
        axis.minorticks_off()
        axis.set_ylim(1e-3, 100)
        axis.grid(alpha=0.3)
    axes[0, 0].text(256, 0.22, "0.2 %", ha="right", va="bottom", fontsize=8, color="0.3")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, title="field", loc="outside right upper", fontsize=8, title_fontsize=8)
    fig.supxlabel("positions across each slice", fontsize=10)
    fig.supylabel("error of area (%)", fontsize=10)
    save_figure(path, fig, dpi=80)


def main() -> None:
    """Run what is asked for."""
    parts = ("fida", "set", "mrsandbox", "bank", "convergence")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of {', '.join(parts)}; all by default")
    parser.add_argument("--figure", type=Path, help="draw the convergence here (PNG; needs matplotlib)")
    options = parser.parse_args()
    for part in options.parts:
        if part not in parts:
            parser.error(f"unknown part '{part}': choose from {', '.join(parts)}")
    wanted = options.parts or parts
    if options.figure and importlib.util.find_spec("matplotlib") is None:
        parser.error("--figure needs matplotlib: pip install matplotlib")
    print(f"numpy {np.__version__}, one thread per process, {os.cpu_count()} cores")
    runs = {"fida": against_fida, "set": whole_set, "mrsandbox": against_mrsandbox, "bank": bank}
    for part in parts:
        if part in wanted:
            runs.get(part, lambda: convergence(options.figure))()


if __name__ == "__main__":
    main()
