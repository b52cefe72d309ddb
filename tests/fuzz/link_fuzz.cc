// SPDX-License-Identifier: Apache-2.0
// A node without password and a stranger who says what the fuzzer likes, on one link or several:
// raw bytes, or well-framed messages after a proper introduction. Time jumps between. Whatever
// comes, the node keeps its own link to a good neighbour and stays within its bounds.
#include <algorithm>

#include "base/ensure.h"
#include "gossip/link.h"
#include "gossip/node.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::gossip;

namespace {

class NoChannels final : public ChannelStates {
 public:
  bool owns(Channel) const override { return false; }
  std::optional<Bytes> state(TimePoint, Channel) const override { return std::nullopt; }
};

PeerName name(std::uint64_t number) {
  return PeerName::from_u48(std::uint64_t{0x7a} << 40 | number);
}

class Play {
 public:
  explicit Play(ByteView input)
      : choose_(input),
        rng_(1),
        node_({.name = name(1), .nickname = "host1", .uid = {1}, .conn_limit = 8}, rng_,
              channels_) {}

  void run() {
    open(true);
    for (int steps = 0; steps < 200 && !choose_.empty(); ++steps) {
      step(choose_.byte());
      carry_out();
      ensure(node_.known_peers().size() <= 20'000, "the topology has a bound");
      ensure(node_.status(now_).links.size() <= 8 + 16 + 4'096 + 64, "links are bounded");
    }
  }

 private:
  void step(std::uint8_t what) {
    switch (what % 8) {
      case 0:
        return open(choose_.byte() % 2 == 0);
      case 1:
        return raw(choose_.take(choose_.byte()));
      case 2:
        return framed(choose_.take(choose_.byte() * 4U));
      case 3:
        now_ += std::chrono::milliseconds(choose_.byte() * 40U);
        return node_.on_deadline(now_, out_);
      case 4:
        return node_.on_closed(now_, link_, "reset", out_);
      case 5:
        return node_.on_overlay_established(now_, link_, out_);
      case 6:
        return node_.on_drained(now_, link_, out_);
      default:
        return dial(choose_.byte());
    }
  }

  // A new link from a stranger; `introduced`: it says hello properly first.
  void open(bool introduced) {
    auto number = 2 + choose_.byte() % 4U;
    auto link = node_.on_accept(now_, {{10}, 6783}, {{20U + number}, 40'000}, out_);
    if (!link) return;
    link_ = *link;
    if (!introduced) return;
    Bytes hello;
    Writer writer(hello);
    writer.bytes(as_bytes("weave")).u8(1).u8(2).u8(0);
    auto features = write_features({{"PeerNameFlavour", "mac"},
                                    {"Name", name(number).text()},
                                    {"NickName", "x"},
                                    {"UID", std::to_string(1 + choose_.byte() % 3U)},
                                    {"ConnID", std::to_string(choose_.byte())}});
    writer.u32(static_cast<std::uint32_t>(features.size())).bytes(features);
    raw(hello);
  }
  void raw(ByteView bytes) { node_.on_bytes(now_, link_, bytes, out_); }
  void framed(ByteView message) {
    Bytes frame;
    Writer(frame).u32(static_cast<std::uint32_t>(message.size())).bytes(message);
    raw(frame);
  }
  void dial(std::uint8_t how) {
    if (dials_.empty()) {
      (void)node_.connect(now_, {"10.0.0." + std::to_string(how), "name" + std::to_string(how % 3)},
                          how % 5 == 0, out_);
      return;
    }
    auto link = dials_[how % dials_.size()];
    std::erase_if(dials_, [&](LinkId id) { return id == link; });
    if (how % 2 == 0) return node_.on_dial_failed(now_, link, "refused", out_);
    node_.on_dialled(now_, link, {{10}, 50'000}, out_);
    link_ = link;
  }
  void carry_out() {
    Effects effects;
    effects.swap(out_);
    for (auto& effect : effects) {
      if (const auto* dial = std::get_if<Dial>(&effect)) dials_.push_back(dial->link);
      if (const auto* resolve = std::get_if<Resolve>(&effect)) {
        node_.on_resolved(now_, resolve->host, {{30}, {31}}, "", out_);
      }
      ensure(!std::holds_alternative<ChannelMessage>(effect), "nobody owns a channel here");
    }
    if (dials_.size() > 100) dials_.erase(dials_.begin());
  }

  fuzz::Choices choose_;
  SeededRng rng_;
  NoChannels channels_;
  Node node_;
  TimePoint now_{std::chrono::hours(1)};
  Effects out_;
  LinkId link_;
  std::vector<LinkId> dials_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(fuzz::view(data, size)).run();
  return 0;
}
