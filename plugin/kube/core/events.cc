// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/events.h"

#include <algorithm>

#include "base/bytes.h"
#include "plugin/kube/core/json_text.h"

namespace weft::kube {

namespace {

constexpr int kNotFound = 404;
constexpr int kConflict = 409;
constexpr int kRefusals = 400;  // and above

std::string key_of(const EventSubject& subject, const EventText& text) {
  return subject.kind + "\n" + subject.name_space + "\n" + subject.name + "\n" + text.reason +
         "\n" + text.message;
}

std::string collection_of(const std::string& name_space) {
  return "/api/v1/namespaces/" + percent_encode(name_space) + "/events";
}

std::string suffix(Rng& rng) {
  Bytes bytes(8);
  rng.fill(bytes);
  return to_hex(bytes);
}

}  // namespace

EventSubject node_subject(const std::string& node) {
  return {.kind = "Node", .name_space = "", .name = node, .uid = node};
}

std::optional<EventRequest> Events::on_event(TimePoint now, const EventSubject& subject,
                                             const EventText& text) {
  forget_old(now);
  const std::string key = key_of(subject, text);
  if (auto at = said_.find(key); at != said_.end()) return repeat(now, key, at->second);
  if (said_.size() >= kEventsMax || !take_token(now)) {
    ++dropped_count_;
    return std::nullopt;
  }
  // Events of objects without a namespace lie in "default".
  Said said{.subject = subject,
            .text = text,
            .name = subject.name + "." + suffix(rng_),
            .name_space = subject.name_space.empty() ? "default" : subject.name_space,
            .first = now,
            .written = now};
  return say(now, key, said_.emplace(key, std::move(said)).first->second);
}

std::optional<EventRequest> Events::repeat(TimePoint now, const std::string& key, Said& said) {
  ++said.count;
  if (said.state == State::sending) return std::nullopt;
  const bool due = said.state == State::unsaid || now >= said.written + said.interval;
  if (!due || !take_token(now)) return std::nullopt;
  if (said.state == State::unsaid) return say(now, key, said);
  said.written = now;
  said.interval = std::min(said.interval * 2, kRepeatMax);
  return EventRequest{key, again(now, said)};
}

std::optional<EventRequest> Events::say(TimePoint now, const std::string& key, Said& said) const {
  said.written = now;
  said.state = State::sending;
  return EventRequest{key, first_time(now, said)};
}

std::optional<EventRequest> Events::on_answer(TimePoint now, const std::string& key,
                                              std::optional<int> status) {
  auto at = said_.find(key);
  if (at == said_.end()) return std::nullopt;
  Said& said = at->second;
  // Nobody else has our names: what is there already is ours, though we heard of no answer.
  const bool there = said.state == State::sending && status == kConflict;
  if (there || (status && *status < kRefusals)) {
    said.state = State::said;
    return on_server(now);
  }
  const bool made = said.state == State::said;
  // Somebody deleted it. One that is there and is not raised will be the next time.
  if (made && status == kNotFound) return say(now, key, said);
  if (made) return std::nullopt;
  said.state = State::unsaid;
  drop_unsaid();
  return std::nullopt;
}

std::optional<EventRequest> Events::on_server(TimePoint now) {
  const Entry* oldest = oldest_unsaid();
  if (oldest == nullptr) return std::nullopt;
  return say(now, oldest->first, said_.at(oldest->first));
}

std::optional<TimePoint> Events::next_deadline() const {
  const Entry* oldest = oldest_unsaid();
  return oldest == nullptr ? std::nullopt : std::optional(oldest->second.written + kUnsaidRetry);
}

// By its last attempt, so that one that is never taken does not stand in the others' way.
const Events::Entry* Events::oldest_unsaid() const {
  const Entry* oldest = nullptr;
  for (const Entry& entry : said_) {
    if (entry.second.state != State::unsaid) continue;
    if (oldest == nullptr || entry.second.written < oldest->second.written) oldest = &entry;
  }
  return oldest;
}

void Events::drop_unsaid() {
  const auto count = std::count_if(said_.begin(), said_.end(), [](const Entry& entry) {
    return entry.second.state == State::unsaid;
  });
  if (static_cast<std::size_t>(count) <= kUnsaidMax) return;
  said_.erase(said_.find(oldest_unsaid()->first));
  ++dropped_count_;
}

bool Events::take_token(TimePoint now) {
  while (tokens_ < kEventBurst && now >= refilled_at_ + kEventRefill) {
    ++tokens_;
    refilled_at_ += kEventRefill;
  }
  if (tokens_ == kEventBurst) refilled_at_ = now;
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

// The server drops an Event an hour after it was last written; one that it has yet to take stays.
void Events::forget_old(TimePoint now) {
  std::erase_if(said_, [&](const auto& entry) {
    return entry.second.state == State::said && now >= entry.second.written + kEventLife;
  });
}

HttpRequest Events::first_time(TimePoint now, const Said& said) const {
  const EventSubject& subject = said.subject;
  const EventText& text = said.text;
  Json object = {{"kind", subject.kind}, {"name", subject.name}, {"apiVersion", "v1"}};
  if (!subject.name_space.empty()) object["namespace"] = subject.name_space;
  if (!subject.uid.empty()) object["uid"] = subject.uid;
  const Json event = {{"apiVersion", "v1"},
                      {"kind", "Event"},
                      {"metadata", {{"name", said.name}, {"namespace", said.name_space}}},
                      {"involvedObject", std::move(object)},
                      {"type", text.warning ? "Warning" : "Normal"},
                      {"reason", text.reason},
                      {"message", text.message.substr(0, kEventMessageMax)},
                      {"source", {{"component", config_.component}, {"host", config_.node}}},
                      {"firstTimestamp", time_text(config_.wall.wall(said.first))},
                      {"lastTimestamp", time_text(config_.wall.wall(now))},
                      {"count", said.count}};
  return {.method = "POST",
          .target = collection_of(said.name_space),
          .body = print(event),
          .content_type = "application/json"};
}

HttpRequest Events::again(TimePoint now, const Said& said) const {
  return {
      .method = "PATCH",
      .target = collection_of(said.name_space) + "/" + percent_encode(said.name),
      .body = print({{"count", said.count}, {"lastTimestamp", time_text(config_.wall.wall(now))}}),
      .content_type = "application/merge-patch+json"};
}

}  // namespace weft::kube
