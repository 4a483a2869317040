// Promises of finding the queue in every shape of URL, and of the URLs and ARNs given back.
#include "sqs/queue_address.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

std::string shown(const std::optional<QueueAddress>& address) {
  if (!address) return "none";
  return std::string(address->region) + "|" + std::string(address->account) + "|" +
         std::string(address->name);
}

TEST(QueueUrl, IsRecognizedInEveryShape) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"https://sqs.eu-west-1.amazonaws.com/123456789012/q", "eu-west-1|123456789012|q"},
      {"https://sqs-fips.us-east-2.amazonaws.com/123456789012/q", "us-east-2|123456789012|q"},
      {"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q", "cn-north-1|123456789012|q"},
      {"https://sqs.us-gov-west-1.api.aws/123456789012/q", "us-gov-west-1|123456789012|q"},
      {"https://eu-west-1.queue.amazonaws.com/123456789012/q", "eu-west-1|123456789012|q"},
      {"https://queue.amazonaws.com/123456789012/q", "us-east-1|123456789012|q"},
      {"http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q.fifo",
       "us-east-1|000000000000|q.fifo"},
      {"http://us-east-1.queue.localhost.localstack.cloud:4566/000000000000/q",
       "us-east-1|000000000000|q"},
      {"http://localhost:4566/queue/us-east-1/000000000000/q", "us-east-1|000000000000|q"},
      {"http://localhost:9324/000000000000/q", "|000000000000|q"},
      {"http://localhost:9324/queue/q", "||q"},
      {"http://localhost:9324/1/q/", "|1|q"},
      {"http://[::1]:9324/000000000000/q", "|000000000000|q"},
      {"http://us-east-1.host:4100/100010001000/q", "us-east-1|100010001000|q"},
      {"/000000000000/q", "|000000000000|q"},
      {"/queue/eu-west-1/1/q", "eu-west-1|1|q"},
      {"q", "||q"},
      {"q.fifo", "||q.fifo"},
      // Of other paths the last part counts.
      {"https://queues.example.com/base/000000000000/q", "||q"},
      {"http://localhost/q", "||q"},
      {"http://localhost//q", "||q"},
      {"http://localhost/a/b/c/", "||c"},
      {"http://localhost/1/2/3/4/5", "||5"},
      {"http://localhost/1234567890123/q", "||q"},
      {"https://sqs.eu-west-1.amazonaws.com/x1/q", "eu-west-1||q"},
      {"http://localhost/queue/nowhere/1/q", "||q"},
      {"/base/000000000000/q", "||q"},
  };
  for (const auto& [url, expected] : cases) EXPECT_EQ(shown(parse_queue_url(url)), expected) << url;
}

TEST(QueueUrl, OfAnythingElseIsNone) {
  for (const char* url : {"", "/", "//", "http://localhost", "http://localhost/", "a/b", "q?x"}) {
    EXPECT_EQ(shown(parse_queue_url(url)), "none") << url;
  }
}

TEST(QueuePath, NeedsAnAccountOrTheWordQueue) {
  EXPECT_EQ(shown(parse_queue_path("/000000000000/q")), "|000000000000|q");
  EXPECT_EQ(shown(parse_queue_path("/queue/q")), "||q");
  EXPECT_EQ(shown(parse_queue_path("/")), "none");
  EXPECT_EQ(shown(parse_queue_path("/health")), "none");
  EXPECT_EQ(shown(parse_queue_path("/x/000000000000/q")), "none");
  EXPECT_EQ(shown(parse_queue_path("q")), "none");
  EXPECT_EQ(shown(parse_queue_path("")), "none");
}

TEST(QueuePath, MayBeginWithThatOfThePublicUrl) {
  const char* url = "https://queues.example.com/a/b/";
  EXPECT_EQ(below_base("/a/b/000000000000/q", url), "/000000000000/q");
  EXPECT_EQ(below_base("/000000000000/q", url), "/000000000000/q") << "the proxy has cut it off";
  EXPECT_EQ(below_base("/a/b", url), "/a/b");
  EXPECT_EQ(below_base("/a/bc/q", url), "/a/bc/q");
  EXPECT_EQ(below_base("/1/q", "https://queues.example.com"), "/1/q");
  EXPECT_EQ(below_base("/1/q", ""), "/1/q");
}

