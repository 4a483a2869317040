// Promises of signatures: what AWS's own tools sign is verified, and nothing that was changed
// since.
#include "sqs/sigv4.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace polymq::sqs {
namespace {

constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr WallMs kSignedAt = 1'767'323'045'000;  // 2026-01-02T03:04:05Z
constexpr WallMs kMinute = 60'000;

/// A request that owns its text.
struct Signed {
  std::string method;
  std::string path;
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  std::string* header(std::string_view name) {
    for (auto& [key, value] : headers) {
      if (same_letters(key, name)) return &value;
    }
    return nullptr;
  }
};

/// What make_signed_requests.py wrote, signed by botocore.
std::map<std::string, Signed> signed_requests() {
  std::ifstream in(POLYMQ_SIGNED_REQUESTS);
  std::map<std::string, Signed> all;
  Signed* current = nullptr;
  for (std::string line; std::getline(in, line);) {
    const std::size_t blank = line.find(' ');
    const std::string key = line.substr(0, blank);
    const std::string value = line.substr(blank + 1);
    if (key == "case") current = &all[value];
    if (key == "method") current->method = value;
    if (key == "path") current->path = value;
    if (key == "query") current->query = value;
    if (key == "body") current->body = value;
    if (key == "header") {
      const std::size_t colon = value.find(": ");
      current->headers.emplace_back(value.substr(0, colon), value.substr(colon + 2));
    }
  }
  return all;
}

SqsResult<CredentialScope> verified(const Signed& request, WallMs now = kSignedAt,
                                    const SignatureRules& rules = {}, std::string_view token = "") {
  static Arena arena;  // holds what results point into
  arena.reset();
  static SignatureVerifier verifier;
  std::vector<HeaderView> headers;
  for (const auto& [name, value] : request.headers) headers.push_back({name, value});
  const AccessKeys keys = [&](std::string_view key) {
    return key == "AKIDEXAMPLE" ? std::optional(AccessKey{kSecret, token}) : std::nullopt;
  };
  return verifier.verify({request.method, request.path, request.query, headers, request.body}, keys,
                         rules, now, arena);
}

std::string code_of(const SqsResult<CredentialScope>& result) {
  return result ? "verified" : std::string(row_of(result.error().code).query_code);
}

TEST(Signatures, OfBotocoreAreVerified) {
  const auto requests = signed_requests();
  EXPECT_EQ(requests.size(), 13u);
  for (const auto& [name, request] : requests) {
    const auto result = verified(request);
    EXPECT_EQ(code_of(result), "verified") << name << (result ? "" : result.error().message);
  }
}

TEST(Signatures, TellKeyAndRegion) {
  const auto requests = signed_requests();
  const auto result = verified(requests.at("json_on_a_queue"));
  EXPECT_EQ(result->access_key, "AKIDEXAMPLE");
  EXPECT_EQ(result->region, "eu-west-1");
}

Signed vanilla() {
  return {"GET",
          "/",
          "",
          {{"Host", "example.amazonaws.com"},
           {"X-Amz-Date", "20150830T123600Z"},
           {"Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}},
          ""};
}

/// 2015-08-30T12:36:00Z, the time of AWS's published examples.
constexpr WallMs kPublished = 1'440'938'160'000;

TEST(Signatures, OfAwsPublishedExamplesAreVerified) {
  EXPECT_EQ(code_of(verified(vanilla(), kPublished, {.service = "service"})), "verified");
  const Signed list_users{
      "GET",
      "/",
      "Action=ListUsers&Version=2010-05-08",
      {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
       {"Host", "iam.amazonaws.com"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"Authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
        "SignedHeaders=content-type;host;x-amz-date,"
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"}},
      ""};
  EXPECT_EQ(code_of(verified(list_users, kPublished, {.service = "iam"})), "verified");
}

TEST(Signatures, DoNotHoldOnceAnythingWasChanged) {
  for (const auto& [name, original] : signed_requests()) {
    SCOPED_TRACE(name);
    Signed request = original;
    request.method = request.method == "GET" ? "HEAD" : "PUT";
    EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
    request = original;
    request.path += "x";
    EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
    request = original;
    request.query += "&x=y";
    EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
    request = original;
    *request.header("Host") += "x";
    EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
    request = original;
    request.body += "x";
    const bool unsigned_body = request.header("X-Amz-Content-Sha256") != nullptr;
    EXPECT_EQ(code_of(verified(request)), unsigned_body ? "verified" : "SignatureDoesNotMatch");
  }
}

TEST(Signatures, MustCoverWhatSaysWhatTheRequestIs) {
  Signed request = signed_requests().at("form");
  request.headers.emplace_back("X-Amz-Target", "AmazonSQS.DeleteQueue");
  EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
  request = signed_requests().at("form");
  request.headers.emplace_back("X-Amzn-Trace-Id", "Root=1");
  EXPECT_EQ(code_of(verified(request)), "verified") << "no SDK signs this one";
}

TEST(Signatures, HoldForAsLongAsTheClocksMayDiffer) {
  const Signed request = signed_requests().at("json");
  EXPECT_EQ(code_of(verified(request, kSignedAt + 15 * kMinute)), "verified");
  EXPECT_EQ(code_of(verified(request, kSignedAt - 15 * kMinute)), "verified");
  const auto late = verified(request, kSignedAt + 15 * kMinute + 1);
  EXPECT_EQ(code_of(late), "SignatureDoesNotMatch");
  EXPECT_EQ(late.error().message.find("Signature expired: 20260102T030405Z"), 0u);
  const auto early = verified(request, kSignedAt - 15 * kMinute - 1);
  EXPECT_EQ(early.error().message.find("Signature not yet current: 20260102T030405Z"), 0u);
  EXPECT_EQ(code_of(verified(request, kSignedAt + 2 * kMinute, {.skew_seconds = 60})),
            "SignatureDoesNotMatch");
}

TEST(Signatures, OfUrlsHoldForAsLongAsTheySay) {
  const Signed request = signed_requests().at("presigned");
  EXPECT_EQ(code_of(verified(request, kSignedAt + 5 * kMinute)), "verified");
  EXPECT_EQ(code_of(verified(request, kSignedAt + 5 * kMinute + 1)), "RequestExpired");
  EXPECT_EQ(code_of(verified(request, kSignedAt - 15 * kMinute - 1)), "SignatureDoesNotMatch");
}

TEST(Signatures, OfStrangersAndMissingOnesAreTold) {
  Signed request = signed_requests().at("json");
  std::string& authorization = *request.header("Authorization");
  authorization.replace(authorization.find("AKIDEXAMPLE"), 11, "AKIDSTRANGE");
  EXPECT_EQ(code_of(verified(request)), "InvalidClientTokenId");
  std::erase_if(request.headers,
                [](const auto& header) { return header.first == "Authorization"; });
  EXPECT_EQ(code_of(verified(request)), "MissingAuthenticationToken");
}

TEST(Signatures, ThatAreMalformedAreIncomplete) {
  const Signed original = signed_requests().at("json");
  const std::string good = *Signed(original).header("Authorization");
  const auto replaced = [&](std::string_view what, std::string_view with) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), with);
  };
  for (const std::string& header :
       {std::string("Basic eDp5"), std::string("AWS4-HMAC-SHA256"), replaced("/sqs", ""),
        replaced("aws4_request", "aws5_request"), replaced("20260102", "2026010"),
        replaced("SignedHeaders=", "Headers="), replaced("Signature=", "Signature=0"),
        replaced("Signature=", "Signature=Z").substr(0, good.size()),
        replaced("Credential=", "Credentials=")}) {
    Signed request = original;
    *request.header("Authorization") = header;
    EXPECT_EQ(code_of(verified(request)), "IncompleteSignature") << header;
  }
  for (const char* time : {"", "20260102", "20261302T030405Z", "2026-01-02T03:04:05Z"}) {
    Signed request = original;
    *request.header("X-Amz-Date") = time;
    EXPECT_EQ(code_of(verified(request)), "IncompleteSignature") << time;
  }
}

TEST(Signatures, OfUrlsThatAreMalformedAreIncomplete) {
  const Signed original = signed_requests().at("presigned");
  for (const auto& [what, with] : std::vector<std::pair<std::string, std::string>>{
           {"X-Amz-Expires=300", "X-Amz-Expires=604801"},
           {"X-Amz-Expires=300", "X-Amz-Expires=0"},
           {"X-Amz-Expires=300", "X-Amz-Expires=x"},
           {"X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"},
           {"X-Amz-Signature=", "X-Amz-Signatures="},
           {"X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="},
           {"X-Amz-Date=2026", "X-Amz-Date=26"}}) {
    Signed request = original;
    const std::size_t at = request.query.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    request.query.replace(at, what.size(), with);
    EXPECT_EQ(code_of(verified(request)), "IncompleteSignature") << with;
  }
}

TEST(Signatures, AreForThisServiceAndThisDay) {
  const Signed request = signed_requests().at("json");
  EXPECT_EQ(code_of(verified(request, kSignedAt, {.service = "sns"})), "SignatureDoesNotMatch");
  Signed other_day = request;
  std::string& authorization = *other_day.header("Authorization");
  authorization.replace(authorization.find("/20260102/"), 10, "/20260101/");
  const auto result = verified(other_day);
  EXPECT_EQ(code_of(result), "SignatureDoesNotMatch");
  EXPECT_EQ(result.error().message.find("Date in Credential scope"), 0u);
}

TEST(Signatures, HoldBehindAProxyWhenItsNameIsKnown) {
  Signed request = signed_requests().at("json");
  *request.header("Host") = "inner:9999";
  EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
  const std::vector<std::string_view> hosts{"elsewhere", "localhost:9324"};
  EXPECT_EQ(code_of(verified(request, kSignedAt, {.other_hosts = hosts})), "verified");
}

TEST(Signatures, ComeWithTheConfiguredSessionToken) {
  const auto requests = signed_requests();
  for (const char* name : {"json_with_token", "presigned_with_token"}) {
    EXPECT_EQ(code_of(verified(requests.at(name), kSignedAt, {}, "a/session+token==")), "verified");
    EXPECT_EQ(code_of(verified(requests.at(name), kSignedAt, {}, "another")),
              "InvalidClientTokenId");
  }
  EXPECT_EQ(code_of(verified(requests.at("json"), kSignedAt, {}, "a/session+token==")),
            "InvalidClientTokenId");
}

TEST(Signatures, TakeTheDateHeaderInBothForms) {
  // Without X-Amz-Date the signature is over another header, so only the time itself is looked at.
  Arena arena;
  for (const char* date : {"20260102T030405Z", "Fri, 02 Jan 2026 03:04:05 GMT"}) {
    const std::vector<HeaderView> headers{
        {"Date", date},
        {"Authorization",
         "AWS4-HMAC-SHA256 Credential=AK/20260102/us-east-1/sqs/aws4_request,SignedHeaders=date,"
         "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}};
    const auto claim = read_signature({"GET", "/", "", headers, ""}, arena);
    ASSERT_TRUE(claim.has_value()) << date;
    EXPECT_EQ(claim->signed_at, kSignedAt);
    EXPECT_EQ(claim->time, "20260102T030405Z");
  }
}

TEST(Signatures, ChunkedOrOfAnotherBodyAreTold) {
  for (const char* hash : {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0000"}) {
    Signed request = signed_requests().at("unsigned_payload");
    *request.header("X-Amz-Content-Sha256") = hash;
    EXPECT_EQ(code_of(verified(request)), "SignatureDoesNotMatch");
  }
}

TEST(Credentials, AreReadWithoutBeingVerified) {
  Arena arena;
  const std::vector<HeaderView> headers{
      {"Authorization",
       "AWS4-HMAC-SHA256 Credential=123456789012/20260102/eu-west-1/sqs/"
       "aws4_request, SignedHeaders=x, Signature=y"}};
  const auto scope = read_credentials({"POST", "/", "", headers, ""}, arena);
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->region, "eu-west-1");
  EXPECT_EQ(account_of(scope->access_key, "000000000000"), "123456789012");
  EXPECT_EQ(account_of("AKIDEXAMPLE", "000000000000"), "000000000000");

  const auto presigned = read_credentials(
      {"GET", "/", "X-Amz-Credential=AK%2F20260102%2Fus-west-2%2Fsqs%2Faws4_request", {}, ""},
      arena);
  EXPECT_EQ(presigned->region, "us-west-2");
  EXPECT_FALSE(read_credentials({"GET", "/", "", {}, ""}, arena).has_value());
  const std::vector<HeaderView> basic{{"Authorization", "Basic eDp5"}};
  EXPECT_FALSE(read_credentials({"GET", "/", "", basic, ""}, arena).has_value());
}

}  // namespace
}  // namespace polymq::sqs
