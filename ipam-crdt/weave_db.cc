// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/weave_db.h"

#include "gossip/gob/decoder.h"
#include "ipam-crdt/internal/gob_types.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

Cidr read_cidr(gob::Decoder& d) {
  Ipv4Addr addr;
  std::int64_t prefix_len = 0;
  for (d.enter(); auto field = d.next_field();) {
    if (*field == 0) addr = {d.u32()};
    if (*field == 1) prefix_len = d.sint();
  }
  auto cidr = prefix_len < 0 || prefix_len > 32
                  ? std::nullopt
                  : Cidr::make(addr, static_cast<unsigned>(prefix_len));
  if (!cidr) d.fail({.code = Errc::bad_value, .what = "weave database: bad prefix length"});
  return cidr.value_or(Cidr());
}

Owned read_owned(gob::Decoder& d) {
  Owned owned;
  for (d.enter(); auto field = d.next_field();) {
    if (*field == 0) owned.is_container = d.boolean();
    if (*field == 1) {
      for (d.enter(); d.next_element();)
        owned.addresses.push_back(read_cidr(d));
    }
  }
  return owned;
}

}  // namespace

Result<PeerName> parse_weave_peername(ByteView in) {
  gob::Decoder d(in);
  d.expect(gob::kUint);
  PeerName name = read_peer(d);
  if (auto ok = d.finish(); !ok) return ok.error();
  return name;
}

Result<OwnedMap> parse_weave_owned(ByteView in) {
  gob::Decoder d(in);
  OwnedMap out;
  d.expect(wire::kOwnedMap);
  if (d.enter() > kOwnedMax) {
    d.fail({.code = Errc::too_large, .what = "weave database: too many owned addresses"});
  }
  while (d.next_element()) {
    std::string ident(d.string());
    out[std::move(ident)] = read_owned(d);
  }
  if (auto ok = d.finish(); !ok) return ok.error();
  return out;
}

Result<std::vector<std::string>> parse_weave_direct_peers(ByteView in) {
  gob::Decoder d(in);
  std::vector<std::string> out;
  d.expect(wire::kStrings);
  if (d.enter() > kPeersMax) {
    d.fail({.code = Errc::too_large, .what = "weave database: too many direct peers"});
  }
  while (d.next_element())
    out.emplace_back(d.string());
  if (auto ok = d.finish(); !ok) return ok.error();
  return out;
}

}  // namespace weft::ipam
