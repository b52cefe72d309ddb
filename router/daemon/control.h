// SPDX-License-Identifier: Apache-2.0
// What the HTTP API may ask of the running daemon. The API parses and words; this decides and acts.
// Everything runs on the control thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ip.h"
#include "ipam-crdt/allocator.h"
#include "router/daemon/notices.h"
#include "router/daemon/snapshot.h"

namespace weft::daemon {

struct IpamCheckReport;  // ipam_check.h

using IpamOutcome = std::variant<ipam::effect::Allocated, ipam::effect::Done,
                                 ipam::effect::Cancelled, ipam::effect::Refused>;
using IpamCallback = std::function<void(const IpamOutcome&)>;

class Control {
 public:
  Control() = default;
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  virtual ~Control() = default;

  virtual Snapshot snapshot() const = 0;

  // Mesh. The error text names every target that was refused.
  virtual std::optional<std::string> connect(const std::vector<std::string>& targets,
                                             bool replace) = 0;
  virtual void forget(const std::vector<std::string>& targets) = 0;

  // What the program that runs us has to tell, in place of all that it told before.
  virtual void set_notices(std::vector<Notice> notices) = 0;

  // The bridge's own addresses. Errors are for people.
  virtual std::optional<std::string> expose(Cidr address, bool skip_nat) = 0;
  virtual std::optional<std::string> hide(Cidr address) = 0;

  // IPAM; only called when ipam_enabled(). The callback comes once, perhaps before the call
  // returns, and only after what it says is on disk. cancel() drops a request that still waits.
  virtual bool ipam_enabled() const = 0;
  virtual const ipam::AllocatorConfig& ipam_config() const = 0;
  virtual ipam::RequestId allocate(std::string_view ident, Cidr subnet, bool is_container,
                                   IpamCallback done) = 0;
  virtual ipam::RequestId claim(std::string_view ident, Cidr address,
                                ipam::Allocator::ClaimOptions options, IpamCallback done) = 0;
  virtual ipam::RequestId wait_for_ring(IpamCallback done) = 0;
  virtual void cancel(ipam::RequestId request) = 0;
  virtual void release(std::string_view ident, IpamCallback done) = 0;
  virtual void release(std::string_view ident, Ipv4Addr address, IpamCallback done) = 0;
  virtual std::vector<Cidr> lookup(std::string_view ident, Cidr subnet) const = 0;
  virtual const ipam::OwnedMap& owned() const = 0;
  virtual void shut_down_ipam(std::function<void()> done) = 0;
  // Compares memory, state file and what is alive in the namespaces; with `fix`, mends what can be
  // mended, which may take a while. The callback comes once.
  virtual void check_ipam(bool fix, std::function<void(const IpamCheckReport&)> done) = 0;
  // nullopt: refused, because the peer is alive (reachable) and `force` is not set.
  virtual std::optional<std::uint64_t> take_over(std::string_view peer, bool force) = 0;
};

}  // namespace weft::daemon