TEST(QueueArn, IsReadBackAsWritten) {
  EXPECT_EQ(queue_arn({"us-east-1", "000000000000", "q"}), "arn:aws:sqs:us-east-1:000000000000:q");
  EXPECT_EQ(queue_arn({"cn-north-1", "1", "q"}), "arn:aws-cn:sqs:cn-north-1:1:q");
  EXPECT_EQ(queue_arn({"us-gov-west-1", "1", "q"}), "arn:aws-us-gov:sqs:us-gov-west-1:1:q");
  for (const char* region : {"us-east-1", "cn-north-1", "us-iso-east-1", "us-isob-east-1"}) {
    const QueueAddress queue{region, "123456789012", "q.fifo"};
    EXPECT_EQ(shown(parse_queue_arn(queue_arn(queue))), shown(queue));
  }
}

TEST(QueueArn, ThatLacksAPartIsNone) {
  for (const char* arn :
       {"", "q", "arn:aws:sqs:us-east-1:000000000000:", "arn:aws:sqs:us-east-1::q",
        "arn:aws:sqs::000000000000:q", "arn:aws:sns:us-east-1:000000000000:q",
        "arn:other:sqs:us-east-1:000000000000:q", "arn:aws:sqs:us-east-1:000000000000:q:r",
        "arn:aws:sqs:us-east-1:12345:q"}) {
    EXPECT_EQ(shown(parse_queue_arn(arn)), "none") << arn;
  }
}

std::string base(std::vector<HeaderView> headers, bool is_tls = false, std::string_view url = "",
                 bool trusts_proxy = false) {
  const RequestView request{"POST", "/", "", headers, ""};
  return base_url(request, is_tls, url, trusts_proxy);
}

TEST(BaseUrl, IsWhereTheClientCalled) {
  EXPECT_EQ(base({{"host", "localhost:9324"}}), "http://localhost:9324");
  EXPECT_EQ(base({{"Host", "[::1]:9324"}}, true), "https://[::1]:9324");
  EXPECT_EQ(queue_url(base({{"Host", "h"}}), "000000000000", "q"), "http://h/000000000000/q");
}

TEST(BaseUrl, MayBeFixed) {
  EXPECT_EQ(base({{"Host", "h"}}, false, "https://public.example/sqs/"),
            "https://public.example/sqs");
}

TEST(BaseUrl, FollowsAProxyOnlyWhenTrusted) {
  const std::vector<HeaderView> headers{
      {"Host", "inner:1"}, {"X-Forwarded-Host", "outer"}, {"X-Forwarded-Proto", "https"}};
  EXPECT_EQ(base(headers), "http://inner:1");
  EXPECT_EQ(base(headers, false, "", true), "https://outer");
}

TEST(BaseUrl, HoldsNothingThatIsNoHost) {
  EXPECT_EQ(base({{"Host", "a\"><b"}}), "http://localhost");
  EXPECT_EQ(base({}), "http://localhost");
}

TEST(Region, LooksLikeOne) {
  for (const char* region : {"us-east-1", "ap-southeast-3", "us-gov-west-1", "us-isob-east-1"}) {
    EXPECT_TRUE(is_region(region)) << region;
  }
  for (const char* text :
       {"", "localhost", "us-east", "US-EAST-1", "my-host-a", "1-2-3", "a.b-1"}) {
    EXPECT_FALSE(is_region(text)) << text;
  }
}

TEST(PublicUrls, HaveAnAuthorityAndPossiblyAPath) {
  for (const char* url : {"http://a", "https://sqs.example.com:8443", "https://[::1]:1/base/"}) {
    EXPECT_TRUE(is_public_url(url)) << url;
  }
  for (const char* text : {"", "a", "ftp://a", "https://", "https:///a", "https://a b",
                           "http://a?b", "http://a/#b", "http://user@a", "http://a\r\nX: y"}) {
    EXPECT_FALSE(is_public_url(text)) << text;
  }
  EXPECT_EQ(authority_of("https://sqs.example.com:8443/base"), "sqs.example.com:8443");
  EXPECT_EQ(authority_of("https://a"), "a");
  EXPECT_EQ(authority_of("a/b"), "");
}

}  // namespace
}  // namespace polymq::sqs
