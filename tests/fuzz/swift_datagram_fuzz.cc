// SPDX-License-Identifier: Apache-2.0
// Datagrams of the fuzzer's choosing, to an encrypted, a plain and a relaying tunnel of one
// forwarder. The plain one lets every text reach the parsers. What is to be injected or sent must
// lie where it says, whatever came in.
#include "base/ensure.h"
#include "router/swift/core/forwarder.h"
#include "tests/fuzz/input.h"

namespace {

using namespace weft;

constexpr TimePoint kNow{std::chrono::hours{1}};
const PeerName kUs = PeerName::from_u48(0x7a0000000001);
const PeerName kPlain = PeerName::from_u48(0x7a0000000002);
const PeerName kSealed = PeerName::from_u48(0x7a0000000003);

swift::Spec make_spec() {
  auto keys = std::make_shared<swift::EpochKeys>();
  keys->epoch = 1;
  keys->aead = crypto::usable_aeads().front();
  swift::Spec spec;
  spec.tunnels.push_back({.peer = kPlain,
                          .index = 1,
                          .peer_index = 11,
                          .remote = {.ip = {0x0a000002}, .port = 6783},
                          .path_mtu = 600,
                          .encrypted = false,
                          .carries_frames = true});
  spec.tunnels.push_back({.peer = kSealed,
                          .index = 2,
                          .peer_index = 12,
                          .remote = {.ip = {0x0a000003}, .port = 6783},
                          .epochs = {keys},
                          .send_epoch = 1,
                          .carries_frames = true});
  spec.unicast = {{kPlain, kPlain}, {kSealed, kSealed}};
  spec.broadcast_hops = {
      {kUs, {kPlain, kSealed}}, {kPlain, {kSealed, PeerName::from_u48(9)}}, {kSealed, {kPlain}}};
  return spec;
}

std::size_t checksum_of(ByteView bytes) {
  std::size_t sum = 0;
  for (const Byte b : bytes)
    sum += std::to_integer<std::size_t>(b);
  return sum;
}

void check(const swift::Output& out) {
  std::size_t read = 0;
  for (const auto& train : out.trains) {
    ensure(train.segments > 0 && train.segments <= swift::Train::kSegmentsMax, "train length");
    ensure(train.bytes.size() <= swift::kDatagramMax, "train size");
    ensure(train.bytes.size() > std::size_t{train.segment_size} * (train.segments - 1U),
           "segments");
    read += checksum_of(train.bytes);
  }
  for (const auto& injection : out.injections) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < injection.count; ++i) {
      const ByteView piece = out.pieces.at(injection.first + i);
      size += piece.size();
      read += checksum_of(piece);
    }
    ensure(size == injection.size && size >= 14, "injection size");
    const auto& header = injection.header;
    ensure(!header.needs_checksum ||
               std::size_t{header.checksum_start} + header.checksum_offset + 2 <= size,
           "checksum place");
  }
  for (const auto& frame : out.for_control)
    read += checksum_of(frame.bytes);
  ensure(read != ~std::size_t{0}, "read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::view(data, size));
  swift::Forwarder forwarder({.us = kUs});
  forwarder.apply(make_spec());
  swift::Output out;
  std::vector<Bytes> buffers;
  TimePoint now = kNow;
  std::uint64_t counter = 0;
  while (!choices.empty()) {
    const std::uint8_t what = choices.byte();
    const std::size_t length = std::size_t{choices.byte()} * (what % 4 + 1);
    Bytes datagram;
    if ((what & 0x80) != 0) {
      // A good header in front of the text, so that the parsers behind it are reached.
      Writer(datagram).u8(0x03).u8(0).u16(0).u32(1).u64(counter++);
    }
    append(datagram, choices.take(length));
    buffers.push_back(std::move(datagram));
    const Endpoint from{.ip = {0x0a000002}, .port = static_cast<std::uint16_t>(what)};
    forwarder.on_datagram(now, from, buffers.back(), out);
    if ((what & 0x40) != 0) {
      forwarder.flush(now, out);
      check(out);
      out.clear();
      buffers.clear();
      now += std::chrono::milliseconds(what);
    }
  }
  forwarder.flush(now, out);
  check(out);
  return 0;
}
