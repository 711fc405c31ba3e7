# SPDX-License-Identifier: Apache-2.0
"""The effect of each group of perturbations, measured by one training for each."""
