// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/weave_db.h"

#include "gossip/gob/decoder.h"
#include "ipam-crdt/boltdb.h"
#include "ipam-crdt/internal/gob_types.h"
#include "ipam-crdt/ring_wire.h"
#include "ipam-crdt/wire_limits.h"

namespace weft::ipam {
namespace {

// Of the key "version": | major 1 | minor 1 |.
constexpr Byte kMajorVersion{1};

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

Result<WeaveDatabase> parse_weave_database(ByteView file) {
  auto bucket = parse_bolt_bucket(file, "top");
  if (!bucket) return bucket.error();
  auto value = [&](std::string_view key) -> std::optional<ByteView> {
    auto it = bucket->find(key);
    return it == bucket->end() ? std::nullopt : std::optional(it->second);
  };
  auto version = value("version");
  if (!version || version->empty() || (*version)[0] != kMajorVersion) {
    return Error{.code = Errc::unsupported, .what = "weave database: of another major version"};
  }
  WeaveDatabase out;
  if (auto in = value("peername")) {
    auto name = parse_weave_peername(*in);
    if (!name) return name.error();
    out.name = *name;
  }
  if (auto in = value("ring")) {
    auto ring = parse_ring(*in);
    if (!ring) return ring.error();
    if (auto ok = check_ring(*ring); !ok) return ok.error();
    out.ring = to_bytes(*in);
  }
  if (auto in = value("ownedAddresses")) {
    auto owned = parse_weave_owned(*in);
    if (!owned) return owned.error();
    out.owned = std::move(*owned);
  }
  if (auto in = value("directPeers")) {
    auto peers = parse_weave_direct_peers(*in);
    if (!peers) return peers.error();
    out.direct_peers = std::move(*peers);
  }
  return out;
}

bool has_reclaim_flag(ByteView file) {
  auto bucket = parse_bolt_bucket(file, "top");
  return bucket && bucket->contains("flag:peer-reclaim");
}

}  // namespace weft::ipam
