// SPDX-License-Identifier: Apache-2.0
// Keeps a copy of one kind of objects equal to the API server's: lists them page by page, then
// watches from where the list ended. It survives what a server or a network can do to it: lists
// that expire half-way, watches that end, hang or lie, and refusals with or without Retry-After.
//
//   idle ─start─▶ listing ─last page─▶ watching
//                  ▲  │ failed           │ ended: from the last version      │ 410, damaged,
//                  │  ▼                  ▼                                   ▼ too long
//                  └─ waiting(list) ◀─   waiting(watch)                  waiting(list)
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/rng.h"
#include "base/time_point.h"
#include "plugin/kube/core/back_off.h"
#include "plugin/kube/core/effects.h"
#include "plugin/kube/core/watch_event.h"

namespace weft::kube {

// A server sends a bookmark every minute (kube-apiserver: bookmarkFrequency) once anything of the
// kind has changed. A watch that is silent for longer is taken for a connection whose other end is
// gone.
inline constexpr std::chrono::milliseconds kWatchSilence{75'000};
class ListWatch {
 public:
  struct Config {
    Resource resource = Resource::nodes;
    std::string path;                  // "/api/v1/nodes"
    std::size_t page_limit = 250;      // objects a page; halved when a page is too long
    std::size_t objects_max = 50'000;  // more are an error, not memory
  };
  struct Status {
    bool synced = false;  // since the start; the copy may be old while last_error says why
    std::size_t objects = 0;
    std::string last_error;  // empty: all is well
  };
  // `rng` and `ids` outlive this.
  ListWatch(Config config, Rng& rng, RequestIds& ids);

  void start(TimePoint now, Effects& out);
  void on_response(TimePoint now, RequestId id, const HttpResponse& response, Effects& out);
  void on_stream_open(TimePoint now, RequestId id, int status,
                      std::optional<std::chrono::seconds> retry_after, Effects& out);
  void on_stream_bytes(TimePoint now, RequestId id, ByteView bytes, Effects& out);
  void on_stream_end(TimePoint now, RequestId id, StreamEnd why, Effects& out);
  void on_failure(TimePoint now, RequestId id, const Error& error, Effects& out);
  void on_deadline(TimePoint now, Effects& out);
  std::optional<TimePoint> next_deadline() const { return deadline_; }

  Status status() const;

 private:
  enum class Phase : std::uint8_t { idle, waiting, listing, watching };
  enum class Then : std::uint8_t { list, watch };

  void list_page(TimePoint now, Effects& out);
  void take_page(TimePoint now, const Json& page, Effects& out);
  void finish_list(TimePoint now, Effects& out);
  void watch(TimePoint now, Effects& out);
  // False: the event ended the watch.
  bool take_event(TimePoint now, WatchEvent event, Effects& out);
  bool upsert(const ObjectMeta& meta, Json object, Effects& out);
  // Ends what is under way and waits.
  struct Trouble {
    std::string why;
    Then then = Then::list;
    LogLevel level = LogLevel::warning;
    std::optional<std::chrono::seconds> at_least;
  };
  void give_up(TimePoint now, const Trouble& trouble, Effects& out);
  void note(const Trouble& trouble, Duration wait, Effects& out);

  Config config_;
  Rng& rng_;
  RequestIds& ids_;
  Phase phase_ = Phase::idle;
  Then then_ = Then::list;
  RequestId request_;
  std::optional<TimePoint> deadline_;
  BackOff back_off_;
  std::map<std::string, std::string> known_;  // key → resource version
  std::set<std::string> listed_;              // keys of the list under way
  std::string continue_;                      // where its next page begins
  std::string version_;                       // from where to watch
  WatchLines lines_;
  bool opened_ = false;  // the watch was accepted
  bool heard_ = false;   // the last watch brought something, be it a bookmark
  TimePoint due_;        // when the watch should end by itself
  bool synced_ = false;
  std::string last_error_, last_logged_;
  int barren_count_ = 0;  // watches in a row that brought nothing
  std::uint64_t failure_count_ = 0;
};

}  // namespace weft::kube
