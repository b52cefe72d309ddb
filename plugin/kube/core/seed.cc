// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/seed.h"

#include <algorithm>

#include "base/text.h"
#include "plugin/kube/core/objects.h"
#include "plugin/kube/core/peer_list.h"

namespace weft::kube {

namespace {

constexpr std::string_view kObserver = "observer";

ObjectAddress config_map_address(const Seed::Config& config) {
  return {.api_version = "v1",
          .kind = "ConfigMap",
          .collection = "/api/v1/namespaces/" + percent_encode(config.name_space) + "/configmaps",
          .name_space = config.name_space,
          .name = config.config_map};
}

// Whether Weave's agents have listed somebody else than us: then there is, or was, a ring.
bool others_listed(const Json& config_map, PeerName own) {
  auto list = read_peer_list(config_map);
  if (!list) return true;  // damaged, so it was written
  return std::any_of(list->peers.begin(), list->peers.end(),
                     [&](const ListedPeer& peer) { return peer.peer_name != own.text(); });
}

}  // namespace

std::string seed_key(Cidr range) {
  std::string text = range.text();
  std::replace(text.begin(), text.end(), '/', '-');  // keys hold no slash
  return "ipam-seed." + text;
}

Result<std::optional<SeedRecord>> read_seed(const Json& config_map, Cidr range) {
  const Json* data = member(config_map, "data");
  const Json* value = data == nullptr ? nullptr : member(*data, seed_key(range).c_str());
  if (value == nullptr) return std::optional<SeedRecord>();
  const Error damaged{Errc::bad_value, 0, "the record ipam-seed is damaged"};
  if (!value->is_string()) return damaged;
  auto json = parse_object(value->get<std::string>(), kObjectTextMax);
  if (!json) return damaged;
  SeedRecord record{.formed = flag_of(*json, "formed"), .from_weave = flag_of(*json, "fromWeave")};
  const Json* peers = member(*json, "peers");
  if (peers == nullptr || !peers->is_array() || peers->size() > kSeedPeersMax) return damaged;
  for (const Json& peer : *peers) {
    const auto name = peer.is_string() ? PeerName::parse(peer.get<std::string>()) : std::nullopt;
    if (!name) return damaged;
    record.peers.push_back(name->text());
  }
  if (record.peers.empty() && !record.formed) return damaged;
  return std::optional(record);
}

void write_seed(Json& config_map, Cidr range, const SeedRecord& record) {
  Json json = {{"peers", record.peers}, {"formed", record.formed}};
  if (record.from_weave) json["fromWeave"] = true;
  object_in(config_map, "data")[seed_key(range)] = print(json);
}

Seed::Seed(Config config, Stored stored, Rng& rng, RequestIds& ids)
    : config_(std::move(config)),
      stored_(std::move(stored)),
      rng_(rng),
      object_(config_map_address(config_), rng, ids) {}

void Seed::start(TimePoint now, Effects& out) {
  if (stored_.ring || !config_.forced_init.empty()) give_up_at_ = now + config_.patience;
  check(now, out);
}

void Seed::check(TimePoint now, Effects& out) {
  next_check_ = now + kSeedPeriod;
  if (object_.busy()) return;
  object_.begin(
      now, [this](Json& object) { return edit(object); }, out);
}

// Others took our addresses while we were away: the list of peers of the same ConfigMap in which we
// stood names others and not us. A list that is empty, or of a new ConfigMap, proves nothing. Weave
// did not note which ConfigMap it was.
bool Seed::was_removed(const Json& object) const {
  if (stored_.listed_in.empty() && !stored_.listed_by_weave) return false;
  auto meta = parse_meta(object);
  if (!meta || (!stored_.listed_by_weave && meta->uid != stored_.listed_in)) return false;
  auto list = read_peer_list(object);
  return list && !list->peers.empty() && !list->contains(config_.own.text());
}

bool Seed::edit(Json& object) {
  auto record = read_seed(object, config_.range);
  if (!record) return false;
  if (*record) {
    if ((*record)->formed || !ring_known_) return false;
    (*record)->formed = true;
    write_seed(object, config_.range, **record);
    return true;
  }
  const bool have_ring = ring_known_ || (stored_.ring && !was_removed(object));
  const bool formed = have_ring || others_listed(object, config_.own);
  // Of a mesh of ours there would be a record, unless somebody deleted it: then we remember.
  SeedRecord ours{.formed = formed, .from_weave = have_ring ? stored_.from_weave : formed};
  if (!formed) ours.peers.push_back(config_.own.text());
  write_seed(object, config_.range, ours);
  return true;
}

void Seed::on_record(TimePoint now, const Json& object, Effects& out) {
  auto record = read_seed(object, config_.range);
  recorded_formed_ = record && *record && (*record)->formed;
  heed_damage(!record || !*record, record.has_value(), out);
  if (decided_) return;
  SeedDecided decided{.ipalloc_init = std::string(kObserver),
                      .discard_state = was_removed(object),
                      .from_weave = record && *record ? (*record)->from_weave : stored_.from_weave};
  if (!config_.forced_init.empty()) {
    decided.ipalloc_init = config_.forced_init;
    decided.reason = "IPALLOC_INIT says so";
  } else if (!record || !*record) {
    decided.reason = "the record is damaged";
  } else if (recorded_formed_) {
    decided.reason = "the mesh has a ring";
  } else {
    decided.ipalloc_init = "seed=" + join((*record)->peers, ",");
    decided.reason = "the first agent settled it";
  }
  decide(std::move(decided), out);
  if (!ring_known_) ring_late_at_ = now + kRingPatience;
}

// Of a record that is damaged for long it is said once.
void Seed::heed_damage(bool damaged, bool readable, Effects& out) {
  if (!damaged) return damage_.clear();
  const bool known = !damage_.empty();
  damage_ = "ConfigMap " + config_.config_map + ": " +
            (readable ? "it did not keep " : "cannot read ") + seed_key(config_.range) +
            "; delete that key if no node has an address ring yet";
  if (!known) warn("SeedRecordDamaged", damage_, out);
}

void Seed::warn(const char* reason, const std::string& text, Effects& out) {
  out.emplace_back(LogLine{.level = LogLevel::error, .component = "seed", .text = text});
  out.emplace_back(Tell{reason, text});
}

void Seed::decide(SeedDecided decided, Effects& out) {
  decided_ = true;
  give_up_at_.reset();
  stored_.from_weave = decided.from_weave;
  if (decided.discard_state) {
    decided.reason += "; this peer was taken for gone, so its old addresses are given up";
  }
  out.emplace_back(std::move(decided));
}

void Seed::on_ring(TimePoint now, bool known, Effects&) {
  ring_known_ = known;
  if (!known) return;
  ring_late_at_.reset();
  ring_late_.clear();
  if (!decided_ || recorded_formed_) return;
  const auto spread = static_cast<std::uint64_t>(kSeedSpread.count());
  const TimePoint at = now + Duration(static_cast<Duration::rep>(rng_.below(spread)));
  if (!next_check_ || at < *next_check_) next_check_ = at;
}

void Seed::on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out) {
  if (auto done = object_.on_response(now, id, response, out)) on_record(now, *done, out);
}

void Seed::on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
  object_.on_failure(now, id, error, out);
}

void Seed::on_deadline(TimePoint now, Effects& out) {
  object_.on_deadline(now, out);
  if (give_up_at_ && now >= *give_up_at_) {
    decide(
        {.ipalloc_init = config_.forced_init.empty() ? std::string(kObserver) : config_.forced_init,
         .from_weave = stored_.from_weave,
         .reason = "the API server does not answer; starting from what is stored"},
        out);
  }
  if (next_check_ && now >= *next_check_) check(now, out);
  if (ring_late_at_ && now >= *ring_late_at_) {
    ring_late_at_.reset();
    ring_late_ =
        "no peer has told of an address ring for two minutes. Are the peers connected "
        "('weave status connections')? If the state of all nodes was deleted, delete " +
        seed_key(config_.range) + " from ConfigMap " + config_.config_map + " and restart the pods";
    warn("NoAddressRing", ring_late_, out);
  }
}

std::optional<TimePoint> Seed::next_deadline() const {
  return earliest(earliest(object_.next_deadline(), give_up_at_),
                  earliest(next_check_, ring_late_at_));
}

}  // namespace weft::kube
