// Parsing of PROXY headers. Every octet is a stranger's.
#include "server/proxy_protocol.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "server/config/network.h"

namespace polymq::server {
namespace {

using Kind = ProxyResult::Kind;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kLongestLine = 107;  // of version 1, with its CR LF
constexpr std::size_t kFixedSize = 16;     // of version 2, before the addresses

ProxyResult invalid() { return {.kind = Kind::kInvalid}; }

/// The next word of a line whose words are separated by single spaces; empty at its end.
std::string_view take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
  return word;
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && stop == end;
}

bool parse_ip_of(std::string_view text, bool ipv6, ProxyAddress& address) {
  if (text.empty() || (text.find(':') != std::string_view::npos) != ipv6) return false;
  const auto ip = parse_ip(text);
  if (ip) address.ip = *ip;
  return ip.has_value();
}

ProxyResult parse_version1(std::string_view received) {
  const std::string_view window = received.substr(0, kLongestLine);
  const std::size_t end = window.find("\r\n");
  if (end == std::string_view::npos) {
    return received.size() < kLongestLine ? ProxyResult{} : invalid();
  }
  ProxyResult result{.kind = Kind::kHeader,
                     .header = {.source = {}, .destination = {}, .size = end + 2}};
  std::string_view line = window.substr(kSignature1.size(), end - kSignature1.size());
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return result;
  if (family != "TCP4" && family != "TCP6") return invalid();
  const bool ipv6 = family == "TCP6";
  ProxyAddress source;
  ProxyAddress destination;
  const std::string_view source_ip = take_word(line);
  const std::string_view destination_ip = take_word(line);
  const std::string_view source_port = take_word(line);
  if (!parse_ip_of(source_ip, ipv6, source) || !parse_ip_of(destination_ip, ipv6, destination) ||
      !parse_port(source_port, source.port) || !parse_port(line, destination.port)) {
    return invalid();
  }
  result.header.source = source;
  result.header.destination = destination;
  return result;
}

ProxyAddress read_ip(ByteReader& reader, bool ipv6) {
  ProxyAddress address;
  const std::string_view octets = reader.bytes(ipv6 ? 16 : 4);
  if (!ipv6) address.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::copy(octets.begin(), octets.end(),
            address.ip.end() - static_cast<std::ptrdiff_t>(octets.size()));
  return address;
}

ProxyResult parse_version2(std::string_view received) {
  if (received.size() < kFixedSize) return {};
  ByteReader reader(received);
  reader.bytes(kSignature2.size());
  const std::uint8_t version_and_command = reader.u8();
  const std::uint8_t family = reader.u8() >> 4;
  const std::size_t size = kFixedSize + reader.u16();
  const std::uint8_t command = version_and_command & 15;
  if (version_and_command >> 4 != 2 || command > 1 || size > kMaxProxyHeader) return invalid();
  if (received.size() < size) return {};
  ProxyResult result{.kind = Kind::kHeader,
                     .header = {.source = {}, .destination = {}, .size = size}};
  const bool ipv4 = family == 1;
  const bool ipv6 = family == 2;
  if (command == 0 || (!ipv4 && !ipv6)) return result;
  ByteReader addresses(received.substr(kFixedSize, size - kFixedSize));
  ProxyAddress source = read_ip(addresses, ipv6);
  ProxyAddress destination = read_ip(addresses, ipv6);
  source.port = addresses.u16();
  destination.port = addresses.u16();
  if (!addresses.ok()) return invalid();
  result.header.source = source;
  result.header.destination = destination;
  return result;
}

/// Could `received` still become `signature`?
bool begins(std::string_view received, std::string_view signature) {
  const std::size_t known = std::min(received.size(), signature.size());
  return received.substr(0, known) == signature.substr(0, known);
}

}  // namespace

ProxyResult parse_proxy_header(std::string_view received) {
  if (begins(received, kSignature2)) return parse_version2(received);
  if (!begins(received, kSignature1)) return invalid();
  return received.size() < kSignature1.size() ? ProxyResult{} : parse_version1(received);
}

}  // namespace polymq::server
