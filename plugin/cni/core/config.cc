// SPDX-License-Identifier: Apache-2.0
#include "plugin/cni/core/config.h"

#include <algorithm>

#include "base/json/json.h"
#include "base/text.h"

namespace weft::cni {

namespace {

// Frames have to fit a 16-bit length.
constexpr int kMtuMax = 65535;
// What containerd and CRI-O call the capability that hands on a pod's annotations, and ours.
constexpr const char* kPodAnnotations = "io.kubernetes.cri.pod-annotations";
constexpr const char* kAntiSpoofingAnnotation = "weave.works/anti-spoofing";

class ConfReader {
 public:
  ConfReader(const Json& json, const Environment& env, ParsedConf& into)
      : top_(json, "", into.fault), env_(env), conf_(into.conf), fault_(into.fault) {}

  void read() {
    read_plain_fields();
    if (const Json* dns = top_.object("dns")) conf_.dns = read_dns(*dns, "dns.", fault_);
    if (const Json* ipam = top_.object("ipam")) read_ipam(*ipam);
    read_wishes();
    read_prev_result();
    read_valid_attachments();
  }

 private:
  void read_plain_fields() {
    conf_.name = top_.text("name");
    if (conf_.name.empty()) {
      top_.refuse("name", "is missing");
    } else if (!valid_name(conf_.name)) {
      top_.refuse("name", "is no valid network name");
    }
    read_link_name("bridge", conf_.bridge);
    read_link_name("interfaceName", conf_.second_ifname);
    conf_.mtu = top_.number("mtu", 0, kMtuMax).value_or(0);
    conf_.hairpin = top_.boolean("hairpinMode").value_or(true);
    conf_.default_route = top_.boolean("defaultRoute").value_or(true);
    conf_.anti_spoofing = top_.boolean("antiSpoofing").value_or(true);
    conf_.http_addr = top_.text("weaveHttpAddr");
    for (const char* name : {"isGateway", "ipMasq"}) {
      if (top_.boolean(name).value_or(false)) {
        top_.refuse(name, "must be false: the daemon does that for all containers (weave expose)");
      }
    }
  }

  void read_link_name(const char* field, std::string& into) {
    const std::string name = top_.text(field);
    if (name.empty()) return;
    if (valid_interface_name(name)) {
      into = name;
    } else {
      top_.refuse(field, "is no valid interface name");
    }
  }

  void read_ipam(const Json& json) {
    Fields fields(json, "ipam.", fault_);
    conf_.ipam.type = fields.text("type");
    // A delegate's own fields are its own business.
    if (conf_.ipam.delegated()) return;
    if (auto subnet = fields.text("subnet"); !subnet.empty()) {
      auto cidr = Cidr::parse_subnet(subnet);
      if (cidr) {
        conf_.ipam.subnet = *cidr;
      } else {
        fields.refuse("subnet", "\"" + subnet + "\": " + std::string(cidr.error().what));
      }
    }
    conf_.ipam.gateway = ip(fields, "gateway");
    const Json* routes = fields.array("routes");
    if (routes == nullptr) return;
    for (const Json& route : *routes) {
      if (!route.is_object()) return fields.refuse("routes", "must be a list of objects");
      Fields inner(route, "ipam.routes.", fault_);
      auto dst = Cidr::parse(inner.text("dst"));
      if (!dst || !dst->is_subnet()) return inner.refuse("dst", "must be an IPv4 subnet");
      conf_.ipam.routes.push_back({*dst, ip(inner, "gw")});
    }
  }

  std::optional<Ipv4Addr> ip(Fields& fields, const char* name) {
    const std::string text = fields.text(name);
    auto addr = Ipv4Addr::parse(text);
    if (!addr && !text.empty()) fields.refuse(name, "must be an IPv4 address");
    return addr;
  }

  // Who asks last wins over: CNI_ARGS, args.cni, runtimeConfig (the specification's preference).
  void read_wishes() {
    if (!env_.arg_ip.empty()) want_ips({env_.arg_ip}, "CNI_ARGS IP");
    if (!env_.arg_mac.empty()) want_mac(env_.arg_mac, "CNI_ARGS MAC");
    if (const Json* args = top_.object("args")) {
      Fields outer(*args, "args.", fault_);
      if (const Json* cni = outer.object("cni")) read_wish_object(*cni, "args.cni.");
    }
    if (const Json* runtime = top_.object("runtimeConfig")) {
      read_wish_object(*runtime, "runtimeConfig.");
      read_runtime_dns(*runtime);
      read_annotations(*runtime);
    }
  }

  void read_wish_object(const Json& json, const std::string& where) {
    Fields fields(json, where, fault_);
    if (auto ips = fields.texts("ips"); !ips.empty()) want_ips(ips, where + "ips");
    if (auto mac = fields.text("mac"); !mac.empty()) want_mac(mac, where + "mac");
    if (auto wanted = fields.boolean("antiSpoofing")) conf_.anti_spoofing = *wanted;
  }

