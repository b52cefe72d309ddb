// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/network.h"

#include <algorithm>

namespace weft::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFirstAddress = 0x0a630001;  // 10.99.0.1
// How long a dial that is not answered takes to fail, and an overlay without an answer.
constexpr Duration kDialTimeout = 10s;
constexpr Duration kOverlayTimeout = 8s;

}  // namespace

struct Network::Pipe {
  LinkEnd ends[2];  // the first has dialled
  bool open[2] = {true, true};
  TimePoint last_arrival[2];         // towards each end: a stream keeps its order
  std::deque<Segment> held[2] = {};  // towards each end, while nothing passes
  int ready = 0;
};

Network::Network(const NetworkOptions& options, Timeline& timeline, Rng& rng, Endpoints& hosts)
    : options_(options),
      timeline_(timeline),
      rng_(rng),
      hosts_(hosts),
      rate_(options.hosts, options.bytes_per_second),
      busy_until_(options.hosts) {}

Network::~Network() = default;

Ipv4Addr Network::address_of(HostId host) {
  return {kFirstAddress + static_cast<std::uint32_t>(host)};
}

bool Network::passes(HostId from, HostId to) const {
  return cut_.count({from, to}) == 0 && frozen_.count({from, to}) == 0;
}

// What stops bytes on their way from one host to another is felt.
void Network::feel_stop(HostId from, HostId to) {
  if (cut_.count({from, to}) != 0) feel(Condition::cut, from, to);
  if (frozen_.count({from, to}) != 0) feel(Condition::frozen, from, to);
}

bool Network::can_dial(HostId from, HostId to) const {
  return (from == to || hidden_.count(to) == 0) && passes(from, to) && passes(to, from);
}

Duration Network::latency() {
  auto max = static_cast<std::uint64_t>(options_.latency_max.count());
  return Duration(static_cast<Duration::rep>(1 + rng_.below(max)));
}

TimePoint Network::sent_at(HostId from, std::size_t size) {
  if (rate_[from] < options_.bytes_per_second) feel(Condition::slow, from, from);
  TimePoint start = std::max(timeline_.now(), busy_until_[from]);
  busy_until_[from] = start + Duration(std::chrono::seconds(1)) * static_cast<Duration::rep>(size) /
                                  static_cast<Duration::rep>(rate_[from]);
  return busy_until_[from];
}

void Network::dial(const LinkEnd& from, Endpoint to) {
  Endpoint local{.ip = address_of(from.host),
                 .port = static_cast<std::uint16_t>(20000 + rng_.below(40000))};
  timeline_.after(latency(), [this, from, local, to] { connect(from, local, to); });
}

void Network::connect(const LinkEnd& from, Endpoint local, Endpoint to) {
  if (!alive(from)) return;
  auto target = static_cast<HostId>(to.ip - Ipv4Addr{kFirstAddress});
  bool exists = target < options_.hosts;
  if (exists && !can_dial(from.host, target)) {
    feel_stop(from.host, target);
    feel_stop(target, from.host);
    if (hidden_.count(target) != 0) feel(Condition::hidden, target, target);
    return timeline_.after(kDialTimeout, [this, from] {
      if (alive(from)) hosts_.dial_failed(from, "Connection timed out");
    });
  }
  auto pipe = std::make_shared<Pipe>();
  bool accepted = false;
  if (exists && hosts_.run_of(target) != 0) {
    hosts_.accept(target, to, local, [&](gossip::LinkId link) {
      accepted = true;
      pipe->ends[0] = from;
      pipe->ends[1] = {target, link, hosts_.run_of(target)};
      pipes_[{from.host, from.link}] = pipe;
      pipes_[{target, link}] = pipe;
    });
  }
  if (accepted) {
    hosts_.dialled(from, local);
  } else {
    hosts_.dial_failed(from, "Connection refused");
  }
}

