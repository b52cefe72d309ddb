// SPDX-License-Identifier: Apache-2.0
// The two ends of a swift tunnel over a path and a TCP connection that the fuzzer plays. Whatever
// it does to datagrams and to the time, no datagram meets an end without its keys, and when it
// stops the path comes up again. With forged control messages, which a sealed connection does not
// let pass, at least nothing grows and nothing is sent in the clear.
#include "base/ensure.h"
#include "tests/fuzz/input.h"
#include "tests/unit/swift/control/two_ends.h"

using namespace weft;
using namespace weft::swift;
using namespace weft::test;

namespace {

class Play {
 public:
  explicit Play(ByteView input)
      : choose_(input),
        first_(choose_.byte()),
        ends_(1, {.sealed = (first_ & 3U) != 0,
                  .rekey_interval = std::chrono::seconds(5 + first_ % 16),
                  .data_interval = 200ms}) {}

  void run() {
    for (int steps = 0; steps < 200 && !choose_.empty(); ++steps) {
      step(choose_.byte());
      check();
    }
    if (forged_) return;
    ends_.faults = {};
    // Offers may rest for half a minute, a path that failed for a whole one.
    ensure(ends_.run_until([this] { return ends_.both_up(); }, 150s), "swift did not come back");
    check();
  }

 private:
  bool sealed() const { return (first_ & 3U) != 0; }

  void step(std::uint8_t what) {
    const std::uint8_t how = choose_.byte();
    NetworkFaults& faults = ends_.faults;
    switch (what % 14) {
      case 0:
        return ends_.run_for(std::chrono::milliseconds(how));
      case 1:
        return ends_.run_for(std::chrono::milliseconds(how * 20));
      case 2:
        faults.loss = how / 256.0;
        return;
      case 3:
        faults.jitter = std::chrono::milliseconds(how * 8);
        return;
      case 4:
        faults.duplicates = how / 256.0;
        return;
      case 5:
        faults.mtu = 400 + how * 5;
        return;
      case 6:
        faults.blocked_there = (how & 1U) != 0;
        faults.blocked_back = (how & 2U) != 0;
        faults.main_port_only = (how & 4U) != 0;
        return;
      case 7:
        faults.control_loss = how / 256.0;
        return;
      case 8:
        faults.control_jitter = std::chrono::milliseconds(how * 10);
        faults.control_duplicates = how / 512.0;
        return;
      case 9:
        faults.apply_delay = std::chrono::milliseconds(how * 4);
        return;
      case 10:
        return worker_news(how);
      case 11:
        return replay(how);
      default:
        return forge(how);
    }
  }

  TwoEnds::End& end(std::uint8_t how) { return how % 2 == 0 ? ends_.dialler : ends_.acceptor; }

  void worker_news(std::uint8_t how) {
    TwoEnds::End& at = end(how);
    if (how % 4 < 2) {
      at.tunnel->on_counter_high(ends_.now, how / 4U, at.out);
    } else {
      at.tunnel->on_path_mtu(ends_.now, how * 8, at.out);
    }
    ends_.carry_out(at);
  }

  void replay(std::uint8_t how) {
    const auto& said = ends_.other(end(how)).controls;
    if (!said.empty()) ends_.inject_control(end(how), said[how % said.size()]);
  }

  void forge(std::uint8_t how) {
    forged_ = true;
    TaggedBody message{.tag = static_cast<std::uint8_t>(how / 2U % 8),
                       .body = to_bytes(choose_.take(how / 16U * 4U))};
    const auto& said = ends_.other(end(how)).controls;
    if (!said.empty() && how >= 128) {
      message = said.back();
      message.body[choose_.byte() % message.body.size()] ^= static_cast<Byte>(1U << (how % 8));
    }
    ends_.inject_control(end(how), message);
  }

  void check() {
    for (TwoEnds::End* e : {&ends_.dialler, &ends_.acceptor}) {
      ensure(forged_ || e->foreign == 0, "a datagram met an end that had not its keys");
      const auto spec = e->tunnel->spec();
      if (!spec) continue;
      ensure(spec->encrypted == sealed(), "the tunnel changed its mind about sealing");
      ensure(spec->epochs.size() <= KeyExchange::kEpochsMax, "keys pile up");
      ensure(spec->path_mtu >= MtuSearch::kFloor && spec->path_mtu <= 1500, "an MTU out of bounds");
      std::uint32_t last = 0;
      for (const auto& keys : spec->epochs) {
        ensure(keys->epoch > last, "epochs out of order");
        last = keys->epoch;
      }
      e->controls.erase(e->controls.begin(),
                        e->controls.end() - std::min<std::ptrdiff_t>(std::ssize(e->controls), 64));
    }
  }

  fuzz::Choices choose_;
  std::uint8_t first_;
  TwoEnds ends_;
  bool forged_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(fuzz::view(data, size)).run();
  return 0;
}
