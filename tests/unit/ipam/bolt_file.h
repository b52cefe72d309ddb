// SPDX-License-Identifier: Apache-2.0
// Makes BoltDB files for tests: small pages, and every layout that a large database would have.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace weft::ipam::test {

inline constexpr std::size_t kBoltPage = 512;

using BoltPairs = std::vector<std::pair<std::string, Bytes>>;

inline void put_le(Bytes& out, std::size_t at, std::uint64_t value, std::size_t size) {
  if (out.size() < at + size) out.resize(at + size);
  for (std::size_t i = 0; i < size; ++i)
    out[at + i] = static_cast<Byte>(value >> (8 * i));
}

inline void put_page_header(Bytes& page, std::uint64_t id, std::uint64_t flags,
                            std::uint64_t count) {
  put_le(page, 0, id, 8);
  put_le(page, 8, flags, 2);
  put_le(page, 10, count, 2);
  put_le(page, 12, 0, 4);
}

// A leaf page; as long as it must be.
inline Bytes leaf_page(std::uint64_t id, const BoltPairs& pairs, std::uint32_t flags = 0) {
  Bytes page;
  put_page_header(page, id, 2, pairs.size());
  page.resize(16 + 16 * pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    std::size_t at = 16 + 16 * i;
    put_le(page, at, flags, 4);
    put_le(page, at + 4, page.size() - at, 4);
    put_le(page, at + 8, pairs[i].first.size(), 4);
    put_le(page, at + 12, pairs[i].second.size(), 4);
    append(page, as_bytes(pairs[i].first));
    append(page, pairs[i].second);
  }
  return page;
}

inline Bytes branch_page(std::uint64_t id, const std::vector<std::uint64_t>& children) {
  Bytes page;
  put_page_header(page, id, 1, children.size());
  for (std::size_t i = 0; i < children.size(); ++i) {
    std::size_t at = 16 + 16 * i;
    put_le(page, at, 16 * (children.size() - i), 4);
    put_le(page, at + 4, 0, 4);
    put_le(page, at + 8, children[i], 8);
  }
  return page;
}

// The value that stands for a bucket: with its own root page, or with a page inside.
inline Bytes bucket_value(std::uint64_t root, const Bytes& inline_page = {}) {
  Bytes value;
  put_le(value, 0, root, 8);
  put_le(value, 8, 0, 8);
  append(value, inline_page);
  return value;
}

inline Bytes meta_page(std::uint64_t id, std::uint64_t root, std::uint64_t txid) {
  Bytes page;
  put_page_header(page, id, 4, 0);
  put_le(page, 16, 0xED0CDAED, 4);
  put_le(page, 20, 2, 4);
  put_le(page, 24, kBoltPage, 4);
  put_le(page, 28, 0, 4);
  put_le(page, 32, root, 8);
  put_le(page, 40, 0, 8);
  put_le(page, 48, 2, 8);
  put_le(page, 56, 16, 8);
  put_le(page, 64, txid, 8);
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::size_t i = 16; i < 72; ++i) {
    hash ^= std::to_integer<std::uint8_t>(page[i]);
    hash *= 0x100000001b3;
  }
  put_le(page, 72, hash, 8);
  return page;
}

// Pages in order of their ids; a page may be longer than one, then its overflow is set and the
// following ids are taken by it.
inline Bytes bolt_file(const std::vector<Bytes>& pages) {
  Bytes file;
  for (Bytes page : pages) {
    std::size_t span = (page.size() + kBoltPage - 1) / kBoltPage;
    put_le(page, 12, span - 1, 4);
    page.resize(span * kBoltPage);
    append(file, page);
  }
  return file;
}

// A whole database with one bucket "top", inline as Bolt does with small ones. Pages: two metas,
// the freelist, the root.
inline Bytes small_bolt_file(const BoltPairs& pairs) {
  Bytes freelist;
  put_page_header(freelist, 2, 0x10, 0);
  return bolt_file({meta_page(0, 3, 1), meta_page(1, 3, 2), freelist,
                    leaf_page(3, {{"top", bucket_value(0, leaf_page(0, pairs))}}, 1)});
}

}  // namespace weft::ipam::test
