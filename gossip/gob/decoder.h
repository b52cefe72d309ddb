// SPDX-License-Identifier: Apache-2.0
// Reads one gob stream as a cursor, without building values: the caller pulls what it wants, in the
// order in which it comes. What a peer declares is compared with our declaration by field name and
// kind as Go does; fields that we do not know are skipped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "gossip/gob/decode_limits.h"
#include "gossip/gob/type.h"

namespace weft::gob {

// A failure sticks: from then on every read returns zero or nothing and every loop ends, so that
// callers check once, in finish().
//
//   Decoder d(in);
//   for (d.expect(kRing); auto field = d.next_field();) {
//     switch (*field) {                                        // the number in our declaration
//       case 0: ring.start = d.u32(); break;
//       case 3:
//         for (d.enter(); d.next_element();) ring.entries.push_back(parse_entry(d)); break;
//     }
//   }
//   if (auto ok = d.finish(); !ok) return ok.error();
//
// A struct inside a slice, map or field is entered with enter() and walked with next_field(). Of a
// map, each next_element() gives two values to read, key and element. A value that is not read is
// skipped; a struct, slice or map that was entered must be walked to its end.
class Decoder {
 public:
  // `in` outlives the decoder and what text() and bytes() return.
  explicit Decoder(ByteView in, Limits limits = {});
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  // Goes to the next top-level value, which must be of this type; a struct is entered at once.
  // False at the end of the stream, or after a failure.
  bool begin(const Type& expected);
  // As begin, but the end of the stream is a failure.
  bool expect(const Type& expected);

  // Enters the struct, slice or map at the cursor. The number of elements or pairs: never more
  // than the bytes that are left, but an element may be larger in memory than on the wire.
  std::size_t enter();
  // The next field of the struct entered last, as an index into its declared fields. Nothing at
  // its end: then the struct is left.
  std::optional<std::size_t> next_field();
  // Whether the slice or map entered last has one more element; if not, it is left.
  bool next_element();

  bool boolean();
  std::int64_t sint();
  // Values that do not fit are failures, as in a Go receiver.
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  std::string_view string();
  ByteView bytes();

  // For the caller's own limits and checks; the first failure stays.
  void fail(Error error);
  bool failed() const;
  // The failure, if any; and one if the stream has more to say.
  Result<> finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace weft::gob
