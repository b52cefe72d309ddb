// SPDX-License-Identifier: Apache-2.0
// What a stream's types mean to us: for each pair of a received type and a declared one, which
// received field is which declared field, and which ones are to be skipped. Made once per pair.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/result.h"
#include "gossip/gob/internal/wire_types.h"
#include "gossip/gob/type.h"

namespace weft::gob {

using NodeRef = std::uint32_t;

class Plan {
 public:
  static constexpr std::uint32_t kUnknown = std::numeric_limits<std::uint32_t>::max();

  // A field of a received struct in its order, or the parts of a slice (element) or map (key,
  // element).
  struct Part {
    std::uint32_t field = kUnknown;  // in the declared struct
    NodeRef node = 0;                // what its value means, if it is known
    TypeRef wire = 0;
  };
  struct Node {
    const Type* local = nullptr;
    TypeRef wire = 0;
    std::uint32_t first_part = 0;
    std::uint32_t part_count = 0;
  };

  // Error if the received type `id` cannot be read as `expected`.
  Result<NodeRef> prepare(WireTypes& types, std::int64_t id, const Type& expected);
  const Node& node(NodeRef ref) const { return nodes_[ref]; }
  const Part& part(const Node& node, std::size_t i) const { return parts_[node.first_part + i]; }

 private:
  struct Root {
    std::int64_t id = 0;
    const Type* expected = nullptr;
    NodeRef node = 0;
  };

  Result<> expand(const WireTypes& types, NodeRef ref);
  Result<> match_fields(const WireTypes& types, NodeRef ref);
  NodeRef add(const Type& local, TypeRef wire);

  std::vector<Root> roots_;
  std::vector<Node> nodes_;
  std::vector<Part> parts_;
};

}  // namespace weft::gob
