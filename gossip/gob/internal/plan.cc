// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/internal/plan.h"

namespace weft::gob {
namespace {

WireKind wire_kind(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return WireKind::boolean;
    case Kind::sint:
      return WireKind::sint;
    case Kind::uint:
      return WireKind::uint;
    case Kind::bytes:
      return WireKind::bytes;
    case Kind::string:
      return WireKind::string;
    case Kind::slice:
      return WireKind::slice;
    case Kind::map:
      return WireKind::map;
    case Kind::structure:
      break;
  }
  return WireKind::structure;
}

std::uint32_t field_named(const Type& type, std::string_view name) {
  for (std::uint32_t i = 0; i < type.fields.size(); ++i) {
    if (type.fields[i].name == name) return i;
  }
  return Plan::kUnknown;
}

}  // namespace

Result<NodeRef> Plan::prepare(WireTypes& types, std::int64_t id, const Type& expected) {
  for (const Root& root : roots_) {
    if (root.id == id && root.expected == &expected) return root.node;
  }
  auto wire = types.resolve(id);
  if (!wire) return wire.error();
  NodeRef root = add(expected, *wire);
  // Grows while it is walked; ends because declarations are finite trees.
  for (NodeRef ref = root; ref < nodes_.size(); ++ref) {
    if (auto ok = expand(types, ref); !ok) return ok.error();
  }
  const Node& node = nodes_[root];
  bool any = node.part_count == 0;
  for (std::size_t i = 0; i < node.part_count; ++i)
    any = any || part(node, i).field != kUnknown;
  if (!any && !expected.fields.empty()) {
    return Error{.code = Errc::bad_value, .what = "gob: struct has no field that we know"};
  }
  roots_.push_back({.id = id, .expected = &expected, .node = root});
  return root;
}

Result<> Plan::expand(const WireTypes& types, NodeRef ref) {
  const Type& local = *nodes_[ref].local;
  const WireType& wire = types[nodes_[ref].wire];
  if (wire.kind != wire_kind(local.kind)) {
    return Error{.code = Errc::bad_value, .what = "gob: value has another kind than expected"};
  }
  nodes_[ref].first_part = static_cast<std::uint32_t>(parts_.size());
  nodes_[ref].part_count = static_cast<std::uint32_t>(wire.parts.size());
  if (local.kind == Kind::structure) return match_fields(types, ref);
  for (std::uint32_t i = 0; i < wire.parts.size(); ++i) {
    const Type& part = local.kind == Kind::map && i == 0 ? *local.key : *local.element;
    TypeRef to = wire.parts[i].ref;
    parts_.push_back({.field = i, .node = add(part, to), .wire = to});
  }
  return {};
}

Result<> Plan::match_fields(const WireTypes& types, NodeRef ref) {
  const Type& local = *nodes_[ref].local;
  std::vector<bool> seen(local.fields.size(), false);
  for (const WireField& wire : types[nodes_[ref].wire].parts) {
    Part part{.field = field_named(local, wire.name), .wire = wire.ref};
    if (part.field != kUnknown) {
      if (seen[part.field]) {
        return Error{.code = Errc::bad_value, .what = "gob: struct defines a field twice"};
      }
      seen[part.field] = true;
      part.node = add(*local.fields[part.field].type, wire.ref);
    }
    parts_.push_back(part);
  }
  return {};
}

NodeRef Plan::add(const Type& local, TypeRef wire) {
  nodes_.push_back({.local = &local, .wire = wire});
  return static_cast<NodeRef>(nodes_.size() - 1);
}

}  // namespace weft::gob
