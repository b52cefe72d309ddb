// SPDX-License-Identifier: Apache-2.0
// The gob decoder, driven over a whole stream against declarations of every kind. The first byte
// chooses which values are read and which skipped. What is read is written again as far as our
// declared order of fields allows, and then reads and writes the same.
#include <array>
#include <optional>

#include "base/ensure.h"
#include "gossip/gob/decoder.h"
#include "gossip/gob/encoder.h"
#include "tests/fuzz/input.h"
#include "tests/unit/gob/samples.h"

using namespace weft;
using namespace weft::gob;

namespace {

constexpr std::array<const Type*, 10> kRoots{&samples::kState,
                                             &samples::kRing,
                                             &samples::kRange,
                                             &samples::kPaxos,
                                             &samples::kStrings,
                                             &kUint,
                                             &samples::kStringMap,
                                             &kBytes,
                                             &kInt,
                                             &kString};

struct Level {
  const Type* type;
  std::size_t next_field = 0;
  bool element_next = false;  // map: the key was read
};

// Reads one stream of values of `root`, and writes what it reads.
class Copier {
 public:
  Copier(ByteView in, std::uint8_t skips) : decoder_(in), skips_(skips) {}

  // Nothing if the stream is refused, or cannot be written in our order of fields.
  std::optional<Bytes> run(const Type& root) {
    while (decoder_.begin(root)) {
      if (writing_) encoder_.begin(root);
      if (root.kind == Kind::structure) {
        levels_.push_back({.type = &root});
      } else {
        value(root);
      }
      while (!levels_.empty() && !decoder_.failed())
        advance();
      if (decoder_.failed()) break;
    }
    if (!decoder_.finish() || !writing_) return std::nullopt;
    return out_;
  }

 private:
  void advance() {
    Level& level = levels_.back();
    if (level.type->kind == Kind::structure) return advance_struct(level);
    if (level.element_next) {
      level.element_next = false;
      return value(*level.type->element);
    }
    if (!decoder_.next_element()) return leave();
    bool map = level.type->kind == Kind::map;
    level.element_next = map;
    value(map ? *level.type->key : *level.type->element);
  }

  void advance_struct(Level& level) {
    auto field = decoder_.next_field();
    if (!field) return leave();
    ensure(*field < level.type->fields.size(), "a field that is not declared");
    if (skips_ != 0 && ++count_ % skips_ == 0) return;
    if (*field < level.next_field) writing_ = false;
    level.next_field = *field + 1;
    if (writing_) encoder_.field(*field);
    value(*level.type->fields[*field].type);
  }

  void leave() {
    levels_.pop_back();
    if (writing_ && !decoder_.failed()) encoder_.close();
  }

  void value(const Type& type) {
    switch (type.kind) {
      case Kind::boolean:
        return write(decoder_.boolean(), [&](bool v) { encoder_.boolean(v); });
      case Kind::sint:
        return write(decoder_.sint(), [&](std::int64_t v) { encoder_.sint(v); });
      case Kind::uint:
        return write(decoder_.u64(), [&](std::uint64_t v) { encoder_.uint(v); });
      case Kind::bytes:
        return write(decoder_.bytes(), [&](ByteView v) { encoder_.bytes(v); });
      case Kind::string:
        return write(decoder_.string(), [&](std::string_view v) { encoder_.string(v); });
      case Kind::slice:
      case Kind::map:
      case Kind::structure:
        levels_.push_back({.type = &type});
        return write(decoder_.enter(), [&](std::size_t n) { encoder_.open(n); });
    }
  }

  template <class T, class Put>
  void write(T v, Put put) {
    if (writing_ && !decoder_.failed()) put(v);
  }

  Decoder decoder_;
  std::uint8_t skips_;
  std::size_t count_ = 0;
  Bytes out_;
  Encoder encoder_{out_};
  bool writing_ = true;
  std::vector<Level> levels_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choose(fuzz::view(data, size));
  std::uint8_t first = choose.byte();
  const Type& root = *kRoots[first % kRoots.size()];
  auto skips = static_cast<std::uint8_t>(first / kRoots.size() % 4);
  auto once = Copier(choose.rest(), skips).run(root);
  if (!once) return 0;
  auto twice = Copier(*once, 0).run(root);
  ensure(twice.has_value(), "what was written is not read");
  ensure(*twice == *once, "what was written changes when read");
  return 0;
}
