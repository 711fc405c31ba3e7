# SPDX-License-Identifier: Apache-2.0
"""What is known of metabolites: sums that are reported, relaxation times, T2."""
