# SPDX-License-Identifier: Apache-2.0
"""Spectra for training, of a bank of bases and with everything that disturbs them."""
