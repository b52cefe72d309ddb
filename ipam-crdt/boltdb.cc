// SPDX-License-Identifier: Apache-2.0
#include "ipam-crdt/boltdb.h"

#include <optional>
#include <set>
#include <vector>

namespace weft::ipam {
namespace {

constexpr std::uint32_t kMagic = 0xED0CDAED;
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kPageHeaderSize = 16;
constexpr std::size_t kMetaSize = 64;
constexpr std::size_t kElementSize = 16;
constexpr std::size_t kBucketHeaderSize = 16;
constexpr std::uint16_t kBranchPage = 1;
constexpr std::uint16_t kLeafPage = 2;
constexpr std::uint32_t kBucketElement = 1;
// The page sizes that operating systems have.
constexpr std::size_t kPageSizeMin = 512;
constexpr std::size_t kPageSizeMax = 65536;

Error broken(std::string_view what) {
  return {.code = Errc::bad_value, .what = what};
}

// Little endian; the caller has checked that the bytes are there.
std::uint64_t load(ByteView in, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;)
    value = value << 8 | std::to_integer<std::uint8_t>(in[at + i]);
  return value;
}
std::uint32_t load32(ByteView in, std::size_t at) {
  return static_cast<std::uint32_t>(load(in, at, 4));
}

std::uint64_t fnv1a(ByteView in) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (Byte b : in) {
    hash ^= std::to_integer<std::uint8_t>(b);
    hash *= 0x100000001b3;
  }
  return hash;
}

struct Meta {
  std::size_t page_size = 0;
  std::uint64_t root = 0;
  std::uint64_t txid = 0;
};

// The meta page at this offset, if it is sound.
std::optional<Meta> meta_at(ByteView file, std::size_t offset) {
  if (offset > file.size() || file.size() - offset < kPageHeaderSize + kMetaSize) {
    return std::nullopt;
  }
  ByteView meta = file.subspan(offset + kPageHeaderSize, kMetaSize);
  if (load32(meta, 0) != kMagic || load32(meta, 4) != kVersion) return std::nullopt;
  if (load(meta, 56, 8) != fnv1a(meta.first(56))) return std::nullopt;
  std::size_t page_size = load32(meta, 8);
  bool power = page_size != 0 && (page_size & (page_size - 1)) == 0;
  if (!power || page_size < kPageSizeMin || page_size > kPageSizeMax) return std::nullopt;
  return Meta{.page_size = page_size, .root = load(meta, 16, 8), .txid = load(meta, 48, 8)};
}

// The newer of the two; a crash may have torn either. The second begins where the first page ends,
// which only the metas tell.
std::optional<Meta> newest_meta(ByteView file) {
  std::optional<Meta> best = meta_at(file, 0);
  for (std::size_t size = kPageSizeMin; size <= kPageSizeMax; size *= 2) {
    auto second = meta_at(file, size);
    if (!second || second->page_size != size) continue;
    if (!best || second->txid > best->txid) best = second;
  }
  return best;
}

struct Element {
  std::uint32_t flags = 0;
  ByteView key;
  ByteView value;
};

// A page with all that overflows from it, or the inline page of a small bucket.
class Page {
 public:
  static Result<Page> make(ByteView bytes) {
    if (bytes.size() < kPageHeaderSize) return broken("boltdb: a page is cut off");
    Page page(bytes);
    if (kPageHeaderSize + page.count() * kElementSize > bytes.size()) {
      return broken("boltdb: more elements than a page holds");
    }
    return page;
  }

  bool leaf() const { return flags() == kLeafPage; }
  bool branch() const { return flags() == kBranchPage; }
  std::size_t count() const { return static_cast<std::size_t>(load(bytes_, 10, 2)); }
  std::uint64_t child(std::size_t i) const { return load(bytes_, element(i) + 8, 8); }

  Result<Element> entry(std::size_t i) const {
    std::size_t at = element(i);
    std::uint64_t begin = at + std::uint64_t{load32(bytes_, at + 4)};
    std::uint64_t key_size = load32(bytes_, at + 8);
    std::uint64_t value_size = load32(bytes_, at + 12);
    if (begin + key_size + value_size > bytes_.size()) {
      return broken("boltdb: an element reaches beyond its page");
    }
    return Element{.flags = load32(bytes_, at),
                   .key = bytes_.subspan(begin, key_size),
                   .value = bytes_.subspan(begin + key_size, value_size)};
  }

