# SPDX-License-Identifier: Apache-2.0
"""Speed of synthesis with every perturbation on, beside the same spectra made by plain numpy in double precision.

    python benchmarks/synthesis.py [--bank DIR] [--config configs/invivo.toml] [--workers 2] [--device cpu|cuda]

Prints pairs of OFF and ON per second of one and of several processes, the ratio to the plain rendering of the same
draws, and the largest difference between both renderings; with a GPU also its pairs per second, with as many processes
that draw, and how far its spectra are from the CPU's. The bank is simulated into DIR where it is not there.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.synthesise.synthesiser import Draw, Synthesiser
from fsl_mrs_dl.training.config import TrainConfig, read_stages
from fsl_mrs_dl.training.devices import chosen_device
from fsl_mrs_dl.training.run import bank_of_recipe

BATCH = 256


def plain(synthesiser: Synthesiser, draw: Draw) -> np.ndarray:
    """Channels of a draw by the closed forms, before conditions are dropped: shape ``(n, 4, n_points)``."""
    recipe, bank, n_times, rows = synthesiser.recipe, synthesiser.bank, synthesiser.n_times, []
    for i in range(len(draw.member)):
        d = draw.rows(slice(i, i + 1))
        f0, dwell = bank.f0_mhz[d.member[0]], bank.dwell_s[d.member[0]]
        t = dwell * np.arange(n_times)
        pad = n_times - bank.edit_off.shape[-1]
        basis = [np.pad(b[d.member[0]], ((0, 0), (0, pad))) for b in (bank.edit_off, bank.edit_on)]
        lines, errors, background = d.parts["line_shape"], d.parts["instrument"], d.parts["background"]
        each = synthesiser.signals_of(d, None, None, None)
        conc = each.amounts[0]
        own = np.exp((2j * np.pi * each.own_shift_ppm[0] * f0 - np.pi * each.own_lorentz_hz[0])[:, None] * t)
        shape = voigt_decay(t, lines.lorentz_hz[0], lines.gauss_hz[0]) * np.sinc(errors.drift_hz[0] * t)
        s, away = lines.shoulder[0], lines.shoulder_hz[0]
        shape = shape * (1 + s * np.exp(2j * np.pi * away * t)) / (1 + s)
        shape = shape * np.exp(-2j * np.pi * away * s / (1 + s) * t)
        off, on = ((conc[:, None] * own * b).sum(axis=0) * shape for b in basis)
        peak, top = np.abs(recipe.grid.transform(off, CYCLES_PER_PPM, CENTRE_PPM)).max(), np.abs(off).max()

        def add(parts, f0=f0, t=t):
            wave = np.exp(2j * np.pi * (parts.ppm[0] - CENTRE_PPM)[:, None] * f0 * t)
            wave *= voigt_decay(t, parts.lorentz_hz[0][:, None], parts.gauss_hz[0][:, None])
            return parts.area_off[0] @ wave, parts.area_on[0] @ wave

        mm_off, mm_on = add(d.parts["macromolecules"])
        off, on = off + mm_off, on + mm_on
        angle = errors.mismatch_rad[0] + 2 * np.pi * errors.mismatch_hz[0] * t
        on = on * errors.mismatch_amplitude[0] * np.exp(1j * angle)
        base_off, base_on = add(background.lines)
        echoes = [
            background.echo.height[0, c]
            * np.exp(2j * np.pi * (background.echo.ppm[0, c] - CENTRE_PPM) * f0 * t)
            * np.exp(-(((t - background.echo.centre_s[0, c]) / background.echo.width_s[0, c]) ** 2))
            for c in (0, 1)
        ]
        off, on = off + base_off + echoes[0], on + base_on + echoes[0] + echoes[1]
        angle = errors.phase_rad[0] + 2 * np.pi * errors.shift_ppm[0] * f0 * t
        common = np.exp(1j * (angle + errors.eddy_rad[0] * np.exp(-t / errors.eddy_s[0])))
        n_acquired = np.minimum(np.ceil(d.acquired_s / dwell).astype(int), n_times)
        sigma = background.noise_level.sigma(peak, top, n_acquired, np.array([dwell]))[0]
        late = np.exp(2j * np.pi * (recipe.grid.ppm - CENTRE_PPM) * f0 * errors.delay_s[0])
        spectra = []
        for index, fid in enumerate((off, on)):
            noisy = fid * common + sigma * (d.noise[0, index, 0] + 1j * d.noise[0, index, 1])
            noisy[n_acquired[0] :] = 0
            spectra.append(recipe.grid.transform(noisy, CYCLES_PER_PPM, CENTRE_PPM) * late)
        diff = spectra[1] - spectra[0]
        rows.append(np.array([spectra[0].real, spectra[0].imag, diff.real, diff.imag]))
    return np.array(rows)


def rate(job: tuple[Path, Path, int, float]) -> float:
    """Pairs per second of one process over some seconds."""
    config, bank, seed, seconds = job
    recipe = read_stages(config)[-1].recipe
    synthesiser = Synthesiser(recipe, bank_of_recipe(recipe, bank))
    rng = np.random.default_rng(seed)
    synthesiser.batch(BATCH, rng)  # compiled
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        synthesiser.batch(BATCH, rng)
        done += BATCH
    return done / (time.perf_counter() - started)


def on_gpu(config: TrainConfig, synthesiser: Synthesiser, workers: int, seconds: float) -> None:
    """Print the rate of a GPU over some seconds, and how far its spectra are from the CPU's."""
    import torch

    from fsl_mrs_dl.synthesise.on_device import DeviceSynthesiser
    from fsl_mrs_dl.synthesise.plan import plan_of
    from fsl_mrs_dl.training.source import CHUNK, batches

    made = batches(config, synthesiser, None, 0, clean=False, device=torch.device("cuda"), workers=workers)
    size, done = config.optimiser.batch_size, 0
    for _ in range(20 * max(1, CHUNK // size)):  # the processes have started, and have some ready
        next(made)
    torch.cuda.synchronize()
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        next(made)
        done += size
    torch.cuda.synchronize()
    took = time.perf_counter() - started
    made.close()  # type: ignore[attr-defined]
    print(f"{torch.cuda.get_device_name()}, {workers} processes that draw: {done / took:.0f} pairs per second")

    drawn = synthesiser.draw(256, np.random.default_rng(0))
    ours = DeviceSynthesiser(synthesiser, "cuda").make(plan_of(synthesiser, drawn)).channels.cpu().numpy()
    theirs = synthesiser.render(drawn).channels
    error = np.abs(ours - theirs).max(axis=(1, 2)) / np.abs(theirs).max(axis=(1, 2))
    print(f"largest difference from the CPU: {error.max():.1e} of the highest point")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "configs" / "invivo.toml")
    parser.add_argument("--bank", type=Path, default=Path("runs/bank_invivo"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    device = chosen_device(args.device)
    config = read_stages(args.config)[-1]
    recipe = config.recipe
    bank = bank_of_recipe(recipe, args.bank, args.workers)
    synthesiser = Synthesiser(recipe, bank)
    if device == "cuda":
        on_gpu(config, synthesiser, args.workers, args.seconds)

    one = rate((args.config, args.bank, 1, args.seconds))
    print(f"one process: {one:.0f} OFF/ON pairs per second, {len(recipe.outputs)} outputs, everything on")
    jobs = [(args.config, args.bank, seed, args.seconds) for seed in range(args.workers)]
    with ProcessPoolExecutor(args.workers) as pool:
        print(f"{args.workers} processes: {sum(pool.map(rate, jobs)):.0f} pairs per second")

    draw = synthesiser.draw(64, np.random.default_rng(0))
    started = time.perf_counter()
    expected = plain(synthesiser, draw)
    slow = 64 / (time.perf_counter() - started)
    batch = synthesiser.render(draw)
    both = batch.present.all(axis=1)
    got, wanted = (x / np.sqrt((x**2).mean(axis=(1, 2), keepdims=True)) for x in (batch.channels[both], expected[both]))
    error = np.abs(got - wanted).max(axis=(1, 2)) / np.abs(wanted).max(axis=(1, 2))
    print(f"plain numpy, double precision: {slow:.0f} pairs per second; ratio {one / slow:.0f}")
    print(f"largest difference of both renderings: {error.max():.1e} of the highest point")


if __name__ == "__main__":
    main()
