// SPDX-License-Identifier: Apache-2.0
// A simulated mesh that real weavers take part in. What its hosts have to do with the outside goes
// through real sockets, TCP for gossip and UDP for sleeve, bound to their own addresses; virtual
// time keeps pace with the clock.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "router/dataplane/dataplane.h"
#include "router/io/tcp.h"
#include "router/io/udp.h"
#include "tests/sim/scale_world.h"

namespace weft::sim {

class Feed {
 public:
  // Both outlive this. The addresses of the hosts must be local ones here.
  Feed(io::EventLoop& loop, ScaleWorld& world);
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  ~Feed();

  Result<> listen();

 private:
  // The real side of a host that has one.
  struct Edge {
    std::map<gossip::LinkId, std::unique_ptr<io::TcpStream>> streams;
    std::unique_ptr<dataplane::Dataplane> plane;
    std::unique_ptr<io::UdpSocket> udp;
    dataplane::Output output;
  };
  using PlaneCall = std::function<void(TimePoint, dataplane::Dataplane&, dataplane::Output&)>;

  // Lets virtual time come up to the clock; what it is then.
  TimePoint catch_up();
  void later(std::size_t host, gossip::Effect& effect);
  void settle();
  void carry_out(std::size_t host, const gossip::Effect& effect);
  void dial(std::size_t host, const gossip::Dial& dial);
  void adopt(std::size_t host, gossip::LinkId link, std::unique_ptr<io::TcpStream> stream);
  void on_accepted(std::unique_ptr<io::TcpStream> stream);
  void open_plane(std::size_t host);
  void with_plane(std::size_t host, const PlaneCall& call);
  using PathMtus = std::vector<std::pair<gossip::LinkId, int>>;
  // Gives what did not fit.
  PathMtus send_out(std::size_t host);
  void on_timer();
  void arm();

  io::EventLoop& loop_;
  ScaleWorld& world_;
  Duration ahead_;  // of virtual time
  std::map<std::size_t, Edge> edges_;
  std::deque<std::pair<std::size_t, gossip::Effect>> todo_;
  bool scheduled_ = false;
  std::unique_ptr<io::TcpListener> listener_;
  io::TcpConnector connector_;
  io::Timer timer_;
};

}  // namespace weft::sim
