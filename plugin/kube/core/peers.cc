// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/peers.h"

#include <algorithm>
#include <iterator>

namespace weft::kube {

namespace {

std::vector<std::string> difference(const std::set<std::string>& a,
                                    const std::set<std::string>& b) {
  std::vector<std::string> out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace

std::optional<Ipv4Addr> peer_address(const Node& node) {
  if (!node.internal_ips.empty()) return node.internal_ips.back();
  if (!node.external_ips.empty()) return node.external_ips.back();
  return std::nullopt;
}

Peers::Peers(Config config, Rng& rng) : config_(std::move(config)), rng_(rng) {}

void Peers::on_node(const Node& node) {
  nodes_[node.meta.name] = peer_address(node);
}

void Peers::on_node_gone(const std::string& name) {
  nodes_.erase(name);
}

void Peers::on_synced(Effects& out) {
  synced_ = true;
  tell(out);
}

void Peers::on_changed(Effects& out) {
  tell(out);
}

void Peers::on_daemon_started(Effects& out) {
  told_.reset();
  under_way_ = false;
  tell(out);
}

void Peers::on_told(TimePoint now, bool well, Effects& out) {
  if (!under_way_) return;
  under_way_ = false;
  if (well) {
    told_ = telling_;
    back_off_.reset();
    return tell(out);
  }
  // It may have heard and not answered: only a list that replaces all makes it certain.
  told_.reset();
  retry_at_ = now + back_off_.next(rng_);
}

void Peers::on_deadline(TimePoint now, Effects& out) {
  if (!retry_at_ || now < *retry_at_) return;
  retry_at_.reset();
  tell(out);
}

std::set<std::string> Peers::wanted() const {
  std::set<std::string> out(config_.named.begin(), config_.named.end());
  for (const auto& [name, addr] : nodes_) {
    const bool own = name == config_.own_node || (addr && config_.own_addresses.contains(*addr));
    if (addr && !own) out.insert(addr->text());
  }
  return out;
}

std::vector<std::string> Peers::addresses() const {
  std::vector<Ipv4Addr> numbers;
  std::vector<std::string> out;
  for (const std::string& peer : wanted()) {
    if (auto addr = Ipv4Addr::parse(peer)) {
      numbers.push_back(*addr);
    } else {
      out.push_back(peer);  // a name, or an address with a port
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (Ipv4Addr addr : numbers)
    out.push_back(addr.text());
  return out;
}

// One message at a time. Replacing makes the daemon dial everybody again at once, so it is kept
// for when it is not certain what the daemon knows.
void Peers::tell(Effects& out) {
  if (!synced_ || under_way_ || retry_at_) return;
  const std::set<std::string> want = wanted();
  if (!told_) {
    out.emplace_back(Connect{addresses(), true});
    telling_ = want;
  } else if (auto more = difference(want, *told_); !more.empty()) {
    out.emplace_back(Connect{more, false});
    telling_ = *told_;
    telling_.insert(more.begin(), more.end());
  } else if (auto fewer = difference(*told_, want); !fewer.empty()) {
    out.emplace_back(Forget{fewer});
    telling_ = want;
  } else {
    return;
  }
  under_way_ = true;
}

}  // namespace weft::kube
