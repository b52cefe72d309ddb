// SPDX-License-Identifier: Apache-2.0
// Layout: attached/<id>:<interface> holds a record as JSON, pending/<ident> is empty, and
// pending.lock is held by whoever works on the queue. Files appear by rename, whole or not at all.
#include "plugin/cni/state_dir.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/json/json.h"
#include "plugin/cni/deadline.h"

namespace weft::cni {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAttached = "/attached/";
constexpr std::string_view kPending = "/pending/";
constexpr mode_t kFileMode = 0600;

std::string join_path(const std::string& base, std::string_view folder, const std::string& name) {
  return base + std::string(folder) + name;
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

// Names that begin with a dot are unfinished files: no id and no ident begins with one.
bool write_file(const std::string& folder, const std::string& name, std::string_view text,
                bool durable) {
  std::error_code error;
  fs::create_directories(folder, error);
  const std::string temporary = folder + "." + name.substr(0, 200) + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
  if (fd < 0) return false;
  bool ok = write_whole(fd, text) && (!durable || ::fsync(fd) == 0);
  ok = ::close(fd) == 0 && ok;
  ok = ok && ::rename(temporary.c_str(), (folder + name).c_str()) == 0;
  if (!ok) ::unlink(temporary.c_str());
  if (ok && durable) sync_folder(folder);
  return ok;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::string name = at->path().filename();
    if (!name.starts_with(".")) out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// A damaged record is as none: DEL then works from what the runtime says.
std::optional<AttachmentRecord> parse_record(const std::string& text) {
  auto json = parse_object(text, "");
  if (!json) return std::nullopt;
  std::optional<Fault> fault;
  Fields f(*json, "", fault);
  AttachmentRecord record{.attachment = {f.text("containerID"), f.text("ifname")},
                          .network = f.text("network"),
                          .ident = f.text("ident"),
                          .guest_link = f.text("guestLink"),
                          .host_link = f.text("hostLink")};
  if (fault || record.attachment.first.empty()) return std::nullopt;
  return record;
}

class QueueLock {
 public:
  explicit QueueLock(const std::string& base) {
    std::error_code error;
    fs::create_directories(base, error);
    fd_ = ::open((base + "/pending.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  }
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;
  ~QueueLock() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool take_now() { return fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }
  bool take(Duration patience) {
    constexpr timespec kPause{0, 5'000'000};
    const Deadline deadline(patience);
    while (!take_now()) {
      if (fd_ < 0 || deadline.passed()) return false;
      ::nanosleep(&kPause, nullptr);
    }
    return true;
  }

 private:
  int fd_ = -1;
};

}  // namespace

bool StateDir::remember(const AttachmentRecord& record) const {
  const Json json{{"containerID", record.attachment.first},
                  {"ifname", record.attachment.second},
                  {"network", record.network},
                  {"ident", record.ident},
                  {"guestLink", record.guest_link},
                  {"hostLink", record.host_link}};
  return write_file(path_ + std::string(kAttached),
                    record.attachment.first + ":" + record.attachment.second, print(json), false);
}

std::optional<AttachmentRecord> StateDir::recall(const Attachment& attachment) const {
  auto record = parse_record(
      read_file(join_path(path_, kAttached, attachment.first + ":" + attachment.second)));
  if (!record || record->attachment != attachment) return std::nullopt;
  return record;
}

void StateDir::forget(const Attachment& attachment) const {
  ::unlink(join_path(path_, kAttached, attachment.first + ":" + attachment.second).c_str());
}

std::vector<AttachmentRecord> StateDir::attachments() const {
  std::vector<AttachmentRecord> out;
  for (const std::string& name : names_in(path_ + std::string(kAttached))) {
    if (auto record = parse_record(read_file(join_path(path_, kAttached, name)))) {
      out.push_back(std::move(*record));
    }
  }
  return out;
}

bool StateDir::queue_release(const std::string& ident) const {
  return write_file(path_ + std::string(kPending), ident, "", true);
}

bool StateDir::release_is_queued(const std::string& ident) const {
  return ::access(join_path(path_, kPending, ident).c_str(), F_OK) == 0;
}

bool StateDir::withdraw_release(const std::string& ident, Duration patience) const {
  if (!release_is_queued(ident)) return true;
  QueueLock lock(path_);
  if (!lock.take(patience)) return false;
  ::unlink(join_path(path_, kPending, ident).c_str());
  return true;
}

void StateDir::catch_up(const std::function<Released(const std::string&)>& release) const {
  const std::string folder = path_ + std::string(kPending);
  if (names_in(folder).empty()) return;
  QueueLock lock(path_);
  if (!lock.take_now()) return;
  for (const std::string& ident : names_in(folder)) {
    const Released released = release(ident);
    if (released == Released::stop) return;
    if (released == Released::yes) ::unlink((folder + ident).c_str());
  }
}

void StateDir::sweep() const {
  for (std::string_view folder : {kAttached, kPending}) {
    std::error_code error;
    const std::string where = path_ + std::string(folder);
    std::vector<fs::path> unfinished;
    for (fs::directory_iterator at(where, error), end; !error && at != end; at.increment(error)) {
      if (at->path().filename().string().starts_with(".")) unfinished.push_back(at->path());
    }
    for (const fs::path& path : unfinished)
      fs::remove(path, error);
  }
}

}  // namespace weft::cni
