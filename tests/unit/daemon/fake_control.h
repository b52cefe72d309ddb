// SPDX-License-Identifier: Apache-2.0
// A daemon to talk to without one: addresses in a plain map, targets in a list, and a switch that
// makes requests wait. Also one HTTP exchange whose answer can be looked at.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "router/daemon/control.h"
#include "router/daemon/ipam_check.h"
#include "router/io/http.h"

namespace weft::daemon::fake {

class FakeControl final : public Control {
 public:
  FakeControl();

  Snapshot snapshot() const override { return seen; }
  std::optional<std::string> connect(const std::vector<std::string>& wanted, bool replace) override;
  void forget(const std::vector<std::string>& unwanted) override;
  void set_notices(std::vector<Notice> notices) override { told.set(seen.now, std::move(notices)); }
  std::optional<std::string> expose(Cidr address, bool skip_nat) override;
  std::optional<std::string> hide(Cidr address) override;
  bool ipam_enabled() const override { return ipam_on; }
  const ipam::AllocatorConfig& ipam_config() const override { return config; }
  ipam::RequestId allocate(std::string_view ident, Cidr subnet, bool is_container,
                           IpamCallback done) override;
  ipam::RequestId claim(std::string_view ident, Cidr address, ipam::Allocator::ClaimOptions options,
                        IpamCallback done) override;
  ipam::RequestId wait_for_ring(IpamCallback done) override;
  void cancel(ipam::RequestId request) override;
  void release(std::string_view ident, IpamCallback done) override;
  void release(std::string_view ident, Ipv4Addr address, IpamCallback done) override;
  std::vector<Cidr> lookup(std::string_view ident, Cidr subnet) const override;
  const ipam::OwnedMap& owned() const override { return addresses; }
  void shut_down_ipam(std::function<void()> done) override;
  void check_ipam(bool fix, std::function<void(const IpamCheckReport&)> done) override;
  std::optional<std::uint64_t> take_over(std::string_view peer, bool force) override;

  // Answers everything that waits.
  void answer_all(const IpamOutcome& outcome);

  Snapshot seen;
  Notices told;
  ipam::AllocatorConfig config;
  bool ipam_on = true;
  bool wait = false;  // requests are held back until answer_all()
  bool shut_down = false;
  IpamCheckReport check_report;  // what check_ipam() finds; mending mends all of it
  ipam::OwnedMap addresses;
  std::map<ipam::RequestId, IpamCallback> waiting;
  std::vector<ipam::RequestId> cancelled;
  std::vector<std::string> targets;
  std::map<Cidr, bool> exposed;  // → skip NAT
  std::optional<std::string> bridge_failure;
  std::map<std::string, std::uint64_t> dead_peers;  // → addresses they own
  std::vector<std::string> live_peers;
  // What the last call was told.
  bool last_is_container = false;
  bool last_no_error_on_unknown = false;

 private:
  ipam::RequestId settle(IpamOutcome outcome, IpamCallback done);
  bool taken(Ipv4Addr address) const;
  IpamOutcome try_allocate(const std::string& ident, Cidr subnet, bool is_container);
  IpamOutcome try_claim(const std::string& ident, Cidr address);

  std::uint64_t last_request_ = 0;
};

class FakeExchange final : public io::HttpExchange {
 public:
  explicit FakeExchange(io::HttpRequest request) : request_(std::move(request)) {}
  const io::HttpRequest& request() const override { return request_; }
  void reply(io::HttpResponse response) override {
    if (!response_) response_ = std::move(response);
  }
  void on_abort(std::function<void()> handler) override { abort_ = std::move(handler); }

  const std::optional<io::HttpResponse>& response() const { return response_; }
  // The client goes away.
  void abort() {
    if (abort_) abort_();
  }

 private:
  io::HttpRequest request_;
  std::optional<io::HttpResponse> response_;
  std::function<void()> abort_;
};

// "GET", "/ip/c1?check-alive=true", "a=1&b=2" (a form), from this host.
io::HttpRequest request(std::string method, std::string_view url, std::string_view form = "");

}  // namespace weft::daemon::fake