 private:
  explicit Page(ByteView bytes) : bytes_(bytes) {}
  std::uint64_t flags() const { return load(bytes_, 8, 2); }
  static std::size_t element(std::size_t i) { return kPageHeaderSize + i * kElementSize; }
  ByteView bytes_;
};

class File {
 public:
  File(ByteView file, std::size_t page_size) : file_(file), page_size_(page_size) {}

  // Calls `take(element)` for each element of the leaves below a page, until it returns an error.
  template <class Take>
  Result<> walk(std::uint64_t root, Take take) {
    struct Step {
      std::uint64_t page;
      std::size_t depth;
    };
    std::vector<Step> steps{{root, 1}};
    while (!steps.empty()) {
      Step step = steps.back();
      steps.pop_back();
      if (step.depth > kBoltDepthMax) return broken("boltdb: the tree is too deep");
      auto page = page_at(step.page);
      if (!page) return page.error();
      if (page->branch()) {
        for (std::size_t i = page->count(); i-- > 0;)
          steps.push_back({page->child(i), step.depth + 1});
      } else if (auto ok = each(*page, take); !ok) {
        return ok;
      }
    }
    return {};
  }

  template <class Take>
  static Result<> each(const Page& page, Take& take) {
    if (!page.leaf()) return broken("boltdb: neither a branch nor a leaf");
    for (std::size_t i = 0; i < page.count(); ++i) {
      auto element = page.entry(i);
      if (!element) return element.error();
      if (Result<> ok = take(*element); !ok) return ok;
    }
    return {};
  }

 private:
  Result<Page> page_at(std::uint64_t id) {
    std::uint64_t pages = file_.size() / page_size_;
    if (id >= pages) return Error{.code = Errc::truncated, .what = "boltdb: a page is missing"};
    if (!visited_.insert(id).second) return broken("boltdb: a page is used twice");
    ByteView from = file_.subspan(static_cast<std::size_t>(id) * page_size_);
    std::uint64_t span = std::uint64_t{1} + load32(from, 12);
    if (span > pages - id) {
      return Error{.code = Errc::truncated, .what = "boltdb: a page is cut off"};
    }
    return Page::make(from.first(static_cast<std::size_t>(span) * page_size_));
  }

  ByteView file_;
  std::size_t page_size_;
  std::set<std::uint64_t> visited_;
};

}  // namespace

Result<BoltBucket> parse_bolt_bucket(ByteView bytes, std::string_view name) {
  if (bytes.size() > kBoltFileMax) {
    return Error{.code = Errc::too_large, .what = "boltdb: the file is too large"};
  }
  auto meta = newest_meta(bytes);
  if (!meta) return broken("boltdb: no sound meta page");
  File file(bytes, meta->page_size);
  std::optional<ByteView> bucket;
  Result<> found = file.walk(meta->root, [&](const Element& e) -> Result<> {
    if (e.flags == kBucketElement && as_text(e.key) == name) bucket = e.value;
    return {};
  });
  if (!found) return found.error();
  if (!bucket) return Error{.code = Errc::not_found, .what = "boltdb: no such bucket"};
  if (bucket->size() < kBucketHeaderSize) return broken("boltdb: a bucket is cut off");

  BoltBucket out;
  auto take = [&](const Element& e) -> Result<> {
    if (e.flags == kBucketElement) return {};
    if (out.size() >= kBoltKeysMax) {
      return Error{.code = Errc::too_large, .what = "boltdb: too many keys"};
    }
    out[std::string(as_text(e.key))] = e.value;
    return {};
  };
  Result<> read;
  if (std::uint64_t root = load(*bucket, 0, 8); root != 0) {
    read = file.walk(root, take);
  } else {
    auto page = Page::make(bucket->subspan(kBucketHeaderSize));
    read = page ? File::each(*page, take) : Result<>(page.error());
  }
  if (!read) return read.error();
  return out;
}

}  // namespace weft::ipam