Network::PipePtr Network::find(HostId host, gossip::LinkId link) const {
  auto found = pipes_.find({host, link});
  return found == pipes_.end() ? nullptr : found->second;
}

int Network::side(const Pipe& pipe, HostId host, gossip::LinkId link) {
  return pipe.ends[0].host == host && pipe.ends[0].link == link ? 0 : 1;
}

void Network::send(HostId from, gossip::LinkId link, const Bytes& bytes) {
  auto pipe = find(from, link);
  if (!pipe) return;
  int towards = 1 - side(*pipe, from, link);
  TimePoint when = sent_at(from, bytes.size()) + latency();
  if (bytes.size() > 1 && rng_.below(8) == 0) {
    auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(1 + rng_.below(bytes.size() - 1));
    post(pipe, towards, {.bytes = Bytes(bytes.begin(), middle), .end_of_stream = {}}, when);
    return post(pipe, towards, {.bytes = Bytes(middle, bytes.end()), .end_of_stream = {}},
                when + latency());
  }
  post(pipe, towards, {.bytes = bytes, .end_of_stream = {}}, when);
}

void Network::close(HostId from, gossip::LinkId link, const std::string& why) {
  auto pipe = find(from, link);
  if (!pipe) return;
  int mine = side(*pipe, from, link);
  leave(pipe, mine);
  post(pipe, 1 - mine, {.bytes = {}, .end_of_stream = why}, timeline_.now() + latency());
}

void Network::post(const PipePtr& pipe, int towards, Segment segment, TimePoint when) {
  pipe->last_arrival[towards] = std::max(when, pipe->last_arrival[towards]);
  timeline_.at(pipe->last_arrival[towards],
               [this, pipe, towards, s = std::move(segment)] { arrive(pipe, towards, s); });
}

void Network::arrive(const PipePtr& pipe, int towards, const Segment& segment) {
  const LinkEnd to = pipe->ends[towards];
  const LinkEnd from = pipe->ends[1 - towards];
  if (passes(from.host, to.host) && pipe->held[towards].empty()) {
    deliver(pipe, towards, segment);
  } else {
    feel_stop(from.host, to.host);
    pipe->held[towards].push_back(segment);
  }
}

void Network::deliver(const PipePtr& pipe, int towards, const Segment& segment) {
  const LinkEnd to = pipe->ends[towards];
  const LinkEnd from = pipe->ends[1 - towards];
  if (!pipe->open[towards] || !alive(to)) {
    // The host is there, the connection is not: its kernel says so.
    if (hosts_.run_of(to.host) != 0 && segment.end_of_stream.empty()) reset(pipe, 1 - towards);
    return;
  }
  if (!segment.end_of_stream.empty()) {
    leave(pipe, towards);
    return hosts_.closed(to, segment.end_of_stream);
  }
  hosts_.bytes(to, segment.bytes);
  if (pipe->open[1 - towards] && alive(from)) hosts_.drained(from);
}

void Network::reset(const PipePtr& pipe, int which) {
  if (!pipe->open[which]) return;
  post(pipe, which, {.bytes = {}, .end_of_stream = "Connection reset by peer"},
       timeline_.now() + latency());
}

void Network::leave(const PipePtr& pipe, int which) {
  pipe->open[which] = false;
  pipes_.erase({pipe->ends[which].host, pipe->ends[which].link});
}

void Network::lost(HostId host, bool peers_are_told) {
  std::vector<PipePtr> its;
  for (auto at = pipes_.lower_bound({host, {}}); at != pipes_.end() && at->first.first == host;
       ++at)
    its.push_back(at->second);
  for (const PipePtr& pipe : its) {
    for (int i : {0, 1}) {
      if (pipe->ends[i].host != host || !pipe->open[i]) continue;
      leave(pipe, i);
      if (peers_are_told) reset(pipe, 1 - i);
    }
  }
}

