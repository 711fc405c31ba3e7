# SPDX-License-Identifier: Apache-2.0
"""Networks trained in stages, calibrated and exported."""
