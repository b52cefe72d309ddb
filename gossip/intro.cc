// SPDX-License-Identifier: Apache-2.0
#include "gossip/intro.h"

#include <algorithm>

#include "base/text.h"

namespace weft::gossip {

namespace {

constexpr std::string_view kFlavour = "mac";
// The extensions a Weft peer offers, by name; Weave ignores the key, and we what we do not know.
constexpr const char* kExtensions = "WeftExtensions";
constexpr std::string_view kDelta = "delta1";

// Reads the values of a feature map one after the other; the first fault is kept.
class FeatureReader {
 public:
  explicit FeatureReader(const FeatureMap& features) : features_(features) {}

  std::string_view required(const char* key) {
    auto value = optional(key);
    if (!value) refuse("the introduction lacks " + std::string(key));
    return value.value_or(std::string_view());
  }
  std::optional<std::string_view> optional(const char* key) const {
    auto found = features_.find(key);
    if (found == features_.end()) return std::nullopt;
    return found->second;
  }
  std::uint64_t number(const char* key) {
    auto text = required(key);
    auto value = parse_u64(text);
    if (!value) bad(key, text);
    return value.value_or(0);
  }
  void bad(const char* key, std::string_view value) {
    refuse("the introduction has a bad " + std::string(key) + ": '" +
           std::string(value.substr(0, 64)) + "'");
  }
  void refuse(std::string reason) {
    if (!fault_) fault_ = std::move(reason);
  }
  const std::optional<std::string>& fault() const { return fault_; }

 private:
  const FeatureMap& features_;
  std::optional<std::string> fault_;
};

void read_identity(FeatureReader& reader, Introduction& intro) {
  auto flavour = reader.required("PeerNameFlavour");
  if (flavour != kFlavour) reader.bad("PeerNameFlavour", flavour);
  auto text = reader.required("Name");
  auto name = PeerName::parse(text);
  // A group bit would make sleeve's datagrams look like another overlay's.
  if (!name || !name->known() || name->group_bit()) {
    reader.bad("Name", text);
  } else {
    intro.name = *name;
  }
  auto nickname = reader.required("NickName");
  if (nickname.size() > kNicknameMax) reader.bad("NickName", nickname);
  intro.nickname = nickname;
  intro.uid = PeerUid{reader.number("UID")};
  if (intro.uid.value == 0) reader.bad("UID", "0");
  intro.conn_id = reader.number("ConnID");
}

void read_options(FeatureReader& reader, Introduction& intro) {
  if (auto text = reader.optional("ShortID")) {
    auto value = parse_u64(*text);
    intro.short_id = value ? ShortId::make(*value) : std::nullopt;
    if (!intro.short_id) reader.bad("ShortID", *text);
  }
  if (auto text = reader.optional("Trusted")) {
    auto trusted = parse_bool(*text);
    if (!trusted) reader.bad("Trusted", *text);
    intro.trusted = trusted.value_or(false);
  }
  if (auto text = reader.optional(kExtensions)) {
    for (auto extension : split(*text, ' '))
      intro.delta = intro.delta || extension == kDelta;
  }
  if (auto text = reader.optional("Overlays")) {
    for (auto overlay : split(*text, ' ')) {
      if (!overlay.empty()) intro.overlays.emplace_back(overlay);
    }
    if (intro.overlays.size() > kOverlaysMax) reader.bad("Overlays", *text);
  }
}

std::string who(const Introduction& intro, Endpoint at) {
  return "'" + intro.nickname + "' at " + at.text();
}

bool share_overlay(const Introduction& ours, const Introduction& theirs) {
  // A peer that names none speaks sleeve in compatibility mode.
  if (theirs.overlays.empty()) {
    return std::find(ours.overlays.begin(), ours.overlays.end(), "sleeve") != ours.overlays.end();
  }
  return std::any_of(ours.overlays.begin(), ours.overlays.end(), [&](const std::string& overlay) {
    return std::find(theirs.overlays.begin(), theirs.overlays.end(), overlay) !=
           theirs.overlays.end();
  });
}

}  // namespace

FeatureMap to_features(const Introduction& ours) {
  FeatureMap features{
      {"PeerNameFlavour", std::string(kFlavour)},
      {"Name", ours.name.text()},
      {"NickName", ours.nickname},
      {"UID", std::to_string(ours.uid.value)},
      {"ConnID", std::to_string(ours.conn_id)},
      {"Trusted", ours.trusted ? "true" : "false"},
  };
  if (ours.short_id) features["ShortID"] = std::to_string(ours.short_id->value());
  if (ours.delta) features[kExtensions] = kDelta;
  if (!ours.overlays.empty()) features["Overlays"] = join(ours.overlays, " ");
  return features;
}

std::variant<Introduction, Refusal> read_introduction(const FeatureMap& features) {
  FeatureReader reader(features);
  Introduction intro;
  read_identity(reader, intro);
  read_options(reader, intro);
  if (reader.fault()) return Refusal{.reason = *reader.fault()};
  return intro;
}

std::optional<Refusal> check_encounter(const Encounter& encounter) {
  const auto& [ours, theirs, local, remote] = encounter;
  if (theirs.name == ours.name && theirs.uid == ours.uid) {
    return Refusal{.reason = "cannot connect to ourself", .ourselves = true};
  }
  if (theirs.name == ours.name) {
    return Refusal{.reason = "peer names collision: " + ours.name.text() + " is used by both " +
                             who(ours, local) + " (this host) and " + who(theirs, remote) +
                             "; give one of them another --name",
                   .collision = true};
  }
  if (!share_overlay(ours, theirs)) {
    return Refusal{.reason = "no overlays in common with peer: ours are '" +
                             join(ours.overlays, " ") + "', theirs are '" +
                             join(theirs.overlays, " ") + "'"};
  }
  return std::nullopt;
}

}  // namespace weft::gossip
