// SPDX-License-Identifier: Apache-2.0
#include "router/linux/netns.h"

#include <thread>

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/ensure.h"
#include "router/linux/internal/sys_error.h"

namespace weft::linux_net {
namespace {

constexpr const char* kNamedDir = "/run/netns";

// A named namespace's file name is one path component.
bool valid_ns_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos;
}

// `ip netns` shares its directory with other mount namespaces, so that theirs may be unmounted.
Result<> prepare_named_dir() {
  if (::mkdir(kNamedDir, 0755) != 0 && errno != EEXIST) {
    return sys_error(errno, "cannot create /run/netns");
  }
  if (::mount("", kNamedDir, "none", MS_SHARED | MS_REC, nullptr) == 0) return {};
  if (errno != EINVAL) return sys_error(errno, "cannot share /run/netns");
  if (::mount(kNamedDir, kNamedDir, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      ::mount("", kNamedDir, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return sys_error(errno, "cannot share /run/netns");
  }
  return {};
}

// Runs on a thread of its own, which takes the new namespace to its grave.
int bind_new_namespace(const std::string& path) {
  if (::unshare(CLONE_NEWNET) != 0) return errno;
  const std::string self = "/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/ns/net";
  return ::mount(self.c_str(), path.c_str(), "none", MS_BIND, nullptr) == 0 ? 0 : errno;
}

}  // namespace

Result<NetNs> NetNs::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return sys_error(errno, "cannot open the network namespace");
  if (::ioctl(fd.value(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error{Errc::bad_value, 0, "not a network namespace"};
  }
  return NetNs(std::move(fd));
}

Result<NetNs> NetNs::of_pid(pid_t pid) {
  return open("/proc/" + std::to_string(pid) + "/ns/net");
}

Result<NetNs> NetNs::current() {
  return open("/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/ns/net");
}

bool NetNs::same_as(const NetNs& other) const {
  struct stat a {};
  struct stat b {};
  return ::fstat(fd(), &a) == 0 && ::fstat(other.fd(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

Result<NetNsScope> NetNsScope::enter(const NetNs& ns) {
  const std::string self = "/proc/self/task/" + std::to_string(::syscall(SYS_gettid)) + "/ns/net";
  UniqueFd home(::open(self.c_str(), O_RDONLY | O_CLOEXEC));
  if (!home.valid()) return sys_error(errno, "cannot open our own network namespace");
  if (::setns(ns.fd(), CLONE_NEWNET) != 0) {
    return sys_error(errno, "cannot enter the network namespace");
  }
  return NetNsScope(std::move(home));
}

NetNsScope::~NetNsScope() {
  if (!home_.valid()) return;
  ensure(::setns(home_.value(), CLONE_NEWNET) == 0, "cannot return to our network namespace");
}

std::string named_netns_path(std::string_view name) {
  return std::string(kNamedDir) + "/" + std::string(name);
}

Result<> create_named_netns(std::string_view name) {
  if (!valid_ns_name(name)) return Error{Errc::bad_value, 0, "not a name for a namespace"};
  if (auto ok = prepare_named_dir(); !ok) return ok;
  const std::string path = named_netns_path(name);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0));
  if (!file.valid()) return sys_error(errno, "cannot create the named network namespace");
  int failed = 0;
  std::thread([&] { failed = bind_new_namespace(path); }).join();
  if (failed == 0) return {};
  ::unlink(path.c_str());
  return sys_error(failed, "cannot create a network namespace");
}

Result<> delete_named_netns(std::string_view name) {
  if (!valid_ns_name(name)) return Error{Errc::bad_value, 0, "not a name for a namespace"};
  const std::string path = named_netns_path(name);
  ::umount2(path.c_str(), MNT_DETACH);
  if (::unlink(path.c_str()) != 0) return sys_error(errno, "cannot delete the named namespace");
  return {};
}

}  // namespace weft::linux_net
