// SPDX-License-Identifier: Apache-2.0
// Two nodes that dial each other over a network that the fuzzer plays: it cuts streams into
// pieces, holds them back, breaks them, spoils bits, refuses dials and lets time jump. What is
// certain holds after every step; and once the network behaves again, the two find each other.
#include <deque>

#include "base/ensure.h"
#include "gossip/node.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::gossip;
using namespace std::chrono_literals;

namespace {

class Words final : public ChannelStates {
 public:
  bool owns(Channel channel) const override { return channel == Channel::ipam; }
  std::optional<Bytes> state(TimePoint, Channel) const override { return Bytes(3); }
};

PeerName name(unsigned host) {
  return PeerName::from_u48(std::uint64_t{0x7a} << 40 | (host + 1));
}
Endpoint address(unsigned host) {
  return {{10U << 24 | (host + 1)}, 6783};
}

struct Stream {
  LinkId ends[2];
  Bytes in_flight[2];  // towards ends[i]
  bool open[2] = {true, true};
};

class Play {
 public:
  explicit Play(ByteView input) : choose_(input), rng_(1), sealed_(choose_.byte() % 2 != 0) {
    for (unsigned i = 0; i < 2; ++i) {
      NodeConfig config{.name = name(i), .nickname = "h", .uid = {i + 1U}};
      if (sealed_) config.password = crypto::Password("secret");
      nodes_[i] = std::make_unique<Node>(std::move(config), rng_, words_);
    }
    for (unsigned i = 0; i < 2; ++i) {
      (void)nodes_[i]->connect(now_, {address(1 - i).ip.text()}, false, out_[i]);
    }
  }

  void run() {
    for (int steps = 0; steps < 300 && !choose_.empty(); ++steps) {
      step(choose_.byte());
      carry_out();
      check();
    }
    recover();
  }

 private:
  void step(std::uint8_t what) {
    auto how = choose_.byte();
    unsigned side = how % 2;
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
        return deliver(how, choose_.byte() * 8U);
      case 3:
        return break_stream(how);
      case 4:
        return spoil(how);
      case 5:
        return pass_time(std::chrono::milliseconds(how * 10U));
      case 6:
        return pass_time(std::chrono::seconds(how % 70U));
      default:
        refuse_ = (how & 4U) != 0;
        if ((how & 8U) != 0) nodes_[side]->broadcast(now_, Channel::ipam, out_[side]);
        if ((how & 16U) != 0) {
          nodes_[side]->unicast(now_, Channel::ipam, name(1 - side), Bytes(how), out_[side]);
        }
    }
  }

  void deliver(std::uint8_t which, std::size_t n) {
    if (streams_.empty()) return;
    auto& stream = streams_[which / 2 % streams_.size()];
    unsigned side = which % 2;
    auto& bytes = stream.in_flight[side];
    n = std::min(n, bytes.size());
    Bytes piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    auto link = stream.ends[side];
    if (stream.open[side]) nodes_[side]->on_bytes(now_, link, piece, out_[side]);
  }
  void break_stream(std::uint8_t which) {
    if (streams_.empty()) return;
    auto& stream = streams_[which / 2 % streams_.size()];
    unsigned side = which % 2;
    if (!stream.open[side]) return;
    stream.open[side] = false;
    stream.in_flight[side].clear();
    nodes_[side]->on_closed(now_, stream.ends[side], "reset", out_[side]);
  }
  void spoil(std::uint8_t which) {
    // Without a seal nothing tells that a bit was spoilt, and anything may be said.
    if (streams_.empty() || !sealed_) return;
    auto& bytes = streams_[which / 2 % streams_.size()].in_flight[which % 2];
    if (!bytes.empty()) bytes[choose_.byte() % bytes.size()] ^= static_cast<Byte>(1U << which % 8);
  }
  void pass_time(Duration time) {
    now_ += time;
    for (unsigned i = 0; i < 2; ++i)
      nodes_[i]->on_deadline(now_, out_[i]);
  }

