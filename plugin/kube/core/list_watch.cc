// SPDX-License-Identifier: Apache-2.0
#include "plugin/kube/core/list_watch.h"

#include <algorithm>

namespace weft::kube {

namespace {

// How long a watch may last, in seconds. Servers end watches by themselves; asking for an end
// somewhere in this range spreads the agents' returns.
constexpr std::uint64_t kWatchLeast = 300;
constexpr std::uint64_t kWatchSpread = 300;
// The same while nothing has been heard: of a kind of object that has not changed since the
// server's start it sends nothing, not even bookmarks (kube-apiserver: Cacher.dispatchEvents). Such
// a watch must end before its silence would be taken for a dead connection.
constexpr std::uint64_t kQuietLeast = 45;
constexpr std::uint64_t kQuietSpread = 20;
static_assert(std::chrono::seconds(kQuietLeast + kQuietSpread) < kWatchSilence);
// Watches in a row that brought nothing before the list is asked for again: a server that was
// restored from a backup may know nothing of the version that is waited for, and say nothing.
constexpr int kBarrenMax = 3;
// A watch that ends so much before its time has still lasted as long as was asked.
constexpr std::chrono::seconds kEarlyMax{1};
constexpr std::string_view kComponent = "kube";
constexpr int kGone = 410;

bool gone(const ApiStatus& status) {
  return status.code == kGone || status.reason == "Expired" || status.reason == "Gone";
}

std::string advice(int status) {
  if (status == 401) return " (the service account's token is not accepted)";
  if (status == 403) return " (the ClusterRole weave-net must allow list and watch)";
  return "";
}

}  // namespace

ListWatch::ListWatch(Config config, Rng& rng, RequestIds& ids)
    : config_(std::move(config)), rng_(rng), ids_(ids) {}

void ListWatch::start(TimePoint now, Effects& out) {
  list_page(now, out);
}

void ListWatch::list_page(TimePoint now, Effects& out) {
  if (continue_.empty()) listed_.clear();
  phase_ = Phase::listing;
  request_ = ids_.next();
  HttpRequest request{.method = "GET",
                      .target = config_.path + "?limit=" + std::to_string(config_.page_limit)};
  if (!continue_.empty()) request.target += "&continue=" + percent_encode(continue_);
  deadline_ = now + request.timeout + kAnswerGrace;
  out.emplace_back(Send{request_, std::move(request)});
}

void ListWatch::on_response(TimePoint now, RequestId id, const HttpResponse& response,
                            Effects& out) {
  if (id != request_ || phase_ != Phase::listing) return;
  request_ = {};
  if (response.status != 200) {
    return give_up(now,
                   {.why = "listing: " + refusal_text(response.status, response.body) +
                           advice(response.status),
                    .at_least = response.retry_after},
                   out);
  }
  auto page = parse_object(response.body, kResponseBodyMax);
  if (!page) return give_up(now, {.why = "listing: " + to_string(page.error())}, out);
  take_page(now, *page, out);
}

void ListWatch::take_page(TimePoint now, const Json& page, Effects& out) {
  const Json* items = member(page, "items");
  const Json* meta = member(page, "metadata");
  const std::string version = meta != nullptr ? text_of(*meta, "resourceVersion") : "";
  if (version.empty() || (items != nullptr && !items->is_array())) {
    return give_up(now, {.why = "listing: the answer is no list"}, out);
  }
  for (const Json& item : items != nullptr ? *items : Json::array()) {
    auto object = parse_meta(item);
    if (!object) return give_up(now, {.why = "listing: " + to_string(object.error())}, out);
    if (!upsert(*object, item, out)) {
      return give_up(now, {.why = "more objects than this agent keeps"}, out);
    }
    listed_.insert(object->key());
  }
  version_ = version;
  continue_ = text_of(*meta, "continue");
  if (continue_.empty()) return finish_list(now, out);
  list_page(now, out);
}

bool ListWatch::upsert(const ObjectMeta& meta, Json object, Effects& out) {
  const std::string key = meta.key();
  auto known = known_.find(key);
  if (known == known_.end()) {
    if (known_.size() >= config_.objects_max) return false;
    known = known_.emplace(key, "").first;
  } else if (!meta.resource_version.empty() && known->second == meta.resource_version) {
    return true;  // a repeated list brings mostly what is known
  }
  known->second = meta.resource_version;
  out.emplace_back(Upsert{config_.resource, key, std::move(object)});
  return true;
}

void ListWatch::finish_list(TimePoint now, Effects& out) {
  for (auto at = known_.begin(); at != known_.end();) {
    if (listed_.contains(at->first)) {
      ++at;
      continue;
    }
    out.emplace_back(Deleted{config_.resource, at->first});
    at = known_.erase(at);
  }
  listed_.clear();
  synced_ = true;
  out.emplace_back(Synced{config_.resource});
  watch(now, out);
}

void ListWatch::watch(TimePoint now, Effects& out) {
  phase_ = Phase::watching;
  opened_ = false;
  lines_ = {};
  request_ = ids_.next();
  deadline_ = now + kWatchSilence + kAnswerGrace;
  const std::uint64_t seconds =
      heard_ ? kWatchLeast + rng_.below(kWatchSpread) : kQuietLeast + rng_.below(kQuietSpread);
  heard_ = false;
  due_ = now + std::chrono::seconds(seconds);
  out.emplace_back(
      Send{request_,
           {.method = "GET",
            .target = config_.path + "?watch=true&allowWatchBookmarks=true&resourceVersion=" +
                      percent_encode(version_) + "&timeoutSeconds=" + std::to_string(seconds),
            .stream = true,
            .timeout = kWatchSilence}});
}

void ListWatch::on_stream_open(TimePoint now, RequestId id, int status,
                               std::optional<std::chrono::seconds> retry_after, Effects& out) {
  if (id != request_ || phase_ != Phase::watching) return;
  deadline_ = now + kWatchSilence + kAnswerGrace;
  if (status == 200) {
    opened_ = true;
    last_error_.clear();
    return;
  }
  const bool expired = status == kGone;
  give_up(now,
          {.why = expired ? "the server no longer knows where the watch was"
                          : "watching: refused with " + std::to_string(status) + advice(status),
           .then = expired ? Then::list : Then::watch,
           .level = expired ? LogLevel::info : LogLevel::warning,
           .at_least = retry_after},
          out);
}

void ListWatch::on_stream_bytes(TimePoint now, RequestId id, ByteView bytes, Effects& out) {
  if (id != request_ || phase_ != Phase::watching || !opened_) return;
  deadline_ = now + kWatchSilence + kAnswerGrace;
  if (auto ok = lines_.feed(bytes); !ok) {
    return give_up(now, {.why = "watching: " + to_string(ok.error())}, out);
  }
  while (auto line = lines_.next()) {
    auto event = parse_watch_event(*line);
    if (!event) return give_up(now, {.why = "watching: " + to_string(event.error())}, out);
    if (!take_event(now, std::move(*event), out)) return;
  }
}

bool ListWatch::take_event(TimePoint now, WatchEvent event, Effects& out) {
  if (event.type == WatchEventType::error) {
    const ApiStatus& status = *event.status;
    const bool expired = gone(status);
    give_up(now,
            {.why = expired ? "the server no longer knows where the watch was"
                            : "watching: the server reports " + std::to_string(status.code) + " " +
                                  status.reason + ": " + status.message,
             .level = expired ? LogLevel::info : LogLevel::warning,
             .at_least = status.retry_after},
            out);
    return false;
  }
  const std::string key = event.meta.key();
  if (event.type == WatchEventType::deleted) {
    if (known_.erase(key) != 0) out.emplace_back(Deleted{config_.resource, key});
  } else if (event.type != WatchEventType::bookmark &&
             !upsert(event.meta, std::move(event.object), out)) {
    give_up(now, {.why = "more objects than this agent keeps"}, out);
    return false;
  }
  version_ = event.meta.resource_version;
  heard_ = true;
  back_off_.reset();  // only what moves on is well: an accepted watch may end at once, always
  failure_count_ = 0;
  barren_count_ = 0;
  return true;
}

void ListWatch::on_stream_end(TimePoint now, RequestId id, StreamEnd why, Effects& out) {
  if (id != request_ || phase_ != Phase::watching) return;
  request_ = {};
  // A server ends a watch when its time is over; half a line was never said.
  const bool usual = why == StreamEnd::complete && !lines_.partial();
  if (usual && opened_ && now + kEarlyMax >= due_) {
    back_off_.reset();
    failure_count_ = 0;
  }
  give_up(now,
          {.why = usual ? "the watch ended" : "the watch was cut short",
           .then = Then::watch,
           .level = usual ? LogLevel::debug : LogLevel::warning},
          out);
}

void ListWatch::on_failure(TimePoint now, RequestId id, const Error& error, Effects& out) {
  if (id != request_) return;
  request_ = {};
  if (phase_ == Phase::listing) {
    const bool too_large = error.code == Errc::too_large && config_.page_limit > 1;
    if (too_large) config_.page_limit /= 2;
    return give_up(now, {.why = "listing: " + to_string(error)}, out);
  }
  give_up(now, {.why = "watching: " + to_string(error), .then = Then::watch}, out);
}

void ListWatch::on_deadline(TimePoint now, Effects& out) {
  if (!deadline_ || now < *deadline_) return;
  if (phase_ == Phase::listing) return give_up(now, {.why = "listing: no answer"}, out);
  if (phase_ == Phase::watching) {
    return give_up(now, {.why = "the watch fell silent", .then = Then::watch}, out);
  }
  if (then_ == Then::list) return list_page(now, out);
  watch(now, out);
}

void ListWatch::give_up(TimePoint now, const Trouble& trouble, Effects& out) {
  if (request_) out.emplace_back(Cancel{request_});
  request_ = {};
  phase_ = Phase::waiting;
  then_ = trouble.then;
  if (then_ == Then::watch && ++barren_count_ >= kBarrenMax) then_ = Then::list;
  if (then_ == Then::list) barren_count_ = 0;
  // A list that failed half-way begins again: its continuation may be what is wrong.
  continue_.clear();
  lines_ = {};
  const Duration wait = back_off_.next(rng_, trouble.at_least);
  deadline_ = now + wait;
  note(trouble, wait, out);
}

void ListWatch::note(const Trouble& trouble, Duration wait, Effects& out) {
  if (trouble.level == LogLevel::debug) return;
  const bool repeated = trouble.why == last_logged_;
  last_error_ = last_logged_ = trouble.why;
  ++failure_count_;
  // The same again and again is logged the 1st, 2nd, 4th, 8th … time.
  if (repeated && (failure_count_ & (failure_count_ - 1)) != 0) return;
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count() / 100;
  out.emplace_back(LogLine{.level = trouble.level,
                           .component = std::string(kComponent),
                           .text = "following " + std::string(to_string(config_.resource)) + ": " +
                                   trouble.why + "; again in " + std::to_string(tenths / 10) + "." +
                                   std::to_string(tenths % 10) + " s"});
}

ListWatch::Status ListWatch::status() const {
  return {.synced = synced_, .objects = known_.size(), .last_error = last_error_};
}

}  // namespace weft::kube
