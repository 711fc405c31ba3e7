# SPDX-License-Identifier: Apache-2.0
"""Errors on data of known concentrations, other programs beside the network."""
