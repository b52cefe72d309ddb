// SPDX-License-Identifier: Apache-2.0
// Writes one gob stream: length-prefixed messages, each type defined once before its first use.
// Type ids are given out from 65 in the order Go would, and definitions go out in Go's order, so a
// message whose map order is fixed is byte for byte what a fresh Go process would send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "gossip/gob/type.h"

namespace weft::gob {

// A value is written from the outside in:
//
//   Encoder e(out);
//   e.begin(kRing);                              // a struct
//   e.field(0).uint(start).field(1).uint(end);   // ascending; zero and empty values are left out
//   e.field(3).open(entries.size());             // a slice of structs
//   for (const Entry& x : entries) e.open().field(0).uint(x.token).close();
//   e.close();                                   // the slice
//   e.close();                                   // the ring: the message is complete
//
// A map takes key, element, key, element, …. An empty slice field is left out, an empty map field
// is not: to leave out a map (or a struct behind a pointer), do not name the field. Writing against
// the declared type is a bug and aborts.
class Encoder {
 public:
  // Appends to `out`, which outlives the encoder; nothing of a message shows before it is complete.
  explicit Encoder(Bytes& out) : out_(out) {}

  // Starts a top-level value. A struct is opened at once; others are written by one call (and
  // close, for slices and maps: open(count) first).
  Encoder& begin(const Type& type);
  Encoder& field(std::size_t index);

  Encoder& boolean(bool v);
  Encoder& sint(std::int64_t v);
  Encoder& uint(std::uint64_t v);
  Encoder& string(std::string_view v);
  Encoder& bytes(ByteView v);
  // A struct (count 0), or a slice or map of `count` elements or pairs, at the current place.
  Encoder& open(std::size_t count = 0);
  Encoder& close();

 private:
  struct Known {
    const Type* type = nullptr;
    std::int64_t id = 0;
    bool sent = false;
  };
  struct Frame {
    const Type* type = nullptr;
    std::size_t count = 0;       // slice or map: values still to come, keys and elements
    std::size_t next_index = 0;  // struct: the least field that may follow
    std::size_t last_sent = 0;   // struct: one past the last field sent
    bool selected = false;       // struct: field() was called and its value is due
    std::size_t field = 0;
  };

  Known* find(const Type& type);
  std::int64_t id_of(const Type& type);
  void allot_ids(const Type& root);
  void send_definitions(const Type& root);
  void write_definition(const Type& type);
  void send_body();
  // The type of the value that is due at the current place.
  const Type& due() const;
  // Takes the current place, and says whether the value is to be written there: as a struct's
  // field, a `zero` value is left out.
  bool take_place(bool zero);
  bool take_scalar(Kind kind, bool zero);
  void finish_if_complete();

  Bytes& out_;
  Bytes body_;
  std::vector<Known> known_;
  std::vector<Frame> frames_;
  const Type* root_ = nullptr;  // the value begun and not yet complete
  bool root_due_ = false;       // of which nothing is written
};

}  // namespace weft::gob
