// SPDX-License-Identifier: Apache-2.0
#include "gossip/gob/decoder.h"

#include <limits>

#include "gossip/gob/internal/decoder_state.h"

namespace weft::gob {
namespace {

constexpr Error kMissing{.code = Errc::truncated, .what = "gob: a value is missing"};
constexpr Error kOverflow{.code = Errc::bad_value, .what = "gob: number does not fit its field"};

}  // namespace

Decoder::Decoder(ByteView in, Limits limits) : state_(std::make_unique<State>(in, limits)) {}
Decoder::~Decoder() = default;

bool Decoder::begin(const Type& expected) {
  return state_->begin(expected);
}

bool Decoder::expect(const Type& expected) {
  if (state_->begin(expected)) return true;
  state_->fail(kMissing);
  return false;
}

std::size_t Decoder::enter() {
  return state_->enter();
}
std::optional<std::size_t> Decoder::next_field() {
  return state_->next_field();
}
bool Decoder::next_element() {
  return state_->next_element();
}

bool Decoder::boolean() {
  if (!state_->take(Kind::boolean)) return false;
  bool v = state_->message().uint() != 0;
  state_->value_done();
  return v;
}

std::int64_t Decoder::sint() {
  if (!state_->take(Kind::sint)) return 0;
  std::int64_t v = state_->message().sint();
  state_->value_done();
  return v;
}

std::uint16_t Decoder::u16() {
  std::uint64_t v = u64();
  if (v <= std::numeric_limits<std::uint16_t>::max()) return static_cast<std::uint16_t>(v);
  fail(kOverflow);
  return 0;
}

std::uint32_t Decoder::u32() {
  std::uint64_t v = u64();
  if (v <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(v);
  fail(kOverflow);
  return 0;
}

std::uint64_t Decoder::u64() {
  if (!state_->take(Kind::uint)) return 0;
  std::uint64_t v = state_->message().uint();
  state_->value_done();
  return v;
}

std::string_view Decoder::string() {
  if (!state_->take(Kind::string)) return {};
  std::string_view v = as_text(state_->message().text());
  state_->value_done();
  return v;
}

ByteView Decoder::bytes() {
  if (!state_->take(Kind::bytes)) return {};
  ByteView v = state_->message().text();
  state_->value_done();
  return v;
}

void Decoder::fail(Error error) {
  state_->fail(error);
}
bool Decoder::failed() const {
  return state_->failed();
}

Result<> Decoder::finish() {
  state_->end_stream();
  if (state_->failed()) return state_->error();
  return {};
}

}  // namespace weft::gob
