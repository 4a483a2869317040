// Addresses to listen on and address ranges: what may be written.
#include "server/config/endpoint.h"

#include <gtest/gtest.h>

#include "server/config/network.h"

namespace polymq::server {
namespace {

TEST(Endpoint, ReadsIpAddressesAllAddressesAndUnixSockets) {
  EXPECT_EQ(parse_endpoint("127.0.0.1:5672").value(), (Endpoint{"127.0.0.1", 5672, false}));
  EXPECT_EQ(parse_endpoint("[::1]:5672").value(), (Endpoint{"::1", 5672, false}));
  EXPECT_EQ(parse_endpoint("*:80").value(), (Endpoint{"", 80, false}));
  EXPECT_EQ(parse_endpoint("unix:/run/polymq.sock").value(),
            (Endpoint{"/run/polymq.sock", 0, true}));
}

TEST(Endpoint, PrintsWhatItReads) {
  for (const char* text : {"127.0.0.1:5672", "[::1]:5672", "*:80", "unix:/run/polymq.sock"}) {
    EXPECT_EQ(to_text(parse_endpoint(text).value()), text);
  }
}

TEST(Endpoint, RefusesEverythingElse) {
  const std::string long_path = "unix:/" + std::string(200, 'x');
  for (const char* text : {"", "5672", ":5672", "localhost:5672", "127.0.0.1", "127.0.0.1:0",
                           "127.0.0.1:65536", "127.0.0.1:5672x", "::1:5672", "[127.0.0.1]:1",
                           "[::1:5672", "unix:", "unix:relative", long_path.c_str()}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

bool contains(const char* network, const char* peer) {
  return parse_network(network).value().contains(parse_ip(peer).value());
}

TEST(Network, ContainsTheAddressesOfItsPrefix) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.1.2"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.168.4.0/22", "192.168.7.255"));
  EXPECT_FALSE(contains("192.168.4.0/22", "192.168.8.0"));
  EXPECT_TRUE(contains("127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  EXPECT_TRUE(contains("fd00::/8", "fd12::1"));
  EXPECT_FALSE(contains("fd00::/8", "fe80::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(contains("0.0.0.0/0", "fd12::1"));
  EXPECT_TRUE(contains("::/0", "8.8.8.8"));
}

TEST(Network, SeesAnIpv4PeerOfADualStackListener) {
  EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
}

TEST(Network, RefusesWhatIsNoRange) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129",
                           "host/8", "10.0.0.1/8"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

}  // namespace
}  // namespace polymq::server