  // They come only to a plugin whose configuration asks for them: who may write annotations may
  // then opt out.
  void read_annotations(const Json& runtime) {
    Fields outer(runtime, "runtimeConfig.", fault_);
    const Json* annotations = outer.object(kPodAnnotations);
    if (annotations == nullptr) return;
    Fields fields(*annotations, "annotation ", fault_);
    const std::string wanted = fields.text(kAntiSpoofingAnnotation);
    if (wanted.empty()) return;
    if (wanted != "true" && wanted != "false") {
      return fields.refuse(kAntiSpoofingAnnotation, "must be \"true\" or \"false\"");
    }
    conf_.anti_spoofing = wanted == "true";
  }

  // The capability calls its lists "servers" and "searches".
  void read_runtime_dns(const Json& runtime) {
    Fields outer(runtime, "runtimeConfig.", fault_);
    const Json* dns = outer.object("dns");
    if (dns == nullptr) return;
    Fields fields(*dns, "runtimeConfig.dns.", fault_);
    if (auto list = fields.texts("servers"); !list.empty()) conf_.dns.nameservers = list;
    if (auto list = fields.texts("searches"); !list.empty()) conf_.dns.search = list;
    if (auto list = fields.texts("options"); !list.empty()) conf_.dns.options = list;
  }

  void want_ips(const std::vector<std::string>& texts, const std::string& where) {
    conf_.ips.clear();
    for (const std::string& text : texts) {
      auto cidr = Cidr::parse(text);
      auto addr = cidr ? std::optional(cidr->addr()) : Ipv4Addr::parse(text);
      if (!addr) return top_.refuse(where, "\"" + text + "\" is no IPv4 address");
      conf_.ips.push_back({*addr, cidr});
    }
  }

  void want_mac(const std::string& text, const std::string& where) {
    auto mac = MacAddr::parse(text);
    if (!mac || mac->multicast() || mac->value == 0) {
      return top_.refuse(where, "\"" + text + "\" is no unicast MAC address");
    }
    conf_.mac = mac;
  }

  void read_prev_result() {
    const Json* json = top_.object("prevResult");
    if (json == nullptr) return;
    auto result = parse_result(*json, "prevResult.");
    if (result) {
      conf_.prev_result = *result;
    } else if (!fault_) {
      fault_ = result.fault();
    }
  }

  void read_valid_attachments() {
    // The second is the name that the specification's first text gave it; libcni sends both, and
    // writes a list without entries as null.
    const Json* list = nullptr;
    for (const char* name : {"cni.dev/attachments", "cni.dev/valid-attachments"}) {
      if (top_.has(name)) conf_.valid_attachments.emplace();
      if (const Json* given = top_.array(name)) list = given;
    }
    if (list == nullptr) return;
    for (const Json& entry : *list) {
      if (!entry.is_object()) {
        return top_.refuse("cni.dev/valid-attachments", "must be a list of objects");
      }
      Fields fields(entry, "cni.dev/valid-attachments.", fault_);
      conf_.valid_attachments->emplace(fields.text("containerID"), fields.text("ifname"));
    }
  }

  Fields top_;
  const Environment& env_;
  NetConf& conf_;
  std::optional<Fault>& fault_;
};

std::string supported_list() {
  std::vector<std::string> names;
  names.reserve(kSpecVersions.size());
  for (SpecVersion version : kSpecVersions)
    names.emplace_back(text(version));
  return "[" + join(names, " ") + "]";
}

Outcome<SpecVersion> read_version(const Json& json) {
  auto at = json.find("cniVersion");
  if (at == json.end() || at->is_null()) return kUnstatedVersion;
  if (!at->is_string()) {
    return Fault{FaultCode::undecodable, "network configuration: cniVersion must be a string", ""};
  }
  const auto wanted = at->get<std::string>();
  if (wanted.empty()) return kUnstatedVersion;
  if (auto version = parse_version(wanted)) return *version;
  return Fault{FaultCode::incompatible_version, "incompatible CNI versions",
               "config is \"" + wanted + "\", plugin supports " + supported_list()};
}

Outcome<> knows_verb(SpecVersion version, Verb verb) {
  const bool known = verb == Verb::check                        ? knows_check(version)
                     : verb == Verb::gc || verb == Verb::status ? knows_gc_and_status(version)
                                                                : true;
  if (known) return {};
  return Fault{FaultCode::incompatible_version,
               "config version does not allow " + std::string(text(verb)),
               "config is \"" + std::string(text(version)) + "\", needed is at least " +
                   (verb == Verb::check ? "0.4.0" : "1.1.0")};
}

}  // namespace

Outcome<ParsedConf> parse_config(std::string_view text, const Environment& env) {
  auto json = parse_object(text, "network configuration");
  if (!json) return json.fault();
  auto version = read_version(*json);
  if (!version) return version.fault();
  if (auto ok = knows_verb(*version, env.verb); !ok) return ok.fault();
  ParsedConf out;
  out.conf.version = *version;
  ConfReader(*json, env, out).read();
  return out;
}

SpecVersion answer_version(std::string_view config_text) {
  auto json = parse_object(config_text, "");
  if (!json) return kNewestVersion;
  auto version = read_version(*json);
  return version ? *version : kNewestVersion;
}

Json version_reply(std::string_view config_text) {
  Json reply;
  auto json = parse_object(config_text, "");
  const bool stated = json && json->contains("cniVersion");
  reply["cniVersion"] = text(stated ? answer_version(config_text) : kNewestVersion);
  for (SpecVersion version : kSpecVersions)
    reply["supportedVersions"].push_back(text(version));
  return reply;
}

}  // namespace weft::cni
