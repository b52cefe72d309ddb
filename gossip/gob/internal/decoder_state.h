// SPDX-License-Identifier: Apache-2.0
// The decoder's machinery: where the cursor stands in the stream, in the current message and in the
// value, and which value is due there.
#pragma once

#include "gossip/gob/decoder.h"
#include "gossip/gob/internal/plan.h"
#include "gossip/gob/internal/skip.h"
#include "gossip/gob/internal/varint.h"
#include "gossip/gob/internal/wire_types.h"

namespace weft::gob {

class Decoder::State {
 public:
  State(ByteView in, const Limits& limits)
      : stream_(in), limits_(limits), types_(limits), elements_left_(limits.element_count_max) {}

  bool begin(const Type& expected);
  std::size_t enter();
  std::optional<std::size_t> next_field();
  bool next_element();
  // Whether a value of this kind is at the cursor; then it must be read, and value_done() follow.
  bool take(Kind kind);
  void value_done();
  Cursor& message() { return message_; }

  void fail(const Error& error);
  void check(const Result<>& result) {
    if (!result) fail(result.error());
  }
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  void end_stream();

 private:
  struct Frame {
    NodeRef node = 0;
    FieldWalk walk{0};              // struct
    std::size_t elements_left = 0;  // slice or map
    bool element_due = false;       // map: the key is at the cursor, the element comes next
  };

  bool end_value();
  bool next_message(std::int64_t& id);
  void begin_value(std::int64_t id, const Type& expected);
  std::size_t enter_elements(const Plan::Node& node);
  void skip_due();
  void skip(TypeRef type);
  void set_due(NodeRef node) {
    due_ = true;
    due_node_ = node;
  }

  Cursor stream_;
  Cursor message_;
  Limits limits_;
  WireTypes types_;
  Plan plan_;
  std::vector<Frame> frames_;
  bool due_ = false;  // a value is at the cursor and was not read
  NodeRef due_node_ = 0;
  std::size_t elements_left_;
  bool failed_ = false;
  Error error_;
};

}  // namespace weft::gob
