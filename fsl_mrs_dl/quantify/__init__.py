# SPDX-License-Identifier: Apache-2.0
"""From spectra to metabolites with intervals and flags."""
