// SPDX-License-Identifier: Apache-2.0
// List, then watch, against a server with a history: whatever is lost, cut, late or expired on the
// way, in the end the copy is what the server has.
#include <doctest/doctest.h>

#include "plugin/kube/core/list_watch.h"
#include "tests/unit/kube/core/api_model.h"

using namespace weft;
using namespace weft::kube;
using namespace weft::kube::test;
using std::chrono::milliseconds;

namespace {

// Objects with versions, and the events since a version that moves up by compaction.
class History {
 public:
  void change(Rng& rng) {
    const std::string name = "n" + std::to_string(rng.below(12));
    const bool exists = objects_.contains(name);
    const bool remove = exists && rng.below(3) == 0;
    ++version_;
    const std::string type = remove ? "DELETED" : exists ? "MODIFIED" : "ADDED";
    if (remove) {
      objects_.erase(name);
    } else {
      objects_[name] = version_;
    }
    events_[version_] = print({{"type", type}, {"object", object(name, version_)}}) + "\n";
  }
  void compact() {
    compacted_ = version_;
    events_.clear();
  }
  bool expired(std::uint64_t version) const { return version < compacted_; }
  std::uint64_t version() const { return version_; }

  std::string since(std::uint64_t version) const {
    std::string out;
    for (auto at = events_.upper_bound(version); at != events_.end(); ++at)
      out += at->second;
    return out;
  }
  std::string bookmark() const {
    return print({{"type", "BOOKMARK"},
                  {"object", {{"metadata", {{"resourceVersion", std::to_string(version_)}}}}}}) +
           "\n";
  }
  // The continuation is "version:first name of the next page"; later pages show the state of the
  // first, as far as it is kept.
  HttpResponse list(const std::string& target) {
    const std::size_t token = target.find("continue=");
    std::string from;
    std::uint64_t version = version_;
    if (token == std::string::npos) {
      snapshots_[version_] = objects_;
    } else {
      const std::string text = target.substr(token + 9);
      version = std::stoull(text.substr(0, text.find('-')));
      from = text.substr(text.find('-') + 1);
      if (expired(version)) return status_reply(410, "Expired");
    }
    return page(version, from);
  }
  const std::map<std::string, std::uint64_t>& objects() const { return objects_; }

 private:
  static Json object(const std::string& name, std::uint64_t version) {
    return {{"metadata", {{"name", name}, {"resourceVersion", std::to_string(version)}}}};
  }
  HttpResponse page(std::uint64_t version, const std::string& from) {
    Json items = Json::array();
    std::string more;
    const auto& state = snapshots_[version];
    for (auto at = state.lower_bound(from); at != state.end(); ++at) {
      if (items.size() == 3) {
        more = std::to_string(version) + "-" + at->first;
        break;
      }
      items.push_back(object(at->first, at->second));
    }
    return {.status = 200,
            .body = print(
                {{"metadata", {{"resourceVersion", std::to_string(version)}, {"continue", more}}},
                 {"items", items}})};
  }

  std::map<std::string, std::uint64_t> objects_;
  std::map<std::uint64_t, std::string> events_;
  std::map<std::uint64_t, std::map<std::string, std::uint64_t>> snapshots_;
  std::uint64_t version_ = 1, compacted_ = 0;
};

// One machine, its server, and the network between them.
class Play {
 public:
  explicit Play(std::uint64_t seed) : rng_(seed) {}

  void run(int steps, bool faults) {
    faults_ = faults;
    if (now_ == TimePoint{}) {
      now_ = at_seconds(1);
      act([&](Effects& out) { machine_.start(now_, out); });
    }
    for (int i = 0; i < steps; ++i)
      step();
  }
  std::map<std::string, std::uint64_t> server() const { return history_.objects(); }
  const std::map<std::string, std::uint64_t>& copy() const { return copy_; }
  bool synced() const { return machine_.status().synced; }

 private:
  struct Stream {
    RequestId id;
    std::uint64_t sent_version = 0;
    std::string unsent;
    bool hung = false;
  };

  bool chance(std::uint64_t one_in) { return faults_ && rng_.below(one_in) == 0; }

