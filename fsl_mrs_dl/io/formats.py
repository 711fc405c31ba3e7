# SPDX-License-Identifier: Apache-2.0
"""The scanners' formats that are converted, one entry each; adding one that spec2nii reads takes its entry."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Beginning:
    """How a file of a format begins.

    Parameters
    ----------
    is_there : callable
        Whether the first 64 bytes, and the size, are such a file's.
    otherwise, expected : str
        What is wrong where it is not, and what should stand there.
    """

    is_there: Callable[[bytes, int], bool]
    otherwise: str
    expected: str


@dataclass(frozen=True)
class Format:
    """A format.

    Parameters
    ----------
    what : str
        In words.
    endings : tuple of str
        Of its files, in small letters, by which it is told.
    in_folder : str
        What each of several files in a folder is, where that is not one scan together.
    makers : tuple of str
        Of DICOM: in small letters, what the manufacturer's name holds by which it is told.
    command : str
        The word by which spec2nii knows it, where that is another one.
    beginning : Beginning, optional
        By which a file of another format is refused.
    """

    what: str
    endings: tuple[str, ...] = ()
    in_folder: str = ""
    makers: tuple[str, ...] = ()
    command: str = ""
    beginning: Beginning | None = None

    @property
    def is_dicom(self) -> bool:
        """Whether it is a file or a folder of DICOM."""
        return bool(self.makers)


def _begins_like_twix(head: bytes, size: int) -> bool:
    # the first word is the length of the header (VB), or 0 with the number of measurements after it (VD and later)
    first, second = struct.unpack("<2I", head[:8]) if len(head) >= 8 else (0, 0)
    return 32 <= first < size or (first == 0 and 1 <= second <= 64)


_RDA = b">>> Begin of header <<<"

FORMATS: dict[str, Format] = {
    "twix": Format(
        "Siemens raw data (.dat)",
        (".dat",),
        "one scan each",
        beginning=Beginning(_begins_like_twix, "not a TWIX file (its first bytes)", "Siemens raw data (.dat)"),
    ),
    "rda": Format(
        "Siemens .rda",
        (".rda",),
        "one averaged spectrum each",
        beginning=Beginning(
            lambda head, _: head.startswith(_RDA), "not an RDA file (its first line)", _RDA.decode("ascii")
        ),
    ),
    "dicom": Format("Siemens DICOM (.IMA, .dcm), a file or a folder", makers=("siemens",)),
    "sdat": Format("Philips .SDAT with its .SPAR", (".sdat", ".spar"), "one scan each", command="philips"),
    "philips_dcm": Format("Philips DICOM", makers=("philips",)),
    "ge": Format("GE P-file (.7)", (".7",), "one scan each"),
    "uih": Format("United Imaging DICOM", makers=("uih", "united imaging")),
    "nifti": Format("NIfTI-MRS (.nii, .nii.gz) to be repaired", (".nii",)),
}
"""Every format by its name."""
