// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/effects.h"

namespace weft::kube {

std::string_view to_string(Resource resource) {
  switch (resource) {
    case Resource::nodes:
      return "nodes";
    case Resource::network_policies:
      return "network policies";
  }
  return "objects";
}

}  // namespace weft::kube