  template <class What>
  void act(What what) {
    Effects out;
    what(out);
    for (const Effect& effect : out) {
      if (const auto* up = std::get_if<Upsert>(&effect)) {
        copy_[up->key] = std::stoull(text_of(up->object.at("metadata"), "resourceVersion"));
      } else if (const auto* gone = std::get_if<Deleted>(&effect)) {
        copy_.erase(gone->key);
      } else if (const auto* send = std::get_if<Send>(&effect)) {
        pending_.push_back(*send);
      }
      // A Cancel that comes too late: what was cancelled goes on being answered.
    }
  }

  void step() {
    now_ += milliseconds(1 + static_cast<int>(rng_.below(3000)));
    if (faults_) {
      if (rng_.below(2) == 0) history_.change(rng_);
      if (rng_.below(60) == 0) history_.compact();
    }
    while (machine_.next_deadline() && *machine_.next_deadline() <= now_)
      act([&](Effects& out) { machine_.on_deadline(now_, out); });
    answer_one();
    for (std::size_t i = 0; i < streams_.size(); ++i)
      flow(i);
    std::erase_if(streams_, [](const Stream& s) { return !s.id; });
  }

  // Any of the requests, not the oldest: answers overtake one another.
  void answer_one() {
    if (pending_.empty()) return;
    const auto at = pending_.begin() + static_cast<std::ptrdiff_t>(rng_.below(pending_.size()));
    const Send send = *at;
    pending_.erase(at);
    if (chance(10)) return;  // never answered
    if (chance(10)) {
      return act([&](Effects& out) { machine_.on_failure(now_, send.id, {}, out); });
    }
    if (send.request.stream) return open(send);
    HttpResponse response = history_.list(send.request.target);
    if (chance(8)) response = status_reply(chance(2) ? 429 : 503);
    if (chance(12)) response.body.resize(response.body.size() / 2);
    act([&](Effects& out) { machine_.on_response(now_, send.id, response, out); });
  }

  void open(const Send& send) {
    const std::string& target = send.request.target;
    const auto at = target.find("resourceVersion=") + 16;
    const std::uint64_t from = std::stoull(target.substr(at, target.find('&', at) - at));
    const bool refuse = history_.expired(from) && rng_.below(2) == 0;
    act([&](Effects& out) {
      machine_.on_stream_open(now_, send.id, refuse ? 410 : 200, std::nullopt, out);
    });
    if (refuse) return;
    streams_.push_back({.id = send.id, .sent_version = from, .hung = chance(8)});
    if (!history_.expired(from)) return;
    streams_.back().unsent = R"({"type":"ERROR","object":{"kind":"Status","code":410}})"
                             "\n";
    streams_.back().sent_version = ~std::uint64_t{0};
  }

  void flow(std::size_t index) {
    Stream& stream = streams_[index];
    if (stream.hung) return;
    if (stream.sent_version < history_.version()) {
      // What was compacted while the stream was open has been sent already, or never will be.
      if (history_.expired(stream.sent_version)) {
        stream.id = {};
        return;
      }
      stream.unsent += history_.since(stream.sent_version);
      stream.sent_version = history_.version();
    } else if (rng_.below(20) == 0 && stream.sent_version == history_.version()) {
      stream.unsent += history_.bookmark();
    }
    const std::size_t size = std::min<std::size_t>(stream.unsent.size(), 1 + rng_.below(300));
    const std::string piece = stream.unsent.substr(0, faults_ ? size : stream.unsent.size());
    stream.unsent.erase(0, piece.size());
    const RequestId id = stream.id;
    const bool end = chance(25);
    if (end) stream.id = {};
    act([&](Effects& out) {
      if (!piece.empty()) machine_.on_stream_bytes(now_, id, as_bytes(piece), out);
      if (end) machine_.on_stream_end(now_, id, StreamEnd::complete, out);
    });
  }

  SeededRng rng_;
  RequestIds ids_;
  ListWatch machine_{{.path = "/api/v1/nodes", .page_limit = 3}, rng_, ids_};
  History history_;
  TimePoint now_;
  std::vector<Send> pending_;
  std::vector<Stream> streams_;
  std::map<std::string, std::uint64_t> copy_;
  bool faults_ = true;
};

}  // namespace

TEST_CASE("list-watch: property: after any misfortunes the copy equals the server's objects") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    Play play(seed);
    play.run(400, true);
    // A silent watch may still be open: the longest way back is silence, back-off, list and watch.
    play.run(200, false);
    CHECK(play.synced());
    CHECK(play.copy() == play.server());
  }
}
