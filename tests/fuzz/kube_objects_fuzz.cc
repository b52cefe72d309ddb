// SPDX-License-Identifier: Apache-2.0
// An API object, and the records that agents keep in the ConfigMap: what is read stays within its
// limits, and a record that was read is the same after it was written.

#include "base/ensure.h"
#include "plugin/kube/core/objects.h"
#include "plugin/kube/core/peer_list.h"
#include "plugin/kube/core/seed.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::kube;

namespace {

const Cidr kRange = *Cidr::parse("10.32.0.0/12");

void check_records(Json object) {
  auto list = read_peer_list(object);
  if (list) {
    ensure(list->peers.size() <= kListedPeersMax, "a list of peers over its limit");
    Json copy = object;
    write_peer_list(copy, *list);
    auto again = read_peer_list(copy);
    ensure(again && again->peers.size() == list->peers.size(), "a list that changes when written");
    static_cast<void>(take_lock(copy, *list, "x", "me"));
    static_cast<void>(forget_listed(copy, *list, "x"));
    ensure(!lock_holder(copy, "x"), "a lock that outlives what it locks");
  }
  auto seed = read_seed(object, kRange);
  if (!seed || !*seed) return;
  ensure((*seed)->peers.size() <= kSeedPeersMax, "a seed over its limit");
  write_seed(object, kRange, **seed);
  ensure(*read_seed(object, kRange) == *seed, "a seed that changes when written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(fuzz::view(data, size));
  ensure(!refusal_text(500, text).empty(), "a refusal without words");
  auto object = parse_object(text, kObjectTextMax);
  if (!object) return 0;
  if (auto node = parse_node(*object)) {
    ensure(node->meta.name.size() <= kNameMax, "a name over its limit");
    ensure(node->internal_ips.size() <= kAddressesMax, "addresses over their limit");
  }
  if (auto lease = parse_lease(*object)) {
    ensure(!lease->duration || lease->duration->count() >= 0, "a lease that ended before it began");
  }
  static_cast<void>(parse_config_map(*object));
  static_cast<void>(parse_status(*object));
  check_records(std::move(*object));
  return 0;
}
