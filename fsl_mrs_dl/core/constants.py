# SPDX-License-Identifier: Apache-2.0
"""Physical and conventional constants, each with its unit and source. The one place for such numbers."""

from __future__ import annotations

GAMMA_H_MHZ_PER_T = 42.577478518
"""Gyromagnetic ratio of the shielded-free proton over 2 pi, MHz/T. CODATA 2018 (Tiesinga et al. 2021,
Rev Mod Phys 93:025010, doi 10.1103/RevModPhys.93.025010)."""

RECEIVER_PPM = 4.65
"""Chemical shift at 0 Hz of a NIfTI-MRS FID, ppm: water at 37 degC, the convention of NIfTI-MRS
(Clarke et al. 2022, Magn Reson Med 88:2358, doi 10.1002/mrm.29418)."""

F0_RANGE_MHZ = (120.0, 131.0)
"""Proton frequencies that count as '3 T', MHz (2.82-3.08 T): Siemens 123.2, Philips and GE 127.7."""

NAA_PPM = 2.008
"""Acetyl singlet of NAA, ppm. Govindaraju et al. 2000, NMR Biomed 13:129, Table 2."""

CR_CH3_PPM = 3.027
"""Methyl singlet of creatine, ppm. Govindaraju et al. 2000, NMR Biomed 13:129, Table 2."""

CR_CH2_PPM = 3.913
"""Methylene singlet of creatine, ppm. Govindaraju et al. 2000, NMR Biomed 13:129, Table 2."""

CHO_PPM = 3.208
"""Trimethyl singlet of choline compounds, ppm (mean of GPC 3.212, PCh 3.208, Cho 3.185).
Govindaraju et al. 2000, NMR Biomed 13:129, Table 2."""

GABA_H4_PPM = 3.013
"""Edited CH2 of GABA, ppm. Near et al. 2013, Magn Reson Med 70:1183, doi 10.1002/mrm.24572."""

GLX_H2_PPM = 3.75
"""Alpha CH of Glu (3.743) and Gln (3.753) together, ppm. Govindaraju et al. 2000, NMR Biomed 13:129, Table 2."""

EDIT_ON_GABA_PPM = 1.9
"""Editing pulse of the ON condition for GABA, ppm. Mescher et al. 1998, NMR Biomed 11:266."""
