// SPDX-License-Identifier: Apache-2.0
#include "gossip/delta_wire.h"

#include <bit>

#include "base/ensure.h"
#include "gossip/envelope_wire.h"

namespace weft::gossip {
namespace {

enum class Kind : std::uint8_t {
  summary = 1,
  versions = 2,
  wanted = 3,
  records = 4,
  channel_summary = 5,
  channel_wanted = 6,
};

// Flags of a record, and of a connection's change.
constexpr std::uint8_t kHasShortId = 1;
constexpr std::uint8_t kWhole = 2;
constexpr std::uint8_t kStranger = 4;
constexpr std::uint8_t kGone = 1;
constexpr std::uint8_t kOutbound = 2;
constexpr std::uint8_t kEstablished = 4;
constexpr std::uint8_t kOddAddress = 8;

constexpr unsigned kVarintBytesMax = 10;

// Seven bits a byte, the lowest first; all but the last byte have the top bit set.
std::uint64_t read_varint(Reader& r) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < kVarintBytesMax; ++i) {
    std::uint64_t byte = r.u8();
    if (i == kVarintBytesMax - 1 && byte > 1) break;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) return value;
  }
  r.fail();
  return 0;
}

void write_varint(Writer& w, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    w.u8(static_cast<std::uint8_t>(value | 0x80));
  w.u8(static_cast<std::uint8_t>(value));
}

// A count of elements that take at least `size_min` bytes each: more than can follow is a lie.
std::size_t read_count(Reader& r, std::size_t size_min, std::size_t max) {
  auto count = read_varint(r);
  if (count > max || count > r.rest().size() / size_min) {
    r.fail();
    return 0;
  }
  return static_cast<std::size_t>(count);
}

std::string read_text(Reader& r, std::size_t max) {
  auto size = read_count(r, 1, max);
  return std::string(as_text(r.take(size)));
}

void write_text(Writer& w, std::string_view text) {
  write_varint(w, text.size());
  w.bytes(as_bytes(text));
}

unsigned read_bits(Reader& r) {
  unsigned bits = r.u8();
  if (bits > kBucketBitsMax) r.fail();
  return r.failed() ? 0 : bits;
}

Summary read_summary(Reader& r) {
  Summary summary{.total = r.u64(), .bits = read_bits(r)};
  std::size_t count = std::size_t{1} << summary.bits;
  for (std::size_t i = 0; i < count && !r.failed(); ++i)
    summary.buckets.push_back(r.u32());
  return summary;
}

Versions read_versions(Reader& r) {
  Versions versions{.bits = read_bits(r), .mask = r.u64()};
  auto count = read_count(r, 16, kPeersMax);
  versions.entries.reserve(count);
  for (std::size_t i = 0; i < count && !r.failed(); ++i) {
    VersionEntry entry{.name = PeerName::from_u48(r.u48()), .uid = PeerUid{r.u64()}};
    entry.version = read_varint(r);
    entry.has_short_id = (r.u8() & kHasShortId) != 0;
    versions.entries.push_back(entry);
  }
  return versions;
}

Wanted read_wanted(Reader& r) {
  Wanted wanted;
  auto count = read_count(r, 7, kPeersMax);
  wanted.entries.reserve(count);
  for (std::size_t i = 0; i < count && !r.failed(); ++i) {
    Wanted::Entry entry{.name = PeerName::from_u48(r.u48())};
    entry.version = read_varint(r);
    wanted.entries.push_back(entry);
  }
  return wanted;
}

ConnectionChange read_change(Reader& r) {
  ConnectionChange change;
  change.connection.peer = PeerName::from_u48(r.u48());
  auto flags = r.u8();
  change.gone = (flags & kGone) != 0;
  if (change.gone) return change;
  change.connection.outbound = (flags & kOutbound) != 0;
  change.connection.established = (flags & kEstablished) != 0;
  if ((flags & kOddAddress) != 0) {
    change.connection.remote_address = read_text(r, kTextMax);
  } else {
    Endpoint at{.ip = {r.u32()}, .port = r.u16()};
    change.connection.remote_address = at;
  }
  return change;
}

// `room` is how many connections the message may still have. They come in the order of their
// peers, each once, so that applying them takes one pass.
RecordDelta read_record(Reader& r, std::size_t& room) {
  RecordDelta record{.name = PeerName::from_u48(r.u48()), .uid = PeerUid{r.u64()}};
  record.version = read_varint(r);
  auto flags = r.u8();
  record.stranger = (flags & kStranger) != 0;
  if ((flags & kHasShortId) != 0) {
    record.short_id = ShortId::make(r.u16());
    if (!record.short_id) r.fail();
  }
  if ((flags & kWhole) != 0) {
    record.nickname = read_text(r, kTextMax);
  } else {
    auto behind = read_varint(r);
    if (behind > record.version) r.fail();
    record.since = record.version - behind;
    record.check = r.u64();
  }
  auto count = read_count(r, 7, room);
  room -= count;
  record.changes.reserve(count);
  for (std::size_t i = 0; i < count && !r.failed(); ++i) {
    record.changes.push_back(read_change(r));
    if (i > 0 && !(record.changes[i - 1].connection.peer < record.changes[i].connection.peer)) {
      r.fail();
    }
  }
  return record;
}

