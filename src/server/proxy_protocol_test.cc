// PROXY headers in one piece, octet by octet, and broken.
#include "server/proxy_protocol.h"

#include <gtest/gtest.h>

#include "server/config/network.h"

namespace polymq::server {
namespace {

using Kind = ProxyResult::Kind;
using namespace std::string_literals;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

ProxyAddress address(const char* ip, std::uint16_t port) { return {parse_ip(ip).value(), port}; }

/// Feeds octet by octet: kNeedMore until the header is whole, then the same answer for any tail.
ProxyHeader whole(const std::string& header) {
  for (std::size_t size = 0; size < header.size(); ++size) {
    EXPECT_EQ(parse_proxy_header(header.substr(0, size)).kind, Kind::kNeedMore) << size;
  }
  const ProxyResult result = parse_proxy_header(header + "AMQP\0\0\x09\x01"s);
  EXPECT_EQ(result.kind, Kind::kHeader);
  EXPECT_EQ(result.header.size, header.size());
  return result.header;
}

Kind kind_of(const std::string& received) { return parse_proxy_header(received).kind; }

TEST(ProxyProtocol, Version1TellsIpv4AndIpv6) {
  const ProxyHeader ipv4 = whole("PROXY TCP4 192.0.2.7 198.51.100.1 56324 5672\r\n");
  EXPECT_EQ(ipv4.source, address("192.0.2.7", 56324));
  EXPECT_EQ(ipv4.destination, address("198.51.100.1", 5672));
  const ProxyHeader ipv6 = whole("PROXY TCP6 2001:db8::7 ::1 1 0\r\n");
  EXPECT_EQ(ipv6.source, address("2001:db8::7", 1));
  EXPECT_EQ(ipv6.destination, address("::1", 0));
}

TEST(ProxyProtocol, Version1MayNotKnowThePeer) {
  EXPECT_EQ(whole("PROXY UNKNOWN\r\n").source, std::nullopt);
  EXPECT_EQ(whole("PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n").source, std::nullopt);
}

TEST(ProxyProtocol, BrokenLinesOfVersion1AreInvalid) {
  for (const std::string& line : {
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n"s,
           "PROXY TCP4 192.0.2.7 198.51.100.1 56324 5672 \r\n"s,
           "PROXY TCP4  192.0.2.7 198.51.100.1 56324 5672\r\n"s,
           "PROXY TCP4 192.0.2.256 198.51.100.1 56324 5672\r\n"s,
           "PROXY TCP4 ::1 ::1 1 1\r\n"s,
           "PROXY TCP6 192.0.2.7 198.51.100.1 56324 5672\r\n"s,
           "PROXY TCP4 192.0.2.7 198.51.100.1 65536 5672\r\n"s,
           "PROXY TCP4 192.0.2.7 198.51.100.1 +1 5672\r\n"s,
           "PROXY TCP4 192.0.2.7 198.51.100.1 01 5672\r\n"s,
           "PROXY UDP4 192.0.2.7 198.51.100.1 1 5672\r\n"s,
           "PROXY \r\n"s,
       }) {
    EXPECT_EQ(kind_of(line), Kind::kInvalid) << line;
  }
}

TEST(ProxyProtocol, ALineWithoutEndIsInvalidAsSoonAsItIsTooLong) {
  EXPECT_EQ(kind_of("PROXY UNKNOWN " + std::string(92, 'x')), Kind::kNeedMore);
  EXPECT_EQ(kind_of("PROXY UNKNOWN " + std::string(93, 'x')), Kind::kInvalid);
  EXPECT_EQ(kind_of("PROXY UNKNOWN " + std::string(200, 'x') + "\r\n"), Kind::kInvalid);
}

TEST(ProxyProtocol, Version2TellsIpv4AndIpv6AndStepsOverExtensions) {
  const ProxyHeader ipv4 =
      whole(kSignature + "\x21\x11\0\x0C\xC0\0\2\7\xC6\x33\x64\1\xDC\4\x16\x28"s);
  EXPECT_EQ(ipv4.source, address("192.0.2.7", 56324));
  EXPECT_EQ(ipv4.destination, address("198.51.100.1", 5672));
  const std::string ips = std::string(15, '\0') + "\1" + std::string(15, '\0') + "\2";
  const ProxyHeader ipv6 = whole(kSignature + "\x21\x21\0\x29"s + ips + "\0\1\0\2"s + "\4\0\2xy"s);
  EXPECT_EQ(ipv6.source, address("::1", 1));
  EXPECT_EQ(ipv6.destination, address("::2", 2));
}

TEST(ProxyProtocol, Version2MaySpeakForTheBalancerItself) {
  EXPECT_EQ(whole(kSignature + "\x20\0\0\0"s).source, std::nullopt);
  EXPECT_EQ(whole(kSignature + "\x20\x11\0\x0C\xC0\0\2\7\xC6\x33\x64\1\xDC\4\x16\x28"s).source,
            std::nullopt);
  EXPECT_EQ(whole(kSignature + "\x21\0\0\0"s).source, std::nullopt);
  EXPECT_EQ(whole(kSignature + "\x21\x31\0\2ab"s).source, std::nullopt);
}

TEST(ProxyProtocol, BrokenHeadersOfVersion2AreInvalid) {
  EXPECT_EQ(kind_of(kSignature + "\x11\x11\0\x0C"s), Kind::kInvalid) << "version";
  EXPECT_EQ(kind_of(kSignature + "\x22\x11\0\x0C"s), Kind::kInvalid) << "command";
  EXPECT_EQ(kind_of(kSignature + "\x21\x11\0\x0B"s + std::string(11, 'x')), Kind::kInvalid)
      << "too short for its addresses";
  EXPECT_EQ(kind_of(kSignature + "\x21\x11\xFF\xFF"s), Kind::kInvalid) << "too long";
}

TEST(ProxyProtocol, AnythingElseIsInvalidFromItsFirstWrongOctet) {
  EXPECT_EQ(kind_of(""), Kind::kNeedMore);
  EXPECT_EQ(kind_of("AMQP"), Kind::kInvalid);
  EXPECT_EQ(kind_of("PROXIES"), Kind::kInvalid);
  EXPECT_EQ(kind_of("\r\n\r\nX"), Kind::kInvalid);
}

}  // namespace
}  // namespace polymq::server
