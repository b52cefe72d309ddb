// SPDX-License-Identifier: Apache-2.0
// Layout: attached/<id>:<interface> holds a record as JSON; beside it is the queue of releases.
// Records appear by rename, whole or not at all; an unfinished one is .<id>:<interface>:<pid>.
#include "plugin/cni/state_dir.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/text.h"
#include "plugin/cni/core/naming.h"

namespace weft::cni {

namespace {

namespace fs = std::filesystem;
namespace net = linux_net;

constexpr std::string_view kAttached = "/attached/";
constexpr mode_t kFileMode = 0600;

std::string join_path(const std::string& base, std::string_view folder, const std::string& name) {
  return base + std::string(folder) + name;
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// No id and no ident begins with a dot, or holds a colon at its end.
std::string unfinished_prefix(const std::string& name) {
  return "." + name + ":";
}

// Is whoever was writing it still there? Then it is not a leftover.
bool writer_lives(const std::string& unfinished) {
  const auto pid = parse_u64(std::string_view(unfinished).substr(unfinished.rfind(':') + 1));
  if (!pid || *pid == 0 || *pid > INT_MAX) return false;
  return ::kill(static_cast<pid_t>(*pid), 0) == 0 || errno != ESRCH;
}

bool write_file(const std::string& folder, const std::string& name, std::string_view text) {
  std::error_code error;
  fs::create_directories(folder, error);
  const std::string temporary = folder + unfinished_prefix(name) + std::to_string(::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
  if (fd < 0) return false;
  bool ok = write_whole(fd, text);
  ok = ::close(fd) == 0 && ok;
  ok = ok && ::rename(temporary.c_str(), (folder + name).c_str()) == 0;
  if (!ok) ::unlink(temporary.c_str());
  return ok;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::vector<std::string> all_names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    out.push_back(at->path().filename());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out = all_names_in(folder);
  std::erase_if(out, [](const std::string& name) { return name.starts_with("."); });
  return out;
}

Json guard_json(const net::PodGuard& guard) {
  Json addresses = Json::array();
  for (Ipv4Addr address : guard.addresses)
    addresses.push_back(address.text());
  return {{"hostLink", guard.host_name}, {"mac", guard.mac.text()}, {"addresses", addresses}};
}

std::optional<net::PodGuard> read_guard(const Json& json, std::optional<Fault>& fault) {
  Fields f(json, "guard.", fault);
  net::PodGuard guard{.host_name = f.text("hostLink"), .mac = {}, .addresses = {}};
  auto mac = MacAddr::parse(f.text("mac"));
  if (!mac) return std::nullopt;
  guard.mac = *mac;
  for (const std::string& text : f.texts("addresses")) {
    if (auto address = Ipv4Addr::parse(text)) guard.addresses.push_back(*address);
  }
  return guard;
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
  if (const Json* guard = f.object("guard")) record.guard = read_guard(*guard, fault);
  if (fault || record.attachment.first.empty()) return std::nullopt;
  return record;
}

}  // namespace

bool StateDir::remember(const AttachmentRecord& record) const {
  Json json{{"containerID", record.attachment.first},
            {"ifname", record.attachment.second},
            {"network", record.network},
            {"ident", record.ident},
            {"guestLink", record.guest_link},
            {"hostLink", record.host_link}};
  if (record.guard) json["guard"] = guard_json(*record.guard);
  return write_file(path_ + std::string(kAttached), file_name_of(record.attachment), print(json));
}

std::optional<AttachmentRecord> StateDir::recall(const Attachment& attachment) const {
  auto record = parse_record(read_file(join_path(path_, kAttached, file_name_of(attachment))));
  if (!record || record->attachment != attachment) return std::nullopt;
  return record;
}

void StateDir::forget(const Attachment& attachment) const {
  const std::string folder = path_ + std::string(kAttached);
  const std::string name = file_name_of(attachment);
  ::unlink((folder + name).c_str());
  // What calls for this attachment left that were killed while they wrote.
  for (const std::string& other : all_names_in(folder)) {
    if (other.starts_with(unfinished_prefix(name))) ::unlink((folder + other).c_str());
  }
}

std::vector<AttachmentRecord> StateDir::attachments() const {
  return attachments_of("");
}

// Of all containers if `container_id` is empty.
std::vector<AttachmentRecord> StateDir::attachments_of(const std::string& container_id) const {
  const std::string prefix = container_id.empty() ? "" : container_id + ":";
  std::vector<AttachmentRecord> out;
  for (const std::string& name : names_in(path_ + std::string(kAttached))) {
    if (!name.starts_with(prefix)) continue;
    if (auto record = parse_record(read_file(join_path(path_, kAttached, name)))) {
      out.push_back(std::move(*record));
    }
  }
  return out;
}

bool StateDir::queue_release(const std::string& ident) const {
  return queue_.add(ident);
}

bool StateDir::release_is_queued(const std::string& ident) const {
  return queue_.holds(ident);
}

bool StateDir::withdraw_release(const std::string& ident, Duration patience) const {
  if (!release_is_queued(ident)) return true;
  auto work = queue_.take(patience);
  if (!work) return false;
  work->done(ident);
  return true;
}

void StateDir::catch_up(const std::function<Released(const std::string&)>& release) const {
  if (queue_.empty()) return;
  auto work = queue_.take(Duration::zero());
  if (!work) return;
  for (const std::string& ident : work->idents()) {
    const Released released = release(ident);
    if (released == Released::stop) return;
    if (released == Released::yes) work->done(ident);
  }
}

void StateDir::sweep() const {
  const std::string folder = path_ + std::string(kAttached);
  for (const std::string& name : all_names_in(folder)) {
    if (name.starts_with(".") && !writer_lives(name)) ::unlink((folder + name).c_str());
  }
}

}  // namespace weft::cni
