// SPDX-License-Identifier: Apache-2.0
// A host namespace with a bridge, a container's namespace, a folder with scripted IPAM plugins, and
// what a container may leave behind in them.
#pragma once

#include <algorithm>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include "fake_daemon.h"
#include "router/linux/addr.h"
#include "router/linux/bridge.h"
#include "router/linux/netns.h"
#include "router/linux/pod_guard.h"
#include "router/linux/route.h"
#include "router/linux/veth.h"

namespace weft::cni {

namespace net = weft::linux_net;

class TestNs {
 public:
  explicit TestNs(const std::string& suffix) : name_("wf-c" + std::to_string(::getpid()) + suffix) {
    made_ = bool(net::create_named_netns(name_));
  }
  TestNs(const TestNs&) = delete;
  TestNs& operator=(const TestNs&) = delete;
  ~TestNs() { remove(); }
  bool made() const { return made_; }
  std::string path() const { return net::named_netns_path(name_); }
  net::NetNs open() const { return net::NetNs::open(path()).value(); }
  void remove() {
    if (made_) static_cast<void>(net::delete_named_netns(name_));
    made_ = false;
  }

 private:
  std::string name_;
  bool made_ = false;
};

inline bool can_make_namespaces() {
  const bool can = TestNs("probe").made();
  if (!can) MESSAGE("skipped: no permission to make network namespaces");
  return can;
}

// The calling thread is on the host while this lives.
struct World : Bench {
  TestNs host_ns{"h"};
  TestNs pod_ns{"p"};
  net::NetNs host = host_ns.open();
  net::NetNsScope scope = net::NetNsScope::enter(host).value();
  net::Netlink nl = net::Netlink::open().value();

  World() {
    variables["CNI_NETNS"] = pod_ns.path();
    auto bridge = net::create_bridge(nl, "weave");
    REQUIRE(bridge);
    REQUIRE(net::set_link_up(nl, bridge->index));
  }

  void give_bridge(const char* cidr) {
    REQUIRE(net::add_addr(nl, net::find_link(nl, "weave")->index, *Cidr::parse(cidr)));
  }
  // Interfaces on the host besides lo and the bridge.
  std::vector<std::string> ports() {
    std::vector<std::string> out;
    for (const auto& link : net::list_links(nl).value()) {
      if (link.name != "lo" && link.name != "weave") out.push_back(link.name);
    }
    return out;
  }
  bool pod_has(const std::string& ifname) const {
    auto inside = net::Netlink::open(pod_ns.open()).value();
    return bool(net::find_link(inside, ifname));
  }
  std::vector<net::Route> pod_routes() const {
    auto inside = net::Netlink::open(pod_ns.open()).value();
    return net::list_routes(inside).value();
  }
  std::vector<net::PodGuard> guards() const {
    auto nft = net::Nft::open().value();
    return net::list_guards(nft).value().guards;
  }
  // Everything that an attachment may leave on this host; empty if there is nothing.
  std::string traces() {
    std::string out;
    for (const std::string& port : ports())
      out += " link " + port;
    for (const char* name : {"eth0", "net1", "ethwe"}) {
      if (pod_has(name)) out += std::string(" inside ") + name;
    }
    for (const net::PodGuard& guard : guards())
      out += " rules of " + guard.host_name;
    for (const char* folder : {"attached", "pending"}) {
      for (const std::string& file : files(folder))
        out += std::string(" ") + folder + "/" + file;
    }
    return out;
  }
  // An IPAM plugin: a shell script that keeps a note of how it was called.
  void write_plugin(const std::string& name, const std::string& body) const {
    const std::string path = dir.path() + "/" + name;
    std::ofstream(path) << "#!/bin/sh\ncat > " << path << ".stdin\n"
                        << "echo $CNI_COMMAND >> " << path << ".calls\n"
                        << body << "\n";
    ::chmod(path.c_str(), 0755);
  }
  std::string read(const std::string& name) const {
    std::ifstream in(dir.path() + "/" + name);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
};

inline std::string with_prev(const std::string& version, const nlohmann::json& prev,
                             const std::string& more = "") {
  return config(version, "\"prevResult\": " + prev.dump() + (more.empty() ? "" : ", " + more));
}

}  // namespace weft::cni
