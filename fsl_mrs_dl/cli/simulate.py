# SPDX-License-Identifier: Apache-2.0
"""Simulate a basis set and write FSL-MRS JSON folders edit_off, edit_on and diff.

The protocol comes from --vendor and the options beside it, from a data set (--like), or from a sequence file
(--sequence): one with our own fields, or one of FSL-MRS's, which gives a single folder unless --sequence-off gives
the other condition. An interrupted simulation goes on when the command is repeated. 'simulate bank CONFIG.toml' writes
the basis bank that networks are trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.cli.arguments import PROTOCOL_FIELDS, add_semi_laser, given

if TYPE_CHECKING:
    from fsl_mrs_dl.basis.protocol import Protocol

INTERRUPTED = "the same command goes on after what is simulated"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate``."""
    parser.add_argument("what", nargs="?", choices=["bank"], help="'bank': a basis bank from a configuration")
    parser.add_argument("config", nargs="?", type=Path, metavar="CONFIG.toml", help="configuration of the bank")
    parser.add_argument("--output", type=Path, required=True, help="folder to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output folder")
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: all cores)")
    _add_protocol(parser.add_argument_group("protocol"))
    _add_molecules(parser.add_argument_group("molecules"))
    _add_signal(parser.add_argument_group("signal"))


def _add_protocol(source: argparse._ArgumentGroup) -> None:
    source.add_argument("--sequence", type=Path, metavar="SEQ.json", help="sequence file, ours or FSL-MRS's")
    source.add_argument(
        "--sequence-off", type=Path, metavar="SEQ.json", help="FSL-MRS's file for the edit_off condition"
    )
    source.add_argument(
        "--like", type=Path, metavar="FILE", help="NIfTI-MRS file or BIDS sidecar to take the protocol from"
    )
    source.add_argument("--vendor", help="siemens, philips, ge, universal or fida (default universal)")
    source.add_argument("--te", type=float, metavar="S", help="echo time in s (default 0.068)")
    source.add_argument(
        "--f0", type=float, metavar="MHZ", help="proton frequency in MHz (default: the vendor's at 3 T)"
    )
    source.add_argument(
        "--edit-on", type=float, metavar="PPM", help="frequency of the editing pulse in edit_on (default 1.9)"
    )
    source.add_argument(
        "--edit-off", type=float, metavar="PPM", help="frequency of the editing pulse in edit_off (default 7.5)"
    )
    source.add_argument("--edit-duration", type=float, metavar="S", help="duration of an editing pulse in s")
    add_semi_laser(source)
    source.add_argument("--edit-pulse", type=Path, metavar="FILE", help="waveform of the editing pulse")
    source.add_argument("--refocusing-pulse", type=Path, metavar="FILE", help="waveform of the refocusing pulses")
    source.add_argument("--refocusing-duration", type=float, metavar="S", help="duration of --refocusing-pulse in s")
    source.add_argument(
        "--edit-b1", type=float, metavar="HZ", help="peak B1 of --edit-pulse, instead of a flip angle of 180 degrees"
    )
    source.add_argument("--refocusing-b1", type=float, metavar="HZ", help="peak B1 of --refocusing-pulse")
    source.add_argument(
        "--conjugate-pulses",
        action="store_true",
        help="reverse the sign of the phase in pulse files (here, a rising phase moves a pulse to a higher ppm)",
    )
    source.add_argument(
        "--voxel",
        type=float,
        nargs=3,
        metavar="MM",
        help="slice thicknesses in mm, for the record: gradients scale with them, signals do not change",
    )
    source.add_argument(
        "--positions", type=int, metavar="N", help="positions across each slice (default 24; 48 of semi-LASER)"
    )
    source.add_argument(
        "--autophase",
        type=float,
        metavar="PPM",
        help="rotate the phase of a singlet at this shift to 0 (FSL-MRS's files)",
    )


