// SPDX-License-Identifier: Apache-2.0
// Any control messages, to a link in any state: none of them harms us, nor makes us write one that
// would harm a Go peer. The first byte is the number of overlays both ends claim to have.
#include <string>
#include <vector>

#include "base/ensure.h"
#include "router/dataplane/dataplane.h"
#include "router/overlay/control_wire.h"
#include "tests/fuzz/input.h"

using namespace weft;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choose(fuzz::view(data, size));
  const std::uint8_t first = choose.byte();
  const std::size_t count = first % 4;
  std::vector<std::string> overlays{"fastdp", "sleeve", "swift"};
  overlays.resize(std::min(count, overlays.size()));
  dataplane::Dataplane plane(
      {.name = PeerName::from_u48(1), .overlays = {"swift", "fastdp", "sleeve"}});
  dataplane::Output out;
  TimePoint now{std::chrono::hours(1)};
  plane.on_link_ready(now,
                      {.link = {1},
                       .peer = PeerName::from_u48(2),
                       .conn_uid = 7,
                       .outbound = (first & 4U) != 0,
                       .remote = {Ipv4Addr{1}, 6783},
                       .overlays = overlays},
                      out);
  while (!choose.empty()) {
    const std::uint8_t what = choose.byte();
    const ByteView payload = choose.take(what % 8);
    if (const auto message = overlay::parse_control(payload, count)) {
      const auto again = overlay::write_control(*message, count);
      ensure(again.has_value() && *again == to_bytes(payload), "not written as it was read");
    }
    plane.on_control(now, {1 + std::uint64_t{what >= 250}}, payload, out);
    if (what % 16 == 9) plane.on_path_mtu(now, {1}, what * 8, out);
    now += std::chrono::milliseconds(what);
    plane.on_deadline(now, out);
    plane.flush(now, out);
    for (const auto& c : out.control) {
      ensure(overlay::parse_control(c.payload, count).has_value(), "a control message that harms");
    }
    out.clear();
  }
  return 0;
}
