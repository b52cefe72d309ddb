// SPDX-License-Identifier: Apache-2.0
// Moves the mesh's bytes: a TCP connection per link, dialling, accepting and name look-ups. Decides
// nothing; the peer does.
#pragma once

#include <map>
#include <memory>

#include "gossip/effects.h"
#include "router/io/resolver.h"
#include "router/io/tcp.h"

namespace weft::peer {
class Peer;
}

namespace weft::daemon {

class Engine;

class MeshDriver {
 public:
  MeshDriver(io::EventLoop& loop, Engine& engine, peer::Peer& peer, Ipv4Addr host);
  MeshDriver(const MeshDriver&) = delete;
  MeshDriver& operator=(const MeshDriver&) = delete;
  ~MeshDriver();

  Result<> listen(Endpoint at);
  // Dial, Resolve, Send and Close; nothing else concerns it.
  void carry_out(const gossip::Effect& effect);
  void close_all();

 private:
  void dial(const gossip::Dial& dial);
  void resolve(const std::string& host);
  void send(const gossip::Send& send);
  void on_accepted(std::unique_ptr<io::TcpStream> stream);
  void adopt(gossip::LinkId link, std::unique_ptr<io::TcpStream> stream);

  io::EventLoop& loop_;
  Engine& engine_;
  peer::Peer& peer_;
  Ipv4Addr host_;
  std::map<gossip::LinkId, std::unique_ptr<io::TcpStream>> streams_;
  std::map<gossip::LinkId, Endpoint> dialling_;
  std::unique_ptr<io::TcpListener> listener_;
  io::TcpConnector connector_;
  io::Resolver resolver_;
};

}  // namespace weft::daemon
