// SPDX-License-Identifier: Apache-2.0
// Two hosts, each with a bridge and a pod whose offloads are on, joined by nothing but two
// captures that hand each other's frames over: TCP and UDP between the pods must work, and every
// frame must be whole.
#include <atomic>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include "router/capture/capture.h"
#include "router/linux/bridge_plumbing.h"
#include "router/linux/ethtool.h"
#include "router/linux/pod_link.h"
#include "router/packet/headers.h"
#include "router/packet/offload.h"
#include "test_netns.h"

using namespace weft;
using namespace weft::linux_net;

namespace {

constexpr int kMtu = 1376;

// A host with a bridge and a pod, and the capture on it.
struct Host {
  TestNs ns;
  TestNs pod;
  std::optional<capture::Capture> tap;

  Host(const std::string& id, const char* name, const char* address) : ns("h" + id), pod("p" + id) {
    const auto done = run_in(ns.open(), [&]() -> Result<> {
      const auto state = ensure_bridge({.name = *PeerName::parse(name), .mtu_if_new = kMtu});
      if (!state) return state.error();
      const auto link = attach_pod({.netns = pod.path(),
                                    .ifname = "eth0",
                                    .host_name = host_link_name("pod" + id),
                                    .mac = {},
                                    .addresses = {Cidr::parse(address).value()},
                                    .gateway = {},
                                    .routes = {}});
      if (!link) return link.error();
      auto opened = capture::Capture::open(std::string(kCaptureEnd), {});
      if (!opened) return opened.error();
      tap.emplace(std::move(*opened));
      return {};
    });
    REQUIRE(done);
  }

  std::string in_pod(const std::string& command) const {
    return run_in(pod.open(), [&] { return Result<std::string>(shell(command)); }).value();
  }
};

struct Seen {
  std::uint64_t frames = 0;
  std::uint64_t tcp = 0;
  std::uint64_t udp = 0;
  std::uint64_t bad_checksum = 0;
  std::uint64_t too_long = 0;

  void look_at(ByteView frame) {
    ++frames;
    if (frame.size() > kMtu + packet::kEthernetHeaderSize) ++too_long;
    const auto layers = packet::parse_layers(frame);
    if (!layers || layers->network != packet::Network::ipv4 || layers->fragment) return;
    if (layers->protocol == packet::ip_protocol::kTcp) ++tcp;
    if (layers->protocol == packet::ip_protocol::kUdp) ++udp;
    Bytes given = to_bytes(frame);
    // TCP knows two forms of zero; our own code writes the other one.
    const std::size_t tcp_checksum = layers->transport_at + 16;
    if (layers->protocol == packet::ip_protocol::kTcp &&
        load_u16(ByteView(given).subspan(tcp_checksum)) == 0) {
      store_u16(ByteSpan(given).subspan(tcp_checksum), 0xffff);
    }
    Bytes right = given;
    if (packet::recompute_checksum(right, *layers) && right != given) ++bad_checksum;
  }
};

// Hands the frames of each host to the other until it is destroyed.
class Wire {
 public:
  Wire(capture::Capture& a, capture::Capture& b) : thread_([this, &a, &b] { run(a, b); }) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { stop(); }
  const Seen& stop() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    return seen_;
  }

 private:
  void run(capture::Capture& a, capture::Capture& b) {
    while (!ended_) {
      pollfd fds[2] = {{.fd = a.fd(), .events = POLLIN, .revents = 0},
                       {.fd = b.fd(), .events = POLLIN, .revents = 0}};
      ::poll(fds, 2, 20);
      move(a, b);
      move(b, a);
    }
  }
  void move(capture::Capture& from, capture::Capture& to) {
    std::vector<Bytes> frames;
    const auto n = from.read_batch(256, [&](ByteView frame) {
      seen_.look_at(frame);
      frames.push_back(to_bytes(frame));
    });
    if (!n) ended_ = true;
    const std::vector<ByteView> views(frames.begin(), frames.end());
    to.inject(views);
  }

