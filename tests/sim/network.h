// SPDX-License-Identifier: Apache-2.0
// The network between simulated hosts: streams that keep their order and arrive in any pieces, with
// latency and bandwidth, over paths that break, freeze in one direction, hide a host behind a NAT
// or carry no overlay. It knows hosts by number and moves bytes; it never looks into them.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/rng.h"
#include "gossip/link_id.h"
#include "tests/sim/timeline.h"

namespace weft::sim {

using HostId = std::size_t;

struct NetworkOptions {
  std::size_t hosts = 0;
  Duration latency_max = std::chrono::milliseconds(40);
  std::uint64_t bytes_per_second = 12'500'000;  // what each host can send
};

// One end of a stream. A host that was started anew is another one.
struct LinkEnd {
  HostId host = 0;
  gossip::LinkId link;
  std::uint64_t run = 0;
};

// What the network asks of the hosts.
class Endpoints {
 public:
  Endpoints() = default;
  Endpoints(const Endpoints&) = delete;
  Endpoints& operator=(const Endpoints&) = delete;
  virtual ~Endpoints() = default;

  // The number of its present run; 0: it is down.
  virtual std::uint64_t run_of(HostId host) const = 0;
  // `accepted` is called with the new link, if there is one, before anything is sent on it.
  virtual void accept(HostId host, Endpoint local, Endpoint remote,
                      const std::function<void(gossip::LinkId)>& accepted) = 0;
  virtual void dialled(const LinkEnd& end, Endpoint local) = 0;
  virtual void dial_failed(const LinkEnd& end, const std::string& why) = 0;
  virtual void bytes(const LinkEnd& end, ByteView bytes) = 0;
  virtual void drained(const LinkEnd& end) = 0;
  virtual void closed(const LinkEnd& end, const std::string& why) = 0;
  virtual void overlay(const LinkEnd& end, bool works) = 0;
};

class Network {
 public:
  // Everything outlives the network.
  Network(const NetworkOptions& options, Timeline& timeline, Rng& rng, Endpoints& hosts);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network();

  static Ipv4Addr address_of(HostId host);

  // What a host does.
  void dial(const LinkEnd& from, Endpoint to);
  void send(HostId from, gossip::LinkId link, const Bytes& bytes);
  void close(HostId from, gossip::LinkId link, const std::string& why);
  void overlay_ready(HostId from, gossip::LinkId link);
  // The host is gone: its peers are told (its kernel still runs) or have to find out.
  void lost(HostId host, bool peers_are_told);

  // Conditions. Setting one forgets what was felt of it between the two hosts.
  void cut(HostId a, HostId b, bool is_cut);  // nothing passes; what is sent waits
  void freeze(HostId from, HostId to, bool is_frozen);
  void hide(HostId host, bool is_hidden) { set(hidden_, host, is_hidden); }  // nobody can dial it
  void block_overlay(HostId a, HostId b, bool is_blocked);
  void throttle(HostId host, std::uint64_t bytes_per_second);
  std::size_t break_connections(HostId a, HostId b);  // how many there were
  void heal();                                        // all but hidden hosts
  bool is_hidden(HostId host) const { return hidden_.count(host) != 0; }
  // Whether a condition has made a difference: to what `from` sent to `to`, or dialled. Of hiding
  // and throttling the other host is any.
  enum class Condition : std::uint8_t { cut, frozen, hidden, blocked, slow };
  bool felt(Condition condition, HostId from, HostId to) const {
    return felt_.count({condition, from, to}) != 0;
  }

 private:
  struct Segment {
    Bytes bytes;
    std::string end_of_stream;  // why, if it is the end
  };
  struct Pipe;
  using PipePtr = std::shared_ptr<Pipe>;
  using Pair = std::pair<HostId, HostId>;

  template <class T>
  static void set(std::set<T>& all, const T& one, bool is_in) {
    if (is_in) {
      all.insert(one);
    } else {
      all.erase(one);
    }
  }
  void feel(Condition condition, HostId from, HostId to) { felt_.emplace(condition, from, to); }
  void feel_stop(HostId from, HostId to);
  bool passes(HostId from, HostId to) const;
  bool can_dial(HostId from, HostId to) const;
  Duration latency();
  TimePoint sent_at(HostId from, std::size_t size);
  PipePtr find(HostId host, gossip::LinkId link) const;
  static int side(const Pipe& pipe, HostId host, gossip::LinkId link);
  bool alive(const LinkEnd& end) const { return hosts_.run_of(end.host) == end.run; }
  void connect(const LinkEnd& from, Endpoint local, Endpoint to);
  void post(const PipePtr& pipe, int towards, Segment segment, TimePoint when);
  void arrive(const PipePtr& pipe, int towards, const Segment& segment);
  void deliver(const PipePtr& pipe, int towards, const Segment& segment);
  void release(const PipePtr& pipe, int towards);
  void reset(const PipePtr& pipe, int which);
  void leave(const PipePtr& pipe, int which);
  void flush(HostId from, HostId to);
  void report_overlay(const PipePtr& pipe, bool works, Duration later);
  std::vector<PipePtr> between(HostId a, HostId b) const;

  NetworkOptions options_;
  Timeline& timeline_;
  Rng& rng_;
  Endpoints& hosts_;
  std::map<std::pair<HostId, gossip::LinkId>, PipePtr> pipes_;
  std::set<Pair> cut_;      // both orders of each pair
  std::set<Pair> frozen_;   // from, to
  std::set<Pair> blocked_;  // both orders of each pair
  std::set<HostId> hidden_;
  std::set<std::tuple<Condition, HostId, HostId>> felt_;
  std::vector<std::uint64_t> rate_;
  std::vector<TimePoint> busy_until_;
};

}  // namespace weft::sim
