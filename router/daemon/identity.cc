// SPDX-License-Identifier: Apache-2.0
#include "router/daemon/identity.h"

namespace weft::daemon {
namespace {

// Unicast and locally administered, as the first octet of a made-up MAC address must be.
constexpr std::uint64_t kUnicastMask = ~(std::uint64_t{1} << 40);
constexpr std::uint64_t kLocalBit = std::uint64_t{1} << 41;

PeerName random_name(Rng& rng) {
  return PeerName::from_u48((rng.next() & kUnicastMask) | kLocalBit);
}

}  // namespace

std::string_view to_string(NameSource source) {
  switch (source) {
    case NameSource::given:
      return "given by --name";
    case NameSource::stored:
      return "stored by an earlier run";
    case NameSource::weave:
      return "that under which Weave ran here";
    case NameSource::bridge:
      return "taken from the existing bridge";
    case NameSource::random:
      return "newly chosen";
  }
  return "unknown";
}

Result<Identity> choose_identity(const NameCandidates& candidates, Rng& rng) {
  Identity identity;
  if (candidates.given) {
    identity = {.name = *candidates.given, .source = NameSource::given};
  } else if (candidates.stored) {
    identity = {.name = *candidates.stored, .source = NameSource::stored};
  } else if (candidates.weave) {
    identity = {.name = *candidates.weave, .source = NameSource::weave};
  } else if (candidates.weave_bridge) {
    identity = {.name = PeerName::from_u48(candidates.weave_bridge->value),
                .source = NameSource::bridge};
  } else {
    identity = {.name = random_name(rng), .source = NameSource::random};
  }
  if (identity.name.group_bit() || !identity.name.known()) {
    return Error{.code = Errc::bad_value,
                 .what =
                     "the peer name has the group bit set (odd first byte) or is zero; "
                     "choose another with --name"};
  }
  return identity;
}

}  // namespace weft::daemon
