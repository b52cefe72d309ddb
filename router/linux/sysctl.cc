// SPDX-License-Identifier: Apache-2.0
#include "router/linux/sysctl.h"

#include <array>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "router/linux/internal/sys_error.h"
#include "router/linux/unique_fd.h"

namespace weft::linux_net {
namespace {

constexpr std::size_t kValueMax = 4096;  // a page: what one read of such a file yields

// A container without privileges cannot write below /proc/sys; its DaemonSet mounts the part of the
// network namespace a second time (scripts/deploy/kubernetes).
constexpr std::string_view kMounted = "/host/proc/sys/";

UniqueFd open_setting(std::string_view path, int mode) {
  UniqueFd fd(::open(("/proc/sys/" + std::string(path)).c_str(), mode | O_CLOEXEC));
  if (fd.valid() || errno != EROFS) return fd;
  UniqueFd mounted(::open((std::string(kMounted) + std::string(path)).c_str(), mode | O_CLOEXEC));
  if (!mounted.valid() && errno == ENOENT) errno = EROFS;  // nothing is mounted: as if not tried
  return mounted;
}

}  // namespace

Result<bool> write_sysctl(std::string_view path, std::string_view value) {
  const UniqueFd fd = open_setting(path, O_WRONLY);
  if (!fd.valid() && errno == ENOENT) return false;
  if (!fd.valid()) return sys_error(errno, "cannot open a kernel setting");
  if (::write(fd.value(), value.data(), value.size()) < 0) {
    return sys_error(errno, "cannot write a kernel setting");
  }
  return true;
}

Result<std::string> read_sysctl(std::string_view path) {
  const UniqueFd fd = open_setting(path, O_RDONLY);
  if (!fd.valid()) return sys_error(errno, "cannot open a kernel setting");
  std::array<char, kValueMax> value{};
  const ssize_t n = ::read(fd.value(), value.data(), value.size());
  if (n < 0) return sys_error(errno, "cannot read a kernel setting");
  return std::string(trim({value.data(), static_cast<std::size_t>(n)}));
}

}  // namespace weft::linux_net
