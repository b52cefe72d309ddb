# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes cluster on one machine: a control plane and nodes as network namespaces. What
scripts/cluster and tests/cluster are made of. Needs root; the standard library only."""
