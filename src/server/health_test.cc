// What a health check is told.
#include "server/health.h"

#include <gtest/gtest.h>

#include "http/testing/client.h"

namespace polymq::server {
namespace {

class HealthTest : public testing::Test {
 protected:
  HealthTest()
      : site_{.service = router_, .limits = limits_, .cors = cors_, .admission = admission_} {
    add_health(router_, [this] { return recovering_; });
    shared_.site.emplace(site_);
  }
  http::ResponseReader::Read ask() {
    http::TestClient client(shared_);
    client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.response().value_or(http::ResponseReader::Read{});
  }

  bool recovering_ = false;
  http::Limits limits_;
  http::Cors cors_{{}};
  http::TestAdmission admission_;
  http::Router router_;
  http::Site site_;
  http::TestSite shared_;
};

TEST_F(HealthTest, ANodeThatIsStillRecoveringIsNotReady) {
  recovering_ = true;
  EXPECT_EQ(ask().status, 503);
  EXPECT_TRUE(ask().body.starts_with(R"({"status":"recovering","version":")"));
  recovering_ = false;
  EXPECT_EQ(ask().status, 200);
  EXPECT_TRUE(ask().body.starts_with(R"({"status":"ok","version":")"));
}

}  // namespace
}  // namespace polymq::server
