# SPDX-License-Identifier: Apache-2.0
"""The shipped basis sets, installed as data of the package."""