// In the order of their names, each once: a record named often would be rebuilt as often.
Records read_records(Reader& r) {
  Records records;
  std::size_t room = kConnectionsMax;
  auto count = read_count(r, 18, kPeersMax);
  for (std::size_t i = 0; i < count && !r.failed(); ++i) {
    records.records.push_back(read_record(r, room));
    if (i > 0 && !(records.records[i - 1].name < records.records[i].name)) r.fail();
  }
  return records;
}

void write_change(Writer& w, const ConnectionChange& change) {
  const auto& connection = change.connection;
  w.u48(connection.peer.value());
  if (change.gone) {
    w.u8(kGone);
    return;
  }
  auto at = connection.remote_address.endpoint();
  unsigned flags = (connection.outbound ? kOutbound : 0U) |
                   (connection.established ? kEstablished : 0U) | (at ? 0U : kOddAddress);
  w.u8(static_cast<std::uint8_t>(flags));
  if (at) {
    w.u32(at->ip.value).u16(at->port);
  } else {
    write_text(w, connection.remote_address.text());
  }
}

void write_record(Writer& w, const RecordDelta& record) {
  w.u48(record.name.value()).u64(record.uid.value);
  write_varint(w, record.version);
  unsigned flags = (record.short_id ? kHasShortId : 0U) | (record.since ? 0U : kWhole) |
                   (record.stranger ? kStranger : 0U);
  w.u8(static_cast<std::uint8_t>(flags));
  if (record.short_id) w.u16(record.short_id->value());
  if (record.since) {
    write_varint(w, record.version - *record.since);
    w.u64(record.check);
  } else {
    write_text(w, record.nickname);
  }
  write_varint(w, record.changes.size());
  for (const auto& change : record.changes)
    write_change(w, change);
}

void write(Writer& w, const Summary& summary) {
  ensure(summary.buckets.size() == std::size_t{1} << summary.bits, "2^bits buckets");
  w.u8(static_cast<std::uint8_t>(Kind::summary)).u64(summary.total);
  w.u8(static_cast<std::uint8_t>(summary.bits));
  for (auto bucket : summary.buckets)
    w.u32(bucket);
}

void write(Writer& w, const Versions& versions) {
  w.u8(static_cast<std::uint8_t>(Kind::versions)).u8(static_cast<std::uint8_t>(versions.bits));
  w.u64(versions.mask);
  write_varint(w, versions.entries.size());
  for (const auto& entry : versions.entries) {
    w.u48(entry.name.value()).u64(entry.uid.value);
    write_varint(w, entry.version);
    w.u8(entry.has_short_id ? kHasShortId : 0);
  }
}

void write(Writer& w, const Wanted& wanted) {
  w.u8(static_cast<std::uint8_t>(Kind::wanted));
  write_varint(w, wanted.entries.size());
  for (const auto& entry : wanted.entries) {
    w.u48(entry.name.value());
    write_varint(w, entry.version);
  }
}

void write(Writer& w, const Records& records) {
  w.u8(static_cast<std::uint8_t>(Kind::records));
  write_varint(w, records.records.size());
  for (const auto& record : records.records)
    write_record(w, record);
}

void write(Writer& w, const ChannelSummary& summary) {
  w.u8(static_cast<std::uint8_t>(Kind::channel_summary)).u64(summary.hash);
  write_text(w, summary.channel);
}

void write(Writer& w, const ChannelWanted& wanted) {
  w.u8(static_cast<std::uint8_t>(Kind::channel_wanted));
  write_text(w, wanted.channel);
}

std::optional<DeltaMessage> read_message(Reader& r) {
  switch (static_cast<Kind>(r.u8())) {
    case Kind::summary:
      return read_summary(r);
    case Kind::versions:
      return read_versions(r);
    case Kind::wanted:
      return read_wanted(r);
    case Kind::records:
      return read_records(r);
    case Kind::channel_summary: {
      auto hash = r.u64();
      return ChannelSummary{.channel = read_text(r, kChannelNameMax), .hash = hash};
    }
    case Kind::channel_wanted:
      return ChannelWanted{.channel = read_text(r, kChannelNameMax)};
  }
  return std::nullopt;
}

}  // namespace

Result<DeltaMessage> parse_delta(ByteView in) {
  Reader r(in);
  auto message = read_message(r);
  if (!message) return Error{.code = Errc::bad_value, .what = "delta: unknown kind"};
  if (auto ok = r.finish(); !ok) return ok.error();
  return std::move(*message);
}

Bytes write_delta(const DeltaMessage& message) {
  Bytes out;
  Writer w(out);
  std::visit([&](const auto& value) { write(w, value); }, message);
  return out;
}

}  // namespace weft::gossip
