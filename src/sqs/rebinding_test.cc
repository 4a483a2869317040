// Promises of telling requests that may be of a page under a name of its own.
#include "sqs/rebinding.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

bool suspected(std::string_view host, std::string_view method = "GET",
               std::vector<HeaderView> headers = {}) {
  headers.push_back({"Host", host});
  return may_be_rebound({method, "/", "Action=ListQueues", headers, ""},
                        "https://sqs.example.com:8443/base");
}

TEST(Rebinding, IsAGetUnderANameThatASiteCanHave) {
  for (const char* host : {"evil.example", "evil.example:9324", "127.0.0.1.evil.example",
                           "localhost.evil.example:9324", "EVIL.example."}) {
    EXPECT_TRUE(suspected(host)) << host;
    EXPECT_TRUE(suspected(host, "HEAD")) << host;
  }
}

TEST(Rebinding, IsNoneUnderOtherNames) {
  for (const char* host :
       {"localhost:9324", "LOCALHOST", "queues.localhost:9324", "127.0.0.1:9324", "10.1.2.3",
        "[::1]:9324", "[::1]", "polymq:9324", "SQS.example.com", "sqs.example.com:9324", ""}) {
    EXPECT_FALSE(suspected(host)) << host;
  }
}

TEST(Rebinding, IsToldByTheOriginWhereBrowsersNameIt) {
  EXPECT_FALSE(suspected("evil.example", "POST"));
  EXPECT_FALSE(suspected("evil.example", "GET", {{"Origin", "http://localhost:3000"}}))
      << "that one was looked at before";
}

}  // namespace
}  // namespace polymq::sqs