void Network::cut(HostId a, HostId b, bool is_cut) {
  set(cut_, Pair{a, b}, is_cut);
  set(cut_, Pair{b, a}, is_cut);
  felt_.erase({Condition::cut, a, b});
  felt_.erase({Condition::cut, b, a});
  if (is_cut) return;
  flush(a, b);
  flush(b, a);
}

void Network::freeze(HostId from, HostId to, bool is_frozen) {
  set(frozen_, Pair{from, to}, is_frozen);
  felt_.erase({Condition::frozen, from, to});
  if (!is_frozen) flush(from, to);
}

void Network::flush(HostId from, HostId to) {
  if (!passes(from, to)) return;
  for (const PipePtr& pipe : between(from, to)) {
    for (int towards : {0, 1}) {
      if (pipe->ends[towards].host != to || pipe->held[towards].empty()) continue;
      timeline_.after(latency(), [this, pipe, towards] { release(pipe, towards); });
    }
  }
}

// What has waited arrives now, in its order; what comes meanwhile waits behind it.
void Network::release(const PipePtr& pipe, int towards) {
  auto& held = pipe->held[towards];
  while (!held.empty() && passes(pipe->ends[1 - towards].host, pipe->ends[towards].host)) {
    deliver(pipe, towards, held.front());
    held.pop_front();
  }
}

std::vector<Network::PipePtr> Network::between(HostId a, HostId b) const {
  std::vector<PipePtr> out;
  for (const auto& [key, pipe] : pipes_) {
    HostId first = pipe->ends[0].host;
    HostId second = pipe->ends[1].host;
    bool joins = (first == a && second == b) || (first == b && second == a);
    if (joins && (out.empty() || out.back() != pipe)) out.push_back(pipe);
  }
  return out;
}

void Network::throttle(HostId host, std::uint64_t bytes_per_second) {
  rate_[host] = bytes_per_second;
  felt_.erase({Condition::slow, host, host});
}

std::size_t Network::break_connections(HostId a, HostId b) {
  auto pipes = between(a, b);
  for (const PipePtr& pipe : pipes) {
    for (int i : {0, 1}) {
      if (!pipe->open[i]) continue;
      const LinkEnd end = pipe->ends[i];
      leave(pipe, i);
      timeline_.after(latency(), [this, end] {
        if (alive(end)) hosts_.closed(end, "Connection reset by peer");
      });
    }
  }
  return pipes.size();
}

void Network::overlay_ready(HostId from, gossip::LinkId link) {
  auto pipe = find(from, link);
  if (!pipe || ++pipe->ready != 2) return;
  bool works = blocked_.count({pipe->ends[0].host, pipe->ends[1].host}) == 0;
  report_overlay(pipe, works, works ? latency() : kOverlayTimeout);
}

void Network::report_overlay(const PipePtr& pipe, bool works, Duration later) {
  if (!works) feel(Condition::blocked, pipe->ends[0].host, pipe->ends[1].host);
  for (int i : {0, 1}) {
    timeline_.after(later + latency(), [this, pipe, i, works] {
      if (pipe->open[i] && alive(pipe->ends[i])) hosts_.overlay(pipe->ends[i], works);
    });
  }
}

void Network::block_overlay(HostId a, HostId b, bool is_blocked) {
  set(blocked_, Pair{a, b}, is_blocked);
  set(blocked_, Pair{b, a}, is_blocked);
  felt_.erase({Condition::blocked, a, b});
  felt_.erase({Condition::blocked, b, a});
  if (!is_blocked) return;
  for (const PipePtr& pipe : between(a, b))
    report_overlay(pipe, false, kOverlayTimeout);
}

void Network::heal() {
  cut_.clear();
  frozen_.clear();
  blocked_.clear();
  std::fill(rate_.begin(), rate_.end(), options_.bytes_per_second);
  for (HostId a = 0; a < options_.hosts; ++a) {
    for (HostId b = 0; b < options_.hosts; ++b)
      flush(a, b);
  }
}

}  // namespace weft::sim
