# SPDX-License-Identifier: Apache-2.0
"""Deep-learning quantification of GABA-edited MEGA-PRESS spectra, on its own or inside FSL-MRS."""

__version__ = "0.2.0"
