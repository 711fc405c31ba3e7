# SPDX-License-Identifier: Apache-2.0
"""Show what a radio-frequency pulse does: bandwidth, peak field, sharpness, profile; of a file or of a design."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fsl_mrs_dl.cli.printing import add_json, print_json

DESIGNS = ("slr", "gaussian", "sinc_gaussian", "hard", "dual_band")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``pulse``."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=".pta, .RF, Bruker shape or table")
    parser.add_argument(
        "--design", choices=DESIGNS, help="design a pulse instead of reading one; dual_band: two Gaussians"
    )
    parser.add_argument("--duration", type=float, metavar="S", help="duration in s")
    parser.add_argument("--flip", type=float, metavar="DEG", help="flip angle on resonance (default 180)")
    parser.add_argument(
        "--b1-max", type=float, metavar="HZ", help="peak nutation frequency of FILE, in place of --flip"
    )
    parser.add_argument("--conjugate", action="store_true", help="reverse the sign of FILE's phase")
    parser.add_argument(
        "--purpose",
        choices=("excitation", "refocusing", "inversion"),
        default="refocusing",
        help="which profile to report (default refocusing)",
    )
    parser.add_argument("--tbw", type=float, metavar="X", help="time-bandwidth product of slr (6) or sinc_gaussian (2)")
    parser.add_argument("--phase", choices=("linear", "minimum"), default="linear", help="phase of slr")
    parser.add_argument(
        "--truncation",
        type=float,
        metavar="X",
        help="amplitude at the ends of a Gaussian, relative to its peak (default 0.01)",
    )
    parser.add_argument("--separation", type=float, metavar="HZ", help="distance between the bands of dual_band")
    add_json(parser, "the properties")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw waveform and profile")
    parser.add_argument("--f0", type=float, metavar="MHZ", help="proton frequency, for an axis in ppm")
    parser.add_argument("--write", type=Path, metavar="FILE.txt", help="write the waveform as a table")


def run(args: argparse.Namespace) -> None:
    """Print, draw, write."""
    import dataclasses
    import math

    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.files import check_inputs_kept
    from fsl_mrs_dl.io.pulse_files import write_pulse
    from fsl_mrs_dl.physics.pulses import properties

    _check(args)
    for target in (args.plot, args.write):
        if target is not None:
            check_inputs_kept(target, [args.file])
    pulse = _designed(args) if args.file is None else _read(args)
    try:
        found = properties(pulse, args.purpose)
    except ValueError as error:
        raise ConfigError(str(error), where=args.file) from error
    if args.plot is not None:
        from fsl_mrs_dl.reports.pulse_figure import plot_pulse

        plot_pulse(args.plot, pulse, found, f0_mhz=args.f0)
    if args.write is not None:
        write_pulse(args.write, pulse)
    values = {"name": pulse.name, **dataclasses.asdict(found)}
    if args.json:
        plain = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
        print_json(plain)
        return
    for label, text in _lines(values, args.f0):
        print(f"{label:26} {text}")


def _check(args: argparse.Namespace) -> None:
    """Raise `ConfigError` for options that contradict each other or are out of range."""
    from fsl_mrs_dl.core.errors import ConfigError

    if (args.file is None) == (args.design is None):
        raise ConfigError("give either a pulse file or --design", hint="fsl_mrs_dl pulse --help shows both")
    if args.f0 is not None and not 1 < args.f0 < 2000:
        raise ConfigError("--f0 is out of range", expected="a proton frequency in MHz", got=args.f0)
    if args.flip is not None and not 0 < args.flip <= 360:
        raise ConfigError("--flip is out of range", expected="above 0, to 360 degrees", got=args.flip)
    if args.plot is not None and args.plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ConfigError("--plot writes .png, .pdf or .svg", where=args.plot)


def _read(args: argparse.Namespace) -> Any:
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.io.pulse_files import read_pulse

    if args.b1_max is not None and args.flip is not None:
        raise ConfigError("--flip and --b1-max exclude each other", hint="Give one of them")
    _without(args, "a pulse file", "tbw", "truncation", "separation")
    flip_deg = 180.0 if args.flip is None else args.flip
    if args.purpose == "excitation" and args.flip is None:
        flip_deg = 90.0
    return read_pulse(
        args.file, duration_s=args.duration, flip_deg=flip_deg, b1_max_hz=args.b1_max, conjugate=args.conjugate
    )


def _designed(args: argparse.Namespace) -> Any:
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.physics import pulses

    if args.duration is None:
        raise ConfigError("a design needs its duration", hint="--duration S")
    _without(args, "a design", "b1_max", "conjugate")
    for name, largest in (("duration", 1.0), ("tbw", 100.0), ("separation", 1e5), ("truncation", 1.0)):
        value = getattr(args, name)
        if value is not None and not 0 < value <= largest:
            raise ConfigError(f"--{name} is out of range", expected=f"above 0, up to {largest:g}", got=value)
    belongs = {
        "slr": ("tbw",),
        "sinc_gaussian": ("tbw", "truncation", "flip"),
        "gaussian": ("truncation", "flip"),
        "hard": ("flip",),
        "dual_band": ("separation", "truncation", "flip"),
    }[args.design]
    _without(args, args.design, *({"tbw", "truncation", "separation", "flip"} - set(belongs)))
    flip: dict[str, Any] = {"flip_deg": 90.0 if args.purpose == "excitation" else 180.0}
    if args.flip is not None:
        flip = {"flip_deg": args.flip}
    ends: dict[str, Any] = {} if args.truncation is None else {"truncation": args.truncation}
    try:
        if args.design == "slr":
            return pulses.slr_pulse(args.duration, args.tbw or 6.0, args.purpose, args.phase)
        if args.design == "sinc_gaussian":
            return pulses.sinc_gaussian_pulse(args.duration, time_bandwidth=args.tbw or 2.0, **flip, **ends)
        if args.design == "hard":
            return pulses.hard_pulse(args.duration, **flip)
        if args.design == "gaussian":
            return pulses.gaussian_pulse(args.duration, **flip, **ends)
        if args.separation is None:
            raise ConfigError("two bands need their distance", hint="--separation HZ")
        steps = max(100, round(16 * args.separation * args.duration))
        return pulses.dual_band(pulses.gaussian_pulse(args.duration, n_steps=steps, **flip, **ends), args.separation)
    except ValueError as error:
        raise ConfigError(str(error), where=f"--design {args.design}") from error


def _without(args: argparse.Namespace, what: str, *names: str) -> None:
    from fsl_mrs_dl.core.errors import ConfigError

    for name in sorted(names):
        if getattr(args, name) not in (None, False):
            raise ConfigError(f"--{name.replace('_', '-')} does not belong to {what}")


def _lines(values: dict[str, Any], f0_mhz: float | None) -> list[tuple[str, str]]:
    ppm = "" if f0_mhz is None else f" ({values['bandwidth_hz'] / f0_mhz:.3f} ppm)"
    lines = [
        ("pulse", f"{values['name']}, for {values['purpose']}"),
        ("steps", f"{values['n_steps']}"),
        ("duration", f"{values['duration_s'] * 1e3:.4g} ms"),
        ("peak", f"{values['peak_w1_hz']:.1f} Hz, {values['peak_b1_ut']:.3f} uT"),
        ("rotation from z, centre", f"{values['flip_deg']:.1f} degrees"),
        ("bandwidth (half maximum)", f"{values['bandwidth_hz']:.1f} Hz{ppm}"),
        ("time-bandwidth product", f"{values['time_bandwidth']:.3f}"),
        ("centre of the band", f"{values['centre_hz']:.1f} Hz"),
        ("transition (95 to 5 %)", f"{values['transition_hz']:.1f} Hz"),
        ("ripple, pass and stop band", f"{values['passband_ripple']:.4f}, {values['stopband_ripple']:.4f}"),
    ]
    if values["purpose"] == "excitation":
        lines.append(("rephasing area", f"{values['rephasing_fraction']:.4f} of the slice gradient's"))
    return lines
