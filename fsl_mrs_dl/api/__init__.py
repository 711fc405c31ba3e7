# SPDX-License-Identifier: Apache-2.0
"""What ``import fsl_mrs_dl`` offers: the steps from data to a result, as functions and one object."""