  // Effects may lead to others on both sides.
  void carry_out() {
    for (unsigned i = 0; !out_[0].empty() || !out_[1].empty(); i = 1 - i) {
      Effects effects;
      effects.swap(out_[i]);
      for (auto& effect : effects) {
        std::visit([&](auto& value) { on(i, value); }, effect);
      }
    }
    std::erase_if(streams_, [](const Stream& s) { return !s.open[0] && !s.open[1]; });
  }
  void on(unsigned i, Dial& dial) {
    if (refuse_ || dial.to != address(1 - i) || streams_.size() > 20) {
      return nodes_[i]->on_dial_failed(now_, dial.link, "refused", out_[i]);
    }
    Endpoint from{address(i).ip, 40'000};
    auto accepted = nodes_[1 - i]->on_accept(now_, dial.to, from, out_[1 - i]);
    if (!accepted) return nodes_[i]->on_dial_failed(now_, dial.link, "reset", out_[i]);
    Stream stream;
    stream.ends[i] = dial.link;
    stream.ends[1 - i] = *accepted;
    streams_.push_back(std::move(stream));
    nodes_[i]->on_dialled(now_, dial.link, from, out_[i]);
  }
  void on(unsigned i, Send& send) {
    for (auto& stream : streams_) {
      if (stream.ends[i] == send.link && stream.open[i]) {
        append(stream.in_flight[1 - i], send.bytes);
      }
    }
    nodes_[i]->on_drained(now_, send.link, out_[i]);
  }
  void on(unsigned i, Close& close) {
    for (auto& stream : streams_) {
      if (stream.ends[i] == close.link) stream.open[i] = false;
    }
  }
  void on(unsigned i, LinkReady& ready) {
    ensure(ready.peer == name(1 - i), "the only peer there is");
    ensure(ready_[i] == LinkId{}, "one connection for each neighbour");
    ready_[i] = ready.link;
    nodes_[i]->on_overlay_established(now_, ready.link, out_[i]);
  }
  void on(unsigned i, LinkGone& gone) {
    ensure(ready_[i] == gone.link, "only a connection can go");
    ready_[i] = {};
  }
  void on(unsigned i, ChannelMessage& message) {
    ensure(message.link == ready_[i], "messages come on a connection in the table");
    ensure(message.channel == Channel::ipam, "the only owned channel");
  }
  void on(unsigned, Resolve&) { ensure(false, "there are no names here"); }
  template <class Other>
  void on(unsigned, Other&) {}

  void check() {
    for (unsigned i = 0; i < 2; ++i) {
      ensure(nodes_[i]->known_peers().size() <= 2, "nobody else exists");
      ensure(nodes_[i]->status(now_).links.size() <= 1 + 1 + 16 + 20, "links are bounded");
      auto next = nodes_[i]->next_deadline();
      ensure(next.has_value(), "a node with a target always has something to do");
    }
  }

  // From now on everything is delivered: within ten minutes they are one mesh.
  void recover() {
    refuse_ = false;
    auto until = now_ + 10min;
    for (int rounds = 0; rounds < 5'000 && now_ < until; ++rounds) {
      carry_out();
      bool moved = false;
      for (std::size_t s = 0; s < streams_.size(); ++s) {
        for (unsigned side = 0; side < 2; ++side)
          moved = settle(s, side) || moved;
      }
      carry_out();
      if (!moved) pass_time(250ms);
      if (ready_[0] != LinkId{} && ready_[1] != LinkId{} && routed()) return;
    }
    ensure(false, "the two never found each other again");
  }
  bool routed() const {
    return nodes_[0]->unicast_routes().size() == 2 && nodes_[1]->unicast_routes().size() == 2;
  }
  bool settle(std::size_t index, unsigned side) {
    auto& stream = streams_[index];
    if (!stream.open[side]) return false;
    if (!stream.in_flight[side].empty()) {
      auto bytes = std::exchange(stream.in_flight[side], {});
      nodes_[side]->on_bytes(now_, stream.ends[side], bytes, out_[side]);
      return true;
    }
    if (stream.open[1 - side]) return false;
    stream.open[side] = false;
    nodes_[side]->on_closed(now_, stream.ends[side], "reset", out_[side]);
    return true;
  }

  fuzz::Choices choose_;
  SeededRng rng_;
  bool sealed_;
  Words words_;
  std::unique_ptr<Node> nodes_[2];
  TimePoint now_{Duration(1h)};
  Effects out_[2];
  std::deque<Stream> streams_;
  LinkId ready_[2];
  bool refuse_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Play(fuzz::view(data, size)).run();
  return 0;
}
