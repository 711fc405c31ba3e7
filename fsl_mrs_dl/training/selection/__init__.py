# SPDX-License-Identifier: Apache-2.0
"""Bayesian optimisation of architecture and training parameters, resumable trial by trial.

A Gaussian process over the search space proposes (expected improvement; scikit-optimize), each proposal is trained on
one fixed data set and judged by its error on perturbed spectra of protocols that the data set has not. Poor trials end
early (`fsl_mrs_dl.training.selection.search`).
"""
