// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/agent/state_file.h"

#include <filesystem>

#include "plugin/kube/core/json_text.h"
#include "plugin/kube/files/files.h"

namespace weft::kube {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSizeMax = 64 * 1024;
constexpr mode_t kMode = 0600;
// weaver's state (SQLite with its companions), and Weave's, from which weaver would move in again.
constexpr const char* kStates[] = {"weft.db", "weft.db-wal", "weft.db-shm", "data.db"};

}  // namespace

StateFile::StateFile(std::string db_prefix)
    : db_prefix_(std::move(db_prefix)), path_(db_prefix_ + "weft-kube.json") {}

AgentState StateFile::load() const {
  auto text = read_file(path_, kSizeMax);
  if (!text) return {};
  auto json = parse_object(*text, kSizeMax);
  if (!json) return {};
  AgentState state{.served = flag_of(*json, "served"),
                   .ring = flag_of(*json, "ring"),
                   .listed_in = text_of(*json, "listedIn"),
                   .from_weave = flag_of(*json, "fromWeave")};
  // weaver's state may have been deleted, and ours not.
  std::error_code failed;
  if (!fs::exists(db_prefix_ + kStates[0], failed)) state.ring = false;
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
