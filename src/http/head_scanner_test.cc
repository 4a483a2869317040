// Where a head ends, and what is none, in one piece and octet by octet.
#include "http/head_scanner.h"

#include <gtest/gtest.h>

#include <string>

namespace polymq::http {
namespace {

using Status = HeadScanner::Status;

struct Verdict {
  Status status;
  std::size_t size;  // of the head; or of the input that showed what is wrong
  bool operator==(const Verdict&) const = default;
};

Verdict at_once(std::string_view input, const Limits& limits) {
  HeadScanner scanner(limits);
  const Status status = scanner.scan(input);
  return {status, status == Status::kComplete ? scanner.size() : 0};
}

Verdict one_by_one(std::string_view input, const Limits& limits) {
  HeadScanner scanner(limits);
  for (std::size_t size = 0; size <= input.size(); ++size) {
    const Status status = scanner.scan(input.substr(0, size));
    if (status == Status::kNeedMore) continue;
    return {status, status == Status::kComplete ? scanner.size() : 0};
  }
  return {Status::kNeedMore, 0};
}

class HeadScannerTest : public testing::Test {
 protected:
  Verdict scan(std::string_view input) const {
    const Verdict verdict = at_once(input, limits_);
    EXPECT_EQ(one_by_one(input, limits_), verdict) << input;
    return verdict;
  }
  Status status(std::string_view input) const { return scan(input).status; }

  Limits limits_;
};

TEST_F(HeadScannerTest, AHeadEndsWithAnEmptyLine) {
  EXPECT_EQ(scan("GET / HTTP/1.1\r\n\r\n"), (Verdict{Status::kComplete, 18}));
  EXPECT_EQ(scan("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody"), (Verdict{Status::kComplete, 27}));
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n"), Status::kNeedMore);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n\r"), Status::kNeedMore);
  EXPECT_EQ(status(""), Status::kNeedMore);
}

TEST_F(HeadScannerTest, LineEndsAreCrLf) {
  EXPECT_EQ(status("GET / HTTP/1.1\n\n"), Status::kMalformed);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\n\r\n"), Status::kMalformed);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n\n"), Status::kMalformed);
  EXPECT_EQ(status("GET / HTTP/1.1\rX"), Status::kMalformed);
  EXPECT_EQ(status("GET / HTTP/1.1\r\r\n"), Status::kMalformed);
}

TEST_F(HeadScannerTest, OtherProtocolsAreFoundOutBeforeALineEnds) {
  EXPECT_EQ(status("\x16\x03\x01"), Status::kMalformed);
  EXPECT_EQ(status(std::string_view("AMQP\0\0\x09\x01", 8)), Status::kMalformed);
  EXPECT_EQ(status("GET\t/"), Status::kMalformed);
}

TEST_F(HeadScannerTest, FoldedLinesAreRefused) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), Status::kMalformed);
  EXPECT_EQ(status("GET / HTTP/1.1\r\n\tA: b\r\n\r\n"), Status::kMalformed);
}

TEST_F(HeadScannerTest, EachLimitHoldsToTheOctet) {
  const std::string head = "GET /abcdefgh HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  limits_.max_header = head.size();
  EXPECT_EQ(status(head), Status::kComplete);
  limits_.max_header = head.size() - 1;
  EXPECT_EQ(status(head), Status::kTooLarge);
  EXPECT_EQ(status(head.substr(0, head.size() - 2)), Status::kNeedMore);
  limits_ = {};
  limits_.max_header_fields = 2;
  EXPECT_EQ(status(head), Status::kComplete);
  limits_.max_header_fields = 1;
  EXPECT_EQ(status(head), Status::kTooLarge);
  limits_ = {};
  limits_.max_target = 100;
  EXPECT_EQ(status("GET /" + std::string(200, 'a')), Status::kTargetTooLong);
  EXPECT_EQ(status("GET /" + std::string(80, 'a') + " HTTP/1.1\r\n\r\n"), Status::kComplete);
}

TEST_F(HeadScannerTest, EndlessHeadsAreRefusedWithoutWaitingForTheirEnd) {
  EXPECT_EQ(status("GET / HTTP/1.1\r\nA: " + std::string(40'000, 'x')), Status::kTooLarge);
  std::string fields = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 200; ++i) fields += "a: b\r\n";
  EXPECT_EQ(status(fields), Status::kTooLarge);
}

TEST_F(HeadScannerTest, StartsAnewForTheNextHead) {
  HeadScanner scanner(limits_);
  EXPECT_TRUE(scanner.untouched());
  EXPECT_EQ(scanner.scan("GET / HTTP/1.1\r\n\r\n"), Status::kComplete);
  scanner.reset();
  EXPECT_TRUE(scanner.untouched());
  EXPECT_EQ(scanner.scan("POST / HTTP/1.1\r\nA: b\r\n\r\n"), Status::kComplete);
  EXPECT_EQ(scanner.size(), 25u);
}

}  // namespace
}  // namespace polymq::http
