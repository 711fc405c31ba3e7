# SPDX-License-Identifier: Apache-2.0
"""The BIDS App: every edited scan of a dataset, and a table of the group."""
