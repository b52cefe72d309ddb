// SPDX-License-Identifier: Apache-2.0
// One allocator, the disk it stores to and a mesh whose peers the test plays: what is asked comes
// back as words, what the allocator says to peers is kept for the test to look at.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipam-crdt/allocator.h"
#include "ipam-crdt/ring.h"

namespace weft::ipam::test {

inline constexpr PeerName kSelf = PeerName::from_u48(0x7a0000000001ULL);
inline constexpr PeerName kOther = PeerName::from_u48(0x7a0000000002ULL);
inline constexpr const char* kBoth = "seed=7a:0:0:0:0:1,7a:0:0:0:0:2";
inline constexpr const char* kAlone = "seed=7a:0:0:0:0:1";

struct SoloConfig {
  std::string universe = "10.32.0.0/24";
  std::string init = kAlone;
  PeerName name = kSelf;
  StoredAllocator disk = {};
};

class Solo {
 public:
  explicit Solo(SoloConfig given);

  // Starts again from what is stored, under another name or range if the config was changed.
  void restart();
  Allocator& operator*() { return *allocator_; }
  Allocator* operator->() { return allocator_.get(); }

  // The address, "done", "cancelled", "refused: <why>", or "" while it is pending.
  std::string allocate(const std::string& ident, const std::string& subnet = "");
  std::string claim(const std::string& ident, const std::string& address, bool no_error = false);
  // What was answered to the last request meanwhile.
  const std::string& answer() const { return answer_; }
  // "" or the refusal's words.
  std::string release(const std::string& ident, const std::string& address = "");
  std::string hear(const RingData& ring, PeerName from = kOther);
  void deny(IpRange range, PeerName from = kOther);
  void ask(IpRange range, PeerName from = kOther);
  void pass(Duration time);  // with the deadlines in it
  void quiet() { said_.clear(); }

  RingData ring() const;
  // "broadcast", "ask 10.32.0.1-10.32.0.1", "deny …", "update" and log texts ("log: …").
  const std::vector<std::string>& said() const { return said_; }
  bool said(const std::string& part) const;

  SoloConfig config;
  std::set<PeerName> reachable;

 private:
  class Mesh final : public MeshView {
   public:
    explicit Mesh(const Solo& solo) : solo_(solo) {}
    bool known(PeerName peer) const override { return reachable(peer); }
    bool reachable(PeerName peer) const override { return solo_.reachable.contains(peer); }
    std::size_t active_target_count() const override { return 0; }

   private:
    const Solo& solo_;
  };

  void carry_out(const Effects& effects);
  void note(const effect::Unicast& unicast);

  Mesh mesh_{*this};
  SeededRng rng_{7};
  TimePoint now_{std::chrono::seconds(100)};
  std::unique_ptr<Allocator> allocator_;
  std::uint64_t request_ = 0;
  std::string answer_;
  std::vector<std::string> said_;
};

}  // namespace weft::ipam::test
