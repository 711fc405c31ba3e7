# SPDX-License-Identifier: Apache-2.0
"""What each perturbation of the training spectra buys: one training for each."""
