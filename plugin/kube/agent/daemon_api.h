// SPDX-License-Identifier: Apache-2.0
// weaver's HTTP API as far as the agent needs it, from the event loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "base/peer_name.h"
#include "router/io/http_address.h"
#include "router/io/http_caller.h"

namespace weft::kube {

class DaemonApi {
 public:
  DaemonApi(io::EventLoop& loop, const io::HttpAddress& at);

  struct Health {
    bool answers = false;
    bool ready = false;
    std::string text;  // why not
  };
  void health(std::function<void(const Health&)> done);

  // Gives the bridge an address: this one, or the one it has, or a new one. Waits for as long as
  // there is no address ring. The string says why not.
  using Exposed = std::variant<Cidr, std::string>;
  void expose(std::optional<Cidr> wish, std::function<void(const Exposed&)> done);
  void cancel_expose();

  void connect(const std::vector<std::string>& peers, bool replace, std::function<void(bool)> done);
  void forget(const std::vector<std::string>& peers, std::function<void(bool)> done);
  // What weaver's status is to show beside its own: these and no others.
  void tell(const std::vector<std::string>& notices, std::function<void(bool)> done);
  // How many addresses were taken over; none: refused, or no answer.
  void remove_peer(PeerName peer, std::function<void(std::optional<std::uint64_t>)> done);
  // The whole report as JSON text; none: no answer.
  void report(std::function<void(std::optional<std::string>)> done);

 private:
  using Done = std::function<void(const Result<io::HttpResponse>&)>;
  io::HttpCaller::CallId ask(io::HttpCall call, Done done);
  void post(const std::string& target, io::HttpCall call, std::function<void(bool)> done);
  void expose_address(const Cidr& address, const std::function<void(const Exposed&)>& done);

  io::HttpCaller caller_;
  io::HttpCaller::CallId exposing_ = 0;
};

}  // namespace weft::kube