def _add_molecules(parts: argparse._ArgumentGroup) -> None:
    parts.add_argument(
        "--metabolites", metavar="A,B,..", help="names, separated by commas (default: all brain metabolites)"
    )
    parts.add_argument(
        "--spin-systems",
        type=Path,
        metavar="FILE.json",
        help="additional spin systems of your own, in FSL-MRS's format",
    )
    parts.add_argument(
        "--mm",
        nargs="?",
        const="separate",
        choices=("separate", "tied"),
        help="add FSL-MRS's default macromolecules; the co-edited line at 3.0 ppm as MM30 (default) or tied to MM09",
    )


def _add_signal(signal: argparse._ArgumentGroup) -> None:
    signal.add_argument("--points", type=int, metavar="N", help="points of each FID (default 4096)")
    signal.add_argument("--dwell", type=float, metavar="S", help="sampling interval in s (default 0.0005)")
    signal.add_argument("--linewidth", type=float, metavar="HZ", help="Lorentzian width in Hz (default 2)")
    signal.add_argument(
        "--lcmodel", type=Path, metavar="FILE.BASIS", help="also write LCModel basis files (DIFF; OFF and ON beside it)"
    )
    signal.add_argument("--compact", type=Path, metavar="FILE.npz", help="also write a compact line list")


def run(args: argparse.Namespace) -> None:
    """Simulate."""
    workers = _workers(args.workers)
    if args.what == "bank":
        _bank(args, workers)
    else:
        _basis_set(args, workers)


def _bank(args: argparse.Namespace, workers: int) -> None:
    from fsl_mrs_dl.basis.bank_files import simulate_bank
    from fsl_mrs_dl.core.errors import ConfigError

    if args.config is None:
        raise ConfigError("a bank needs its configuration", hint="fsl_mrs_dl simulate bank CONFIG.toml --output DIR")
    taken = [name for name, value in vars(args).items() if value not in (None, False) and name not in _OF_BANK]
    if taken:
        raise ConfigError(
            f"--{taken[0].replace('_', '-')} does not belong to 'simulate bank'", hint="Write it in CONFIG"
        )
    simulate_bank(args.config, args.output, workers)
    print(f"written to {args.output}")


_OF_BANK = ("what", "config", "output", "workers", "verbose", "quiet", "command", "run")


def _basis_set(args: argparse.Namespace, workers: int) -> None:
    import shutil

    from fsl_mrs_dl.api.basis import check_compact, simulate_basis
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.core.unfinished import unfinished_folder
    from fsl_mrs_dl.reports.manifest import entry_names

    if args.positions is not None and not 8 <= args.positions <= 4096:
        raise ConfigError("--positions is out of range", expected="8 to 4096", got=args.positions)
    for name in ("compact", "lcmodel"):
        target = getattr(args, name)
        if target is not None and not target.parent.is_dir():
            raise ConfigError(f"the folder of --{name} does not exist", where=target.parent)
        if target is not None and target.is_dir():
            raise ConfigError(f"--{name} names a folder", where=target, expected="a file")
    args.output = args.output.resolve()
    scratch = unfinished_folder(args.output)
    _check_inputs(args, scratch)
    systems = _systems(args)
    protocol = _protocol(args)
    if args.compact is not None:
        check_compact(protocol)
    with new_output_folder(args.output, overwrite=args.overwrite, names=entry_names()) as folder:
        found = simulate_basis(protocol, metabolites=systems, macromolecules=args.mm, workers=workers, keep=scratch)
        found.write_into(folder)
    print(f"written to {args.output}: {', '.join(found)}")
    if args.lcmodel is not None:
        print(f"for LCModel: {', '.join(map(str, found.write_lcmodel(args.lcmodel)))}")
    if args.compact is not None:
        found.write_compact(args.compact)
    shutil.rmtree(scratch, ignore_errors=True)


