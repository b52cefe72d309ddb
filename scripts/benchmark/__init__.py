# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench is made of: variants (ways to join two pods) and what is measured of them."""
