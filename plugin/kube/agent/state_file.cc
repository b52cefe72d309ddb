// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/state_file.h"

#include <filesystem>

#include "ipam-crdt/boltdb.h"
#include "ipam-crdt/weave_db.h"
#include "plugin/kube/core/json_text.h"
#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSizeMax = 64 * 1024;
constexpr mode_t kMode = 0600;
// weaver's state (SQLite with its companions), and Weave's, from which weaver would move in again.
constexpr const char* kStates[] = {"weft.db", "weft.db-wal", "weft.db-shm", "data.db"};
constexpr const char* kOurs = kStates[0];
constexpr const char* kWeaves = kStates[3];

}  // namespace

StateFile::StateFile(std::string db_prefix)
    : db_prefix_(std::move(db_prefix)), path_(db_prefix_ + "weft-kube.json") {}

// Weave writes its database while it runs; ours is written when we have taken its node over. After
// a way back, what Weave's controller enforces must not be lost in silence at the next move.
bool StateFile::weave_ran_since() const {
  std::error_code failed;
  const auto weaves = fs::last_write_time(db_prefix_ + kWeaves, failed);
  if (failed) return false;
  const auto ours = fs::last_write_time(path_, failed);
  return failed || weaves > ours;
}

bool StateFile::listed_by_weave() const {
  std::error_code failed;
  if (fs::exists(db_prefix_ + kOurs, failed)) return false;
  auto database = read_file(db_prefix_ + kWeaves, ipam::kBoltFileMax);
  return database && ipam::has_reclaim_flag(as_bytes(*database));
}

AgentState StateFile::load() const {
  const bool listed = listed_by_weave();
  auto text = read_file(path_, kSizeMax);
  if (!text) return {.listed_by_weave = listed};
  auto json = parse_object(*text, kSizeMax);
  if (!json) return {.listed_by_weave = listed};
  AgentState state{.served = flag_of(*json, "served") && !weave_ran_since(),
                   .ring = flag_of(*json, "ring"),
                   .listed_in = text_of(*json, "listedIn"),
                   .from_weave = flag_of(*json, "fromWeave"),
                   .listed_by_weave = listed};
  // weaver's state may have been deleted, and ours not.
  std::error_code failed;
  if (!fs::exists(db_prefix_ + kOurs, failed)) state.ring = false;
  return state;
}

Result<> StateFile::store(const AgentState& state) const {
  const Json json = {{"served", state.served},
                     {"ring", state.ring},
                     {"listedIn", state.listed_in},
                     {"fromWeave", state.from_weave}};
  return replace_file(path_, print(json) + "\n", kMode);
}

void StateFile::set_aside() const {
  std::error_code failed;
  for (const char* name : kStates)
    fs::rename(db_prefix_ + name, db_prefix_ + "reclaimed-" + name, failed);
  fs::remove(path_, failed);
}

}  // namespace weft::kube
