// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/internal/decoder_state.h"

#include <limits>

namespace weft::gob {
namespace {

constexpr Error kTruncated{.code = Errc::truncated, .what = "gob: message is truncated"};
constexpr Error kTrailing{.code = Errc::trailing, .what = "gob: bytes after the last value"};
constexpr Error kMisread{.code = Errc::bad_value, .what = "gob: value is not read as declared"};

// Type ids are 32-bit numbers in Go.
constexpr std::int64_t kTypeIdMax = std::numeric_limits<std::int32_t>::max();

}  // namespace

bool Decoder::State::begin(const Type& expected) {
  if (!end_value()) return false;
  bool defined = false;
  std::int64_t id = 0;
  while (!stream_.empty()) {
    if (!next_message(id)) return false;
    if (id >= 0) {
      begin_value(id, expected);
      return !failed_;
    }
    check(types_.define(-id, message_));
    if (failed_) return false;
    defined = true;
  }
  if (defined) fail(kTruncated);
  return false;
}

// Leaves the value before; false after a failure.
bool Decoder::State::end_value() {
  if (!failed_ && !frames_.empty()) fail(kMisread);
  while (due_ && !failed_)
    skip_due();
  if (!failed_ && !message_.empty()) fail(kTrailing);
  return !failed_;
}

bool Decoder::State::next_message(std::int64_t& id) {
  std::uint64_t size = stream_.uint();
  if (size > limits_.message_size_max) {
    fail({.code = Errc::too_large, .what = "gob: message is too large"});
    return false;
  }
  message_ = Cursor(stream_.take(size));
  id = message_.sint();
  if (stream_.failed() || message_.failed()) {
    fail(kTruncated);
  } else if (id < -kTypeIdMax || id > kTypeIdMax) {
    fail({.code = Errc::bad_value, .what = "gob: type id out of range"});
  }
  return !failed_;
}

void Decoder::State::begin_value(std::int64_t id, const Type& expected) {
  auto node = plan_.prepare(types_, id, expected);
  if (!node) return fail(node.error());
  set_due(*node);
  if (expected.kind == Kind::structure) {
    enter();
    return;
  }
  // In place of a field delta.
  if (message_.uint() != 0) return fail({.code = Errc::bad_value, .what = "gob: malformed value"});
  if (message_.failed()) fail(kTruncated);
}

std::size_t Decoder::State::enter() {
  if (failed_) return 0;
  if (!due_) {
    fail(kMisread);
    return 0;
  }
  due_ = false;
  const Plan::Node& node = plan_.node(due_node_);
  frames_.push_back({.node = due_node_, .walk = FieldWalk(node.part_count)});
  return node.local->kind == Kind::structure ? 0 : enter_elements(node);
}

std::size_t Decoder::State::enter_elements(const Plan::Node& node) {
  if (node.local->kind != Kind::slice && node.local->kind != Kind::map) {
    fail(kMisread);
    return 0;
  }
  std::uint64_t count = message_.count();
  if (message_.failed()) {
    fail(kTruncated);
    return 0;
  }
  check(spend(elements_left_, count));
  if (failed_) return 0;
  frames_.back().elements_left = static_cast<std::size_t>(count);
  return frames_.back().elements_left;
}

std::optional<std::size_t> Decoder::State::next_field() {
  while (due_ && !failed_)
    skip_due();
  while (!failed_) {
    if (frames_.empty() || plan_.node(frames_.back().node).local->kind != Kind::structure) {
      fail(kMisread);
      break;
    }
    Frame& frame = frames_.back();
    auto index = frame.walk.next(message_);
    if (message_.failed()) {
      fail(kTruncated);
    } else if (frame.walk.bad()) {
      fail({.code = Errc::bad_value, .what = "gob: field out of range"});
    } else if (!index) {
      frames_.pop_back();
      value_done();
      break;
    } else {
      const Plan::Part& part = plan_.part(plan_.node(frame.node), *index);
      if (part.field == Plan::kUnknown) {
        skip(part.wire);
        continue;
      }
      set_due(part.node);
      return part.field;
    }
  }
  return std::nullopt;
}

bool Decoder::State::next_element() {
  while (due_ && !failed_)
    skip_due();
  if (failed_) return false;
  if (frames_.empty() || plan_.node(frames_.back().node).local->kind == Kind::structure) {
    fail(kMisread);
    return false;
  }
  Frame& frame = frames_.back();
  if (frame.elements_left == 0) {
    frames_.pop_back();
    value_done();
    return false;
  }
  --frame.elements_left;
  const Plan::Node& node = plan_.node(frame.node);
  frame.element_due = node.local->kind == Kind::map;
  set_due(plan_.part(node, 0).node);
  return true;
}

bool Decoder::State::take(Kind kind) {
  if (failed_) return false;
  if (!due_ || plan_.node(due_node_).local->kind != kind) {
    fail(kMisread);
    return false;
  }
  due_ = false;
  return true;
}

void Decoder::State::value_done() {
  if (message_.failed()) return fail(kTruncated);
  if (frames_.empty() || !frames_.back().element_due) return;
  frames_.back().element_due = false;
  set_due(plan_.part(plan_.node(frames_.back().node), 1).node);
}

void Decoder::State::skip_due() {
  due_ = false;
  skip(plan_.node(due_node_).wire);
  if (!failed_) value_done();
}

void Decoder::State::skip(TypeRef type) {
  std::size_t depth = frames_.size() < limits_.depth_max ? limits_.depth_max - frames_.size() : 0;
  Budget budget{.depth = depth, .elements = elements_left_};
  check(skip_value(types_, type, message_, budget));
  elements_left_ = budget.elements;
}

void Decoder::State::fail(const Error& error) {
  if (failed_) return;
  failed_ = true;
  error_ = error;
}

void Decoder::State::end_stream() {
  if (end_value() && !stream_.empty()) fail(kTrailing);
}

}  // namespace weft::gob
