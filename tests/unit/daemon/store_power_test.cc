// SPDX-License-Identifier: Apache-2.0
// Power fails at every moment of a history of commits: nothing that commit() said is stored may be
// lost, and no commit may be there in part.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <doctest/doctest.h>

#include "router/daemon/store.h"
#include "tests/unit/daemon/recording_vfs.h"

using namespace weft;
using namespace weft::daemon;
using namespace weft::daemon::test;

namespace {

namespace fs = std::filesystem;

struct Folder {
  Folder() {
    char name[] = "/tmp/wf-power-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

struct Model {
  std::optional<PeerName> name;
  ipam::StoredAllocator allocator;
  std::vector<std::string> targets;

  bool same_as(const StoredState& s) const {
    return name == s.name && allocator.ring == s.allocator.ring &&
           allocator.owned == s.allocator.owned && targets == s.targets;
  }
};

// What was asked for, and how far the disk was when it was said to be stored.
struct History {
  std::vector<DiskOp> ops;
  std::vector<Model> models{{}};         // after each commit, the state before the first included
  std::vector<std::size_t> begun{0};     // operations before commit i began
  std::vector<std::size_t> answered{0};  // and when it returned
};

std::unique_ptr<Store> opened(const std::string& path) {
  auto store = Store::open(path);
  if (auto* failure = std::get_if<Failure>(&store)) FAIL(failure->text());
  return std::move(std::get<std::unique_ptr<Store>>(store));
}

std::vector<peer::StoreOp> random_change(Model& model, Rng& rng) {
  std::vector<peer::StoreOp> ops;
  if (rng.below(4) != 0) {
    std::string ident = "c" + std::to_string(rng.below(6));
    ipam::Owned owned;
    std::uint64_t count = rng.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      owned.addresses.push_back(
          *Cidr::make({0x0a200000U + static_cast<std::uint32_t>(rng.below(4096))}, 12));
    }
    ops.emplace_back(ipam::effect::StoreOwned{ident, owned});
    model.allocator.owned[ident] = owned;
    if (owned.addresses.empty()) model.allocator.owned.erase(ident);
  }
  if (rng.below(2) == 0 || ops.empty()) {
    Bytes ring(1 + rng.below(5000), static_cast<Byte>(rng.below(256)));
    ops.emplace_back(ipam::effect::StoreRing{ring});
    model.allocator.ring = ring;
  }
  if (rng.below(5) == 0) {
    model.targets = {"10.0.0." + std::to_string(rng.below(250))};
    ops.emplace_back(peer::StoreTargets{model.targets});
  }
  return ops;
}

// Some lives of a daemon, with a clean end in between, which empties the journal.
History record(const std::string& path) {
  History history;
  RecordingVfs vfs;
  SeededRng rng(11);
  for (int life = 0; life < 3; ++life) {
    auto store = opened(path);
    for (int i = 0; i < 4; ++i) {
      Model next = history.models.back();
      std::vector<peer::StoreOp> ops = random_change(next, rng);
      history.begun.push_back(vfs.ops().size());
      if (next.name) {
        REQUIRE(store->commit(ops).has_value());
      } else {
        next = history.models.back();
        next.name = PeerName::from_u48(2);
        REQUIRE(store->adopt_name(*next.name).has_value());
      }
      history.answered.push_back(vfs.ops().size());
      history.models.push_back(next);
    }
  }
  history.ops = vfs.ops();
  return history;
}

// Index of the state that was found; nothing if it is none that may be there.
std::optional<std::size_t> found(const History& history, std::size_t count,
                                 const StoredState& state) {
  for (std::size_t i = history.models.size(); i-- > 0;) {
    if (history.begun[i] > count) continue;  // not yet asked for
    if (history.models[i].same_as(state)) return i;
    if (history.answered[i] <= count) return std::nullopt;  // this, or a later one
  }
  return std::nullopt;
}

// The state that a start finds on the disk as it is after a failure.
StoredState restarted(const std::map<std::string, Bytes>& disk, const std::string& from,
                      bool& set_aside) {
  Folder folder;
  for (const auto& [file, bytes] : disk) {
    if (file.ends_with("-shm") || !file.starts_with(from)) continue;
    std::ofstream out(folder.path + "/weft.db" + file.substr(from.size()), std::ios::binary);
    out << as_text(bytes);
  }
  auto store = opened(folder.path + "/weft.db");
  set_aside = !store->notices().empty();
  return store->load().value();
}

}  // namespace

TEST_CASE("store: power failure: at every moment, what was answered is there, and whole") {
  Folder folder;
  const std::string path = folder.path + "/weft.db";
  const History history = record(path);
  SeededRng rng(5);
  std::set<std::size_t> states;
  for (Unsynced fate : {Unsynced::lost, Unsynced::kept, Unsynced::some, Unsynced::torn}) {
    for (std::size_t count = 0; count <= history.ops.size(); ++count) {
      bool set_aside = false;
      StoredState state =
          restarted(after_power_failure(history.ops, count, fate, rng), path, set_aside);
      auto index = found(history, count, state);
      CAPTURE(static_cast<int>(fate));
      CAPTURE(count);
      REQUIRE_FALSE(set_aside);
      REQUIRE(index.has_value());
      states.insert(*index);
    }
  }
  CHECK(states.size() == history.models.size());
}

TEST_CASE("store: power failure: the test sees it if the disk only pretends to sync") {
  Folder folder;
  const std::string path = folder.path + "/weft.db";
  History history = record(path);
  SeededRng rng(5);
  std::size_t losses = 0;
  std::vector<DiskOp> lying = history.ops;
  for (DiskOp& op : lying) {
    if (op.kind == DiskOp::Kind::sync && op.file.ends_with("-wal")) op.file = "elsewhere";
  }
  for (std::size_t count : history.answered) {
    bool set_aside = false;
    StoredState state =
        restarted(after_power_failure(lying, count, Unsynced::lost, rng), path, set_aside);
    losses += found(history, count, state) ? 0 : 1;
  }
  CHECK(losses > history.models.size() / 2);
}
