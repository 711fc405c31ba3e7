# SPDX-License-Identifier: Apache-2.0
"""Simulate a MEGA-PRESS basis set and write FSL-MRS JSON folders edit_off, edit_on and diff."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate``."""
    parser.add_argument("--sequence", type=Path, metavar="SEQ.json", help="protocol (default: TE 68 ms at 127.73 MHz)")
    parser.add_argument("--metabolites", metavar="A,B,..", help="names, separated by commas (default: all known)")
    parser.add_argument("--output", type=Path, required=True, help="folder to create")
    parser.add_argument("--points", type=int, default=4096, help="points of each FID (default 4096)")
    parser.add_argument(
        "--dwell", type=float, default=5e-4, metavar="S", help="sampling interval in s (default 0.0005)"
    )
    parser.add_argument("--linewidth", type=float, default=2.0, metavar="HZ", help="Lorentzian width, Hz (default 2)")
    parser.add_argument("--compact", type=Path, metavar="FILE.npz", help="also write a compact line list")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output folder")


def run(args: argparse.Namespace) -> None:
    """Simulate."""
    import dataclasses
    import json
    import logging

    from fsl_mrs_dl import __version__
    from fsl_mrs_dl.errors import ConfigError
    from fsl_mrs_dl.io.atomic import new_output_folder, write_json
    from fsl_mrs_dl.io.basis import LineBasis, save_line_basis, write_fsl_basis
    from fsl_mrs_dl.sequences import MegaPress
    from fsl_mrs_dl.simulate import simulate_metabolite
    from fsl_mrs_dl.spins import known_metabolites, load_system

    for name, low, high in (("points", 16, 1 << 20), ("dwell", 1e-6, 0.1), ("linewidth", 0.0, 100.0)):
        if not low <= getattr(args, name) <= high:
            raise ConfigError(f"--{name} is out of range", expected=f"{low:g} to {high:g}", got=getattr(args, name))
    values = {}
    if args.sequence is not None:
        try:
            values = json.loads(args.sequence.read_text("utf-8"))
        except OSError as error:
            raise ConfigError("the sequence cannot be read", where=args.sequence, got=error.strerror) from error
        except ValueError as error:
            raise ConfigError("the sequence is not JSON", where=args.sequence, got=error) from error
    if args.compact is not None and not args.compact.parent.is_dir():
        raise ConfigError("the folder of --compact does not exist", where=args.compact.parent)
    sequence = MegaPress.from_dict(values, str(args.sequence or "default sequence"))
    names = args.metabolites.split(",") if args.metabolites else known_metabolites()
    systems = [load_system(name.strip()) for name in names]

    log = logging.getLogger(__name__)
    with new_output_folder(args.output, overwrite=args.overwrite) as folder:
        pairs = {}
        for system in systems:
            pairs[system.name] = simulate_metabolite(system, sequence)
            log.info("%s: %d transitions", system.name, len(pairs[system.name].edit_on.shift_hz))
        basis = LineBasis(pairs, sequence)
        write_fsl_basis(folder, basis, n_points=args.points, dwell_s=args.dwell, lw_hz=args.linewidth)
        settings = {"sequence": dataclasses.asdict(sequence), "metabolites": list(pairs), "version": __version__}
        write_json(folder / "simulation.json", settings)
    if args.compact is not None:
        save_line_basis(args.compact, basis)