  Seen seen_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("capture: pods: TCP and UDP pass between two bridges in whole frames, offloads left on") {
  if (!can_make_namespaces()) return;
  Host a("1", "02:00:00:00:00:01", "10.32.0.1/12");
  Host b("2", "02:00:00:00:00:02", "10.40.0.1/12");
  CHECK(run_in(a.pod.open(), [] { return offloads("eth0"); }).value().tso == true);
  Wire wire(*a.tap, *b.tap);
  CHECK(contains(a.in_pod("ping -c 3 -i 0.2 -W 9 10.40.0.1"), " 0% packet loss"));
  std::string server_sum;
  std::thread server([&] {
    server_sum = b.in_pod("timeout 100 socat -u TCP-LISTEN:7000,reuseaddr - | sha256sum");
  });
  const std::string file = "/tmp/" + a.ns.name();
  a.in_pod("head -c 4000000 /dev/urandom > " + file);
  const std::string sent =
      a.in_pod("timeout 100 socat -u STDIN TCP:10.40.0.1:7000,retry=50,interval=0.1 < " + file);
  CAPTURE(sent);
  CHECK(sent.empty());
  const std::string client_sum = shell("sha256sum < " + file + "; rm " + file);
  server.join();
  CHECK(client_sum == server_sum);
  std::string got;
  std::thread listener([&] { got = a.in_pod("timeout 10 socat -u UDP-RECVFROM:7001 - | wc -c"); });
  for (int i = 0; i < 50 && got.empty(); ++i) {
    b.in_pod("head -c 1200 /dev/zero | socat -u - UDP-SENDTO:10.32.0.1:7001; sleep 0.1");
  }
  listener.join();
  CHECK(contains(got, "1200"));
  const Seen seen = wire.stop();
  CHECK(seen.tcp > 4000000 / kMtu);
  CHECK(seen.udp > 0);
  CHECK(seen.bad_checksum == 0);
  CHECK(seen.too_long == 0);
  const auto counters = a.tap->counters();
  CHECK(counters.received > 0);
  CHECK(counters.truncated == 0);
  // What was injected was not captured again.
  CHECK(counters.received + b.tap->counters().received <= seen.frames + counters.dropped + 10);
}

TEST_CASE("capture: pods: a train of UDP segments leaves its pod as datagrams of their own") {
  if (!can_make_namespaces()) return;
  Host a("1", "02:00:00:00:00:01", "10.32.0.1/12");
  Host b("2", "02:00:00:00:00:02", "10.40.0.1/12");
  Wire wire(*a.tap, *b.tap);
  CHECK(contains(a.in_pod("ping -c 1 -W 9 10.40.0.1"), " 0% packet loss"));
  const auto sent = run_in(a.pod.open(), []() -> Result<ssize_t> {
    const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int segment = 1200;
    ::setsockopt(fd.value(), SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(7002);
    to.sin_addr.s_addr = htonl(Ipv4Addr::parse("10.40.0.1").value().value);
    const Bytes train(12000);
    return ::sendto(fd.value(), train.data(), train.size(), 0,
                    reinterpret_cast<const sockaddr*>(&to), sizeof to);
  });
  CHECK(sent.value() == 12000);
  // Comes after the train.
  CHECK(contains(a.in_pod("ping -c 1 -W 9 10.40.0.1"), " 0% packet loss"));
  const Seen seen = wire.stop();
  CHECK(seen.udp == 10);
  CHECK(seen.bad_checksum == 0);
  CHECK(seen.too_long == 0);
}

TEST_CASE("capture: errors: no interface, a senseless buffer, and an interface that goes away") {
  if (!can_make_namespaces()) return;
  CHECK(capture::Capture::open("wf-no-such", {}).error().code == Errc::not_found);
  CHECK(capture::Capture::open("lo", {.buffer_mb = 0}).error().code == Errc::bad_value);
  Host host("3", "02:00:00:00:00:03", "10.32.0.1/12");
  CHECK(host.tap->read_batch(10, [](ByteView) {}));
  REQUIRE(run_in(host.ns.open(), [] { return remove_bridge("weave"); }));
  bool failed = false;
  for (int i = 0; i < 100 && !failed; ++i)
    failed = !host.tap->read_batch(10, [](ByteView) {});
  CHECK(failed);
  const Bytes frame(60);
  const std::vector<ByteView> frames{frame, frame};
  host.tap->inject(frames);
  CHECK(host.tap->counters().inject_failed == 2);
}
