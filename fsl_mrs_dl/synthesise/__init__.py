# SPDX-License-Identifier: Apache-2.0
"""Synthesis of training spectra from a bank of bases, with perturbations."""
