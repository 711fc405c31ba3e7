# SPDX-License-Identifier: Apache-2.0
"""What every room needs: errors, configuration, constants, units, data objects, flags, files."""
