// SPDX-License-Identifier: Apache-2.0
// An API server that answers whatever the fuzzer wants: the machine always waits for exactly one
// thing, keeps no more objects than it may, and its effects say what its copy holds.

#include <set>

#include "base/ensure.h"
#include "plugin/kube/core/list_watch.h"
#include "tests/fuzz/input.h"

using namespace weft;
using namespace weft::kube;

namespace {

constexpr std::size_t kObjects = 4;

class Server {
 public:
  explicit Server(ByteView in) : choices_(in) {}

  void run() {
    Effects out;
    machine_.start(now_, out);
    take(out);
    while (!choices_.empty())
      step();
  }

 private:
  void step() {
    Effects out;
    const std::uint8_t what = choices_.byte();
    const ByteView body = choices_.take(choices_.byte());
    now_ += std::chrono::milliseconds(100);
    switch (what % 6) {
      case 0:
        machine_.on_response(now_, id_, {.status = 200, .body = std::string(as_text(body))}, out);
        break;
      case 1:
        machine_.on_stream_open(now_, id_, what < 128 ? 200 : 410, std::nullopt, out);
        break;
      case 2:
        machine_.on_stream_bytes(now_, id_, body, out);
        break;
      case 3:
        machine_.on_stream_end(now_, id_, StreamEnd::complete, out);
        break;
      case 4:
        machine_.on_failure(now_, id_, {}, out);
        break;
      default:
        now_ = *machine_.next_deadline();
        machine_.on_deadline(now_, out);
    }
    take(out);
  }

  void take(const Effects& out) {
    for (const Effect& effect : out) {
      if (const auto* send = std::get_if<Send>(&effect)) id_ = send->id;
      if (const auto* up = std::get_if<Upsert>(&effect)) copy_.insert(up->key);
      if (const auto* gone = std::get_if<Deleted>(&effect)) copy_.erase(gone->key);
    }
    ensure(machine_.next_deadline().has_value(), "it waits for nothing");
    ensure(copy_.size() == machine_.status().objects, "the copy is another");
    ensure(copy_.size() <= kObjects, "more objects than it may keep");
  }

  fuzz::Choices choices_;
  SeededRng rng_{1};
  RequestIds ids_;
  ListWatch machine_{{.path = "/x", .objects_max = kObjects}, rng_, ids_};
  TimePoint now_{std::chrono::seconds(1)};
  RequestId id_;
  std::set<std::string> copy_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Server(fuzz::view(data, size)).run();
  return 0;
}