def _check_inputs(args: argparse.Namespace, scratch: Path) -> None:
    """Nothing that is read stands where something is written or dropped."""
    from fsl_mrs_dl.cli.arguments import inputs_of
    from fsl_mrs_dl.core.files import check_inputs_kept

    targets = [args.output, scratch, args.compact, args.lcmodel]
    if args.lcmodel is not None:
        name = args.lcmodel
        targets += [name.with_name(f"{name.stem}_{condition}{name.suffix}") for condition in ("edit_off", "edit_on")]
    for target in targets:
        if target is not None:
            check_inputs_kept(target, inputs_of(args, ("output", "lcmodel", "compact")))


def _workers(wanted: int | None) -> int:
    import os

    from fsl_mrs_dl.core.errors import ConfigError

    if wanted is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not 1 <= wanted <= 1024:
        raise ConfigError("--workers is out of range", expected="1 to 1024", got=wanted)
    return wanted


def _named(metabolites: str) -> list[str]:
    """The names in a list separated by commas; a `ConfigError` where there is none."""
    from fsl_mrs_dl.core.errors import ConfigError

    names = [name.strip() for name in metabolites.split(",") if name.strip()]
    if not names:
        raise ConfigError("--metabolites is empty", expected="names separated by commas")
    return names


def _systems(args: argparse.Namespace) -> list[Any]:
    from fsl_mrs_dl.io.spin_files import read_spin_systems
    from fsl_mrs_dl.metabolites.table import BRAIN
    from fsl_mrs_dl.physics.spins import load_system

    own = read_spin_systems(args.spin_systems) if args.spin_systems is not None else {}
    if args.metabolites is None:
        names = list(own or BRAIN)
    else:
        # systems of the user are wanted even when --metabolites names others
        asked = _named(args.metabolites)
        names = [*asked, *(name for name in own if name not in asked)]
    return [own[name] if name in own else load_system(name) for name in names]


def _protocol(args: argparse.Namespace) -> Protocol:
    """The protocol that the options describe."""
    import logging

    from fsl_mrs_dl.api.basis import make_protocol
    from fsl_mrs_dl.io.protocol import protocol_like

    sampling = {"n_points": args.points, "dwell_s": args.dwell, "lw_hz": args.linewidth}
    fields = _fields(args)
    if args.sequence is not None:
        return make_protocol(args.sequence, args.like, sampling, fields)
    if args.like is not None:
        fields = {**protocol_like(args.like), **fields}
        logging.getLogger(__name__).info("timing and pulses: preset %s", fields.get("vendor", "universal"))
    return make_protocol(None, None, sampling, _with_pulses(args, fields))


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    """What the options say of the protocol, as arguments of `fsl_mrs_dl.simulate_basis`."""
    names = {
        **PROTOCOL_FIELDS,
        "voxel": "voxel_mm",
        "edit_pulse": "edit_pulse",
        "refocusing_pulse": "refocusing_pulse",
        "positions": "n_positions",
        "sequence_off": "sequence_off",
        "autophase": "autophase_ppm",
    }
    return given(args, names)


def _with_pulses(args: argparse.Namespace, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with waveforms in place of their files."""
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.io.pulse_files import read_pulse

    for name, owner in (
        ("refocusing_duration", "refocusing_pulse"),
        ("refocusing_b1", "refocusing_pulse"),
        ("edit_b1", "edit_pulse"),
    ):
        if getattr(args, name) is not None and getattr(args, owner) is None:
            raise ConfigError(f"--{name.replace('_', '-')} belongs to --{owner.replace('_', '-')}")
    if args.conjugate_pulses and args.edit_pulse is None and args.refocusing_pulse is None:
        raise ConfigError("--conjugate-pulses belongs to --edit-pulse and --refocusing-pulse")
    if args.edit_pulse is not None:
        fields["edit_pulse"] = read_pulse(
            args.edit_pulse,
            duration_s=fields.pop("edit_duration_s", None),
            b1_max_hz=args.edit_b1,
            conjugate=args.conjugate_pulses,
        )
    if args.refocusing_pulse is not None:
        fields["refocusing_pulse"] = read_pulse(
            args.refocusing_pulse,
            duration_s=args.refocusing_duration,
            b1_max_hz=args.refocusing_b1,
            conjugate=args.conjugate_pulses,
        )
    return fields
