// SPDX-License-Identifier: Apache-2.0
#include "gossip/envelope_wire.h"

#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"

namespace weft::gossip {
namespace {

// The values of an envelope are of built-in types, so there is nothing to define.
constexpr gob::Limits kLimits{.type_count_max = 0, .element_count_max = 0};

std::string read_channel(gob::Decoder& d) {
  d.expect(gob::kString);
  std::string_view name = d.string();
  if (name.size() > kChannelNameMax) {
    d.fail({.code = Errc::too_large, .what = "envelope: channel name is too long"});
    return {};
  }
  return std::string(name);
}

PeerName read_name(gob::Decoder& d) {
  d.expect(gob::kUint);
  auto name = PeerName::make(d.u64());
  if (!name) d.fail({.code = Errc::bad_value, .what = "envelope: peer name exceeds 48 bits"});
  return name.value_or(PeerName());
}

Bytes read_payload(gob::Decoder& d) {
  d.expect(gob::kBytes);
  return to_bytes(d.bytes());
}

}  // namespace

Result<Envelope> parse_envelope(ByteView in) {
  gob::Decoder d(in, kLimits);
  Envelope out{.channel = read_channel(d), .source = read_name(d), .payload = read_payload(d)};
  if (auto ok = d.finish(); !ok) return ok.error();
  return out;
}

Bytes write_envelope(std::string_view channel, PeerName source, ByteView payload) {
  Bytes out;
  gob::Encoder e(out);
  e.begin(gob::kString).string(channel);
  e.begin(gob::kUint).uint(source.value());
  e.begin(gob::kBytes).bytes(payload);
  return out;
}

Result<UnicastEnvelope> parse_unicast_envelope(ByteView in) {
  gob::Decoder d(in, kLimits);
  UnicastEnvelope out{.channel = read_channel(d),
                      .source = read_name(d),
                      .destination = read_name(d),
                      .payload = read_payload(d)};
  if (auto ok = d.finish(); !ok) return ok.error();
  return out;
}

Bytes write_unicast_envelope(std::string_view channel, PeerName source, PeerName destination,
                             ByteView payload) {
  Bytes out;
  gob::Encoder e(out);
  e.begin(gob::kString).string(channel);
  e.begin(gob::kUint).uint(source.value());
  e.begin(gob::kUint).uint(destination.value());
  e.begin(gob::kBytes).bytes(payload);
  return out;
}

}  // namespace weft::gossip
